"""The notebook's own data in ten folds: the notebook's recipe next to this project's pipeline."""

from pathlib import Path

import pandas as pd
import typer
from sklearn.model_selection import StratifiedKFold
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.bio import read_bio, write_bio
from music_ner.data.query import Query
from music_ner.data.sources import paths_of
from music_ner.files import written_whole

from .data import Fold, check_files, reported
from .inputs import read_inputs
from .reporting import provenance, write_report
from .scoring import micro_interval, spread, strict, trial_rows
from .systems import (
    AS_TRAINED,
    NOTEBOOK_RATE,
    OURS,
    pipeline,
    token_classification,
)
from .trials import run_trial

WITH_SAMPLE = "en_music_ner, sample data too"
NOTEBOOK = "notebook"


def write_folds(queries: list[Query], n_folds: int, folder: Path) -> list[Fold]:
    """Split queries so that each is tested once, and write the folds as BIO files.

    queries (list[Query]): Queries with gold entities.
    n_folds (int): How many folds.
    folder (Path): Folder for the files.
    RETURNS (list[Fold]): The folds, stratified by the labels that the queries hold.
    """
    labels = [" ".join(sorted({span.label for span in query.spans})) for query in queries]
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    folds = []
    for number, split in enumerate(splitter.split(queries, labels)):
        paths = [folder / f"fold{number}_{name}.bio" for name in ("train", "test")]
        for path, indices in zip(paths, split, strict=True):
            with written_whole(path) as temporary:
                write_bio(temporary, [queries[index] for index in indices])
        folds.append(Fold(f"fold {number}", paths[:1], paths[1]))
    return folds


def result_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Score each system on all queries, pooled over folds and by fold.

    rows (pd.DataFrame): See `trial_rows`.
    RETURNS (pd.DataFrame): By system, the scores on all queries with the interval of micro F1, and
        mean and standard deviation of micro F1 over folds.
    """
    pooled = {}
    for system, of_system in rows.groupby("system", sort=False):
        low, high = micro_interval(of_system)
        scores = {name: f"{value:.3f}" for name, value in strict(of_system).items()}
        pooled[system] = {**scores, "micro": f"{scores['micro']} ({low:.3f} to {high:.3f})"}
    result = pd.DataFrame(pooled).T
    by_fold = spread(rows, strict, by="system", over="fold")
    return result.assign(**{"micro by fold": by_fold["micro"]}).rename_axis("system")


@reported()
def main(
    root: Path = typer.Argument(..., help="Folder of the root project", exists=True),
    runs: Path = typer.Argument(..., help="Folder of finished trials"),
    output: Path = typer.Argument(..., help="Markdown file to write"),
    cookbook: Path = typer.Option(..., help="The cookbook's BIO file"),
    train_bio: str = typer.Option("", help="BIO files for a further row: the pipeline with them"),
    n_folds: int = typer.Option(10, min=2, help="How many folds"),
    seed: int = typer.Option(0, help="Seed of training"),
) -> None:
    """Train and test on the cookbook's queries; each is tested once."""
    supplement = paths_of(train_bio)
    check_files([cookbook, *supplement])
    inputs = read_inputs(root)
    reading = read_bio(cookbook)
    for row in reading.rejected:
        msg.warn(f"{row['file']}, line {row['row']} is not used: {row['reason']}")
    systems = [
        token_classification(NOTEBOOK, inputs, (NOTEBOOK_RATE,)),
        pipeline(OURS, inputs),
    ]
    if supplement:
        systems.append(pipeline(WITH_SAMPLE, inputs, supplement=supplement))
    folds = write_folds(reading.queries, n_folds, runs / "cookbook")
    trials = [run_trial(system, fold, inputs, seed, runs) for system in systems for fold in folds]
    rows = pd.concat(map(trial_rows, trials))
    rows = rows[rows["variant"] == AS_TRAINED]
    notes = [
        f"{len(reading.queries)} queries in {n_folds} folds. Each query is tested once, by systems "
        "that are trained on the other folds. Strict scores by whitespace word. Micro F1 has its "
        "95 % bootstrap interval over queries. The last column is the mean and the standard "
        f"deviation over folds. The notebook's learning rate is {NOTEBOOK_RATE:g}, chosen for "
        "bert-base-uncased.",
        provenance(inputs, [cookbook, *supplement, *inputs.names], [seed]),
    ]
    write_report(output, notes, {"The notebook's own data": [result_table(rows)]})


if __name__ == "__main__":
    run_command(main)
