"""The scores of a whole pipeline."""

import warnings

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin

from music_ner.data.query import Query, Span, to_doc
from music_ner.evaluation.pipeline import evaluate


def micro(result, mode="default"):
    return result[mode]["micro avg"]


def read_docs(corpus, nlp):
    return list(DocBin().from_disk(corpus / "test.spacy").get_docs(nlp.vocab))


def test_a_pipeline_that_knows_the_corpus_by_heart_scores_one(tiny_model, tiny_corpus):
    nlp = spacy.load(tiny_model)
    result = evaluate(nlp, read_docs(tiny_corpus, nlp), 0)
    assert result["queries"] == 20
    assert micro(result)["f1-score"] == micro(result, "strict")["f1-score"] == 1.0
    assert micro(result)["support"] == 20
    assert result["f1_interval"] == [1.0, 1.0]
    assert result["spacy"]["ents_f"] == 1.0


def test_a_pipeline_that_finds_nothing_scores_zero(tiny_corpus):
    nlp = spacy.blank("en")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = evaluate(nlp, read_docs(tiny_corpus, nlp), 0)
    assert micro(result)["f1-score"] == 0.0
    assert result["errors"]["Artist"]["missed"] == 12
    assert result["errors"]["WoA"]["missed"] == 8


def test_one_query_whose_gold_is_unknown_is_enough():
    nlp = spacy.blank("en")
    query = Query("q", "weightless", (Span(0, 10, "Artist_or_WoA"),))
    result = evaluate(nlp, [to_doc(query, nlp.make_doc)], 0)
    assert micro(result)["support"] == 0
    assert result["f1_interval"] == [0.0, 1.0]


def test_words_count_whole_where_spacy_counts_tokens():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Artist", "pattern": "moby"}])
    query = Query("q", "more moby, please", (Span(5, 10, "Artist"),))
    result = evaluate(nlp, [to_doc(query, nlp.make_doc)], 0)
    assert micro(result)["f1-score"] == 1.0
    assert result["spacy"]["ents_f"] == 0.0


def test_scores_are_given_by_source_of_the_queries():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Artist", "pattern": "moby"}])
    queries = [
        Query("posts:1", "more moby", (Span(5, 9, "Artist"),)),
        Query("searches:1", "moby halo", (Span(0, 4, "Artist"), Span(5, 9, "WoA"))),
        Query("posts:2", "moby dick the novel"),
        Query("gold.bio:7", "moby dick"),
        Query("", "calm piano"),
    ]
    sources = evaluate(nlp, [to_doc(query, nlp.make_doc) for query in queries], 0)["sources"]
    assert list(sources) == ["", "gold.bio", "posts", "searches"]
    assert [row["queries"] for row in sources.values()] == [1, 1, 2, 1]
    assert [row["entities"] for row in sources.values()] == [0, 0, 1, 2]
    assert [row["micro_f1"] for row in sources.values()] == pytest.approx([0, 0, 2 / 3, 2 / 3])
    assert [row["macro_f1"] for row in sources.values()] == pytest.approx([0, 0, 2 / 3, 0.5])
    assert {row["ece"] for row in sources.values()} == {None}
    assert {row["auroc"] for row in sources.values()} == {None}


def test_the_sources_make_up_the_whole(tiny_model, tiny_corpus):
    nlp = spacy.load(tiny_model)
    result = evaluate(nlp, read_docs(tiny_corpus, nlp), 0)
    rows = result["sources"].values()
    assert set(result["sources"]) == {"posts", "searches"}
    assert sum(row["queries"] for row in rows) == result["queries"]
    assert sum(row["entities"] for row in rows) == micro(result)["support"]
    assert [row["micro_f1"] for row in rows] == [row["macro_f1"] for row in rows] == [1.0, 1.0]


@pytest.fixture
def half_sure(tiny_model):
    """The tiny pipeline, a fixed confidence for either label."""
    nlp = spacy.load(tiny_model)
    weights = {"WoA": np.log(3), "Artist": 0.0}
    nlp.get_pipe("entity_confidence").calibration = {"kind": "logistic", "weights": weights}
    return nlp


def test_confidences_are_scored_by_label(half_sure):
    text = "songs like karma police by radioheads"
    right = Query("", text, (Span(11, 23, "WoA"), Span(27, 37, "Artist")))
    other = Query("", text, (Span(11, 23, "WoA"), Span(0, 5, "WoA")))
    gold = [to_doc(query, half_sure.make_doc) for query in (right, other)]
    result = evaluate(half_sure, gold, 0)["confidence"]
    assert result["WoA"]["entities"] == 2
    assert result["WoA"]["ece"] == pytest.approx(0.25, abs=1e-6)
    assert result["Artist"]["ece"] == pytest.approx(0.0, abs=1e-6)
    assert result["all"]["auroc"] == pytest.approx(5 / 6)
    at = {row["threshold"]: row for row in result["all"]["thresholds"]}
    assert at[0.0]["recall"] == 0.75
    assert at[0.7]["precision"] == 1.0
    assert at[0.7]["recall"] == 0.5
    assert at[0.7]["kept"] == 0.5


def test_confidences_are_scored_by_source(half_sure):
    text = "songs like karma police by radioheads"
    queries = [
        Query("posts:1", text, (Span(11, 23, "WoA"), Span(27, 37, "Artist"))),
        Query("searches:1", text, (Span(11, 23, "WoA"),)),
        Query("searches:2", "dark ambient for the attic"),
    ]
    gold = [to_doc(query, half_sure.make_doc) for query in queries]
    posts, searches = evaluate(half_sure, gold, 0)["sources"].values()
    assert posts["ece"] == pytest.approx((0.25 + 0.5) / 2, abs=1e-6)
    assert posts["auroc"] is None  # no entity is wrong
    assert searches["ece"] == pytest.approx((0.25 + 0.5) / 2, abs=1e-6)
    assert searches["auroc"] == 1.0
