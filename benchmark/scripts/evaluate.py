"""Evaluate a trained pipeline on gold that it was not trained on."""

from pathlib import Path
from typing import Any

import pandas as pd
import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.query import to_doc
from music_ner.data.sources import paths_of
from music_ner.evaluation.pipeline import ALL, evaluate
from music_ner.pipeline.labels import LABELS

from .reporting import table
from .score import read_gold

COLUMNS = ("micro", "macro", *LABELS, "calibration error", "AUROC")


def row_of(nlp: Language, gold: list[Doc], seed: int) -> dict[str, Any]:
    """Score a pipeline on gold docs.

    nlp (Language): The pipeline.
    gold (list[Doc]): Docs with gold entities.
    seed (int): Seed of the bootstrap.
    RETURNS (dict[str, Any]): The main scores, by `COLUMNS`; None where there are too few entities.
    """
    scores = evaluate(nlp, gold, seed)
    f1 = {name: row["f1-score"] for name, row in scores["default"].items()}
    confidence = scores["confidence"][ALL]
    values = [f1["micro avg"], f1["macro avg"], *(f1.get(label) for label in LABELS)]
    return dict(
        zip(COLUMNS, [*values, confidence.get("ece"), confidence.get("auroc")], strict=True)
    )


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    gold: str = typer.Argument(..., help="BIO files with gold entities, comma-separated"),
    seed: int = typer.Option(0, help="Seed of the bootstrap"),
) -> None:
    """Evaluate a trained pipeline on other gold, also with an empty catalogue."""
    nlp = spacy.load(model)
    docs = [to_doc(query, nlp.make_doc) for path in paths_of(gold) for query in read_gold(path)]
    if not any(doc.ents for doc in docs):
        msg.fail(f"{gold}: no entities", "Name BIO files with gold entities.", exits=1)
    rows = {"pipeline": row_of(nlp, docs, seed)}
    nlp.get_pipe("catalogue").clear()
    rows["with an empty catalogue"] = row_of(nlp, docs, seed)
    frame = pd.DataFrame(rows).T.rename_axis("")
    print(table(frame.map(lambda value: "-" if pd.isna(value) else f"{value:.3f}")))
    msg.text(f"{len(docs)} queries")


if __name__ == "__main__":
    run_command(main)
