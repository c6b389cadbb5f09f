"""Token vectors with features of a catalogue, in pipelines that learn what those are worth."""

import itertools
import random

import numpy as np
import pytest
import spacy
import srsly
import torch
from spacy import registry, util
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Config, Mish, Model, fix_random_seed, set_dropout_rate
from transformers import BertModel

from music_ner.data.marked import parse
from music_ner.data.query import normalize_query, to_doc
from music_ner.evaluation.scores import entity_spans
from music_ner.export.onnx import Precision, export_to_onnx
from music_ner.pipeline.catalogue.architecture import create_catalogue_tok2vec, drop_matches
from music_ner.pipeline.catalogue.component import Catalogue
from music_ner.pipeline.catalogue.features import N_FEATURES
from music_ner.training.config import configure
from tests.conftest import ROOT
from tests.fixtures import NO_AUGMENTATION
from tests.pipeline.catalogue.helpers import features

WIDTH, GAIN = 8, 5.0
NLP = spacy.blank("en")


def read(text, **names):
    """A doc with the features of a catalogue of some names."""
    component = Catalogue("catalogue")
    component.add(**names)
    return component(NLP.make_doc(text))


def of_words() -> Model:
    make = registry.architectures.get("spacy.HashEmbedCNN.v2")
    return make(
        width=16,
        depth=1,
        embed_size=50,
        window_size=1,
        maxout_pieces=2,
        subword_features=False,
        pretrained_vectors=None,
    )


@pytest.fixture
def docs():
    names = {"artists": ["Sade", "Love"], "works": ["Smooth Operator", "Love"]}
    texts = ["songs like smooth operator by sade", "", "love", "nothing here"]
    return [read(text, **names) for text in texts]


@pytest.fixture
def model(docs):
    fix_random_seed(0)
    model = create_catalogue_tok2vec(of_words(), WIDTH, 0.0, GAIN)
    model.initialize(X=docs)
    return model


# Vectors


def test_vectors_go_on_with_what_the_catalogue_found(model, docs):
    tok2vec, mapping = model.layers
    for doc, vectors, words in zip(docs, model.predict(docs), tok2vec.predict(docs), strict=True):
        assert vectors.shape == (len(doc), 16 + WIDTH)
        assert np.array_equal(vectors[:, :16], words)
        matched = features(doc).any(axis=1)
        assert not vectors[~matched, 16:].any()
        expected = GAIN * mapping.predict(features(doc)[matched])
        assert vectors[matched, 16:] == pytest.approx(expected, abs=1e-6)
    assert model.predict(docs)[0][2, 16:].any()


def test_tokens_in_no_match_get_zeros_whatever_was_learned(model, docs):
    model.layers[1].set_param("b", np.ones(WIDTH, dtype="f"))
    vectors = model.predict(docs)
    assert not vectors[0][0, 16:].any()
    assert not vectors[3][:, 16:].any()
    assert vectors[2][0, 16:].all()


def test_without_a_catalogue_vectors_are_those_of_an_empty_one(model):
    texts = ["songs like smooth operator by sade", "", "love"]
    plain, empty = [NLP.make_doc(text) for text in texts], [read(text) for text in texts]
    for one, other in zip(model.predict(plain), model.predict(empty), strict=True):
        assert np.array_equal(one, other)
        assert not one[:, 16:].any()


def test_batches_without_tokens_have_no_vectors(model):
    for vectors in model.predict([read(""), read("")]):
        assert len(vectors) == 0


def test_gradients_reach_both_layers(model, docs):
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=(len(doc), 16 + WIDTH)).astype("f") for doc in docs]
    tok2vec, mapping = model.layers
    alone = tok2vec.copy()
    _, backprop = model.begin_update(docs)
    backprop([gradient.copy() for gradient in gradients])
    _, backprop = alone.begin_update(docs)
    backprop([np.ascontiguousarray(gradient[:, :16]) for gradient in gradients])
    for node, other in zip(tok2vec.walk(), alone.walk(), strict=True):
        for name in node.param_names:
            assert node.has_grad(name)
            assert node.get_grad(name) == pytest.approx(other.get_grad(name), abs=1e-5)
    read_features = np.concatenate([features(doc) for doc in docs])
    matched = read_features.any(axis=1)
    alone = Mish(nO=WIDTH, nI=N_FEATURES)
    for name in ("W", "b"):
        alone.set_param(name, mapping.get_param(name))
    _, backprop = alone.begin_update(read_features[matched])
    backprop(GAIN * np.concatenate(gradients)[matched, 16:])
    for name in ("W", "b"):
        assert mapping.get_grad(name) == pytest.approx(alone.get_grad(name), rel=1e-4, abs=1e-5)


def test_training_without_the_catalogues_annotations_is_refused(model):
    with pytest.raises(ValueError, match="annotating_components"):
        model.begin_update([NLP.make_doc("songs like sade")])


def test_the_width_is_known_before_anything_is_learned():
    listener = registry.architectures.get("spacy.Tok2VecListener.v1")
    assert create_catalogue_tok2vec(listener(96), WIDTH, 0.2, GAIN).get_dim("nO") == 96 + WIDTH


# Dropout

PAIRED = {"pairs": [("Sade", "Paradise")], "artists": ["Love"], "works": ["Love"]}


def test_no_match_is_dropped_at_zero_and_each_at_one():
    doc = read("love paradise by sade", **PAIRED)
    assert np.array_equal(drop_matches(doc, 0.0), features(doc))
    assert not drop_matches(doc, 1.0).any()


def test_a_match_is_dropped_with_all_that_depends_on_it():
    doc = read("love paradise by sade", **PAIRED)
    # What the catalogue would have said if it did not list the names that were dropped.
    ways = {}
    listed = [("artists", "Love"), ("artists", "Sade"), ("works", "Love"), ("works", "Paradise")]
    for kept in itertools.product([True, False], repeat=4):
        names = {"artists": [], "works": [], "pairs": []}
        for (kind, name), keep in zip(listed, kept, strict=True):
            if keep:
                names[kind].append(name)
        if kept[1] and kept[3]:
            names["pairs"].append(("Sade", "Paradise"))
        ways[features(read("love paradise by sade", **names)).tobytes()] = kept
    np.random.seed(0)
    seen = {ways[drop_matches(doc, 0.3).tobytes()] for _ in range(500)}
    assert len(seen) == len(ways) == 16


def test_matches_are_dropped_one_by_one_and_all_at_once():
    doc = read(" ".join(["sade"] * 50), artists=["Sade"])
    np.random.seed(0)
    shares = np.array([drop_matches(doc, 0.2).any(axis=1).mean() for _ in range(1000)])
    assert np.mean(shares == 0) == pytest.approx(0.2, abs=0.04)
    assert shares[shares > 0].mean() == pytest.approx(0.8, abs=0.02)


def test_matches_are_dropped_in_training_alone(docs):
    model = create_catalogue_tok2vec(of_words(), WIDTH, 1.0, GAIN)
    model.initialize(X=docs)
    assert model.predict(docs)[2][:, 16:].any()
    assert not model.begin_update(docs)[0][2][:, 16:].any()


def test_spacys_dropout_leaves_that_of_matches(docs):
    model = create_catalogue_tok2vec(of_words(), WIDTH, 0.0, GAIN)
    model.initialize(X=docs)
    set_dropout_rate(model, 1.0)
    assert model.begin_update(docs)[0][2][:, 16:].any()


def test_the_same_seed_drops_the_same(docs):
    model = create_catalogue_tok2vec(of_words(), WIDTH, 0.5, GAIN)
    model.initialize(X=docs)
    runs = []
    for _ in range(2):
        fix_random_seed(3)
        runs.append([model.begin_update(docs)[0][0][:, 16:] for _ in range(9)])
    assert np.array_equal(*runs)
    assert len({vectors.tobytes() for vectors in runs[0]}) > 1


# Learning

SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
TEMPLATES = ("songs like {}", "play {} now", "{} please", "more of {} for cooking")
LABELLED = ("Artist", "WoA", "")


def invented(n, seed):
    """Names that nobody knows: a third each of artists, of works, and of neither."""
    rng = random.Random(seed)
    names = set()
    while len(names) < n:
        words = ["".join(rng.choices(SYLLABLES, k=rng.choice([2, 3]))) for _ in range(2)]
        names.add(" ".join(words[: rng.choice([1, 2])]))
    return {label: sorted(names)[i::3] for i, label in enumerate(LABELLED)}


def queries_of(names, seed):
    """Annotated queries, whose words alone do not tell what is a name."""
    rng = random.Random(seed)
    marked = [
        rng.choice(TEMPLATES).format(f"[{name}]({label})" if label else name)
        for label, of_label in names.items()
        for name in of_label
    ]
    rng.shuffle(marked)
    return [
        to_doc(normalize_query(parse(line, str(i))), NLP.make_doc) for i, line in enumerate(marked)
    ]


@pytest.fixture(scope="module")
def trained(tiny_bert, tmp_path_factory):
    """A pipeline that `spacy train` made with a catalogue of the names of half of its queries."""
    folder = tmp_path_factory.mktemp("catalogue")
    names = invented(240, seed=1)
    docs = queries_of(names, seed=1)
    corpora = {name: folder / f"{name}.spacy" for name in ("train", "dev")}
    for path in corpora.values():
        DocBin(docs=docs, store_user_data=True).to_disk(path)
    records = [{"artist": name, "works": []} for name in names["Artist"]]
    records[0]["works"] = names["WoA"]
    srsly.write_jsonl(folder / "names.jsonl", records)
    config = util.load_config(ROOT / "configs" / "config.cfg", interpolate=False)
    config["initialize"]["components"]["catalogue"] = {
        "names": [str(folder / "names.jsonl")],
        "corpus": "${paths.train}",
    }
    settings = {
        "components.ner.model.tok2vec.dropout": 0.1,
        "schedule.epochs": 16,
        "training.batcher.size": 200,
        "training.optimizer.encoder_scale": 1.0,
        "training.optimizer.learn_rate.initial_rate": 0.005,
        **NO_AUGMENTATION,
    }
    encoder = {"path": str(tiny_bert)}
    docs = list(DocBin().from_disk(corpora["train"]).get_docs(Vocab()))
    config = configure(Config(config), encoder, settings, corpora, docs, 0)
    config.to_disk(folder / "config.cfg", interpolate=False)
    train(folder / "config.cfg", folder / "training")
    return folder / "training" / "model-last"


@pytest.fixture
def nlp(trained):
    return spacy.load(trained)


NEW = invented(120, seed=2)
NEW_QUERIES = queries_of(NEW, seed=2)


def share_right(nlp):
    texts = [doc.text for doc in NEW_QUERIES]
    found = nlp.pipe(texts)
    return np.mean(
        [entity_spans(f) == entity_spans(gold) for f, gold in zip(found, NEW_QUERIES, strict=True)]
    )


def bring(nlp):
    component = nlp.get_pipe("catalogue")
    component.clear()
    component.add(artists=NEW["Artist"], works=NEW["WoA"])


def test_names_that_come_after_training_are_recognized(nlp):
    component = nlp.get_pipe("catalogue")
    component.clear()
    without = share_right(nlp)
    bring(nlp)
    assert share_right(nlp) > 0.85
    assert without < 0.6


def test_the_catalogue_of_training_is_saved_with_the_pipeline(nlp):
    component = nlp.get_pipe("catalogue")
    names = invented(240, seed=1)
    assert len(component) == len(names["Artist"]) + len(names["WoA"])
    doc = NLP.make_doc(f"songs like {names['Artist'][0]}")
    assert [match.label for match in component.find(doc)] == ["Artist"]
    # Of the words outside of entities "please", "play" and so on were learned.
    component.add(works=["Please"])
    assert component.find(NLP.make_doc("please"))[0].commonness > 0.5


def test_the_listener_is_found_within(nlp):
    transformer = nlp.get_pipe("transformer")
    assert transformer.listening_components == ["ner"]
    (listener,) = transformer.listeners
    assert any(node is listener for node in nlp.get_pipe("ner").model.walk())
    assert listener.upstream_name == "*"


def test_the_transformer_learned_through_it(nlp, tiny_bert):
    before = BertModel.from_pretrained(tiny_bert).encoder.layer[0].output.dense.weight
    after = nlp.get_pipe("transformer").model.transformer.encoder.layer[0].output.dense.weight
    assert not torch.allclose(before, after)


@pytest.mark.parametrize("way", ["disk", "bytes"])
def test_a_saved_pipeline_finds_what_it_found(nlp, tmp_path, way):
    bring(nlp)
    if way == "disk":
        nlp.to_disk(tmp_path / "model")
        again = spacy.load(tmp_path / "model")
    else:
        again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    texts = [doc.text for doc in NEW_QUERIES[:40]]
    assert [entity_spans(again(t)) for t in texts] == [entity_spans(nlp(t)) for t in texts]


def test_an_exported_pipeline_with_a_catalogue_finds_what_it_found(nlp, tmp_path):
    bring(nlp)
    expected = [entity_spans(nlp(doc.text)) for doc in NEW_QUERIES]
    export_to_onnx(nlp, Precision.fp32)
    nlp.to_disk(tmp_path / "fast")
    fast = spacy.load(tmp_path / "fast")
    assert fast.pipe_names == ["onnx_encoder", "catalogue", "ner", "entity_confidence", "linker"]
    assert [entity_spans(fast(doc.text)) for doc in NEW_QUERIES] == expected
    fast.get_pipe("catalogue").clear()
    assert [entity_spans(fast(doc.text)) for doc in NEW_QUERIES] != expected


def test_a_batch_a_single_call_and_two_processes_give_the_same(nlp):
    bring(nlp)
    texts = ["", *(doc.text for doc in NEW_QUERIES[:30]), "nothing here"]
    alone = [entity_spans(nlp(text)) for text in texts]
    assert sum(map(len, alone)) > 10
    assert [entity_spans(doc) for doc in nlp.pipe(texts)] == alone
    assert [entity_spans(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=8)] == alone


def test_a_pipeline_without_its_catalogue_finds_what_an_empty_one_finds(nlp):
    texts = [doc.text for doc in NEW_QUERIES[:30]]
    nlp.get_pipe("catalogue").clear()
    empty = [entity_spans(nlp(text)) for text in texts]
    with nlp.select_pipes(disable="catalogue"):
        assert [entity_spans(nlp(text)) for text in texts] == empty


# With spaCy's own tok2vec


@pytest.fixture
def of_spacy():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    nlp.add_pipe("catalogue").add(artists=NEW["Artist"], works=NEW["WoA"])
    tok2vec = {
        "@architectures": "music_ner.CatalogueTok2Vec.v3",
        "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 96},
        "width": WIDTH,
        "dropout": 0.2,
        "gain": GAIN,
    }
    ner = {"model": {"@architectures": "spacy.TransitionBasedParser.v2", "tok2vec": tok2vec}}
    nlp.add_pipe("ner", config=ner)
    return nlp


def examples_of(docs, nlp):
    return [Example(nlp.make_doc(doc.text), doc) for doc in docs]


def learn(nlp, steps):
    """The loss of each step."""
    examples = examples_of(NEW_QUERIES, nlp)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    return [
        nlp.update(examples, sgd=optimizer, annotates=["catalogue"])["ner"] for _ in range(steps)
    ]


def test_another_tok2vec_learns_within_too(of_spacy):
    losses = learn(of_spacy, steps=30)
    assert losses[-1] < losses[0] / 2
    assert of_spacy.get_pipe("tok2vec").listening_components == ["ner"]


def test_listeners_can_be_replaced(of_spacy, tmp_path):
    learn(of_spacy, steps=5)
    texts = [doc.text for doc in NEW_QUERIES[:20]]
    before = [entity_spans(of_spacy(text)) for text in texts]
    of_spacy.replace_listeners("tok2vec", "ner", ["model.tok2vec.tok2vec"])
    assert of_spacy.get_pipe("tok2vec").listeners == []
    of_spacy.remove_pipe("tok2vec")
    assert [entity_spans(of_spacy(text)) for text in texts] == before
    of_spacy.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert [entity_spans(again(text)) for text in texts] == before


def test_training_leaves_the_catalogue_as_it_is(of_spacy):
    learn(of_spacy, steps=1)
    component = of_spacy.get_pipe("catalogue")
    before = component.to_bytes()
    learned = of_spacy.update(examples_of(NEW_QUERIES, of_spacy), annotates=["catalogue"])
    assert set(learned) == {"tok2vec", "ner"}
    assert component.to_bytes() == before
