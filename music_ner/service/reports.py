"""What the page shows of the files that `evaluate` writes."""

from pathlib import Path
from typing import Any

from music_ner.data.query import source_of
from music_ner.evaluation.comparison import compare, differ, pairs_of
from music_ner.evaluation.kept import evaluations, read

SEED = 0


def listed(folder: Path) -> list[dict[str, Any]]:
    """List the evaluations.

    folder (Path): Where `evaluate` writes to.
    RETURNS (list[dict[str, Any]]): The `name`, `package`, `version`, `time`, number of `queries`
        and `micro_f1` of each, the latest first.
    """
    return [_summary(name, read(path)[0]) for name, path in reversed(evaluations(folder).items())]


def _summary(name: str, scores: dict[str, Any]) -> dict[str, Any]:
    test = scores["test"]
    return {
        "name": name,
        "package": name.rpartition(f"-{scores['model']['version']}-")[0],
        "version": scores["model"]["version"],
        "time": scores["time"],
        "queries": test["queries"],
        "micro_f1": test["default"]["micro avg"]["f1-score"],
    }


def evaluation(folder: Path, name: str) -> dict[str, Any]:
    """Give an evaluation.

    folder (Path): Where `evaluate` writes to.
    name (str): Its name.
    RETURNS (dict[str, Any]): The `evaluation` as in `listed`; the `queries` (see
        `predictions.row_of`), each with its `source`; and the `errors` (see `scores.errors`).
    RAISES (KeyError): If there is none of this name.
    """
    scores, rows = read(evaluations(folder)[name])
    return {
        "evaluation": _summary(name, scores),
        "queries": [{**row, "source": source_of(row["id"])} for row in rows],
        "errors": scores["test"]["errors"],
    }


def comparison(folder: Path, first: str, second: str) -> dict[str, Any]:
    """Compare two evaluations.

    folder (Path): Where `evaluate` writes to.
    first (str): The name of one.
    second (str): The name of the other.
    RETURNS (dict[str, Any]): The `scores` (see `comparison.compare`), the number of `queries` and
        of those that only one has (`alone`), and the queries that `differ`, each with `id`, `text`
        and the entities in `gold`, `first` and `second`.
    RAISES (KeyError): If there is none of such a name.
    RAISES (DifferentQueriesError): If they have no query in common.
    """
    found = evaluations(folder)
    pairs, alone = pairs_of(*(read(found[name])[1] for name in (first, second)))
    return {
        "scores": compare(pairs, SEED),
        "queries": len(pairs),
        "alone": alone,
        "differ": [
            {
                "id": one["id"],
                "text": one["text"],
                "gold": [{**entity, "kind": None} for entity in one["gold"]],
                "first": one["predicted"],
                "second": other["predicted"],
            }
            for one, other in filter(differ, pairs)
        ],
    }
