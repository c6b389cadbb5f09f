"""Convert a trained pipeline to one without PyTorch, whose transformer runs in ONNX Runtime."""

from pathlib import Path

import spacy
import typer
from spacy.tokens import DocBin
from wasabi import msg

from music_ner.export.onnx import Precision, agreement, export_to_onnx
from music_ner.files import written_whole


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    corpus_path: Path = typer.Argument(..., help="Corpus to compare the two on", exists=True),
    output: Path = typer.Argument(..., help="Folder for the fast pipeline"),
    precision: Precision = typer.Option(Precision.int8, help="Precision of the transformer"),
) -> None:
    """Convert a trained pipeline to one that runs in ONNX Runtime, without PyTorch."""
    nlp = spacy.load(model)
    texts = [doc.text for doc in DocBin().from_disk(corpus_path).get_docs(nlp.vocab)]
    stock = list(nlp.pipe(texts))
    with msg.loading("Exporting the transformer"):
        export_to_onnx(nlp, precision)
    share = agreement(stock, list(nlp.pipe(texts)))
    nlp.meta["fast"] |= {"agreement": share, "queries": len(texts)}
    with written_whole(output) as path:
        nlp.to_disk(path)
    msg.good(
        f"{output}: {precision.value}; the same entities in {share:.1%} of the "
        f"{len(texts)} queries in {corpus_path}"
    )


if __name__ == "__main__":
    typer.run(main)
