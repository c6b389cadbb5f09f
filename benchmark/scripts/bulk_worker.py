"""One process that finds entities without Ray: the core, or `nlp.pipe` with two processes."""

from pathlib import Path

import pyarrow.parquet as pq
import spacy
import typer

from music_ner.bulk.core import process
from music_ner.bulk.inputs import Columns
from music_ner.bulk.manifest import plan
from music_ner.bulk.storage import Place, place_of
from music_ner.data.entities import entities_of

COLUMNS = Columns("text", "id")


def run_core(
    model: str, source: Path, output: Path, shard_rows: int, part: int = 0, parts: int = 1
) -> None:
    """Process shards one after another.

    model (str): The trained pipeline.
    source (Path): The input.
    output (Path): The folder to write to.
    shard_rows (int): Maximum rows of a shard.
    part (int): Which of the shards: those whose number modulo `parts` is this.
    parts (int): The number of processes that share the work.
    """
    nlp = spacy.load(model)
    place = place_of(str(source))
    planned = plan(place, COLUMNS, shard_rows)
    for shard in planned.shards[part::parts]:
        file = Place(place.files, planned.files[shard.file])
        process(nlp, file, COLUMNS, shard, place_of(str(output)), planned.id_type)


def run_pipe(model: str, source: Path, processes: int) -> None:
    """Find entities with `nlp.pipe`, and write nothing."""
    nlp = spacy.load(model)
    batches = pq.ParquetFile(source).iter_batches(columns=["text"])
    texts = (text for batch in batches for text in batch["text"].to_pylist())
    for doc in nlp.pipe(texts, n_process=processes):
        entities_of(doc)


def main(
    system: str = typer.Argument(..., help="core or pipe"),
    model: str = typer.Argument(...),
    source: Path = typer.Argument(...),
    output: Path = typer.Argument(...),
    shard_rows: int = typer.Option(50_000),
    part: int = typer.Option(0),
    parts: int = typer.Option(1),
) -> None:
    """Run one system."""
    if system == "core":
        run_core(model, source, output, shard_rows, part, parts)
    else:
        run_pipe(model, source, parts)


if __name__ == "__main__":
    typer.run(main)
