"""Convert annotated queries (CSV and BIO) to the DocBin corpora that spaCy trains on."""

from collections import Counter
from pathlib import Path

import spacy
import srsly
import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.corpora import SPLITS, convert, to_docbin
from music_ner.files import UnreadableFileError, written_whole
from music_ner.pipeline.labels import LABELS


def show(summary: dict, rejected: list[dict], rejected_path: Path) -> None:
    """Print the counts of each file and split."""
    counts: Counter = Counter()
    for kind in ("csv", "bio", "train_bio", "test_bio"):
        for path, reading in summary[kind].items():
            msg.info(f"{path}: " + ", ".join(f"{n} {name}" for name, n in reading.items()))
            counts.update(reading)
    for annotator, score in summary["agreement"].items():
        msg.info(f"{annotator} against gold: F1 {score['f1']:.3f} on {score['queries']} queries")
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
    made = ", ".join(f"{counts[name]} {name}" for name in ("trimmed", "grown", "repaired"))
    msg.info(f"Spans and tags: {made}, {counts['duplicates']} duplicates")
    if rejected:
        msg.warn(f"{len(rejected)} rejected: {rejected_path} lists them with the reasons")


def check_labels(splits: dict[str, dict[str, int]]) -> None:
    """End the command if dev or test lacks a label that is trained.

    splits (dict[str, dict[str, int]]): The number of entities of each label, by split.
    """
    labels = [label for label in LABELS if splits["train"][label]]
    if not labels:
        msg.fail("train has no entities", f"Annotate queries with {' and '.join(LABELS)}.", exits=1)
    lacking = [
        f"{name} has no {label}"
        for name in ("dev", "test")
        for label in labels
        if not splits[name][label]
    ]
    if lacking:
        msg.fail(
            f"{', '.join(lacking)}, but train has",
            "Annotate more: at least 20 queries with each label, in one file of vars.csv or "
            "vars.bio. If vars.test_bio is set, it needs each label too.",
            exits=1,
        )


def main(
    sources_path: Path = typer.Argument(..., help="JSON file written by sources", exists=True),
    corpus: Path = typer.Argument(..., help="Folder for the corpora"),
    seed: int = typer.Option(0, help="Seed of the split"),
) -> None:
    """Convert annotated queries to train.spacy, dev.spacy and test.spacy."""
    sources = srsly.read_json(sources_path)
    del sources["catalogue"]  # names, not queries
    paths = {kind: [Path(file["path"]) for file in files] for kind, files in sources.items()}
    make_doc = spacy.blank("en").make_doc
    try:
        docs, summary, rejected = convert(**paths, seed=seed, make_doc=make_doc)
    except UnreadableFileError as error:
        msg.fail(*error.args, exits=1)
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
    check_labels(summary["splits"])
    for name in SPLITS:
        with written_whole(corpus / f"{name}.spacy") as path:
            to_docbin(docs[name]).to_disk(path)
    with written_whole(corpus / "summary.json") as path:
        srsly.write_json(path, {**summary, "data": sources})
    show(summary, rejected, rejected_path)
    msg.good(f"Corpora in {corpus}")


if __name__ == "__main__":
    run_command(main)
