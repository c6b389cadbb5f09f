"""The pipeline and others on several files of queries, each file tested in turn."""

from functools import partial
from pathlib import Path

import pandas as pd
import srsly
import typer

from music_ner.command import run_command
from music_ner.data.sources import paths_of
from music_ner.evaluation.reliability import draw_reliability, score_entities
from music_ner.files import written_whole

from .changes import Name, changes, unknown_names
from .data import check_files, make_folds, reported
from .inputs import read_inputs
from .reporting import provenance, write_report
from .scoring import (
    AS_WRITTEN,
    by_surface_form,
    by_writing,
    confidence,
    has_confidences,
    macro_difference,
    recall_of,
    spread,
    strict,
    trial_rows,
)
from .systems import AS_TRAINED, OURS, TUNED_RATES, pipeline, token_classification
from .trials import run_trial


@reported()
def main(
    root: Path = typer.Argument(..., help="Folder of the root project", exists=True),
    runs: Path = typer.Argument(..., help="Folder of finished trials"),
    output: Path = typer.Argument(..., help="Markdown file to write; a PNG is written next to it"),
    folds: str = typer.Option(..., help="BIO files, comma-separated: each is tested in turn"),
    train_bio: str = typer.Option("", help="BIO files that only the pipeline is trained on too"),
    new_names: str = typer.Option("", help="CSV files of names to add after training"),
    settings: Path = typer.Option(None, help="JSON: compare these settings, on inner folds"),
    seeds: int = typer.Option(3, min=1, help="How many seeds, counted from 0"),
) -> None:
    """Compare the pipeline with token classification, or with itself in other settings."""
    files, supplement, name_files = (paths_of(paths) for paths in (folds, train_bio, new_names))
    check_files([*supplement, *name_files])
    inputs = read_inputs(root)
    systems = [pipeline(OURS, inputs, changes=changes(name_files), supplement=supplement)]
    if settings:
        systems += [
            pipeline(name, inputs, settings=values, supplement=supplement)
            for name, values in srsly.read_json(settings).items()
        ]
    else:
        systems.append(token_classification("token classification", inputs, TUNED_RATES))
    rows = pd.concat(
        trial_rows(run_trial(system, fold, inputs, seed, runs))
        for seed in range(seeds)
        for fold in make_folds(files, inner=settings is not None)
        for system in systems
    )
    trained = rows[rows["variant"] == AS_TRAINED]
    changed = rows[(rows["system"] == OURS) & (rows["variant"] != AS_WRITTEN)]
    named = rows.assign(name=rows["system"] + ", " + rows["variant"])
    confident = named.groupby("name", sort=False).filter(has_confidences)
    score_change = partial(
        change_scores, original=trained, new=unknown_names(name_files, inputs.names)
    )
    parts = {
        "Strict F1 by system": [
            spread(trained, strict, by="system"),
            differences(trained, "system"),
        ],
        "Macro F1 by fold": [spread(trained, macro_by_fold, by="system")],
        "Micro F1 of entities whose surface form train holds, and of the others": [
            spread(trained, by_surface_form, by="system")
        ],
        "The trained pipeline, changed": [
            spread(changed, score_change, by="variant"),
            differences(changed, "variant"),
        ],
        "Confidence of the entities found": [spread(confident, confidence, by="name")],
    }
    if AS_WRITTEN in {*rows["variant"]}:
        title = "Macro F1 of the same queries, preprocessed and as they were written"
        parts[title] = [spread(rows, by_writing, by="system")]
    with written_whole(output.with_suffix(".png")) as path:
        groups = confident.groupby("name", sort=False)
        draw_reliability({name: score_entities(g["doc"], g["found"]) for name, g in groups}, path)
    note = (
        "Folds are pooled; mean and standard deviation over seeds. Differences of macro F1 are the "
        "first row minus the row, with a 95 % bootstrap interval over queries."
    )
    write_report(
        output,
        [note, provenance(inputs, [*files, *supplement, *inputs.names, *name_files], range(seeds))],
        parts,
    )


def macro_by_fold(rows: pd.DataFrame) -> dict[str, float]:
    """RETURNS (dict[str, float]): Macro F1 by the name of the fold."""
    return {fold: strict(of_fold)["macro"] for fold, of_fold in rows.groupby("fold", sort=False)}


def change_scores(rows: pd.DataFrame, original: pd.DataFrame, new: set[Name]) -> dict[str, float]:
    """Score a changed pipeline.

    rows (pd.DataFrame): The rows of one change and one seed (see `trial_rows`).
    original (pd.DataFrame): The rows of the pipelines as they were trained.
    new (set[Name]): Names that training did not have.
    RETURNS (dict[str, float]): Strict scores; the share of queries with the same entities as
        before the change; calibration error; and the recall of entities with new names.
    """
    keys = ["system", "fold", "seed", "query"]
    both = rows.merge(original, on=keys, suffixes=("", "_before"))
    same = [
        [entity[:3] for entity in row.found] == [entity[:3] for entity in row.found_before]
        for row in both.itertuples()
    ]
    return {
        **strict(rows),
        "same entities": sum(same) / len(same),
        "calibration error": confidence(rows)["calibration error"],
        **({"recall of new names": recall_of(new, rows)} if new else {}),
    }


def differences(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """RETURNS (pd.DataFrame): The macro F1 of the first group minus that of the others."""
    first, *others = (group for _, group in rows.groupby(by, sort=False))
    found = {other[by].iloc[0]: macro_difference(first, other) for other in others}
    texts = {
        name: {"difference": f"{mean:+.3f}", "interval": f"{low:+.3f} to {high:+.3f}"}
        for name, (mean, low, high) in found.items()
    }
    return pd.DataFrame(texts).T.rename_axis(by)


if __name__ == "__main__":
    run_command(main)
