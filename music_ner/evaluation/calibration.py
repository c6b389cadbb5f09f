"""Calibrate the confidence of entities on gold queries."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from spacy.language import Language
from spacy.tokens import Doc

from music_ner.evaluation.scores import ConfidentSpan, are_right
from music_ner.pipeline.entity_confidence import (
    IDENTITY,
    RAW_SCORES,
    calibrated,
    features_of,
)
from music_ner.pipeline.labels import LABELS, RESERVED, SPANS_KEY

EPSILON = 1e-6


class CalibrationSettings(NamedTuple):
    """The section `calibration` of the config.

    folds (int): Folds of the cross-validation that chooses a map.
    prior (float): The number of entities, right as often as the ner says, that are added to the
        found ones. They regularise a map towards the ner's own probabilities.
    min_entities (int): The right entities that are needed to choose a map, and the wrong ones.
    """

    folds: int
    prior: float
    min_entities: int


class Judged(NamedTuple):
    """Entities that were found in gold docs.

    raw (np.ndarray): The ner's probability of each.
    features (dict[str, np.ndarray]): See `features_of`.
    right (np.ndarray): Whether each is right.
    query (np.ndarray): The number of the query of each.
    """

    raw: np.ndarray
    features: dict[str, np.ndarray]
    right: np.ndarray
    query: np.ndarray

    def take(self, rows: np.ndarray) -> "Judged":
        """RETURNS (Judged): Some of the entities."""
        features = {name: values[rows] for name, values in self.features.items()}
        return Judged(self.raw[rows], features, self.right[rows], self.query[rows])


FitMap = Callable[[Judged, float], dict[str, Any]]
"""Fits a calibration (see `calibrated`) to entities, with a prior (see `CalibrationSettings`)."""


def with_prior(judged: Judged, prior: float) -> tuple[np.ndarray, np.ndarray]:
    """Add entities that are right as often as the ner says.

    judged (Judged): Entities.
    prior (float): The number of entities to add.
    RETURNS (tuple[np.ndarray, np.ndarray]): Whether each is right, and its weight, for the entities
        three times: as they are, as right ones and as wrong ones.
    """
    n = len(judged.raw)
    share = prior / n
    right = np.concatenate([judged.right, np.ones(n, dtype=bool), np.zeros(n, dtype=bool)])
    return right, np.concatenate([np.ones(n), share * judged.raw, share * (1 - judged.raw)])


def fit_logistic(*given: str, by_label: bool = False) -> FitMap:
    """Fit weights of features by logistic regression.

    *given (str): The features.
    by_label (bool): Whether each label, except the first, has a weight too.
    RETURNS (FitMap): Fits them.
    """

    def fit_weights(judged: Judged, prior: float) -> dict[str, Any]:
        labels = sorted({*judged.features} - {*RESERVED})[1:] if by_label else []
        names = [*given, *labels]
        columns = np.stack([judged.features[name] for name in names], axis=1)
        right, weight = with_prior(judged, prior)
        model = LogisticRegression(C=100.0, fit_intercept=False)
        model.fit(np.tile(columns, (3, 1)), right, sample_weight=weight)
        weights = dict(zip(names, model.coef_[0].tolist(), strict=True))
        return {"kind": "logistic", "weights": weights}

    return fit_weights


def fit_isotonic(judged: Judged, prior: float) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The monotonic map that fits best."""
    right, weight = with_prior(judged, prior)
    model = IsotonicRegression(out_of_bounds="clip")
    model.fit(np.tile(judged.raw, 3), right, sample_weight=weight)
    raw, confidence = model.X_thresholds_.tolist(), model.y_thresholds_.tolist()
    return {"kind": "isotonic", "raw": raw, "confidence": confidence}


CANDIDATES: dict[str, FitMap] = {
    "none": lambda judged, prior: IDENTITY,
    "temperature": fit_logistic("log_odds"),
    "Platt": fit_logistic("log_odds", "bias"),
    "Platt by label": fit_logistic("log_odds", "bias", by_label=True),
    "Platt by label and length": fit_logistic("log_odds", "bias", "length", by_label=True),
    "isotonic": fit_isotonic,
}
"""Calibration maps, the simplest first."""


def is_enough(judged: Judged, settings: CalibrationSettings) -> bool:
    """RETURNS (bool): Whether there are enough right and wrong entities, in enough queries."""
    return all(
        len(queries) >= settings.min_entities and len(set(queries)) >= 2 * settings.folds
        for queries in (judged.query[judged.right], judged.query[~judged.right])
    )


def losses(calibration: dict[str, Any], judged: Judged) -> np.ndarray:
    """RETURNS (np.ndarray): The log loss of each entity's confidence."""
    confidence = calibrated(calibration, judged.raw, judged.features)
    return -np.log(np.clip(np.where(judged.right, confidence, 1 - confidence), EPSILON, 1))


def choose(
    judged: Judged, settings: CalibrationSettings, seed: int
) -> tuple[str, dict[str, float]]:
    """Choose the map with the lowest log loss in cross-validation.

    judged (Judged): Entities, enough for each fold (see `is_enough`).
    settings (CalibrationSettings): The folds, and the prior.
    seed (int): Seed of the folds. The entities of one query are in one fold.
    RETURNS (tuple[str, dict[str, float]]): The name in CANDIDATES, and the mean log loss of each.
    """
    splitter = StratifiedGroupKFold(settings.folds, shuffle=True, random_state=seed)
    out_of_fold = {name: np.zeros(len(judged.raw)) for name in CANDIDATES}
    for train, held_out in splitter.split(judged.raw, judged.right, judged.query):
        for name, fit_map in CANDIDATES.items():
            calibration = fit_map(judged.take(train), settings.prior)
            out_of_fold[name][held_out] = losses(calibration, judged.take(held_out))
    means = {name: float(loss.mean()) for name, loss in out_of_fold.items()}
    return min(means, key=means.__getitem__), means


def raw_spans(doc: Doc) -> list[ConfidentSpan]:
    """RETURNS (list[ConfidentSpan]): Start offset, end offset, label and the ner's own probability
    of each entity that an `entity_confidence` has processed."""
    group = doc.spans[SPANS_KEY]
    raw = group.attrs.get(RAW_SCORES, [])
    return [(s.start_char, s.end_char, s.label_, float(r)) for s, r in zip(group, raw, strict=True)]


def judge(gold: Iterable[Doc], found: Iterable[list[ConfidentSpan]]) -> Judged:
    """Judge the entities found in gold docs.

    gold (Iterable[Doc]): Docs with gold entities.
    found (Iterable[list[ConfidentSpan]]): The entities found in each, with the ner's probabilities.
    RETURNS (Judged): The entities, except those that touch words with a missing tag.
    """
    raws, spans, rights, queries, docs = [], [], [], [], []
    for number, (doc, entities) in enumerate(zip(gold, found, strict=True)):
        docs.append(doc)  # spans need their doc
        right = are_right(doc, [entity[:3] for entity in entities])
        for (start, end, label, raw), is_right in zip(entities, right, strict=True):
            if is_right is not None:
                raws.append(raw)
                spans.append(doc.char_span(start, end, label=label))
                rights.append(is_right)
                queries.append(number)
    raw = np.array(raws)
    none = dict.fromkeys(LABELS, np.zeros(len(spans)))
    return Judged(
        raw, none | features_of(raw, spans), np.array(rights, dtype=bool), np.array(queries)
    )


def fit(
    judged: Judged, settings: CalibrationSettings, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit a calibration.

    judged (Judged): Entities in docs that the pipeline was not trained on.
    settings (CalibrationSettings): How to fit it.
    seed (int): Seed of the cross-validation.
    RETURNS (tuple[dict[str, Any], dict[str, Any]]): The calibration (see `calibrated`), and a
        report: the numbers of `entities` and of `right` ones; the `chosen` name in CANDIDATES; the
        mean log loss of each in cross-validation, empty if there were too few entities to choose.
    """
    chosen, means = next(iter(CANDIDATES)), {}
    if is_enough(judged, settings):
        chosen, means = choose(judged, settings, seed)
    report = {"entities": len(judged.raw), "right": int(judged.right.sum())}
    calibration = CANDIDATES[chosen](judged, settings.prior)
    return calibration, {**report, "chosen": chosen, "log_loss": means}


def calibrate(nlp: Language, gold: list[Doc], seed: int) -> dict[str, Any]:
    """Fit a pipeline's `entity_confidence`, with the settings of its config.

    nlp (Language): The pipeline; its calibration is set.
    gold (list[Doc]): Docs with gold entities that it was not trained on.
    seed (int): Seed of the cross-validation.
    RETURNS (dict[str, Any]): See `fit`.
    """
    found = [raw_spans(doc) for doc in nlp.pipe(doc.text for doc in gold)]
    settings = CalibrationSettings(**nlp.config["calibration"])
    calibration, report = fit(judge(gold, found), settings, seed)
    nlp.get_pipe("entity_confidence").calibration = calibration
    return report
