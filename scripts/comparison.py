"""What `benchmark` reports of finished runs: pooled scores, what generalizes, what differs."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from nervaluate import Evaluator
from scipy.stats import bootstrap
from seqeval.metrics.sequence_labeling import get_entities
from spacy.tokens import Doc

from scripts.annotations import LABELS, query_key
from scripts.metrics import (
    ConfidentSpan,
    EntitySpan,
    comparable_tags,
    entity_spans,
    report,
)
from scripts.reliability import CALIBRATION_SCORES, score_entities

UNCALIBRATED = "uncalibrated"
CALIBRATED = "calibrated on dev"
FAST = "en_music_ner_fast"
NO_NAMES = "no names"
NEW_NAMES = "names brought after training, no others"
ALL_NAMES = "names of training and those brought after it"
COMMON_WORDS = "common words as works, no others"
TRAINING_NAMES_AND_COMMON_WORDS = "names of training, and common words as works"
CATALOGUES = {
    NO_NAMES: NO_NAMES,
    "names of training": CALIBRATED,
    NEW_NAMES: NEW_NAMES,
    ALL_NAMES: ALL_NAMES,
    COMMON_WORDS: COMMON_WORDS,
    TRAINING_NAMES_AND_COMMON_WORDS: TRAINING_NAMES_AND_COMMON_WORDS,
}
"""What names a catalogue may have, and what the way to find entities with them is called."""
FAST_SCORES = (
    "micro F1, stock",
    "micro F1, fast",
    "same entities",
    "calibration error, stock",
    "calibration error, fast",
)
NEW_RECALL = "recall of new entities"
STRICT_SCORES = ("micro", "macro", *LABELS, "precision", "recall")
"""F1 by seqeval, micro, macro and of each label; and micro precision and recall."""
CATALOGUE_SCORES = (*STRICT_SCORES[1:], NEW_RECALL, "calibration error")
SCHEMES = ("strict", "exact", "ent_type")


@dataclass(frozen=True)
class Outcome:
    """What one run found.

    fold (str): What was tested on.
    seed (int): Seed of split and training.
    seconds (float): Time of training and prediction.
    learning_rate (float | None): Of the recipe, where it names one.
    train (set[str]): Surface forms of the entities trained on (see `query_key`).
    test (list[Doc]): Test queries with gold entities.
    new (list[list[EntitySpan]]): Those of their entities that the names hold which the pipeline is
        given only after training, and that training did not hold.
    found (list[list[EntitySpan]]): The entities found in each.
    natural (dict[int, Doc]): Test queries as they were written, by their number in `test`.
    found_in_natural (dict[int, list[EntitySpan]]): The entities found in these.
    scored (dict[str, list[list[ConfidentSpan]]]): The entities with a confidence found in each test
        query, by the way in which the system gives them.
    """

    fold: str
    seed: int
    seconds: float
    learning_rate: float | None
    train: set[str]
    test: list[Doc]
    new: list[list[EntitySpan]]
    found: list[list[EntitySpan]]
    natural: dict[int, Doc]
    found_in_natural: dict[int, list[EntitySpan]]
    scored: dict[str, list[list[ConfidentSpan]]]

    @cached_property
    def tags(self) -> list[tuple[list[str], list[str]]]:
        """Gold and predicted tags of each test query."""
        return [comparable_tags(d, f) for d, f in zip(self.test, self.found, strict=True)]

    @cached_property
    def natural_tags(self) -> list[tuple[list[str], list[str]]]:
        """Gold and predicted tags of each query as it was written."""
        return [comparable_tags(d, self.found_in_natural[n]) for n, d in self.natural.items()]


def compare(outcomes: dict[str, list[Outcome]]) -> dict[str, Any]:
    """Score each system, and the first against the others.

    outcomes (dict[str, list[Outcome]]): The runs of each system.
    RETURNS (dict[str, Any]): By system the scores of LEVELS, pooled over the folds of a seed, with
        mean and standard deviation over seeds; the differences of macro F1, with intervals; the
        scores of the confidences, by system and way; how the pipelines fare when they are made
        fast, and with other names in their catalogue.
    """
    systems = {name: summarize(runs) for name, runs in outcomes.items()}
    first, *others = outcomes
    differences = {name: difference(outcomes[first], outcomes[name]) for name in others}
    confidence = {
        f"{name}, {way}": spread
        for name, runs in outcomes.items()
        for way, spread in score_confidences(runs).items()
    }
    return {
        "systems": systems,
        "first": first,
        "differences": differences,
        "confidence": confidence,
        "fast": {
            name: score_fast(runs)
            for name, runs in outcomes.items()
            if have_found(runs, CALIBRATED, FAST)
        },
        "catalogue": {
            name: score_catalogues(runs)
            for name, runs in outcomes.items()
            if have_found(runs, CALIBRATED, NO_NAMES)
        },
    }


def score_fast(runs: list[Outcome]) -> dict[str, dict[str, Any]]:
    """Compare a pipeline with itself made fast, pooled over the folds of a seed.

    runs (list[Outcome]): The runs of the pipeline, in which both ways found entities.
    RETURNS (dict[str, dict[str, Any]]): FAST_SCORES with mean and standard deviation over seeds:
        micro F1 and calibration error of both, and the share of queries in which they find the same
        entities.
    """
    rows = []
    for pooled in by_seed_of(runs).values():
        stock, fast = (found_by(pooled, way) for way in (CALIBRATED, FAST))
        row = {}
        for name, ones in (("stock", stock), ("fast", fast)):
            row[f"micro F1, {name}"] = _strict(ones)["micro"]
        for name, way in (("stock", CALIBRATED), ("fast", FAST)):
            row[f"calibration error, {name}"] = score_confidence(pooled, way)["ece"]
        same = [
            spans == others
            for one, other in zip(stock, fast, strict=True)
            for spans, others in zip(one.found, other.found, strict=True)
        ]
        row["same entities"] = sum(same) / len(same)
        rows.append(row)
    return _spreads(FAST_SCORES, rows)


def score_catalogues(runs: list[Outcome]) -> dict[str, Any]:
    """Compare a pipeline with itself by what names its catalogue has, pooled over a seed's folds.

    runs (list[Outcome]): The runs of the pipeline.
    RETURNS (dict[str, Any]): `by names` CATALOGUE_SCORES with mean and standard deviation over
        seeds, that of new entities only if there are some; `differences` of macro F1 from that
        without names, with intervals; and how many `new entities` there are.
    """
    ways = {names: way for names, way in CATALOGUES.items() if have_found(runs, way)}
    without = found_by(runs, NO_NAMES)
    by_seed = by_seed_of(runs).values()
    n_new = sum(len(spans) for run in runs for spans in run.new)
    columns = [score for score in CATALOGUE_SCORES if n_new or score != NEW_RECALL]
    return {
        "by names": {
            names: _spreads(columns, [_catalogue_scores(pooled, way) for pooled in by_seed])
            for names, way in ways.items()
        },
        "differences": {
            names: difference(found_by(runs, way), without)
            for names, way in ways.items()
            if way != NO_NAMES
        },
        "new entities": n_new,
    }


def _catalogue_scores(runs: list[Outcome], way: str) -> dict[str, float]:
    found = found_by(runs, way)
    are_found = [
        span in spans
        for run in found
        for new_spans, spans in zip(run.new, run.found, strict=True)
        for span in new_spans
    ]
    return {
        **_strict(found),
        NEW_RECALL: sum(are_found) / max(len(are_found), 1),
        "calibration error": score_confidence(runs, way)["ece"],
    }


def have_found(runs: list[Outcome], *ways: str) -> bool:
    """RETURNS (bool): Whether each of the runs has found entities in each of the ways."""
    return all(any(run.scored.get(way, ())) for run in runs for way in ways)


def found_by(runs: list[Outcome], way: str) -> list[Outcome]:
    """RETURNS (list[Outcome]): The runs as if they had found what they found in one way."""
    return [
        replace(run, found=[[span[:3] for span in spans] for spans in run.scored[way]])
        for run in runs
    ]


def by_seed_of(runs: list[Outcome]) -> dict[int, list[Outcome]]:
    """RETURNS (dict[int, list[Outcome]]): The runs of each seed."""
    by_seed: dict[int, list[Outcome]] = defaultdict(list)
    for run in runs:
        by_seed[run.seed].append(run)
    return by_seed


def score_confidences(runs: list[Outcome]) -> dict[str, dict[str, Any]]:
    """Score the confidences of one system, pooled over the folds of a seed.

    runs (list[Outcome]): The runs of the system.
    RETURNS (dict[str, dict[str, Any]]): CALIBRATION_SCORES with mean and standard deviation over
        seeds, by the ways in which all of its runs give confidences.
    """
    ways = [way for way in runs[0].scored if all(way in run.scored for run in runs)]
    scores = {}
    for way in ways:
        results = [score_confidence(pooled, way) for pooled in by_seed_of(runs).values()]
        if all(result.get("auroc") is not None for result in results):
            scores[way] = _spreads(CALIBRATION_SCORES, results)
    return scores


def score_confidence(runs: list[Outcome], way: str) -> dict[str, Any]:
    """Score the confidences that runs give in one way, pooled.

    runs (list[Outcome]): The runs.
    way (str): The way.
    RETURNS (dict[str, Any]): See `reliability`.
    """
    return score_entities(
        (doc for run in runs for doc in run.test),
        (spans for run in runs for spans in run.scored[way]),
    )


def summarize(runs: list[Outcome]) -> dict[str, Any]:
    """Average the scores of one system over its seeds."""
    by_seed = by_seed_of(runs)
    summary: dict[str, Any] = {
        "learning_rates": sorted({run.learning_rate for run in runs if run.learning_rate}),
        "seconds": statistics.mean(run.seconds for run in runs),
    }
    for title, (columns, score) in LEVELS.items():
        values = [score(pooled) for pooled in by_seed.values()]
        if all(values):
            summary[title] = _spreads(columns, values)
    summary["natural_queries"] = sum(len(run.natural) for run in next(iter(by_seed.values())))
    summary["By fold (macro F1)"] = {
        fold: _spread([_scores(run.tags)["macro"] for run in runs if run.fold == fold])
        for fold in dict.fromkeys(run.fold for run in runs)
    }
    return summary


def _spread(values: list[float]) -> dict[str, Any]:
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.mean(values), "sd": sd, "values": values}


def _spreads(keys: Iterable[str], rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: _spread([row[key] for row in rows]) for key in keys}


def _scores(tags: Iterable[tuple[list[str], list[str]]]) -> dict[str, float]:
    gold, predicted = zip(*tags, strict=True)
    scores = report(gold, predicted)
    return {
        "micro": scores["micro avg"]["f1-score"],
        "macro": scores["macro avg"]["f1-score"],
        **{label: scores.get(label, {}).get("f1-score", 0.0) for label in LABELS},
        "precision": scores["micro avg"]["precision"],
        "recall": scores["micro avg"]["recall"],
    }


def _strict(runs: list[Outcome]) -> dict[str, float]:
    return _scores(tags for run in runs for tags in run.tags)


def _by_scheme(runs: list[Outcome]) -> dict[str, float]:
    gold, predicted = zip(*(tags for run in runs for tags in run.tags), strict=True)
    evaluator = Evaluator(list(gold), list(predicted), tags=list(LABELS), loader="list")
    _, by_label, *_ = evaluator.evaluate()
    return {
        scheme: statistics.mean(by_label[label][scheme]["f1"] for label in LABELS)
        for scheme in SCHEMES
    }


def _by_surface(runs: list[Outcome]) -> dict[str, float]:
    return {"seen": _surface_f1(runs, True), "unseen": _surface_f1(runs, False)}


def _surface_f1(runs: list[Outcome], seen: bool) -> float:
    right = total = 0
    for run in runs:
        for doc, found in zip(run.test, run.found, strict=True):
            truth, guess = (
                {s for s in spans if (query_key(doc.text[s[0] : s[1]]) in run.train) == seen}
                for spans in (entity_spans(doc), found)
            )
            right += len(truth & guess)
            total += len(truth) + len(guess)
    return 2 * right / total if total else 0.0


def _by_writing(runs: list[Outcome]) -> dict[str, float]:
    written = [tags for run in runs for tags in run.natural_tags]
    if not written:
        return {}
    same = [tags for run in runs for n, tags in enumerate(run.tags) if n in run.natural]
    return {"preprocessed": _scores(same)["macro"], "natural": _scores(written)["macro"]}


LEVELS = {
    "Strict": (STRICT_SCORES, _strict),
    "Macro F1 by nervaluate's scheme": (SCHEMES, _by_scheme),
    "Micro F1 on entities by whether train holds their surface form": (
        ("seen", "unseen"),
        _by_surface,
    ),
    "Macro F1 on the same queries, preprocessed and as they were written": (
        ("preprocessed", "natural"),
        _by_writing,
    ),
}
"""Titles of the tables, with their columns and what scores the pooled runs of one seed."""


def difference(runs: list[Outcome], others: list[Outcome], resamples: int = 1000) -> dict[str, Any]:
    """Estimate by how much one system's macro F1 exceeds another's.

    runs (list[Outcome]): The runs of the one system.
    others (list[Outcome]): The runs of the other, on the same folds and seeds.
    resamples (int): How many samples of the queries are drawn, with replacement.
    RETURNS (dict[str, Any]): The `mean` difference over seeds, and the 95 % percentile bootstrap
        `interval` over queries.
    """
    ours, theirs = _counts(runs), _counts(others)
    both = np.concatenate([ours, theirs], axis=1)  # queries x (2 systems x labels x 2)

    def macro_difference(sample: np.ndarray) -> float:
        right, total = sample.sum(axis=0).reshape(2, len(LABELS), 2).transpose(2, 0, 1)
        one, other = (2 * right / np.maximum(total, 1)).mean(axis=1)
        return one - other

    indices = np.arange(len(both))
    interval = bootstrap(
        (indices,),
        lambda drawn: macro_difference(both[drawn]),
        vectorized=False,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return {
        "mean": float(macro_difference(both)),
        "interval": [float(interval.low), float(interval.high)],
    }


def _counts(runs: list[Outcome]) -> np.ndarray:
    """Entities right, and in gold or found, by query and label, summed over seeds."""
    counts: dict[tuple[str, int], np.ndarray] = defaultdict(lambda: np.zeros((len(LABELS), 2)))
    for run in runs:
        for number, (gold, predicted) in enumerate(run.tags):
            truth, found = set(get_entities(gold)), set(get_entities(predicted))
            for i, label in enumerate(LABELS):
                one, other = ({e for e in side if e[0] == label} for side in (truth, found))
                counts[run.fold, number] += np.eye(len(LABELS))[:, [i]] * [
                    len(one & other),
                    len(one) + len(other),
                ]
    return np.array([counts[key].ravel() for key in sorted(counts)])
