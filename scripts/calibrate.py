"""Calibrate the confidence of entities on dev."""

from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from spacy.tokens import DocBin
from wasabi import msg

from music_ner import provenance
from music_ner.command import run_command
from music_ner.evaluation.calibration import CalibrationSettings, calibrate
from music_ner.files import written_whole


def warn_of_new_name(output: Path, name: str, version: str) -> None:
    """Say so if the pipeline that is replaced had another name or version."""
    path = output / "meta.json"
    if path.is_file() and (other := provenance.other_name(srsly.read_json(path), name, version)):
        msg.warn(f"{output} was {other[0]}: it is renamed")


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    corpus_path: Path = typer.Argument(..., help="Corpus that was not trained on", exists=True),
    output: Path = typer.Argument(..., help="Folder for the calibrated pipeline"),
    seed: int = typer.Option(0, help="Seed of the cross-validation"),
    name: Annotated[str, typer.Option(help="Name to give to the pipeline")] = "",
    version: Annotated[str, typer.Option(help="Version to give to the pipeline")] = "",
) -> None:
    """Calibrate the confidence of entities, and name the pipeline."""
    nlp = spacy.load(model)
    facts = {**provenance.of_corpora(corpus_path.parent), "seed": seed}
    for problem, fix in provenance.contradictions(nlp.config, **facts):
        msg.fail(f"{model} was {problem}", fix, exits=1)
    if (
        not nlp.has_pipe("entity_confidence")
        or getattr(nlp.get_pipe("ner"), "threshold", None) is None
    ):
        msg.fail(
            f"{model}: its entities have no probabilities to calibrate",
            "Train it with an entity_confidence, and a threshold for the ner.",
            exits=1,
        )
    gold = list(DocBin().from_disk(corpus_path).get_docs(nlp.vocab))
    result = calibrate(nlp, gold, seed)
    settings = CalibrationSettings(**nlp.config["calibration"])
    found = f"{result['entities']} entities, {result['right']} of them right"
    if result["log_loss"]:
        rows = [(name, f"{loss:.3f}") for name, loss in result["log_loss"].items()]
        msg.table(rows, header=("calibration", "log loss"), divider=True, aligns=("l", "r"))
    else:
        msg.warn(
            f"{corpus_path}: {found}, too few to calibrate on",
            f"The ner's own probabilities are kept. {settings.min_entities} right and as many "
            f"wrong ones, in {2 * settings.folds} queries each, are needed: annotate more queries.",
        )
    nlp.meta["calibration"] = result
    if name:
        nlp.meta["name"], nlp.meta["version"] = name, version
        warn_of_new_name(output, name, version)
    with written_whole(output) as path:
        nlp.to_disk(path)
    msg.good(f"{output}: calibration {result['chosen']}, fitted on {found}")


if __name__ == "__main__":
    run_command(main)
