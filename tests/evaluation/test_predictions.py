"""What is kept of an evaluation, and how two of them compare."""

import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st

from music_ner.data.query import Query, Span, to_doc
from music_ner.evaluation.comparison import DifferentQueriesError, compare, differ, pairs_of
from music_ner.evaluation.kept import evaluations, keep, read
from music_ner.evaluation.predictions import row_of
from music_ner.evaluation.scores import ERRORS, comparable_tags, entity_spans, errors, report

NLP = spacy.blank("en")
WORDS = ("sade", "play", "by your side", "|", "korn,")
LABELS = ("Artist", "WoA", "Artist_or_WoA")


def doc(text, *spans, query_id="posts:1"):
    return to_doc(Query(query_id, text, tuple(Span(*span) for span in spans)), NLP.make_doc)


def kinds(entities):
    return [entity["kind"] for entity in entities]


TEXT = "play dummy by portishead now"
DUMMY, PORTISHEAD = (5, 10, "WoA"), (14, 24, "Artist")


@pytest.mark.parametrize(
    ("predicted", "of_gold", "of_predicted"),
    [
        ([DUMMY, PORTISHEAD], ["right", "right"], ["right", "right"]),
        ([], ["missed", "missed"], []),
        ([(0, 4, "WoA")], ["missed", "missed"], ["spurious"]),
        ([(0, 10, "WoA"), PORTISHEAD], ["boundary", "right"], ["boundary", "right"]),
        ([(5, 10, "Artist"), PORTISHEAD], ["label", "right"], ["label", "right"]),
        ([(0, 10, "Artist")], ["boundary and label", "missed"], ["boundary and label"]),
    ],
)
def test_entities_are_judged_by_what_overlaps_them(predicted, of_gold, of_predicted):
    row = row_of(doc(TEXT, DUMMY, PORTISHEAD), doc(TEXT, *predicted))
    assert (row["id"], row["text"]) == ("posts:1", TEXT)
    assert kinds(row["gold"]) == of_gold
    assert kinds(row["predicted"]) == of_predicted
    spans = [(e["start"], e["end"], e["label"]) for e in row["predicted"]]
    assert spans == predicted
    assert srsly.json_loads(srsly.json_dumps(row)) == row


def test_what_gold_does_not_know_is_not_judged():
    row = row_of(doc(TEXT, (5, 10, "Artist_or_WoA"), PORTISHEAD), doc(TEXT, DUMMY, PORTISHEAD))
    assert kinds(row["predicted"]) == [None, "right"]
    assert kinds(row["gold"]) == ["right"]


@st.composite
def queries(draw):
    """Draw a gold doc and a predicted doc of the same text."""
    text = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)))
    docs = []
    for labels in (LABELS, LABELS[:2]):
        edges = sorted(draw(st.sets(st.integers(0, len(NLP.make_doc(text))), max_size=6)))
        tokens = NLP.make_doc(text)
        spans = [
            (tokens[start].idx, tokens[end - 1].idx + len(tokens[end - 1]))
            for start, end in zip(edges[::2], edges[1::2], strict=False)
        ]
        docs.append(doc(text, *((*span, draw(st.sampled_from(labels))) for span in spans)))
    return docs


@given(st.lists(queries(), min_size=1, max_size=5))
def test_the_kinds_sum_up_to_the_scores(pairs):
    rows = [row_of(*pair) for pair in pairs]
    tags = [comparable_tags(gold, entity_spans(predicted)) for gold, predicted in pairs]
    gold_tags, predicted_tags = zip(*tags, strict=True)
    counted = {}
    for row in rows:
        found = [e for e in row["predicted"] if e["kind"] == "spurious"]
        for entity in [e for e in row["gold"] if e["kind"]] + found:
            of_label = counted.setdefault(entity["label"], dict.fromkeys(ERRORS, 0))
            of_label[entity["kind"]] += 1
    assert counted == errors(gold_tags, predicted_tags)
    (scores, *_) = compare([(row, row) for row in rows], seed=0)
    expected = report(gold_tags, predicted_tags)["micro avg"]
    assert scores["first"] == pytest.approx(expected["f1-score"])
    assert scores["entities"] == expected["support"]


def rows_of(found):
    """RETURNS (list[dict]): Rows of queries with one gold entity each, which is found or not."""
    rows = []
    for number, is_found in enumerate(found):
        query_id = f"{'posts' if number % 2 else 'searches'}:{number}"
        gold = doc("like sade", (5, 9, "Artist"), query_id=query_id)
        rows.append(row_of(gold, gold if is_found else doc("like sade")))
    return rows


def test_two_pipelines_are_scored_by_label_and_source():
    pairs, alone = pairs_of(rows_of([True, False] * 20), rows_of([True] * 40))
    rows = {row["name"]: row for row in compare(pairs, seed=0)}
    assert list(rows) == ["all", "Artist", "posts", "searches"]
    assert alone == 0
    assert rows["all"]["first"] == pytest.approx(2 / 3)
    assert rows["all"]["second"] == rows["posts"]["second"] == 1.0
    assert rows["posts"]["difference"] == 1.0
    assert (
        rows["searches"]["difference"] == rows["searches"]["low"] == rows["searches"]["high"] == 0
    )
    assert 0 < rows["all"]["low"] < rows["all"]["difference"] < rows["all"]["high"] < 1
    assert sum(map(differ, pairs)) == 20


def test_the_interval_is_paired_and_reproducible():
    found = [True, False, True, True] * 25
    pairs, _ = pairs_of(rows_of(found), rows_of(found))
    assert all(row["low"] == row["high"] == 0 for row in compare(pairs, seed=1))
    pairs, _ = pairs_of(rows_of(found), rows_of(found[::-1]))
    assert compare(pairs, seed=1) == compare(pairs, seed=1) != compare(pairs, seed=2)


def test_queries_that_only_one_pipeline_has_are_counted():
    rows = rows_of([True] * 5)
    pairs, alone = pairs_of(rows[:4], rows[2:])
    assert (len(pairs), alone) == (2, 3)
    with pytest.raises(DifferentQueriesError):
        pairs_of(rows[:2], rows[2:])


def test_evaluations_are_kept_side_by_side(tmp_path):
    rows = rows_of([True])
    keep(tmp_path / "fast", "en_b-2", {"time": "2026-01-02"}, rows)
    keep(tmp_path, "en_a-1", {"time": "2026-01-01"}, rows)
    keep(tmp_path, "en_a-1", {"time": "2026-01-03"}, rows)
    found = evaluations(tmp_path)
    assert list(found) == ["en_b-2", "en_a-1"]
    assert read(found["en_a-1"]) == ({"time": "2026-01-03"}, rows)
    assert evaluations(tmp_path / "nothing") == {}
