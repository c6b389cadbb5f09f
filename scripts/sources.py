"""Note which files of queries and names the project is run on, so that a change of theirs shows."""

import hashlib
from pathlib import Path

import srsly
import typer
from wasabi import msg

from scripts.name_catalogue import rows_of_records
from scripts.output import written_whole


def paths_of(names: str) -> list[Path]:
    """RETURNS (list[Path]): The paths in a comma-separated list."""
    return [Path(name.strip()) for name in names.split(",") if name.strip()]


def hashed(paths: list[Path]) -> list[dict[str, str]]:
    """RETURNS (list[dict[str, str]]): The `path` and `sha256` of each file."""
    return [
        {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in paths
    ]


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
                msg.fail(f"vars.{kind}: there is no file {path}", "Mend the path.", exits=1)
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
