"""Markdown tables with a line that says where their numbers come from."""

import platform
import subprocess
from collections.abc import Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from wasabi import MarkdownRenderer, msg

from music_ner.files import written_whole

from .inputs import Inputs

PACKAGES = ("spacy", "torch", "transformers")


def provenance(inputs: Inputs, data: Iterable[Path], seeds: Iterable[int]) -> str:
    """Say where numbers come from.

    inputs (Inputs): The encoder.
    data (Iterable[Path]): The files that were trained and tested on.
    seeds (Iterable[int]): The seeds.
    RETURNS (str): Commit, encoder, data, seeds, versions and date.
    """
    describe = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    folder = Path(__file__).parent
    commit = subprocess.run(describe, cwd=folder, capture_output=True, text=True, check=False)
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Commit {commit.stdout.strip() or 'unknown'}; encoder {inputs.encoder['name']}; "
        f"data {', '.join('/'.join(path.parts[-2:]) for path in data)}; "
        f"seeds {', '.join(map(str, seeds))}; {versions}, Python {platform.python_version()}; "
        f"{date.today().isoformat()}."
    )


def table(frame: pd.DataFrame) -> str:
    """RETURNS (str): The frame as a Markdown table; the index is the first column."""
    header = (str(frame.index.name), *map(str, frame.columns))
    return MarkdownRenderer().table([tuple(map(str, row)) for row in frame.itertuples()], header)


def write_report(path: Path, notes: list[str], parts: dict[str, list[pd.DataFrame]]) -> None:
    """Write a page of results, and print it.

    path (Path): The Markdown file.
    notes (list[str]): What the reader has to know, and the provenance.
    parts (dict[str, list[pd.DataFrame]]): Tables by their title.
    """
    markdown = MarkdownRenderer()
    for note in notes:
        markdown.add(note)
    for title, frames in parts.items():
        markdown.add(markdown.title(2, title))
        for frame in frames:
            if len(frame):
                markdown.add(table(frame))
    with written_whole(path) as temporary:
        temporary.write_text(f"{markdown.text}\n", encoding="utf8")
    print(markdown.text)
    msg.good(f"Results: {path}")
