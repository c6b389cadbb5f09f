"""Scores of hand-made predictions."""

import numpy as np
import pandas as pd
import pytest
from scripts.scoring import (
    by_surface_form,
    by_writing,
    confidence,
    has_confidences,
    macro_difference,
    query_rows,
    recall_of,
    spread,
    strict,
)

from music_ner.data.writings import query_key
from music_ner.evaluation.scores import entity_spans

TEST = [
    "like [sade](Artist) and [korn](Artist)",
    "[halo](WoA) on repeat",
    "[yellow](WoA) by [coldplay](Artist)",
    "dark ambient",
]
NOTHING = ["like sade and korn", "halo on repeat", "yellow by coldplay", "dark ambient"]


@pytest.fixture
def rows_of(docs_of):
    """Rows of the entities marked in `found`, on the queries of TEST."""

    def make(found=TEST, train=(), scores=None, **columns):
        predicted = [
            [(*span, (scores or {}).get(doc.text[slice(*span[:2])])) for span in entity_spans(doc)]
            for doc in docs_of(found)
        ]
        trained = frozenset(map(query_key, train))
        common = {"system": "ours", "variant": "as trained", "fold": "a", "seed": 0}
        return query_rows(docs_of(TEST), predicted, **{**common, "trained": trained, **columns})

    return make


def test_a_system_that_finds_everything_scores_one(rows_of):
    assert set(strict(rows_of()).values()) == {1.0}


def test_strict_scores_count_labels_and_bounds(rows_of):
    scores = strict(rows_of(["like [sade](WoA) and [korn](Artist)", *TEST[1:]]))
    assert scores["Artist"] == pytest.approx(2 * 2 / (2 + 3))
    assert scores["WoA"] == pytest.approx(2 * 2 / (3 + 2))
    assert (scores["micro"], scores["macro"]) == pytest.approx((4 / 5, 4 / 5))
    wider = strict(rows_of(["[like sade](Artist) and [korn](Artist)", *TEST[1:]]))
    assert wider["Artist"] == pytest.approx(2 * 2 / (3 + 3))


def test_precision_and_recall_are_micro_averages(rows_of):
    found = ["like sade and [korn](Artist)", "[halo](WoA) on [repeat](WoA)", *TEST[2:]]
    scores = strict(rows_of(found))
    assert (scores["precision"], scores["recall"]) == pytest.approx((4 / 5, 4 / 5))
    fewer = strict(rows_of(["like sade and [korn](Artist)", *TEST[1:]]))
    assert (fewer["precision"], fewer["recall"]) == (1.0, pytest.approx(4 / 5))


def test_entities_of_train_are_scored_apart_from_the_others(rows_of):
    found = ["like [sade](Artist) and korn", "halo on repeat", *TEST[2:]]
    scores = by_surface_form(rows_of(found, train=["Sade", "halo", "other"]))
    assert scores["seen"] == pytest.approx(2 * 1 / (2 + 1))
    assert scores["unseen"] == pytest.approx(2 * 2 / (3 + 2))


def test_a_spurious_entity_is_unseen_unless_train_holds_it(rows_of):
    found = [*TEST[:3], "[dark](WoA) [ambient](WoA)"]
    scores = by_surface_form(rows_of(found, train=["ambient", "sade"]))
    assert scores["seen"] == pytest.approx(2 * 1 / (1 + 2))
    assert scores["unseen"] == pytest.approx(2 * 4 / (4 + 5))


def test_writings_are_compared_on_the_same_queries(rows_of):
    trained = rows_of(["like sade and korn", *TEST[1:]])
    written = rows_of(variant="as written")
    both = by_writing(pd.concat([trained, written]))
    assert both["as written"] == 1.0 > both["preprocessed"]
    both = by_writing(pd.concat([trained, written[1:]]))
    assert both == {"preprocessed": 1.0, "as written": 1.0}


def test_recall_of_names_counts_those_that_train_lacks(rows_of):
    names = {("Artist", "sade"), ("Artist", "korn"), ("WoA", "coldplay")}
    rows = rows_of(["like [sade](Artist) and korn", *TEST[1:]])
    assert recall_of(names, rows) == 0.5
    rows = rows_of(["like [sade](Artist) and korn", *TEST[1:]], train=["Korn"])
    assert recall_of(names, rows) == 1.0
    assert np.isnan(recall_of({("Artist", "nas")}, rows))


def test_folds_are_pooled_and_seeds_averaged(rows_of):
    runs = [(TEST, "a", 0), (NOTHING, "b", 0), (TEST, "a", 1), (TEST, "b", 1)]
    rows = pd.concat(rows_of(found, fold=fold, seed=seed) for found, fold, seed in runs)
    table = spread(rows, strict, by="system")
    assert list(table.index) == ["ours"]
    mean, deviation = (1 + 2 / 3) / 2, (1 / 3) / 2**0.5
    assert table["micro"]["ours"] == f"{mean:.3f} ± {deviation:.3f}"
    assert spread(rows, strict, by="system", over="fold")["micro"]["ours"].startswith("0.")


def test_one_seed_has_no_deviation_and_a_missing_score_is_blank(rows_of):
    table = spread(rows_of(), lambda rows: {"one": 1.0, "none": np.nan}, by="system")
    assert table.loc["ours"].to_dict() == {"one": "1.000", "none": ""}


def test_a_difference_has_an_interval_that_is_the_same_each_time(rows_of):
    worse = rows_of(["like sade and [korn](Artist)", "halo on repeat", *TEST[2:]])
    first, second = (macro_difference(rows_of(), worse) for _ in range(2))
    assert first == second
    mean, low, high = first
    assert mean == pytest.approx(strict(rows_of())["macro"] - strict(worse)["macro"])
    assert low <= mean <= high
    assert low < high
    assert macro_difference(worse, worse) == (0.0, 0.0, 0.0)


def test_confidences_are_scored_over_all_rows(rows_of):
    scores = {"sade": 0.9, "repeat": 0.2, "halo": 0.8, "dark": 0.5}
    one = rows_of(
        ["like [sade](Artist) and korn", "halo on [repeat](WoA)", *NOTHING[2:]], scores=scores
    )
    other = rows_of(
        [NOTHING[0], "[halo](WoA) on repeat", NOTHING[2], "[dark](WoA) ambient"], scores=scores
    )
    found = confidence(pd.concat([one, other]))
    assert found["calibration error"] == pytest.approx((0.1 + 0.2 + 0.2 + 0.5) / 4)
    assert found["Brier score"] == pytest.approx((0.01 + 0.04 + 0.04 + 0.25) / 4)
    assert found["AUROC"] == 1.0


def test_confidences_are_all_there_or_not_scored(rows_of):
    assert not has_confidences(rows_of())
    assert not has_confidences(rows_of(NOTHING))
    names = ("sade", "korn", "halo", "yellow", "coldplay")
    assert has_confidences(rows_of(scores=dict.fromkeys(names, 0.5)))
    assert not has_confidences(rows_of(scores=dict.fromkeys(names[1:], 0.5)))
