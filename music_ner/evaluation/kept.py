"""Evaluations that are kept: the scores and predictions of each pipeline that was evaluated."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import srsly

from music_ner.files import written_whole

VERSIONS = "versions"
"""Folder beside the last scores, with a folder for each pipeline."""
SCORES, PREDICTIONS = "scores.json", "predictions.jsonl"
Row = dict[str, Any]


def keep(folder: Path, name: str, scores: dict[str, Any], rows: Iterable[Row]) -> None:
    """Write the scores and predictions of an evaluation beside those of earlier pipelines.

    folder (Path): Where the scores of the last evaluation are.
    name (str): What to call this one. Another evaluation of the same name is replaced.
    scores (dict[str, Any]): The scores.
    rows (Iterable[Row]): See `predictions.row_of`.
    """
    with written_whole(folder / VERSIONS / name) as path:
        path.mkdir()
        srsly.write_json(path / SCORES, scores)
        srsly.write_jsonl(path / PREDICTIONS, rows)


def evaluations(folder: Path) -> dict[str, Path]:
    """Find the evaluations that were kept.

    folder (Path): Where `evaluate` writes to.
    RETURNS (dict[str, Path]): Their folders by their names, the oldest first.
    """
    found = [path.parent for path in folder.glob(f"**/{VERSIONS}/*/{PREDICTIONS}")]
    dated = sorted((srsly.read_json(path / SCORES)["time"], path.name, path) for path in found)
    return {name: path for _, name, path in dated}


def read(folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """RETURNS (tuple[dict[str, Any], list[Row]]): The scores and predictions of an evaluation."""
    return srsly.read_json(folder / SCORES), list(srsly.read_jsonl(folder / PREDICTIONS))
