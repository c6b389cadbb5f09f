"""The entity recognizer that scores every span, by a tiny trained pipeline."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.pipeline.ner import DEFAULT_NER_MODEL, EntityRecognizer
from spacy.tokens import Span

from music_ner.pipeline import marginal_ner
from music_ner.pipeline.marginal_ner import (
    Actions,
    ScoredSpan,
    edges_of,
    reach,
    score_spans,
    tokens_of,
    without_overlap,
)

TEXTS = [
    "songs like karma police by radioheads",
    "sade korn karma",
    "korn",
    "weightless upbeat by sade",
]


@pytest.fixture(scope="module")
def nlp(tiny_model):
    return spacy.load(tiny_model)


@pytest.fixture(scope="module")
def unsure(tiny_model):
    """The pipeline with its certainty taken, so that many spans are probable."""
    nlp = spacy.load(tiny_model)
    lower = nlp.get_pipe("ner").model.get_ref("lower")
    for name in ("W", "b"):
        lower.set_param(name, lower.get_param(name) * 0.2)
    return nlp


def encoded(nlp, text):
    return nlp.get_pipe("transformer")(nlp.make_doc(text))


def score(nlp, docs, threshold=0.0):
    ner = nlp.get_pipe("ner")
    actions = Actions(ner.moves, ner.model.attrs["unseen_classes"])
    return score_spans(ner.model.predict(docs), actions, docs, threshold)


def may_be_entity(doc, start, end):
    """Whether an entity has a word, and no separator at its edges."""
    edges = [edges_of(token.text) for token in doc[start:end]]
    return edges[0].first and edges[-1].last and any(edge.word for edge in edges)


def enumerated(nlp, doc):
    """The probability of each span, by walking all sequences of actions with spaCy's own states
    that make entities without separators at their edges."""
    ner = nlp.get_pipe("ner")
    moves, model = ner.moves, ner.model.predict([doc])
    names = [moves.get_class_name(i) for i in range(moves.n_moves)]
    total = defaultdict(float)

    def is_valid(state, name, start):
        """Whether an action is valid, and ends an entity that may be one or leads to its end."""
        if not moves.is_valid(state, name):
            return False
        at = state.queue[0]
        first = at if name[0] in "BU" else start
        if name[0] in "LU":
            return may_be_entity(doc, first, at + 1)
        if name[0] in "BI":
            after = state.copy()
            moves.apply_transition(after, name)
            return any(is_valid(after, other, first) for other in names if other[0] in "IL")
        return True

    def walk(state, probability, spans, start):
        if state.is_final():
            for span in spans:
                total[span] += probability
            return
        at = state.queue[0]
        valid = np.array([is_valid(state, name, start) for name in names])
        scores = np.where(valid, model.predict([state])[0], -np.inf)
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        for name, chance in zip(names, chances, strict=True):
            if chance == 0:
                continue
            after = state.copy()
            moves.apply_transition(after, name)
            first = at if name[0] in "BU" else start
            ended = [(first, at + 1, name[2:])] if name[0] in "LU" else []
            walk(after, probability * chance, spans + ended, first)

    walk(moves.init_batch([doc])[0], 1.0, [], None)
    return total


def compared(nlp, doc):
    """RETURNS: The probabilities of spans, which are those of all sequences that hold them."""
    expected = enumerated(nlp, doc)
    (found,) = score(nlp, [doc])
    got = {tuple(span[:3]): span.probability for span in found}
    assert {span for span, probability in expected.items() if probability > 1e-4} <= set(got)
    for span, probability in got.items():
        assert probability == pytest.approx(expected[span], abs=1e-4)
    return got


@pytest.mark.parametrize("text", TEXTS)
def test_a_span_is_as_probable_as_all_sequences_that_hold_it(unsure, text):
    doc = encoded(unsure, text)
    assert sum(probability > 1e-4 for probability in compared(unsure, doc).values()) > len(doc)


def test_a_batch_gives_what_each_doc_gives_alone(unsure):
    docs = [encoded(unsure, text) for text in [TEXTS[0], "", TEXTS[1], TEXTS[2], ""]]
    together = score(unsure, docs, 0.01)
    for doc, found in zip(docs, together, strict=True):
        alone = score(unsure, [doc], 0.01)[0] if len(doc) else []
        assert [span[:3] for span in found] == [span[:3] for span in alone]
        for one, other in zip(found, alone, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_only_spans_over_the_threshold_are_found(unsure):
    doc = encoded(unsure, TEXTS[0])
    (some,) = score(unsure, [doc], 0.05)
    (fewer,) = score(unsure, [doc], 0.1)
    assert some and all(span.probability > 0.05 for span in some)
    assert fewer == [span for span in some if span.probability > 0.1]


def test_the_pipelines_threshold_can_be_set_when_it_is_loaded(tiny_model):
    strict = spacy.load(tiny_model, config={"components": {"ner": {"threshold": 1.0}}})
    assert strict(TEXTS[0]).ents == ()
    assert spacy.load(tiny_model)(TEXTS[0]).ents != ()


def test_without_a_threshold_it_is_spacys_own(tiny_model, unsure, tmp_path):
    unsure.to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model", config={"components": {"ner": {"threshold": None}}})
    ner = nlp.get_pipe("ner")
    original = EntityRecognizer(nlp.vocab, ner.model, moves=ner.moves)
    for text in TEXTS:
        doc, expected = nlp(text), original(encoded(nlp, text))
        assert [(e.start, e.end, e.label_) for e in doc.ents] == [
            (e.start, e.end, e.label_) for e in expected.ents
        ]
        assert "ents" not in doc.spans


def test_entities_have_their_probabilities_beside_them(nlp):
    doc = nlp(TEXTS[0])
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("karma police", "WoA"),
        ("radioheads", "Artist"),
    ]
    assert list(doc.spans["ents"]) == list(doc.ents)
    scores = doc.spans["ents"].attrs["scores"]
    assert len(scores) == 2
    assert all(0.5 < score <= 1 for score in scores)


def test_docs_without_entities_or_tokens_have_no_probabilities(nlp):
    for doc in nlp.pipe(["", "dark ambient for the attic"]):
        assert doc.ents == ()
        assert len(doc.spans["ents"].attrs["scores"]) == 0
        assert all(token.ent_iob_ == "O" for token in doc)


def with_preset(nlp, text, start, end, label):
    doc = nlp.make_doc(text)
    doc.set_ents([Span(doc, start, end, label=label)], default="missing")
    return nlp(doc)


def test_entities_that_are_set_before_stay(nlp):
    doc = with_preset(nlp, TEXTS[0], 1, 4, "Station")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("like karma police", "Station"),
        ("radioheads", "Artist"),
    ]
    assert [span.text for span in doc.spans["ents"]] == ["radioheads"]


def test_spans_do_not_reach_into_entities_that_are_set(unsure):
    doc = encoded(unsure, TEXTS[0])
    doc.set_ents([Span(doc, 2, 3, label="WoA")], default="missing")
    (found,) = score(unsure, [doc])
    assert found
    assert all(span.end <= 2 or span.start >= 3 for span in found)
    expected = enumerated(unsure, doc)
    for span in found:
        assert span.probability == pytest.approx(expected[tuple(span[:3])], abs=1e-4)


def test_blocked_tokens_are_in_no_entity(nlp):
    doc = nlp.make_doc(TEXTS[0])
    doc.set_ents([], blocked=[doc[2:4]], default="missing")
    assert [ent.text for ent in nlp(doc).ents] == ["radioheads"]


def test_no_entity_runs_over_the_start_of_a_sentence(unsure):
    doc = encoded(unsure, TEXTS[0])
    for token in doc:
        token.is_sent_start = token.i in (0, 3)
    (found,) = score(unsure, [doc])
    assert any(span.end == 3 for span in found)
    assert any(span.start == 3 for span in found)
    assert all(span.end <= 3 or span.start >= 3 for span in found)


def test_no_entity_begins_or_ends_with_white_space(unsure):
    doc = encoded(unsure, "songs   like  karma")
    assert [token.is_space for token in doc] == [False, True, False, True, False]
    (found,) = score(unsure, [doc])
    assert {(span.start, span.end) for span in found} >= {(0, 3), (0, 5), (2, 3), (2, 5), (4, 5)}
    assert all(span.start in (0, 2, 4) and span.end in (1, 3, 5) for span in found)


def test_white_space_changes_no_probability(unsure):
    text = TEXTS[0]
    doc, spaced = encoded(unsure, text), encoded(unsure, f"\n {text.replace(' ', '  ')} ")
    place = [token.i for token in spaced if not token.is_space]
    (expected,), (found,) = score(unsure, [doc]), score(unsure, [spaced])
    moved = [(place[span.start], place[span.end - 1] + 1, span.label) for span in expected]
    assert [span[:3] for span in found] == moved
    for one, other in zip(expected, found, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-4)


def test_an_entity_over_white_space_does_not_cross_the_start_of_a_sentence(unsure):
    doc = encoded(unsure, "karma  police")
    doc[1].is_sent_start = True
    (found,) = score(unsure, [doc])
    assert {(span.start, span.end) for span in found} == {(0, 1), (2, 3)}


# Separators and signs

WORDS = st.sampled_from(["sade", "korn", "karma", "7", "songs"])
SIGNS = st.sampled_from(["-", "–", ",", ":", ".", "...", "(", ")", "!", "&", "🔥", '"'])


def texts_of(max_size):
    return st.lists(WORDS | SIGNS, min_size=1, max_size=max_size).map(" ".join)


@settings(deadline=None, max_examples=40)
@given(texts_of(5))
def test_a_span_among_signs_is_as_probable_as_all_sequences_that_hold_it(unsure, text):
    compared(unsure, encoded(unsure, text))


@settings(deadline=None, max_examples=60)
@given(texts_of(12))
def test_no_entity_has_a_separator_at_its_edges_or_is_without_a_word(unsure, text):
    (found,) = score(unsure, [encoded(unsure, text)])
    words = text.split()
    for span in found:
        name = words[span.start : span.end]
        assert name[0] not in ("-", "–", ",", ":", ".", ")")
        assert name[-1] not in ("-", "–", ",", ":", ".", "...", "(")
        assert any(word.isalnum() for word in name)


@settings(deadline=None, max_examples=60)
@given(st.lists(WORDS | st.sampled_from(["|", "||", "sade|korn"]), min_size=1, max_size=9))
def test_no_entity_holds_a_bar(unsure, words):
    doc = encoded(unsure, " ".join(words))
    (found,) = score(unsure, [doc])
    assert all("|" not in doc[span.start : span.end].text for span in found)
    assert bool(found) == any(word != "|" and word != "||" for word in words)


@settings(deadline=None, max_examples=60)
@given(texts_of(12))
def test_a_token_is_in_one_entity_or_in_none(unsure, text):
    doc = encoded(unsure, text)
    (found,) = score(unsure, [doc])
    for i in range(len(doc)):
        covering = [span.probability for span in found if span.start <= i < span.end]
        assert sum(covering) < 1 + 1e-4


@pytest.mark.parametrize("end", [",", "-", ". -", "...", "("])
def test_a_name_ends_before_what_cannot_end_it(unsure, end):
    (found,) = score(unsure, [encoded(unsure, f"sade {end} ")])
    assert {(span.start, span.end) for span in found} == {(0, 1)}
    doc = encoded(unsure, f"sade {end} korn")
    doc[len(doc) - 1].is_sent_start = True
    (found,) = score(unsure, [doc])
    assert {(span.start, span.end) for span in found} == {(0, 1), (len(doc) - 1, len(doc))}


@pytest.mark.parametrize("text", ["-", "!", "🔥 🔥 🎸", "( ) !", "...", ", - |"])
def test_signs_and_emoji_alone_are_no_entity(tiny_model, text):
    nlp = spacy.load(tiny_model, config={"components": {"ner": {"threshold": 0.0}}})
    assert nlp(text).ents == ()


@pytest.mark.parametrize(
    ("token", "may_be"),
    [
        ("sade", (True, True, True)),
        ("r&b", (True, True, True)),
        ("7", (True, True, True)),
        ("日本", (True, True, True)),
        ("-", (False, False, False)),
        ("--", (False, False, False)),
        ("|", (False, False, False)),
        (",", (False, False, False)),
        ("(", (True, False, False)),
        (")", (False, True, False)),
        ("...", (True, False, False)),
        ("…", (True, False, False)),
        ("!", (True, True, False)),
        ("&", (True, True, False)),
        ("🔥", (False, False, False)),
        ("❤️", (False, False, False)),
        ("P!nk🔥", (True, True, True)),
    ],
)
def test_what_a_token_may_be_in_an_entity(token, may_be):
    assert edges_of(token) == may_be


@given(st.text(min_size=1).filter(lambda text: any(map(str.isalnum, text))))
def test_a_token_with_a_letter_or_a_digit_may_stand_anywhere(token):
    assert edges_of(token) == (True, True, True)


def test_probabilities_never_exceed_one(tiny_model):
    nlp = spacy.load(tiny_model)
    lower = nlp.get_pipe("ner").model.get_ref("lower")
    for _ in range(12):  # surer and surer
        for name in ("W", "b"):
            lower.set_param(name, lower.get_param(name) * 1.2)
        for doc in nlp.pipe(TEXTS):
            assert all(score <= 1 for score in doc.spans["ents"].attrs["scores"])


def test_a_recognizer_without_labels_finds_nothing():
    nlp = spacy.blank("en")
    nlp.add_pipe("marginal_ner")
    nlp.initialize()
    assert nlp("hello world").ents == ()


@pytest.mark.parametrize("threshold", [-0.1, 35])
def test_a_threshold_that_is_no_probability_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold"):
        spacy.blank("en").add_pipe("marginal_ner", config={"threshold": threshold})


def test_a_model_with_more_state_tokens_is_refused():
    model = {**DEFAULT_NER_MODEL, "extra_state_tokens": True}
    with pytest.raises(ValueError, match="extra_state_tokens"):
        spacy.blank("en").add_pipe("marginal_ner", config={"model": model})


def test_labels_that_were_not_learned_are_not_found(tiny_model):
    nlp = spacy.load(tiny_model)
    before = [(ent.text, ent.label_) for ent in nlp(TEXTS[0]).ents]
    nlp.get_pipe("ner").add_label("Station")
    assert [(ent.text, ent.label_) for ent in nlp(TEXTS[0]).ents] == before
    nlp.get_pipe("ner").threshold = 0.0
    doc = nlp(TEXTS[0])
    assert {span.label_ for span in doc.spans["ents"]} <= {"Artist", "WoA"}


def test_the_tokens_of_each_doc_of_a_batch_are_read_without_white_space():
    nlp = spacy.blank("en")
    tokens = tokens_of([nlp("a b"), nlp(""), nlp("c"), nlp("d  e"), nlp(" ")])
    assert tokens.index.tolist() == [0, 1, 2, 3, 5, -1]
    assert tokens.offsets.tolist() == [0, 1, 0, 0, 2]
    assert tokens.docs.tolist() == [0, 0, 2, 3, 3]
    assert tokens.begins_doc.tolist() == [True, False, True, True, False]
    assert tokens.starts.tolist() == [True] * 5 + [False]
    assert tokens.joins.tolist() == [False, True, False, False, True, False]
    assert tokens.ends.tolist() == [True] * 5
    assert tokens.last_ends.tolist() == [1, 1, 2, 4, 4]
    assert tokens.words.tolist() == [0, 1, 2, 3, 4, 5]


def test_tokens_of_entities_that_are_set_are_left_out_of_others():
    doc = spacy.blank("en")("a b  c d")
    doc.set_ents([Span(doc, 1, 2, label="WoA")], default="missing")
    tokens = tokens_of([doc])
    assert tokens.index.tolist() == [0, 1, 3, 4, -1]
    assert tokens.starts.tolist() == [True, False, True, True, False]
    assert tokens.joins.tolist() == [False, False, True, True, False]


def test_separators_are_at_no_edge():
    nlp = spacy.blank("en")
    tokens = tokens_of([nlp("( a ) -"), nlp("- b , !"), nlp(". :")])
    assert tokens.starts.tolist() == [
        *(True, True, False, False),
        *(False, True, False, True),
        *(False, False),
        False,
    ]
    assert tokens.ends.tolist() == [
        *(False, True, True, False),
        *(False, True, False, True),
        *(False, False),
    ]
    assert tokens.last_ends.tolist() == [2] * 4 + [7] * 4 + [-1] * 2
    assert tokens.words.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2]


steps = st.integers(1, 6).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=n, max_size=n
    ).map(np.array)
)


def within(weights):
    """Leave no step that leads beyond the doc's end."""
    kept = [of_token[: len(weights) - i] for i, of_token in enumerate(weights)]
    return [of_token / of_token.sum() for of_token in kept]


@given(st.lists(steps.map(within), min_size=1, max_size=4))
def test_in_each_doc_some_way_leads_from_end_to_end(docs):
    begins = np.array([i == 0 for weights in docs for i in range(len(weights))])
    reached = np.zeros(len(begins) + 1)
    reach(reached, 0, [of_token for weights in docs for of_token in weights], begins)
    ends = np.flatnonzero([*begins[1:], True]) + 1
    for weights, of_doc in zip(docs, np.split(reached, ends), strict=False):
        n = len(weights)
        assert of_doc[0] == 1
        ends = sum(of_doc[n - k] * weights[n - k][k - 1] for k in range(1, min(n, 3) + 1))
        assert ends == pytest.approx(1)


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_spans_are_the_same_however_many_are_in_memory(unsure, monkeypatch, at_once):
    docs = [encoded(unsure, text) for text in [*TEXTS, "", " ".join(TEXTS * 3)]]
    expected = score(unsure, docs)
    monkeypatch.setattr(marginal_ner, "STARTS_AT_ONCE", at_once)
    for found, of_doc in zip(score(unsure, docs), expected, strict=True):
        assert sorted(span[:3] for span in found) == sorted(span[:3] for span in of_doc)
        for one, other in zip(sorted(found), sorted(of_doc), strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-6)
        assert [span[:3] for span in without_overlap(found)] == [
            span[:3] for span in without_overlap(of_doc)
        ]


spans = st.lists(
    st.builds(
        lambda start, length, probability: ScoredSpan(start, start + length, "WoA", probability),
        st.integers(0, 8),
        st.integers(1, 4),
        st.floats(0, 1),
    )
)


@given(spans)
def test_of_spans_that_overlap_the_most_probable_is_kept(candidates):
    kept = without_overlap(candidates)
    assert all(one.end <= other.start for one, other in pairwise(kept))
    for span in candidates:
        rivals = [k for k in kept if k.start < span.end and span.start < k.end]
        assert max(rival.probability for rival in rivals) >= span.probability
