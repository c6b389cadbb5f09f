"""Convert annotated queries to the DocBin corpora that spaCy trains on."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.corpora import SPLITS, convert, to_docbin
from music_ner.data.labels import look_alikes
from music_ner.data.sources import paths_of
from music_ner.files import UnreadableFileError, written_whole
from music_ner.pipeline.labels import LABELS, RESERVED

KINDS = ("csv", "bio", "train_bio", "test_bio", "data", "train_data", "test_data")


def show(summary: dict, rejected: list[dict], rejected_path: Path) -> None:
    """Print the counts of each file and split."""
    counts: Counter = Counter()
    for kind in KINDS:
        for path, reading in summary[kind].items():
            msg.info(f"{path}: " + ", ".join(f"{n} {name}" for name, n in reading.items()))
            counts.update(reading)
    for annotator, score in summary["agreement"].items():
        msg.info(f"{annotator} against gold: F1 {score['f1']:.3f} on {score['queries']} queries")
    for pair, score in summary["agreement_of_pairs"].items():
        msg.info(f"{pair}: F1 {score['f1']:.3f} on {score['queries']} queries")
    if summary["not_joined"]:
        n_without_gold = len(summary["not_joined"])
        msg.info(f"{n_without_gold} annotated queries have no gold: the first annotator decides")
    if contradictions := summary["contradictions"]:
        n_decided = sum(row["kept"] > 0 for row in contradictions)
        msg.warn(
            f"{len(contradictions)} queries have contradictory gold: {n_decided} with a majority, "
            "which is kept"
        )
    splits = summary["splits"]
    rows = [
        (name.replace("_", " "), *(splits[split][name] for split in SPLITS))
        for name in splits["train"]
    ]
    msg.table(rows, header=("", *SPLITS), divider=True, aligns=("l", "r", "r", "r"))
    repairs = ("trimmed", "grown", "repaired", "converted")
    made = ", ".join(f"{counts[name]} {name}" for name in repairs)
    msg.info(f"Spans and tags: {made}, {counts['duplicates']} duplicates")
    entities = Counter({label: splits["train"][label] for label in summary["labels"]})
    for label, other in look_alikes(entities):
        msg.warn(
            f"The label {label} is rare, and looks like {other}",
            f"If it is the same, add --vars.labels {label}={other}.",
        )
    if rejected:
        msg.warn(f"{len(rejected)} rejected: {rejected_path} lists them with the reasons")


def check_labels(labels: list[str], splits: dict[str, dict[str, int]]) -> None:
    """End the command if dev or test lacks a label that is trained.

    labels (list[str]): The labels of the data.
    splits (dict[str, dict[str, int]]): The number of entities of each label, by split.
    """
    trained = [label for label in labels if splits["train"][label]]
    if not trained:
        names = " and ".join(LABELS)
        msg.fail("train has no entities", f"Annotate queries with {names}.", exits=1)
    if reserved := [label for label in trained if label in RESERVED]:
        fix = f"Rename it: --vars.labels {reserved[0]}=other_name."
        msg.fail(f"A label cannot be called {reserved[0]}", fix, exits=1)
    lacking = [
        f"{name} has no {label}"
        for name in ("dev", "test")
        for label in trained
        if not splits[name][label]
    ]
    if lacking:
        msg.fail(
            f"{', '.join(lacking)}, but train has",
            "Annotate more: at least 20 queries with each label, in one file of vars.csv, vars.bio "
            "or vars.data. If vars.test_bio or vars.test_data is set, it needs each label too. "
            "vars.labels leaves labels out, or maps them to others.",
            exits=1,
        )


def main(
    sources_path: Path = typer.Argument(..., help="JSON file written by sources", exists=True),
    corpus: Path = typer.Argument(..., help="Folder for the corpora"),
    seed: int = typer.Option(0, help="Seed of the split"),
    labels: Annotated[str, typer.Option(help="Labels, and mappings such as Track=WoA")] = "",
    partial: Annotated[str, typer.Option(help="Files in which not all entities are marked")] = "",
) -> None:
    """Convert annotated queries to train.spacy, dev.spacy and test.spacy."""
    sources = srsly.read_json(sources_path)
    del sources["catalogue"]  # names, not queries
    paths = {kind: [Path(file["path"]) for file in files] for kind, files in sources.items()}
    make_doc = spacy.blank("en").make_doc
    marked_in_part = paths_of(partial)
    given = {path for of_kind in paths.values() for path in of_kind}
    for path in marked_in_part:
        if path not in given:
            msg.fail(f"vars.partial: {path} is not read", "Name one of the files.", exits=1)
    try:
        docs, summary, rejected = convert(
            **paths, seed=seed, make_doc=make_doc, labels=labels, partial=marked_in_part
        )
    except UnreadableFileError as error:
        msg.fail(*error.args, exits=1)
    except ValueError as error:
        msg.fail(f"vars.labels: {error}", "See docs/formats.md, Labels.", exits=1)
    rejected_path = corpus / "rejected.jsonl"
    with written_whole(rejected_path) as path:
        srsly.write_jsonl(path, rejected)
    for name in SPLITS:
        if not docs[name]:
            msg.fail(
                f"No query is left for {name}",
                f"At least three queries are needed. {rejected_path} lists what was rejected.",
                exits=1,
            )
    check_labels(summary["labels"], summary["splits"])
    for name in SPLITS:
        with written_whole(corpus / f"{name}.spacy") as path:
            to_docbin(docs[name]).to_disk(path)
    with written_whole(corpus / "summary.json") as path:
        srsly.write_json(path, {**summary, "data": sources})
    show(summary, rejected, rejected_path)
    msg.good(f"Corpora in {corpus}")


if __name__ == "__main__":
    run_command(main)
