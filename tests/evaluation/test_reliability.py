import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from music_ner.evaluation.reliability import (
    THRESHOLDS,
    draw_precision_coverage,
    draw_reliability,
    reliability,
)


def test_the_scores_of_a_confidence_counted_by_hand():
    result = reliability([0.9, 0.8, 0.6, 0.3], [True, True, False, False], n_gold=5)
    assert result["entities"] == 4
    assert result["ece"] == pytest.approx((0.1 + 0.2 + 0.6 + 0.3) / 4)
    assert result["brier"] == pytest.approx((0.01 + 0.04 + 0.36 + 0.09) / 4)
    assert result["auroc"] == 1.0
    at = {row["threshold"]: row for row in result["thresholds"]}
    assert at[0.0] == {"threshold": 0.0, "precision": 0.5, "recall": 0.4, "kept": 1.0}
    assert at[0.5] == {"threshold": 0.5, "precision": 2 / 3, "recall": 0.4, "kept": 0.75}
    assert at[0.8] == {"threshold": 0.8, "precision": 1.0, "recall": 0.4, "kept": 0.5}
    assert at[0.95] == {"threshold": 0.95, "precision": None, "recall": 0.0, "kept": 0.0}
    assert result["coverage"] == [
        {"kept": 0.25, "precision": 1.0},
        {"kept": 0.5, "precision": 1.0},
        {"kept": 0.75, "precision": 2 / 3},
        {"kept": 1.0, "precision": 0.5},
    ]


def test_bins_hold_the_same_number_of_entities():
    rng = np.random.default_rng(0)
    result = reliability(rng.random(200), rng.random(200) < 0.5, n_gold=200)
    assert [row["entities"] for row in result["bins"]] == [20] * 10
    confidence = [row["confidence"] for row in result["bins"]]
    assert confidence == sorted(confidence)


def test_a_confidence_that_keeps_its_promise_has_little_error_and_a_boast_has_much():
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    right = rng.random(20_000) < confidence
    assert reliability(confidence, right, 1)["ece"] < 0.02
    assert reliability(np.ones(20_000), right, 1)["ece"] == pytest.approx(0.5, abs=0.02)


def test_among_equal_confidences_the_order_does_not_matter():
    right = [True] * 10 + [False] * 10
    one = reliability([0.5] * 20, right, 20)
    other = reliability([0.5] * 20, right[::-1], 20)
    assert one == other
    assert one["ece"] == 0
    assert {row["precision"] for row in one["coverage"]} == {0.5}


def test_without_entities_there_is_nothing_to_score():
    assert reliability([], [], n_gold=3) == {"entities": 0}


def test_of_right_entities_alone_there_is_no_auroc():
    assert reliability([0.5, 0.9], [True, True], n_gold=2)["auroc"] is None


found = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(found)
def test_scores_stay_in_their_bounds(entities):
    confidence, right = zip(*entities, strict=True)
    result = reliability(confidence, right, n_gold=len(entities))
    assert 0 <= result["ece"] <= 1
    assert 0 <= result["brier"] <= 1
    assert sum(row["entities"] for row in result["bins"]) == len(entities)
    assert result["coverage"][-1]["kept"] == 1.0
    kept = [row["kept"] for row in result["thresholds"]]
    assert len(kept) == len(THRESHOLDS)
    assert kept == sorted(kept, reverse=True)


@pytest.mark.parametrize("draw", [draw_reliability, draw_precision_coverage])
def test_pictures_are_drawn_with_and_without_entities(draw, tmp_path):
    named = {"all": reliability([0.9, 0.2], [True, False], 2), "WoA": reliability([], [], 1)}
    draw(named, tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes().startswith(b"\x89PNG")
