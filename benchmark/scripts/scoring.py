"""Scores of predictions, pooled over folds. A row of a table is one query."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from seqeval.metrics.sequence_labeling import get_entities
from spacy.tokens import Doc

from music_ner.data.writings import query_key
from music_ner.evaluation.reliability import score_entities
from music_ner.evaluation.scores import comparable_tags, entity_spans, f1_interval, report
from music_ner.pipeline.catalogue.names import to_name
from music_ner.pipeline.labels import LABELS

from .data import as_written
from .systems import AS_TRAINED, Prediction
from .trials import Trial, predict

AS_WRITTEN = "as written"

CONFIDENCE = {"ece": "calibration error", "brier": "Brier score", "auroc": "AUROC"}
Score = Callable[[pd.DataFrame], dict[str, float]]


def query_rows(
    gold: Iterable[Doc], found: Iterable[list[Prediction]], **columns: Any
) -> pd.DataFrame:
    """Put gold and predicted entities next to each other.

    gold (Iterable[Doc]): Queries with their gold entities.
    found (Iterable[list[Prediction]]): The entities that were predicted in each.
    **columns (Any): Columns with the same value in each row, such as the `system`.
    RETURNS (pd.DataFrame): A row for each query: its number as `query`; `doc` and `found`; the
        BIO tags of its words by `gold` and by prediction (`predicted`); the other columns.
    """
    rows = []
    for number, (doc, entities) in enumerate(zip(gold, found, strict=True)):
        tags, predicted = comparable_tags(doc, [entity[:3] for entity in entities])
        row = {"query": number, "doc": doc, "found": entities, "gold": tags, "predicted": predicted}
        rows.append({**columns, **row})
    return pd.DataFrame(rows)


def trial_rows(trial: Trial) -> pd.DataFrame:
    """Make the rows of a trial.

    trial (Trial): A finished trial.
    RETURNS (pd.DataFrame): See `query_rows`; with `system`, `variant`, `fold`, `seed`, and the
        surface forms of train's entities (see `query_key`) as `trained`. Queries as they were
        written, where they are known, have the variant AS_WRITTEN and the number of the
        preprocessed query.
    """
    trained = frozenset(query_key(ent.text) for doc in trial.splits["train"] for ent in doc.ents)
    columns = {
        "system": trial.system.name,
        "fold": trial.fold.name,
        "seed": trial.seed,
        "trained": trained,
    }
    test = trial.splits["test"]
    frames = [
        query_rows(test, found, variant=variant, **columns)
        for variant, found in trial.predictions.items()
    ]
    if docs := as_written(test, trial.fold.test):
        texts = [doc.text for doc in docs.values()]
        found = predict(trial, trial.system.variants[AS_TRAINED], texts, AS_WRITTEN)
        rows = query_rows(docs.values(), found, variant=AS_WRITTEN, **columns)
        frames.append(rows.assign(query=[*docs]))
    return pd.concat(frames)


def strict(rows: pd.DataFrame) -> dict[str, float]:
    """Score whole entities with seqeval.

    rows (pd.DataFrame): See `query_rows`.
    RETURNS (dict[str, float]): F1 as `micro` and `macro` average and by label; micro `precision`
        and `recall`.
    """
    scores = report([*rows["gold"]], [*rows["predicted"]])
    return {
        "micro": scores["micro avg"]["f1-score"],
        "macro": scores["macro avg"]["f1-score"],
        **{label: scores.get(label, {}).get("f1-score", 0.0) for label in LABELS},
        "precision": scores["micro avg"]["precision"],
        "recall": scores["micro avg"]["recall"],
    }


def by_surface_form(rows: pd.DataFrame) -> dict[str, float]:
    """Score the entities that train holds apart from the others.

    rows (pd.DataFrame): See `trial_rows`.
    RETURNS (dict[str, float]): Micro F1 of the entities whose surface form train holds (`seen`),
        and of the others (`unseen`).
    """
    counts = {"seen": [0, 0], "unseen": [0, 0]}
    for row in rows.itertuples():
        for name, count in counts.items():
            gold, found = (
                {
                    span[:3]
                    for span in spans
                    if (query_key(row.doc.text[slice(*span[:2])]) in row.trained)
                    == (name == "seen")
                }
                for spans in (entity_spans(row.doc), row.found)
            )
            count[0] += 2 * len(gold & found)
            count[1] += len(gold) + len(found)
    return {name: right / max(total, 1) for name, (right, total) in counts.items()}


def by_writing(rows: pd.DataFrame) -> dict[str, float]:
    """Compare preprocessed queries with the same queries as they were written.

    rows (pd.DataFrame): See `trial_rows`.
    RETURNS (dict[str, float]): Macro F1 on both.
    """
    written = rows[rows["variant"] == AS_WRITTEN]
    same = rows[rows["variant"] == AS_TRAINED].merge(written[["fold", "seed", "query"]])
    return {"preprocessed": strict(same)["macro"], AS_WRITTEN: strict(written)["macro"]}


def confidence(rows: pd.DataFrame) -> dict[str, float]:
    """Score confidences.

    rows (pd.DataFrame): See `query_rows`; each predicted entity has a confidence.
    RETURNS (dict[str, float]): Calibration error, Brier score and AUROC; NaN where there are not
        both right and wrong entities.
    """
    scores = score_entities(rows["doc"], rows["found"])
    values = {title: scores.get(key) for key, title in CONFIDENCE.items()}
    return {title: np.nan if value is None else value for title, value in values.items()}


def recall_of(names: set[tuple[str, str]], rows: pd.DataFrame) -> float:
    """Score the entities whose name is in a list and in no training query.

    names (set[tuple[str, str]]): Label and key of each name (see `to_name`).
    rows (pd.DataFrame): See `trial_rows`.
    RETURNS (float): The share of these entities that was found; NaN if there are none.
    """
    found = [
        (ent.start_char, ent.end_char, ent.label_) in {entity[:3] for entity in row.found}
        for row in rows.itertuples()
        for ent in row.doc.ents
        if (ent.label_, to_name(ent.text).key) in names and query_key(ent.text) not in row.trained
    ]
    return sum(found) / len(found) if found else np.nan


def has_confidences(rows: pd.DataFrame) -> bool:
    """RETURNS (bool): Whether there are predicted entities, and all have a confidence."""
    confidences = [entity[3] for entities in rows["found"] for entity in entities]
    return bool(confidences) and None not in confidences


def micro_interval(rows: pd.DataFrame, seed: int = 0) -> tuple[float, float]:
    """RETURNS (tuple[float, float]): The 95 % bootstrap interval of micro F1 over queries."""
    low, high = f1_interval([*rows["gold"]], [*rows["predicted"]], seed)
    return low, high


def macro_difference(
    ours: pd.DataFrame, theirs: pd.DataFrame, resamples: int = 1000
) -> tuple[float, float, float]:
    """Estimate by how much one system's macro F1 exceeds another's.

    ours (pd.DataFrame): The rows of the one system; see `trial_rows`.
    theirs (pd.DataFrame): The rows of the other, on the same folds and seeds.
    resamples (int): How many samples of the queries are drawn, with replacement.
    RETURNS (tuple[float, float, float]): The difference with all seeds pooled, and the lower and
        upper bound of its 95 % percentile bootstrap interval over queries.
    """
    counts = np.stack([_counts(ours), _counts(theirs)])  # system x query x label x (right, total)

    def difference(queries: np.ndarray) -> float:
        right, total = np.moveaxis(counts[:, queries].sum(axis=1), -1, 0)
        one, other = (2 * right / np.maximum(total, 1)).mean(axis=1)
        return one - other

    queries = np.arange(counts.shape[1])
    interval = bootstrap(
        (queries,),
        difference,
        vectorized=False,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(difference(queries)), float(interval.low), float(interval.high)


def _counts(rows: pd.DataFrame) -> np.ndarray:
    """Entities that are right, and entities in gold or found, by query and label; seeds summed."""
    counted = []
    for row in rows.itertuples():
        gold, found = set(get_entities(row.gold)), set(get_entities(row.predicted))
        for label in LABELS:
            ours, theirs = ({e for e in side if e[0] == label} for side in (gold, found))
            counted.append(
                (row.fold, row.query, label, len(ours & theirs), len(ours) + len(theirs))
            )
    frame = pd.DataFrame(counted, columns=["fold", "query", "label", "right", "total"])
    summed = frame.groupby(["fold", "query", "label"])[["right", "total"]].sum()
    return summed.to_numpy().reshape(-1, len(LABELS), 2)


def spread(rows: pd.DataFrame, score: Score, by: str, over: str = "seed") -> pd.DataFrame:
    """Score groups of rows, and give the mean and the standard deviation.

    rows (pd.DataFrame): See `trial_rows`.
    score (Score): Scores some of the rows.
    by (str): The column that names the rows of the table.
    over (str): The column that the mean is taken over. The rows that share its value are pooled.
    RETURNS (pd.DataFrame): By the values of `by`, the scores as text: `0.765 ± 0.006`, or only the
        mean if there is a single value.
    """
    groups = rows.groupby([by, over], sort=False)
    scores = pd.DataFrame({key: score(group) for key, group in groups}).T
    scores.index.names = [by, over]
    by_row = scores.groupby(by, sort=False)
    means, deviations = by_row.mean(), by_row.std()
    return means.map("{:.3f}".format).mask(means.isna(), "") + deviations.map(
        " ± {:.3f}".format
    ).mask(deviations.isna(), "")
