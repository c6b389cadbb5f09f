"""Calibrate the confidence of entities on dev."""

from pathlib import Path

import spacy
import typer
from spacy.tokens import DocBin
from wasabi import msg

from music_ner.evaluation.calibration import CalibrationSettings, calibrate
from music_ner.files import written_whole


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    corpus_path: Path = typer.Argument(..., help="Corpus that was not trained on", exists=True),
    output: Path = typer.Argument(..., help="Folder for the calibrated pipeline"),
    seed: int = typer.Option(0, help="Seed of the cross-validation"),
) -> None:
    """Calibrate the confidence of entities."""
    nlp = spacy.load(model)
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
    with written_whole(output) as path:
        nlp.to_disk(path)
    msg.good(f"{output}: calibration {result['chosen']}, fitted on {found}")


if __name__ == "__main__":
    typer.run(main)
