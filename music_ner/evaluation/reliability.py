"""How reliable confidences are: calibration, and what a threshold keeps."""

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.metrics import brier_score_loss, roc_auc_score
from spacy.tokens import Doc

from music_ner.evaluation.scores import ConfidentSpan, are_right

matplotlib.use("Agg")
CALIBRATION_SCORES = ("ece", "brier", "auroc")
N_BINS = 10
N_POINTS = 50
THRESHOLDS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def score_entities(
    gold: Iterable[Doc], found: Iterable[list[ConfidentSpan]], labels: Collection[str] | None = None
) -> dict[str, Any]:
    """Score the confidences of entities that were found in gold docs.

    gold (Iterable[Doc]): Docs with gold entities.
    found (Iterable[list[ConfidentSpan]]): The entities found in each. Those that touch words
        with a missing tag are left out.
    labels (Collection[str] | None): The labels of the entities to score; None for all.
    RETURNS (dict[str, Any]): See `reliability`.
    """
    confidence, right, n_gold = [], [], 0
    for doc, spans in zip(gold, found, strict=True):
        n_gold += sum(labels is None or ent.label_ in labels for ent in doc.ents)
        for span, is_right in zip(spans, are_right(doc, [s[:3] for s in spans]), strict=True):
            if (labels is None or span[2] in labels) and is_right is not None:
                confidence.append(span[3])
                right.append(is_right)
    return reliability(confidence, right, n_gold)


def reliability(confidence: Sequence[float], right: Sequence[bool], n_gold: int) -> dict[str, Any]:
    """Score the confidences of entities that were found.

    confidence (Sequence[float]): The confidence of each entity, from 0 to 1.
    right (Sequence[bool]): Whether each is right.
    n_gold (int): The number of gold entities.
    RETURNS (dict[str, Any]): `entities`, their number; `ece`, the expected calibration error over
        bins of equal mass (https://doi.org/10.1609/aaai.v29i1.9602); `brier`, the mean squared
        error; `auroc`, the probability that a right entity has a higher confidence than a wrong
        one, None if there are not both; the `bins`; for each of THRESHOLDS the `precision`,
        `recall` and share `kept` of the entities with at least that confidence; and the `coverage`
        curve, the `precision` of the most confident entities by the share `kept`. Without entities,
        only `entities`.
    """
    confidence, right = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    if not len(confidence):
        return {"entities": 0}
    # Equal confidences have no order, so each gets the share of them that is right.
    _, tied = np.unique(confidence, return_inverse=True)
    precision = (np.bincount(tied, right) / np.bincount(tied))[tied]
    bins = [
        {
            "confidence": float(confidence[rows].mean()),
            "precision": float(precision[rows].mean()),
            "entities": len(rows),
        }
        for rows in np.array_split(np.argsort(confidence, kind="stable"), N_BINS)
        if len(rows)
    ]
    gaps = [abs(row["confidence"] - row["precision"]) * row["entities"] for row in bins]
    return {
        "entities": len(confidence),
        "ece": sum(gaps) / len(confidence),
        "brier": float(brier_score_loss(right, confidence)),
        "auroc": float(roc_auc_score(right, confidence)) if len(set(right)) == 2 else None,
        "bins": bins,
        "thresholds": [kept_by(t, confidence, right, n_gold) for t in THRESHOLDS],
        "coverage": coverage(confidence, precision),
    }


def coverage(confidence: np.ndarray, precision: np.ndarray) -> list[dict[str, float]]:
    """Compute the precision of the most confident entities.

    confidence (np.ndarray): The confidence of each entity.
    precision (np.ndarray): The share that is right of those with the same confidence.
    RETURNS (list[dict[str, float]]): `kept`, a share of the entities, and their `precision`.
    """
    by_confidence = precision[np.argsort(-confidence)]
    n = len(confidence)
    counts = sorted({math.ceil(i * n / N_POINTS) for i in range(1, N_POINTS + 1)})
    return [
        {"kept": count / n, "precision": float(by_confidence[:count].mean())} for count in counts
    ]


def kept_by(
    threshold: float, confidence: np.ndarray, right: np.ndarray, n_gold: int
) -> dict[str, float | None]:
    """Score the entities whose confidence is at least a threshold.

    threshold (float): From 0 to 1.
    confidence (np.ndarray): The confidence of each entity.
    right (np.ndarray): Whether each is right.
    n_gold (int): The number of gold entities.
    RETURNS (dict[str, float | None]): `threshold`, `precision` (None of no entities), `recall`
        (None without gold) and the share that is `kept`.
    """
    kept = right[confidence >= threshold]
    return {
        "threshold": threshold,
        "precision": float(kept.mean()) if len(kept) else None,
        "recall": float(kept.sum() / n_gold) if n_gold else None,
        "kept": len(kept) / len(confidence),
    }


def draw_reliability(named: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the share of right entities over their confidence.

    named (dict[str, dict[str, Any]]): By name, what `reliability` gave.
    path (Path): The picture to write.
    """
    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    axis.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="perfect calibration")
    for name, result in named.items():
        bins = result.get("bins", [])
        label = f"{name} (error {result['ece']:.3f})" if bins else f"{name} (no entities)"
        points = ([row[key] for row in bins] for key in ("confidence", "precision"))
        axis.plot(*points, marker="o", label=label)
    axis.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    figure.legend(loc="outside lower center")
    axis.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=120)
    plt.close(figure)


def draw_precision_coverage(named: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the precision of the most confident entities over the share that is kept.

    named (dict[str, dict[str, Any]]): By name, what `reliability` gave.
    path (Path): The picture to write.
    """
    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    for name, result in named.items():
        points = result.get("coverage", [])
        axis.plot(*([row[key] for row in points] for key in ("kept", "precision")), label=name)
    axis.set(xlabel="share of entities kept", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=120)
    plt.close(figure)
