"""Make CSV and BIO files from queries with marked entities."""

from pathlib import Path

import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.bio import write_bio
from music_ner.data.marked import read
from music_ner.data.offsets_csv import write_csv
from music_ner.data.query import normalize_query
from music_ner.files import UnreadableFileError, written_whole


def main(
    source: Path = typer.Argument(..., help="Folder of marked queries (*.txt)", exists=True),
    csv_path: Path = typer.Argument(..., help="CSV file to write"),
    bio_path: Path = typer.Argument(..., help="BIO file to write"),
) -> None:
    """Make queries.csv and queries.bio from marked queries."""
    try:
        queries = read(sorted(source.glob("*.txt")))
    except UnreadableFileError as error:
        msg.fail(*error.args, exits=1)
    if not queries:
        msg.fail(f"{source}: no marked queries", "Put one query per line into .txt files.", exits=1)
    with written_whole(csv_path) as path:
        write_csv(path, queries)
    with written_whole(bio_path) as path:
        write_bio(path, [normalize_query(query) for query in queries])
    msg.good(f"{len(queries)} queries in {csv_path} and {bio_path}")


if __name__ == "__main__":
    run_command(main)
