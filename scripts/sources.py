"""Record the input files and their hashes, so that later commands notice changes."""

from pathlib import Path
from typing import Annotated

import srsly
import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.sources import hashed, paths_of
from music_ner.files import written_whole
from music_ner.pipeline.catalogue.files import rows_of_records


def main(
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    csv: str = typer.Option("", help="CSV files with annotators' spans, comma-separated"),
    bio: str = typer.Option("", help="BIO files with gold entities, comma-separated"),
    train_bio: str = typer.Option("", help="BIO files that are only trained on, comma-separated"),
    test_bio: str = typer.Option("", help="BIO files of a fixed test set, comma-separated"),
    catalogue: str = typer.Option("", help="JSONL files of names, comma-separated"),
    data: Annotated[str, typer.Option(help="Files of queries in any format")] = "",
    train_data: Annotated[str, typer.Option(help="The same, that are only trained on")] = "",
    test_data: Annotated[str, typer.Option(help="The same, of a fixed test set")] = "",
) -> None:
    """Check the files of queries and names, and record their hashes."""
    chosen = {
        "csv": paths_of(csv),
        "bio": paths_of(bio),
        "train_bio": paths_of(train_bio),
        "test_bio": paths_of(test_bio),
        "data": paths_of(data),
        "train_data": paths_of(train_data),
        "test_data": paths_of(test_data),
        "catalogue": paths_of(catalogue),
    }
    for kind, paths in chosen.items():
        for path in paths:
            # Data sets of Hugging Face are folders.
            if not (path.exists() if kind.endswith("data") else path.is_file()):
                msg.fail(f"vars.{kind}: {path} does not exist", "Check the path.", exits=1)
    for path in chosen["catalogue"]:
        try:
            list(rows_of_records([path]))
        except ValueError as error:
            msg.fail(f"vars.catalogue: {path} is not a file of names", str(error), exits=1)
    if not any(chosen[kind] for kind in ("csv", "bio", "data")):
        msg.fail(
            "No data: vars.csv, vars.bio and vars.data are all empty",
            "Set at least one of them.",
            exits=1,
        )
    sources = {kind: hashed(paths) for kind, paths in chosen.items()}
    with written_whole(output_path) as path:
        srsly.write_json(path, sources)
    names = ", ".join(str(path) for paths in chosen.values() for path in paths)
    msg.good(f"{output_path}: the hashes of {names}")


if __name__ == "__main__":
    run_command(main)
