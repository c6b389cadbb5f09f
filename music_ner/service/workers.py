"""What other processes than the supervisor run.

The supervisor imports this module, but neither spaCy nor a pipeline: it stays small.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from music_ner.command import fail
from music_ner.service.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


def application(settings: Settings) -> "FastAPI":
    """RETURNS (FastAPI): The application of a worker (see `create_app`)."""
    from music_ner.service.app import create_app

    return create_app(settings)


def add_names(settings: Settings, path: Path) -> None:
    """Add the names of a file for all workers (see `preparation.add_names`), or end the process
    with a message."""
    from music_ner.service import preparation

    if problem := preparation.add_names(settings, path):
        fail(problem)
