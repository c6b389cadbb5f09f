"""Convert a trained pipeline to one without PyTorch, whose transformer runs in ONNX Runtime."""

from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import DocBin
from wasabi import msg

from music_ner import provenance
from music_ner.command import run_command
from music_ner.export.onnx import Precision, agreement, export_to_onnx
from music_ner.files import written_whole


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    corpus_path: Path = typer.Argument(..., help="Corpus to compare the two on", exists=True),
    output: Path = typer.Argument(..., help="Folder for the fast pipeline"),
    precision: Precision = typer.Option(Precision.int8, help="Precision of the transformer"),
    name: Annotated[str, typer.Option(help="Name of the trained pipeline")] = "",
    version: Annotated[str, typer.Option(help="Version of the trained pipeline")] = "",
) -> None:
    """Convert a trained pipeline to one that runs in ONNX Runtime, without PyTorch."""
    nlp = spacy.load(model)
    if name and (other := provenance.other_name(nlp.meta, name, version)):
        msg.fail(f"{model} is {other[0]}", other[1], exits=1)
    for problem, fix in provenance.contradictions(
        nlp.config, **provenance.of_corpora(corpus_path.parent)
    ):
        msg.fail(f"{model} was {problem}", fix, exits=1)
    texts = [doc.text for doc in DocBin().from_disk(corpus_path).get_docs(nlp.vocab)]
    stock = list(nlp.pipe(texts))
    msg.info("Exporting the transformer")
    export_to_onnx(nlp, precision)
    share = agreement(stock, list(nlp.pipe(texts)))
    nlp.meta["fast"] |= {"agreement": share, "queries": len(texts)}
    if nlp.meta["name"] != provenance.UNNAMED:
        nlp.meta["name"] += "_fast"
    with written_whole(output) as path:
        nlp.to_disk(path)
    msg.good(
        f"{output}: {precision.value}; the same entities in {share:.1%} of the "
        f"{len(texts)} queries in {corpus_path}"
    )


if __name__ == "__main__":
    run_command(main)
