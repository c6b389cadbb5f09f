"""Evaluate a trained pipeline on test and dev."""

from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import spacy
import srsly
import typer
from spacy import util
from spacy.language import Language
from spacy.tokens import DocBin
from wasabi import msg
from weasel.util import get_checksum

from music_ner import provenance
from music_ner.command import run_command
from music_ner.evaluation.kept import PREDICTIONS, keep
from music_ner.evaluation.pipeline import ALL, evaluate, score
from music_ner.evaluation.predictions import row_of
from music_ner.evaluation.reliability import (
    CALIBRATION_SCORES,
    draw_precision_coverage,
    draw_reliability,
)
from music_ner.evaluation.scores import (
    ERRORS,
)
from music_ner.files import written_whole
from music_ner.gpu import MissingGpuError, use_gpu

PACKAGES = (
    "music-ner",
    "spacy",
    "spacy-transformers",
    "transformers",
    "torch",
    "thinc",
    "onnxruntime",
    "seqeval",
)
TESTED = ("csv", "bio", "data", "test_bio", "test_data")
"""The input files that test queries may be from."""


def show_confidence(result: dict[str, dict[str, Any]]) -> None:
    """Print the scores of confidences as tables."""

    rows = [
        (name, row["entities"], *(number(row.get(key)) for key in CALIBRATION_SCORES))
        for name, row in result.items()
    ]
    header = ("confidence", "entities", "calibration error", "Brier", "AUROC")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r"))
    keys = ("threshold", "precision", "recall", "kept")
    thresholds = result[ALL].get("thresholds", [])
    rows = [[number(row[key]) for key in keys] for row in thresholds]
    header = ("confidence at least", "precision", "recall", "share kept")
    msg.table(rows, header=header, divider=True, aligns=("r", "r", "r", "r"))


def number(value: float | None) -> str:
    """RETURNS (str): A score with three decimals; a dash for None."""
    return "-" if value is None else f"{value:.3f}"


def show_sources(sources: dict[str, dict[str, Any]]) -> None:
    """Print the scores of each source of queries as a table."""
    titles = {
        "micro_f1": "micro F1",
        "macro_f1": "macro F1",
        "ece": "calibration error",
        "auroc": "AUROC",
    }
    rows = [
        (name, row["queries"], row["entities"], *(number(row.get(key)) for key in titles))
        for name, row in sources.items()
    ]
    header = ("source", "queries", "entities", *titles.values())
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrrr"))


def show(name: str, result: dict[str, Any]) -> None:
    """Print the scores of one split as tables."""
    msg.divider(f"{name}: {result['queries']} queries")
    rows = [
        (label, *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1-score")), row["support"])
        for label, row in result["default"].items()
    ]
    header = ("", "precision", "recall", "F1", "support")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r"))
    low, high = result["f1_interval"]
    strict = result["strict"]["micro avg"]["f1-score"]
    msg.text(
        f"micro F1, 95 % interval: {low:.3f} to {high:.3f}; strict IOB2: {strict:.3f}; "
        f"token accuracy: {result['token_accuracy']:.3f}"
    )
    rows = [(label, *counts.values()) for label, counts in result["errors"].items()]
    aligns = ("l", *("r" for _ in ERRORS))
    msg.table(rows, header=("", *ERRORS), divider=True, aligns=aligns)
    show_sources(result["sources"])
    if "confidence" in result:
        show_confidence(result["confidence"])


def load_ready_made(name: str, sources: dict[str, list[dict[str, str]]]) -> Language | None:
    """Load the pipeline to compare with, if it is there and the comparison is fair.

    name (str): An installed package, or a folder.
    sources (dict[str, list[dict[str, str]]]): The input files and their hashes.
    RETURNS (Language | None): The pipeline; None if there is none, or if it was trained on a file
        that the test queries may be from, or on another state of it.
    """
    if not util.is_package(name) and not Path(name).is_dir():
        return None
    try:
        nlp = spacy.load(name)
    except (ImportError, KeyError, OSError, ValueError) as error:
        msg.warn(f"{name} is not compared: it cannot be loaded ({error})")
        return None
    data = nlp.meta.get("data", {})
    trained = [f for kind, files in data.items() if not kind.startswith("test_") for f in files]
    known = {value for file in trained for value in file.values()}
    tested = {value for kind in TESTED for file in sources.get(kind, ()) for value in file.values()}
    return None if known & tested else nlp


def show_ready_made(ready: dict[str, Any], result: dict[str, Any]) -> None:
    """Print the scores of the ready-made pipeline, and warn if they are better.

    ready (dict[str, Any]): Its package, version and scores on test.
    result (dict[str, Any]): The scores of the trained pipeline on test.
    """
    theirs, ours = (row["default"]["micro avg"]["f1-score"] for row in (ready["test"], result))
    name = f"{ready['package']} {ready['version']}"
    msg.info(f"{name} on the same queries: micro F1 {theirs:.3f}, this pipeline {ours:.3f}")
    if theirs > ours:
        msg.warn(
            f"{name} is better on these queries",
            "Train on the sample data too (--vars.train_bio assets/queries.bio), or annotate more.",
        )


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    corpus: Path = typer.Argument(..., help="Folder of the corpora", exists=True),
    encoder_path: Path = typer.Argument(..., help="JSON file written by encoder", exists=True),
    sources_path: Path = typer.Argument(..., help="JSON file written by sources", exists=True),
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    seed: int = typer.Option(0, help="Seed of the split, of training and of the bootstrap"),
    gpu_id: int = typer.Option(-1, help="GPU to run on, -1 for the CPU"),
    ready_made: str = typer.Option("en_music_ner", help="Package to compare with, if installed"),
) -> None:
    """Evaluate a trained pipeline on test and dev."""
    try:
        use_gpu(gpu_id)
    except MissingGpuError as error:
        msg.fail(*error.args, exits=1)
    nlp = spacy.load(model)
    encoder, sources = srsly.read_json(encoder_path), srsly.read_json(sources_path)
    said = {"data": sources, "encoder": encoder, "seed": seed}
    for facts in (said, provenance.of_corpora(corpus)):
        for problem, fix in provenance.contradictions(nlp.config, **facts):
            msg.fail(f"{model} was {problem}", fix, exits=1)
    metrics: dict[str, Any] = {
        "model": {"name": nlp.meta["name"], "version": nlp.meta["version"]},
        "checksum": get_checksum(model),
        "encoder": encoder,
        "data": sources,
        "seed": seed,
        "versions": {package: version(package) for package in PACKAGES},
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    for name in ("dev", "test"):
        gold = list(DocBin().from_disk(corpus / f"{name}.spacy").get_docs(nlp.vocab))
        predicted = list(nlp.pipe(doc.text for doc in gold))
        metrics[name] = score(nlp, gold, predicted, seed)
        if name == "test":
            rows = [row_of(*pair) for pair in zip(gold, predicted, strict=True)]
        if name == "dev":
            del metrics[name]["confidence"]  # it was calibrated there
            for row in metrics[name]["sources"].values():
                del row["ece"], row["auroc"]
        show(name, metrics[name])
    if ready := load_ready_made(ready_made, sources):
        gold = DocBin().from_disk(corpus / "test.spacy").get_docs(ready.vocab)
        scored = evaluate(ready, gold, seed)
        metrics["ready_made"] = {
            "package": f"{ready.lang}_{ready.meta['name']}",
            "version": ready.meta["version"],
            "test": {key: scored[key] for key in ("default", "f1_interval")},
        }
        show_ready_made(metrics["ready_made"], metrics["test"])
    if encoder["fallback"]:
        msg.warn(f"Measured with the fallback encoder {encoder['name']}", encoder["fallback"])
    metrics["calibration"] = nlp.meta.get("calibration")
    with written_whole(output_path) as path:
        srsly.write_json(path, metrics)
    with written_whole(output_path.with_name(PREDICTIONS)) as path:
        srsly.write_jsonl(path, rows)
    name = f"{nlp.lang}_{nlp.meta['name']}-{nlp.meta['version']}-{metrics['checksum'][:8]}"
    keep(output_path.parent, name, metrics, rows)
    with written_whole(output_path.with_name("reliability.png")) as path:
        draw_reliability(metrics["test"]["confidence"], path)
    with written_whole(output_path.with_name("precision_coverage.png")) as path:
        draw_precision_coverage(metrics["test"]["confidence"], path)
    msg.good(f"Scores: {output_path}")


if __name__ == "__main__":
    run_command(main)
