"""The confidence of entities, by a tiny trained pipeline."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.pipeline.functions import merge_entities
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from music_ner.pipeline.entity_confidence import calibrated, features_of

TEXT = "songs like karma police by radioheads"
HALVED = {"kind": "logistic", "weights": {"log_odds": 0.5}}


@pytest.fixture
def nlp(tiny_model):
    nlp = spacy.load(tiny_model)
    nlp.get_pipe("ner").threshold = 0.05
    lower = nlp.get_pipe("ner").model.get_ref("lower")
    for name in ("W", "b"):  # so that it is not sure
        lower.set_param(name, lower.get_param(name) * 0.3)
    return nlp


def confidences(doc):
    return [ent._.confidence for ent in doc.ents]


def test_every_entity_has_a_confidence(nlp):
    doc = nlp(TEXT)
    assert len(doc.ents) > 1
    assert all(0 < confidence < 1 for confidence in confidences(doc))
    assert confidences(doc) == doc.spans["ents"].attrs["scores"].tolist()
    assert list(doc.spans["ents"]) == list(doc.ents)


def test_a_calibration_changes_confidences_and_no_entities(nlp):
    before = nlp(TEXT)
    nlp.get_pipe("entity_confidence").calibration = HALVED
    after = nlp(TEXT)
    assert [(e.text, e.label_) for e in after.ents] == [(e.text, e.label_) for e in before.ents]
    for one, other in zip(confidences(before), confidences(after), strict=True):
        assert np.log(other / (1 - other)) == pytest.approx(np.log(one / (1 - one)) / 2, rel=1e-4)
    raw = after.spans["ents"].attrs["raw_scores"]
    assert raw.tolist() == pytest.approx(confidences(before), abs=1e-6)


def test_a_doc_is_calibrated_once(nlp):
    component = nlp.get_pipe("entity_confidence")
    component.calibration = HALVED
    doc = nlp(TEXT)
    once = confidences(doc)
    assert confidences(component(doc)) == once


def test_entities_of_a_ruler_have_none(nlp):
    ruler = nlp.add_pipe("entity_ruler", before="ner")
    ruler.add_patterns([{"label": "WoA", "pattern": "songs"}])
    doc = nlp(TEXT)
    assert (doc.ents[0].text, doc.ents[0]._.confidence) == ("songs", None)
    assert all(confidence is not None for confidence in confidences(doc)[1:])


def test_what_replaces_an_entity_has_none(nlp):
    doc = nlp(TEXT)
    first = doc.ents[0]
    label = "Artist" if first.label_ == "WoA" else "WoA"
    doc.ents = [Span(doc, first.start, first.end, label=label)]
    assert confidences(doc) == [None]


def test_docs_without_tokens_entities_or_ner_have_no_confidences(nlp):
    assert confidences(nlp("")) == []
    assert spacy.blank("en")("radiohead")[:]._.confidence is None
    with nlp.select_pipes(disable="ner"):
        assert confidences(nlp(TEXT)) == []


def test_confidences_outlive_retokenizing_and_a_second_reading(nlp):
    doc = nlp(TEXT)
    before = confidences(doc)
    assert confidences(nlp(doc)) == before
    assert confidences(Doc.from_docs([nlp.make_doc("more like"), doc])) == before
    assert confidences(doc[:].as_doc(copy_user_data=True)) == before
    merge_entities(doc)
    assert len(doc) < len(nlp.make_doc(TEXT))
    assert confidences(doc) == before


def test_spans_that_another_component_put_in_the_group_stay(nlp):
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": "ents"}, before="entity_confidence")
    ruler.add_patterns([{"label": "WoA", "pattern": "songs"}])
    with nlp.select_pipes(disable="ner"):
        doc = nlp(TEXT)
    assert [span.text for span in doc.spans["ents"]] == ["songs"]


TEXTS = [
    TEXT,
    "",
    "dark ambient for the attic",
    "korn",
    " ".join([*["upbeat funk for cooking"] * 500, "like sade"]),
    "more like sade, less like korn",
]


def test_a_batch_a_single_call_and_two_processes_give_the_same(nlp):
    nlp.get_pipe("entity_confidence").calibration = HALVED
    alone = [nlp(text) for text in TEXTS]
    assert len(alone[4]) > 2000
    assert sum(len(doc.ents) for doc in alone) > 4
    piped = list(nlp.pipe(TEXTS, batch_size=6))
    apart = list(nlp.pipe(TEXTS * 2, n_process=2, batch_size=3))
    for one, *others in zip(alone, piped, apart[:6], apart[6:], strict=True):
        for other in others:
            assert [e.label_ for e in other.ents] == [e.label_ for e in one.ents]
            assert confidences(other) == pytest.approx(confidences(one), abs=1e-4)


def test_confidences_travel_with_a_doc(nlp):
    doc = nlp(TEXT)
    copy = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert confidences(copy) == confidences(doc)


def test_the_calibration_is_saved_with_the_pipeline(nlp, tmp_path):
    nlp.get_pipe("entity_confidence").calibration = HALVED
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert loaded.get_pipe("entity_confidence").calibration == HALVED
    copy = spacy.load(tmp_path / "model")
    copy.get_pipe("entity_confidence").calibration = {"kind": "identity"}
    copy.from_bytes(loaded.to_bytes())
    assert copy.get_pipe("entity_confidence").calibration == HALVED


def test_an_unknown_calibration_is_refused(nlp):
    nlp.get_pipe("entity_confidence").calibration = {"kind": "astrology"}
    with pytest.raises(ValueError, match="astrology"):
        nlp(TEXT)


VOCAB = Vocab()


def features(raw, length=2, label="WoA"):
    doc = Doc(VOCAB, words=["word"] * length)
    return features_of(np.array(raw), [Span(doc, 0, length, label=label)] * len(raw))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9), st.floats(0.1, 3), st.floats(-2, 2))
def test_calibrated_confidences_are_probabilities_in_the_same_order(raw, weight, bias):
    raw = np.array(sorted(raw))
    for calibration in (
        {"kind": "identity"},
        {"kind": "logistic", "weights": {"log_odds": weight, "bias": bias}},
        {"kind": "isotonic", "raw": [0.2, 0.5, 0.9], "confidence": [0.1, 0.1, 0.8]},
    ):
        confidence = calibrated(calibration, raw, features(raw))
        assert ((confidence >= 0) & (confidence <= 1)).all()
        assert (np.diff(confidence) >= -1e-12).all()


def test_a_label_and_a_length_may_weigh():
    weights = {"log_odds": 1.0, "WoA": -1.0, "length": -0.5}
    calibration = {"kind": "logistic", "weights": weights}

    def confidence(**of_entity):
        return calibrated(calibration, np.array([0.8]), features([0.8], **of_entity)).item()

    assert confidence(length=1, label="Artist") == pytest.approx(0.8)
    assert confidence(length=1) < confidence(length=1, label="Artist")
    assert confidence(length=4, label="Artist") < confidence(length=2, label="Artist") < 0.8
