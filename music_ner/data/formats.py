"""The formats of annotated queries, recognized by what files hold."""

from collections.abc import Callable
from pathlib import Path

from spacy.tokens import Doc

from music_ner.data.bio import read_bio
from music_ner.data.datasets import read_dataset
from music_ner.data.docbins import read_docbin
from music_ner.data.doccano import is_doccano, read_doccano
from music_ner.data.label_studio import is_label_studio, read_label_studio
from music_ner.data.offsets_csv import CSV_COLUMNS, read_csv
from music_ner.data.prodigy import is_prodigy, read_prodigy
from music_ner.data.reading import Reading
from music_ner.data.records import read_json_rows
from music_ner.files import UnreadableFileError, read_text

PARQUET = b"PAR1"
ZLIB = b"\x78"
"""First byte of a DocBin, which is compressed."""

MakeDoc = Callable[[str], Doc]
Reader = Callable[[Path, MakeDoc], Reading]
READERS: dict[str, Reader] = {
    "csv": read_csv,
    "bio": lambda path, make_doc: read_bio(path),
    "doccano": read_doccano,
    "label-studio": read_label_studio,
    "prodigy": read_prodigy,
    "docbin": lambda path, make_doc: read_docbin(path),
    "datasets": lambda path, make_doc: read_dataset(path),
}
"""A reader for each format."""
OBJECTS = {"label-studio": is_label_studio, "prodigy": is_prodigy, "doccano": is_doccano}
"""By format of JSON: whether an object is one of its records."""


def recognize(path: Path) -> str:
    """Tell the format of annotated queries from what a file holds; its name does not matter.

    path (Path): A file, or a folder with a data set of Hugging Face.
    RETURNS (str): One of READERS.
    RAISES (UnreadableFileError): If it is in none of these formats.
    """
    if path.is_dir():
        return "datasets"
    with path.open("rb") as file:
        start = file.read(len(PARQUET))
    if start == PARQUET:
        return "datasets"
    if start[:1] == ZLIB and _is_binary(path):
        return "docbin"
    first = read_text(path).lstrip()[:1]
    if first and first in "[{":
        return _of_json(path)
    header = read_text(path).lstrip().partition("\n")[0]
    if {*CSV_COLUMNS[1:3]} <= {field.strip() for field in header.split(",")}:
        return "csv"
    return "bio"


def _is_binary(path: Path) -> bool:
    try:
        read_text(path)
    except UnreadableFileError:
        return True
    return False


def _of_json(path: Path) -> str:
    for _, value in read_json_rows(path):
        if isinstance(value, dict):
            for name, is_record in OBJECTS.items():
                if is_record(value):
                    return name
    raise UnreadableFileError(
        f"{path}: no record of doccano, Label Studio or Prodigy",
        "A record holds a text, and its spans under label, entities, annotations or spans.",
    )


def read(path: Path, make_doc: MakeDoc) -> Reading:
    """Read annotated queries in any of READERS.

    path (Path): The file or folder (see `recognize`).
    make_doc (MakeDoc): The tokenizer of normalized texts.
    RETURNS (Reading): The queries; those of a format that names annotators, or of a CSV file, have
        annotators, the others are gold.
    RAISES (UnreadableFileError): If it cannot be read.
    """
    return READERS[recognize(path)](path, make_doc)
