import pytest
import spacy

from scripts import sample
from scripts.annotations import normalize_query, query_key, to_doc
from scripts.comparison import Outcome, compare, difference, summarize
from scripts.metrics import entity_spans

STRICT = "Strict"
SURFACE = "Micro F1 on entities by whether train holds their surface form"
SCHEMES = "Macro F1 by nervaluate's scheme"
WRITING = "Macro F1 on the same queries, preprocessed and as they were written"

TEST = [
    "like [sade](Artist) and [korn](Artist)",
    "[halo](WoA) on repeat",
    "[yellow](WoA) by [coldplay](Artist)",
    "dark ambient",
]


def docs_of(lines):
    make_doc = spacy.blank("en").make_doc
    return [to_doc(normalize_query(sample.parse(line, "")), make_doc) for line in lines]


def outcome(found=TEST, train=(), fold="a", seed=0, natural=None, scored=None, new=()):
    """What a run found: the entities marked in `found`, on the queries of TEST."""
    return Outcome(
        fold=fold,
        seed=seed,
        seconds=1.0,
        learning_rate=None,
        train={query_key(name) for name in train},
        test=docs_of(TEST),
        new=[
            [span for span in entity_spans(doc) if doc.text[slice(*span[:2])] in new]
            for doc in docs_of(TEST)
        ],
        found=[entity_spans(doc) for doc in docs_of(found)],
        natural=dict(enumerate(docs_of(TEST))) if natural else {},
        found_in_natural=dict(enumerate(entity_spans(d) for d in docs_of(natural or []))),
        scored=scored or {},
    )


def means(summary, title):
    return {name: cell["mean"] for name, cell in summary[title].items()}


def test_a_run_that_finds_all_scores_one():
    summary = summarize([outcome(natural=TEST)])
    for title in (STRICT, SCHEMES, WRITING):
        assert set(means(summary, title).values()) == {1.0}


def test_strict_scores_count_labels_and_edges():
    found = ["like [sade](WoA) and [korn](Artist)", *TEST[1:]]
    strict = means(summarize([outcome(found)]), STRICT)
    assert strict["Artist"] == pytest.approx(2 * 2 / (2 + 3))
    assert strict["WoA"] == pytest.approx(2 * 2 / (3 + 2))
    assert strict["micro"] == pytest.approx(4 / 5)
    assert strict["macro"] == pytest.approx(4 / 5)


def test_strict_precision_and_recall_are_micro_averages():
    found = ["like sade and [korn](Artist)", "[halo](WoA) on [repeat](WoA)", *TEST[2:]]
    strict = means(summarize([outcome(found)]), STRICT)
    assert strict["precision"] == pytest.approx(4 / 5)
    assert strict["recall"] == pytest.approx(4 / 5)
    only = means(summarize([outcome(["like sade and [korn](Artist)", *TEST[1:]])]), STRICT)
    assert (only["precision"], only["recall"]) == (1.0, pytest.approx(4 / 5))


def test_a_wrong_label_is_forgiven_by_exact_and_a_wrong_edge_by_type():
    label = [
        "like [sade](WoA) and [korn](WoA)",
        TEST[1],
        "[yellow](WoA) by [coldplay](WoA)",
        TEST[3],
    ]
    edge = ["[like sade](Artist) and [korn](Artist)", "[halo on](WoA) repeat", TEST[2], TEST[3]]
    wrong_label = means(summarize([outcome(label)]), SCHEMES)
    wrong_edge = means(summarize([outcome(edge)]), SCHEMES)
    assert wrong_label["exact"] > wrong_label["strict"]
    assert wrong_edge["ent_type"] == 1.0
    assert wrong_edge["strict"] < 1.0


def test_entities_of_train_are_scored_apart_from_new_ones():
    found = ["like [sade](Artist) and korn", "halo on repeat", *TEST[2:]]
    surface = means(summarize([outcome(found, train=["Sade", "halo", "other"])]), SURFACE)
    assert surface["seen"] == pytest.approx(2 * 1 / (2 + 1))
    assert surface["unseen"] == pytest.approx(2 * 2 / (3 + 2))


def test_a_spurious_entity_counts_as_new_unless_train_holds_it():
    found = [*TEST[:3], "[dark](WoA) [ambient](WoA)"]
    surface = means(summarize([outcome(found, train=["ambient", "sade"])]), SURFACE)
    assert surface["seen"] == pytest.approx(2 * 1 / (1 + 2))
    assert surface["unseen"] == pytest.approx(2 * 4 / (4 + 5))


def test_natural_and_preprocessed_are_scored_on_the_same_queries():
    run = outcome(natural=["like sade and korn", *TEST[1:]])
    writing = means(summarize([run]), WRITING)
    assert writing["preprocessed"] == 1.0
    assert writing["natural"] < 1.0


def test_where_nothing_natural_is_known_no_score_is_made_up():
    assert WRITING not in summarize([outcome()])


def test_folds_are_pooled_and_seeds_averaged():
    nothing = ["like sade and korn", "halo on repeat", "yellow by coldplay", "dark ambient"]
    runs = [outcome(fold="a", seed=0), outcome(nothing, fold="b", seed=0)]
    runs += [outcome(fold="a", seed=1), outcome(fold="b", seed=1)]
    summary = summarize(runs)
    assert summary[STRICT]["micro"]["values"] == pytest.approx([2 * 5 / (10 + 5), 1.0])
    assert summary["By fold (macro F1)"]["a"]["values"] == [1.0, 1.0]
    assert summary["By fold (macro F1)"]["b"]["values"] == [0.0, 1.0]
    assert summary[STRICT]["micro"]["sd"] == pytest.approx((1 / 3) / 2**0.5)


def test_one_seed_has_no_deviation():
    assert summarize([outcome()])[STRICT]["micro"]["sd"] == 0.0


def test_the_first_system_is_compared_with_each_of_the_others():
    worse = ["like sade and [korn](Artist)", *TEST[1:]]
    document = compare({"ours": [outcome()], "one": [outcome(worse)], "same": [outcome()]})
    assert document["first"] == "ours"
    assert list(document["differences"]) == ["one", "same"]
    artist = 2 * 2 / (3 + 2)
    assert document["differences"]["one"]["mean"] == pytest.approx((1 - artist) / 2)
    assert document["differences"]["same"] == {"mean": 0.0, "interval": [0.0, 0.0]}


def test_the_interval_of_a_difference_holds_it_and_is_the_same_each_time():
    worse = [outcome(["like sade and [korn](Artist)", "halo on repeat", *TEST[2:]])]
    first, second = (difference([outcome()], worse) for _ in range(2))
    assert first == second
    low, high = first["interval"]
    assert low <= first["mean"] <= high
    assert low < high


def test_confidences_are_scored_over_all_folds_of_a_seed():
    one = outcome(scored={"plain": [[(5, 9, "Artist", 0.9), (14, 18, "WoA", 0.2)], [], [], []]})
    scored = {"plain": [[], [(0, 4, "WoA", 0.8)], [], [(0, 4, "WoA", 0.5)]]}
    other = outcome(scored=scored, fold="b")
    (confidence,) = compare({"ours": [one, other]})["confidence"].items()
    name, scores = confidence
    assert name == "ours, plain"
    assert scores["ece"]["mean"] == pytest.approx((0.1 + 0.2 + 0.2 + 0.5) / 4)
    assert scores["brier"]["mean"] == pytest.approx((0.01 + 0.04 + 0.04 + 0.25) / 4)
    assert scores["auroc"]["mean"] == 1.0


def test_confidences_that_a_fold_lacks_are_not_scored():
    one = outcome(scored={"plain": [[(5, 9, "Artist", 0.9), (14, 18, "WoA", 0.2)], [], [], []]})
    assert compare({"ours": [one, outcome(fold="b")]})["confidence"] == {}
    assert set(compare({"ours": [one]})["confidence"]) == {"ours, plain"}


def scored_as(lines, confidence=0.9):
    return [[(*span, confidence) for span in entity_spans(doc)] for doc in docs_of(lines)]


def test_a_pipeline_is_compared_with_itself_by_the_names_of_its_catalogue():
    nothing = ["like sade and [korn](Artist)", "halo on repeat", *TEST[2:]]
    half = ["like [sade](Artist) and [korn](Artist)", "[halo on](WoA) repeat", *TEST[2:]]
    scored = {
        "calibrated on dev": scored_as(half),
        "no names": scored_as(nothing),
        "names brought after training, no others": scored_as(TEST),
    }
    run = outcome(TEST, scored=scored, new=["sade", "halo"])
    (result,) = compare({"ours": [run]})["catalogue"].values()
    rows = {
        names: {score: cell["mean"] for score, cell in row.items()}
        for names, row in result["by names"].items()
    }
    assert list(rows) == [
        "no names",
        "names of training",
        "names brought after training, no others",
    ]
    assert result["new entities"] == 2
    assert [row["recall of new entities"] for row in rows.values()] == [0.0, 0.5, 1.0]
    assert [row["precision"] for row in rows.values()] == [1.0, 4 / 5, 1.0]
    assert [row["recall"] for row in rows.values()] == [3 / 5, 4 / 5, 1.0]
    assert [row["Artist"] for row in rows.values()] == [4 / 5, 1.0, 1.0]
    errors = [row["calibration error"] for row in rows.values()]
    assert errors == pytest.approx([0.1, 0.1, 0.1])
    differences = {names: d["mean"] for names, d in result["differences"].items()}
    assert differences == pytest.approx(
        {names: rows[names]["macro"] - rows["no names"]["macro"] for names in list(rows)[1:]}
    )


def test_without_new_entities_there_is_no_recall_of_them():
    run = outcome(scored={way: scored_as(TEST) for way in ("calibrated on dev", "no names")})
    (result,) = compare({"ours": [run]})["catalogue"].values()
    assert all("recall of new entities" not in row for row in result["by names"].values())
