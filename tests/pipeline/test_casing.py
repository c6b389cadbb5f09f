"""Token vectors that say how tokens are capitalized."""

from string import capwords

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy import registry
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model, fix_random_seed

from music_ner.data.marked import parse
from music_ner.data.query import to_doc
from music_ner.evaluation.scores import entity_spans
from music_ner.pipeline.casing import FEATURES, N_FEATURES, casing_of, create_casing_tok2vec

WIDTH, GAIN = 16, 2.0
NLP = spacy.blank("en")
# Vectors of words in lower case.
OF_WORDS = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": WIDTH,
    "depth": 1,
    "embed_size": 50,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": False,
    "pretrained_vectors": None,
}
TEXTS = ["songs like Smooth Operator by SADE", "", "songs like smooth operator by sade", "PLAY IT"]
# Words that the tokenizer does not cut in two.
WHOLE_WORDS = st.text("absÉß日", min_size=1, max_size=5)
WHOLE_WORDS |= st.sampled_from(["1979", "80s", "&", "!", "🔥"])


def of_words() -> Model:
    return registry.resolve({"model": OF_WORDS})["model"]


@pytest.fixture
def docs() -> list[Doc]:
    return [NLP.make_doc(text) for text in TEXTS]


@pytest.fixture
def model(docs) -> Model:
    fix_random_seed(0)
    model = create_casing_tok2vec(of_words(), GAIN)
    model.initialize(X=docs)
    return model


def tokens_with(feature: str, text: str) -> list[str]:
    """RETURNS (list[str]): The tokens of a text that have a feature."""
    doc = NLP.make_doc(text)
    column = casing_of(doc)[:, FEATURES.index(feature)]
    return [token.text for token, value in zip(doc, column, strict=True) if value]


# Features


@pytest.mark.parametrize("text", ["songs like karma police", "80s 日本 & ?! 🔥", "1979", ""])
def test_texts_without_capitals_have_no_features(text):
    doc = NLP.make_doc(text)
    features = casing_of(doc)
    assert features.shape == (len(doc), N_FEATURES)
    assert features.dtype == np.float32
    assert not features.any()


@pytest.mark.parametrize(
    ("text", "capital", "small"),
    [
        (
            "Songs like Karma POLICE by U2, 4U iPod I R.E.M. Ärzte éa",
            ["Songs", "Karma", "POLICE", "U2", "I", "R.E.M.", "Ärzte"],
            ["like", "by", "iPod", "éa"],
        ),
        ("Play While The Gate Is Open", ["Play", "While", "The", "Gate", "Is", "Open"], []),
        ("play Halo", ["Halo"], ["play"]),
        ("PLAY Halo", ["PLAY", "Halo"], []),
        ("songs BY Us", ["BY", "Us"], ["songs"]),
        ("songs like iPod", [], ["songs", "like", "iPod"]),
        ("Don't Stop 4Ever", ["Do", "Stop"], ["n't"]),
        ('"Play" (Halo) 80s & 🔥', ["Play", "Halo"], []),
    ],
)
def test_features_tell_capital_from_small_initials_of_all_tokens(text, capital, small):
    assert tokens_with("capital", text) == capital
    assert tokens_with("small", text) == small


@pytest.mark.parametrize(
    "text",
    [
        *("SONGS LIKE KARMA POLICE", "play ABBA", "Play U2", "songs BY U2", "Karma 1"),
        *("Songs like karma police", "SONGS like karma police", "I love 80s 日本 & 🔥", "Karma"),
    ],
)
def test_letters_of_one_case_after_the_first_word_have_no_features(text):
    assert tokens_with("capital", text) == tokens_with("small", text) == []


@pytest.mark.parametrize("write", [str.lower, str.upper])
@settings(deadline=None)
@given(words=st.lists(WHOLE_WORDS, max_size=6))
def test_queries_in_lower_case_and_upper_case_have_no_features(write, words):
    assert not casing_of(NLP.make_doc(write(" ".join(words)))).any()


@settings(deadline=None)
@given(st.lists(st.text("absé", min_size=2, max_size=5), min_size=2, max_size=6))
def test_queries_in_title_case_have_a_capital_at_each_word(words):
    text = capwords(" ".join(words))
    assert tokens_with("capital", text) == text.split()
    assert tokens_with("small", text) == []


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "É", "bé", "1", "Ab", "🎸", "don't", "Don't", '"X"']), max_size=6
    )
)
def test_features_tell_the_initials_of_all_tokens_or_of_none(words):
    doc = NLP.make_doc(" ".join(words))
    capital, small = casing_of(doc).T.astype(bool).tolist()
    letters = "".join([word for word in words if word != "🎸"][1:])
    if any(map(str.isupper, letters)) and any(map(str.islower, letters)):
        assert capital == [token.text[0].isupper() for token in doc]
        assert small == [token.text[0].islower() for token in doc]
    else:
        assert not any(capital + small)


@pytest.mark.parametrize(
    "text",
    [
        *(" Songs by someone", "🎸 Songs by someone", '"Songs by someone"', "DoN'T stop"),
        *("Jay-Z songs", "AC/dc"),
    ],
)
def test_the_first_word_does_not_count_though_the_tokenizer_cuts_it(text):
    assert not casing_of(NLP.make_doc(text)).any()


# Vectors


def test_vectors_go_on_with_the_features(model, docs):
    words = model.layers[0].predict(docs)
    for doc, vectors, of_words in zip(docs, model.predict(docs), words, strict=True):
        assert vectors.shape == (len(doc), WIDTH + N_FEATURES)
        assert np.array_equal(vectors[:, :WIDTH], of_words)
        assert np.array_equal(vectors[:, WIDTH:], GAIN * casing_of(doc))


def test_only_the_features_tell_capitals_where_words_are_read_in_lower_case(model, docs):
    mixed, _, lower, _ = model.predict(docs)
    assert np.array_equal(mixed[:, :WIDTH], lower[:, :WIDTH])
    assert not np.array_equal(mixed, lower)


def test_batches_without_tokens_have_no_vectors(model):
    for vectors in model.predict([NLP.make_doc(""), NLP.make_doc("")]):
        assert vectors.shape == (0, WIDTH + N_FEATURES)


def test_gradients_reach_the_inner_layer(model, docs):
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=(len(doc), WIDTH + N_FEATURES)).astype("f") for doc in docs]
    (tok2vec,) = model.layers
    alone = tok2vec.copy()
    _, backprop = model.begin_update(docs)
    backprop([gradient.copy() for gradient in gradients])
    _, backprop = alone.begin_update(docs)
    backprop([np.ascontiguousarray(gradient[:, :WIDTH]) for gradient in gradients])
    for node, other in zip(tok2vec.walk(), alone.walk(), strict=True):
        for name in node.param_names:
            assert node.has_grad(name)
            assert np.array_equal(node.get_grad(name), other.get_grad(name))


def test_the_width_is_known_before_anything_is_learned():
    listener = registry.architectures.get("spacy.Tok2VecListener.v1")
    assert create_casing_tok2vec(listener(96), GAIN).get_dim("nO") == 96 + N_FEATURES


def test_a_saved_model_gives_the_same_vectors(model, docs):
    again = create_casing_tok2vec(of_words(), GAIN)
    again.initialize(X=docs)
    before = again.predict(docs)[0]
    again.from_bytes(model.to_bytes())
    assert not np.array_equal(again.predict(docs)[0], before)
    for one, other in zip(again.predict(docs), model.predict(docs), strict=True):
        assert np.array_equal(one, other)


# Learning

# The words alone do not tell what is a name.
QUERIES = [
    to_doc(parse(line.format(word), ""), NLP.make_doc)
    for word in ("yellow", "halo", "creep", "blue", "time", "crazy")
    for line in ("play something {} please", "Play something {} please")
]
QUERIES += [
    to_doc(parse(f"{start} something [{word}](WoA) please", ""), NLP.make_doc)
    for word in ("Yellow", "Halo", "Creep", "Blue", "Time", "Crazy")
    for start in ("play", "Play")
]


@pytest.fixture(scope="module")
def nlp():
    """A pipeline that has learned QUERIES from words in lower case and their capitals."""
    nlp = spacy.blank("en")
    tok2vec = {"@architectures": "music_ner.CasingTok2Vec.v1", "tok2vec": OF_WORDS, "gain": GAIN}
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "tok2vec": tok2vec}
    nlp.add_pipe("ner", config={"model": model})
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in QUERIES]
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    return nlp


def test_a_recognizer_learns_from_capitals(nlp):
    assert [entity_spans(nlp(doc.text)) for doc in QUERIES] == [
        entity_spans(doc) for doc in QUERIES
    ]


@pytest.mark.parametrize("way", ["disk", "bytes"])
def test_a_saved_pipeline_finds_what_it_found(nlp, tmp_path, way):
    if way == "disk":
        nlp.to_disk(tmp_path / "pipeline")
        again = spacy.load(tmp_path / "pipeline")
    else:
        again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    texts = [doc.text for doc in QUERIES]
    assert [entity_spans(again(text)) for text in texts] == [
        entity_spans(nlp(text)) for text in texts
    ]
