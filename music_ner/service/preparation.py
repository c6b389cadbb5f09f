"""What happens once, before the workers start."""

from pathlib import Path

import spacy

from music_ner.service.catalogues import (
    CATALOGUE,
    CatalogueStore,
    UnreadableUploadError,
    rows_of_csv,
    rows_of_json,
    update,
)
from music_ner.service.settings import Settings


def add_names(settings: Settings, path: Path) -> str:
    """Add the names of a file to the pipeline's catalogue, for all workers.

    settings (Settings): The settings.
    path (Path): A CSV or JSON file.
    RETURNS (str): What is wrong; empty if the names were added.
    """
    try:
        nlp = spacy.load(settings.model)
    except (ImportError, KeyError, OSError, ValueError) as error:
        return f"{settings.model}: cannot load this pipeline ({error})"
    if not nlp.has_pipe(CATALOGUE):
        return f"{settings.model} has no catalogue: leave --catalogue out"
    catalogue = nlp.get_pipe(CATALOGUE)
    read = rows_of_json if path.suffix.lower() == ".json" else rows_of_csv
    try:
        report = update(catalogue, *read(path.read_bytes()))
    except UnreadableUploadError as error:
        return f"{path}: {error}"
    CatalogueStore(settings.state).publish(catalogue, report)
    return ""
