"""Note which files of queries and names the project is run on, so that a change of theirs shows."""

from pathlib import Path

import srsly
import typer
from wasabi import msg

from music_ner.data.sources import hashed, paths_of
from music_ner.files import written_whole
from music_ner.pipeline.catalogue.files import rows_of_records


def main(
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    csv: str = typer.Option("", help="CSV files with annotators' spans, comma-separated"),
    bio: str = typer.Option("", help="BIO files with gold entities, comma-separated"),
    train_bio: str = typer.Option("", help="BIO files to train on alone, comma-separated"),
    test_bio: str = typer.Option("", help="BIO files of a fixed test set, comma-separated"),
    catalogue: str = typer.Option("", help="JSONL files of names, comma-separated"),
) -> None:
    """Check that the chosen files are there, and names readable; note their paths and hashes."""
    chosen = {
        "csv": paths_of(csv),
        "bio": paths_of(bio),
        "train_bio": paths_of(train_bio),
        "test_bio": paths_of(test_bio),
        "catalogue": paths_of(catalogue),
    }
    for kind, paths in chosen.items():
        for path in paths:
            if not path.is_file():
                msg.fail(f"vars.{kind}: there is no file {path}", "Check the path.", exits=1)
    for path in chosen["catalogue"]:
        try:
            list(rows_of_records([path]))
        except ValueError as error:
            msg.fail(f"vars.catalogue: {path} is no file of names", str(error), exits=1)
    if not chosen["csv"] and not chosen["bio"]:
        msg.fail("No data: vars.csv and vars.bio are both empty", "Name a file in one.", exits=1)
    sources = {kind: hashed(paths) for kind, paths in chosen.items()}
    with written_whole(output_path) as path:
        srsly.write_json(path, sources)
    msg.good(f"{sum(map(len, chosen.values()))} files noted in {output_path}")


if __name__ == "__main__":
    typer.run(main)
