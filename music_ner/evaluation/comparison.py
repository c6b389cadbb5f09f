"""Two pipelines on the same queries: scores by kind, and where they differ."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from music_ner.data.query import source_of
from music_ner.evaluation.kept import Row

ALL = "all"
RESAMPLES = 1_000
Pairs = Sequence[tuple[Row, Row]]


class DifferentQueriesError(ValueError):
    """Two evaluations without a query in common."""


def pairs_of(first: Iterable[Row], second: Iterable[Row]) -> tuple[list[tuple[Row, Row]], int]:
    """Put together what two pipelines predict for the same query.

    first (Iterable[Row]): The rows of one pipeline (see `row_of`).
    second (Iterable[Row]): The rows of the other.
    RETURNS (tuple[list[tuple[Row, Row]], int]): The pairs, and the number of queries that only one
        of the two has.
    RAISES (DifferentQueriesError): If there is no pair.
    """
    by_query = {_query_of(row): row for row in second}
    first = list(first)
    pairs = [(row, by_query[query]) for row in first if (query := _query_of(row)) in by_query]
    if not pairs:
        raise DifferentQueriesError("The two evaluations have no query in common.")
    return pairs, len(first) + len(by_query) - 2 * len(pairs)


def _query_of(row: Row) -> tuple:
    gold = tuple((entity["start"], entity["end"], entity["label"]) for entity in row["gold"])
    return row["id"], row["text"], gold


def differ(pair: tuple[Row, Row]) -> bool:
    """RETURNS (bool): Whether two pipelines predict other entities for a query."""
    first, second = ([(e["start"], e["end"], e["label"]) for e in row["predicted"]] for row in pair)
    return first != second


def compare(pairs: Pairs, seed: int) -> list[dict[str, Any]]:
    """Score two pipelines on the same queries.

    pairs (Pairs): See `pairs_of`.
    seed (int): Seed of the bootstrap.
    RETURNS (list[dict[str, Any]]): A row for all queries, for each label and for each source: its
        `name`, the number of `queries` and of gold `entities`, micro F1 of both (`first`,
        `second`), the `difference`, and the `low` and `high` end of its 95 % percentile bootstrap
        interval, paired over queries. The interval is None where there are fewer than two queries.
    """
    labels = sorted({e["label"] for rows in pairs for row in rows for e in _judged(row)})
    sources = sorted({source_of(first["id"]) for first, _ in pairs})
    groups: list[tuple[str, Pairs, Callable[[dict[str, Any]], bool]]] = [(ALL, pairs, _is_any)]
    groups += [(label, pairs, lambda e, label=label: e["label"] == label) for label in labels]
    if len(sources) > 1:
        groups += [
            (source, [pair for pair in pairs if source_of(pair[0]["id"]) == source], _is_any)
            for source in sources
        ]
    return [
        {"name": name, **_scores(np.array([_counts(pair, counts) for pair in of_group]), seed)}
        for name, of_group, counts in groups
    ]


def _is_any(_: dict[str, Any]) -> bool:
    return True


def _judged(row: Row) -> list[dict[str, Any]]:
    return [e for side in ("gold", "predicted") for e in row[side] if e["kind"] is not None]


def _counts(pair: tuple[Row, Row], counts: Callable[[dict[str, Any]], bool]) -> list[int]:
    """RETURNS (list[int]): The gold entities of a query; then for each pipeline those that are
    right, and the gold and predicted ones together."""
    found = [[e for e in _judged(row) if counts(e)] for row in pair]
    gold = sum(e["kind"] is not None and counts(e) for e in pair[0]["gold"])
    right = [sum(e["kind"] == "right" and counts(e) for e in row["gold"]) for row in pair]
    return [gold, right[0], len(found[0]), right[1], len(found[1])]


def _f1(sums: np.ndarray) -> np.ndarray:
    """RETURNS (np.ndarray): F1 of each pipeline, from sums over queries."""
    return 2 * sums[..., [0, 2]] / np.maximum(sums[..., [1, 3]], 1)


def _scores(counts: np.ndarray, seed: int) -> dict[str, Any]:
    entities, columns = counts[:, 0].sum(), counts[:, 1:]
    first, second = _f1(columns.sum(axis=0)).tolist()
    low = high = None
    if (n := len(counts)) > 1:
        # How often each query is in a sample of n queries that is drawn with replacement.
        times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
        differences = np.diff(_f1(times @ columns))
        low, high = np.quantile(differences, [0.025, 0.975]).tolist()
    return {
        "queries": n,
        "entities": int(entities),
        "first": first,
        "second": second,
        "difference": second - first,
        "low": low,
        "high": high,
    }
