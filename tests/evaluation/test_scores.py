import warnings

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from music_ner.data.query import Query, Span, to_doc
from music_ner.evaluation.scores import (
    are_right,
    comparable_tags,
    entity_spans,
    errors,
    f1_interval,
    report,
    scores,
    span_f1,
)

A, IA, W, IW, O = "B-Artist", "I-Artist", "B-WoA", "I-WoA", "O"  # noqa: E741
AVERAGES = ("micro avg", "macro avg", "weighted avg")


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def gold_doc(text, *spans, complete=True):
    query = Query("q", text, tuple(Span(*span) for span in spans), (), complete)
    return to_doc(query, spacy.blank("en").make_doc)


# Precision, recall, F1 and support of Artist, of WoA, and over all; macro F1; token accuracy.
HAND_COUNTED = {
    "perfect": (
        [[A, IA, O, W], [O, A]],
        [[A, IA, O, W], [O, A]],
        {"Artist": (1, 1, 1, 2), "WoA": (1, 1, 1, 1), "micro avg": (1, 1, 1, 3)},
        1,
        1,
    ),
    "nothing found": (
        [[A, IA, O, W], [O, A]],
        [[O, O, O, O], [O, O]],
        {"Artist": (0, 0, 0, 2), "WoA": (0, 0, 0, 1), "micro avg": (0, 0, 0, 3)},
        0,
        2 / 6,
    ),
    "one cut short, one of the other label": (
        [[A, IA, O, W], [O, A]],
        [[A, O, O, W], [O, W]],
        {
            "Artist": (0, 0, 0, 2),
            "WoA": (1 / 2, 1, 2 / 3, 1),
            "micro avg": (1 / 3, 1 / 3, 1 / 3, 3),
        },
        1 / 3,
        4 / 6,
    ),
    "two missed": (
        [[A, O], [A], [W]],
        [[A, O], [O], [O]],
        {"Artist": (1, 1 / 2, 2 / 3, 2), "WoA": (0, 0, 0, 1), "micro avg": (1, 1 / 3, 1 / 2, 3)},
        1 / 3,
        2 / 4,
    ),
    "one too many, of a label that gold has not": (
        [[A, O, O, O]],
        [[A, O, W, IW]],
        {"Artist": (1, 1, 1, 1), "WoA": (0, 0, 0, 0), "micro avg": (1 / 2, 1, 2 / 3, 1)},
        1 / 2,
        2 / 4,
    ),
    "neighbours taken for one": (
        [[A, A, O], [W, O, O]],
        [[A, IA, O], [W, O, O]],
        {"Artist": (0, 0, 0, 2), "WoA": (1, 1, 1, 1), "micro avg": (1 / 2, 1 / 3, 2 / 5, 3)},
        1 / 2,
        5 / 6,
    ),
}


@pytest.mark.parametrize("case", HAND_COUNTED)
@pytest.mark.parametrize("mode", ["default", "strict"])
def test_scores_are_what_a_hand_counts(case, mode):
    gold, predicted, rows, macro_f1, accuracy = HAND_COUNTED[case]
    result = scores(gold, predicted, 0)
    for label, row in rows.items():
        assert tuple(result[mode][label].values()) == pytest.approx(row), label
    assert result[mode]["macro avg"]["f1-score"] == pytest.approx(macro_f1)
    assert result["token_accuracy"] == pytest.approx(accuracy)
    assert result["queries"] == len(gold)


def test_a_row_of_the_report_names_precision_recall_f1_and_support():
    assert list(report([[A]], [[A]])) == ["Artist", *AVERAGES]
    assert list(report([[A]], [[A]])["Artist"]) == ["precision", "recall", "f1-score", "support"]


def test_strict_alone_minds_an_entity_that_begins_with_an_inside_tag():
    result = scores([[A, IA], [W, O]], [[IA, IA], [W, O]], 0)
    assert result["default"]["micro avg"]["f1-score"] == 1.0
    assert result["strict"]["micro avg"]["f1-score"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("mode", ["default", "strict"])
@pytest.mark.parametrize("predicted", [[[O, O], [O]], [[A, O], [O]]])
def test_gold_without_any_entity_scores_zero(mode, predicted):
    result = scores([[O, O], [O]], predicted, 0)[mode]
    assert list(result) == list(AVERAGES)
    for row in result.values():
        assert set(row.values()) == {0}


def test_a_corpus_of_which_no_word_is_known_scores_zero():
    result = scores([[]], [[]], 0)
    assert result["default"]["micro avg"]["f1-score"] == 0.0
    assert result["token_accuracy"] == 0.0


@pytest.mark.parametrize(
    ("gold", "predicted", "f1"),
    [
        ([[A, O], [W]], [[A, O], [O]], 2 / 3),
        ([[A, O]], [[A, O]], 1.0),
        ([[A, O]], [[O, O]], 0.0),
        ([[O, O]], [[A, O]], 0.0),
        ([[O, O]], [[O, O]], 0.0),
        ([], [], 0.0),
    ],
)
def test_span_f1_is_the_micro_average(gold, predicted, f1):
    assert span_f1(gold, predicted) == pytest.approx(f1)


HALF_GOLD = [[A, O], [W, O], [A, IA], [O, W]]
HALF_FOUND = [[A, O], [O, O], [A, IA], [W, O]]


@pytest.mark.parametrize("copies", [1, 5, 50])
def test_the_interval_holds_the_point_estimate(copies):
    gold, predicted = HALF_GOLD * copies, HALF_FOUND * copies
    low, high = f1_interval(gold, predicted, 0)
    assert low < span_f1(gold, predicted) < high


def test_the_interval_is_narrower_with_more_queries():
    low, high = f1_interval(HALF_GOLD * 5, HALF_FOUND * 5, 0)
    low_of_more, high_of_more = f1_interval(HALF_GOLD * 50, HALF_FOUND * 50, 0)
    assert low < low_of_more < high_of_more < high


def test_the_interval_covers_what_the_binomial_of_queries_says():
    # Half of 100 queries without a right entity: each draw's F1 is its share of right ones.
    low, high = f1_interval([[A]] * 100, [[A], [W]] * 50, 0)
    assert (low, high) == pytest.approx((0.40, 0.60), abs=0.02)


def test_the_interval_comes_from_the_seed():
    same = [f1_interval(HALF_GOLD * 5, HALF_FOUND * 5, 7, resamples=50) for _ in range(2)]
    others = [f1_interval(HALF_GOLD * 5, HALF_FOUND * 5, n, resamples=50) for n in range(5)]
    assert same[0] == same[1]
    assert any(other != same[0] for other in others)


@pytest.mark.parametrize(
    ("gold", "predicted", "interval"),
    [
        ([[A, O], [W]], [[A, O], [W]], [1.0, 1.0]),
        ([[A, O], [W]], [[O, O], [O]], [0.0, 0.0]),
        ([[O, O], [O]], [[O, O], [O]], [0.0, 0.0]),
    ],
)
def test_an_interval_without_variation_is_a_point(gold, predicted, interval):
    assert f1_interval(gold, predicted, 0) == interval


def test_a_single_query_says_nothing_about_others():
    result = scores([[A, O]], [[A, O]], 0)
    assert result["f1_interval"] == [0.0, 1.0]
    assert result["default"]["micro avg"]["f1-score"] == 1.0


@pytest.mark.parametrize(
    ("gold", "predicted", "counted"),
    [
        ([A, IA, O], [A, IA, O], {"Artist": {"right": 1}}),
        ([A, IA, O], [A, O, O], {"Artist": {"boundary": 1}}),
        ([A, IA, O], [W, IW, O], {"Artist": {"label": 1}}),
        ([A, IA, O], [O, W, IW], {"Artist": {"boundary and label": 1}}),
        ([A, IA, O], [O, O, O], {"Artist": {"missed": 1}}),
        ([O, O, O], [O, W, IW], {"WoA": {"spurious": 1}}),
        ([A, IA, O], [O, O, W], {"Artist": {"missed": 1}, "WoA": {"spurious": 1}}),
        ([A, IA, O], [A, A, O], {"Artist": {"boundary": 1}}),
        ([A, IA, O], [A, W, O], {"Artist": {"boundary": 1}}),
        ([A, W, O], [A, IA, O], {"Artist": {"boundary": 1}, "WoA": {"boundary and label": 1}}),
        ([W, O, A], [A, O, A], {"Artist": {"right": 1}, "WoA": {"label": 1}}),
        ([O, O, O], [O, O, O], {}),
    ],
)
def test_errors_are_counted_by_kind(gold, predicted, counted):
    nothing = ("right", "boundary", "label", "boundary and label", "missed", "spurious")
    expected = {label: dict.fromkeys(nothing, 0) | kinds for label, kinds in counted.items()}
    assert errors([gold], [predicted]) == expected


def test_errors_add_up_over_queries_that_do_not_mix():
    gold = [[A, O], [O, A], [O, O]]
    predicted = [[A, O], [A, O], [O, W]]
    counts = errors(gold, predicted)
    assert {label: {k: n for k, n in row.items() if n} for label, row in counts.items()} == {
        "Artist": {"right": 1, "missed": 1, "spurious": 1},
        "WoA": {"spurious": 1},
    }


TAGS = st.lists(
    st.lists(st.tuples(*[st.sampled_from((A, IA, W, IW, O))] * 2), min_size=1, max_size=6),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(TAGS)
def test_every_gold_entity_is_counted_under_one_kind(pairs):
    gold = [[pair[0] for pair in query] for query in pairs]
    predicted = [[pair[1] for pair in query] for query in pairs]
    rows, counts = report(gold, predicted), errors(gold, predicted)
    for label in ("Artist", "WoA"):
        kinds = counts.get(label, {"spurious": 0})
        support = rows[label]["support"] if label in rows else 0
        assert sum(kinds.values()) - kinds["spurious"] == support


@settings(deadline=None)
@given(TAGS)
def test_the_right_ones_are_those_that_recall_counts(pairs):
    gold = [[pair[0] for pair in query] for query in pairs]
    predicted = [[pair[1] for pair in query] for query in pairs]
    row = report(gold, predicted)["micro avg"]
    right = sum(kinds["right"] for kinds in errors(gold, predicted).values())
    assert row["recall"] * row["support"] == pytest.approx(right)


def test_entity_spans_are_character_offsets():
    doc = gold_doc("play teardrop by massive attack", (5, 13, "WoA"), (17, 31, "Artist"))
    assert entity_spans(doc) == [(5, 13, "WoA"), (17, 31, "Artist")]


def test_a_predicted_part_of_a_word_counts_as_the_word():
    gold = gold_doc("more radiohead, but older", (5, 15, "Artist"))
    assert comparable_tags(gold, [(5, 14, "Artist")]) == ([O, A, O, O], [O, A, O, O])


def test_a_gold_part_of_a_word_counts_as_the_word():
    gold = gold_doc("more radiohead, but older", (5, 14, "Artist"))
    assert comparable_tags(gold, [(5, 15, "Artist")]) == ([O, A, O, O], [O, A, O, O])


def test_words_of_unknown_gold_are_left_out():
    gold = gold_doc("more portishead like dummy", (5, 15, "Artist_or_WoA"), (21, 26, "WoA"))
    assert comparable_tags(gold, [(21, 26, "WoA")]) == ([O, O, W], [O, O, W])


@pytest.mark.parametrize("predicted", [(5, 15, "WoA"), (0, 15, "WoA"), (5, 26, "Artist")])
def test_a_predicted_entity_that_touches_an_unknown_word_is_left_out(predicted):
    gold = gold_doc("more portishead like dummy", (5, 15, "Artist_or_WoA"))
    assert comparable_tags(gold, [predicted]) == ([O, O, O], [O, O, O])


def test_a_predicted_entity_that_touches_the_known_part_of_an_unknown_word_is_left_out():
    gold = gold_doc("oasis/blur live", (0, 5, "Artist_or_WoA"))
    assert comparable_tags(gold, [(6, 15, "Artist")]) == ([O], [O])


def test_an_incomplete_query_is_judged_at_its_entities_alone():
    gold = gold_doc("dummy by portishead", (0, 5, "WoA"), complete=False)
    assert comparable_tags(gold, [(0, 5, "WoA"), (9, 19, "Artist")]) == ([W], [W])


@pytest.mark.parametrize("predicted", [(6, 17, "WoA"), (5, 17, "WoA")])
def test_unknown_punctuation_at_an_entity_takes_no_word_off_it(predicted):
    gold = gold_doc('play "ok computer", please', (6, 17, "WoA"), complete=False)
    tags = comparable_tags(gold, [predicted])
    assert tags == ([W, IW], [W, IW])
    assert scores([tags[0]], [tags[1]], 0)["strict"]["micro avg"]["f1-score"] == 1.0


def test_an_entity_is_right_if_its_words_and_label_are_golds():
    gold = gold_doc("more sade, and karma police", Span(5, 9, "Artist"), Span(15, 27, "WoA"))
    found = [(5, 10, "Artist"), (5, 9, "WoA"), (15, 20, "WoA"), (15, 27, "WoA"), (0, 4, "Artist")]
    assert are_right(gold, found) == [True, False, False, True, False]


def test_an_entity_that_touches_a_word_of_unknown_tag_is_neither_right_nor_wrong():
    gold = gold_doc("sade or halo", Span(0, 4, "Artist"), Span(8, 12, "Artist_or_WoA"))
    assert are_right(gold, [(0, 4, "Artist"), (8, 12, "WoA")]) == [True, None]


def test_of_entities_within_the_same_words_one_is_right():
    gold = gold_doc("more simon-garfunkel", Span(5, 20, "Artist"))
    assert are_right(gold, [(5, 10, "Artist"), (11, 20, "Artist")]) == [True, False]
