"""Catalogues that users upload: they are checked, built aside, and shared by all workers."""

import csv
import fcntl
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import srsly

from music_ner.pipeline.catalogue.component import LONGEST_NAME, Catalogue
from music_ner.pipeline.catalogue.names import to_name

CATALOGUE = "catalogue"
"""Name of the component."""
NAMES = ("artist", "work")
CURRENT = "current"
LOCK = "lock"
PREFIX = "catalogue-"
REPORT = "report.json"
MAX_LISTED = 1_000
JSON_EXAMPLE = '[{"artist": "Sade", "work": "By Your Side"}]'
Numbered = Iterable[tuple[int, dict[str, str]]]


class UnreadableUploadError(ValueError):
    """An upload that is no list of names. The message says what is wrong, and what to do."""


class CatalogueStore:
    """A folder with the catalogue that all workers use.

    A link names the current catalogue. It is replaced in one step, so that a reader finds the old
    or the new catalogue, whole.

    folder (Path): The folder, which the workers share.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._link = folder / CURRENT

    def version(self) -> str | None:
        """RETURNS (str | None): What the current catalogue is called; None before any upload."""
        try:
            return str(self._link.readlink())
        except FileNotFoundError:
            return None

    def load(self, catalogue: Catalogue) -> str:
        """Load the current catalogue.

        catalogue (Catalogue): The component, whose names are replaced.
        RETURNS (str): The version that was loaded.
        """
        while True:
            version = str(self._link.readlink())
            try:
                catalogue.from_disk(self._folder / version)
                return version
            except (FileNotFoundError, ValueError):  # ValueError: of its files, some are missing
                if version == self.version():  # it was not replaced meanwhile
                    raise

    def report(self) -> dict[str, Any] | None:
        """RETURNS (dict[str, Any] | None): The report of the current catalogue, if there is one."""
        try:
            return srsly.read_json(self._link / REPORT)
        except ValueError:  # srsly's error for a missing file
            return None

    def publish(self, catalogue: Catalogue, report: dict[str, Any]) -> None:
        """Make a catalogue the current one.

        catalogue (Catalogue): The catalogue; it is saved, and not kept.
        report (dict[str, Any]): What was taken and rejected.
        """
        version = f"{PREFIX}{uuid4().hex}"
        with (
            tempfile.TemporaryDirectory(dir=self._folder) as temporary,
            (self._folder / LOCK).open("w") as lock,
        ):
            building = Path(temporary) / version
            catalogue.to_disk(building)
            srsly.write_json(building / REPORT, report)
            link = Path(temporary) / CURRENT
            link.symlink_to(version)
            fcntl.flock(lock, fcntl.LOCK_EX)  # against removal by another process
            previous = self.version()
            building.rename(self._folder / version)
            link.replace(self._link)
            for folder in self._folder.glob(f"{PREFIX}*"):
                if folder.name not in (previous, version):
                    shutil.rmtree(folder, ignore_errors=True)


def rows_of_csv(data: bytes) -> tuple[list[str], Numbered]:
    """Read a CSV file of names.

    data (bytes): UTF-8, with the columns `artist` and `work`.
    RETURNS (tuple[list[str], Numbered]): The columns; and each row with its number, the line that
        it ends in. A row with another number of fields has None as a key or as a value.
    RAISES (UnreadableUploadError): If it is no such file, at once or when the rows are read.
    """
    reader = csv.DictReader(io.StringIO(_decoded(data), newline=""), strict=True)
    try:
        columns = list(reader.fieldnames or ())
    except csv.Error as error:
        raise UnreadableUploadError(f"Row 1: {error}. Quotes have to be closed.") from error
    if not set(NAMES) <= set(columns):
        raise UnreadableUploadError("Row 1 has to name the columns: artist,work.")

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise UnreadableUploadError(
                f"Row {reader.line_num + 1}: {error}. Quotes have to be closed."
            ) from error

    return columns, rows()


def rows_of_json(data: bytes) -> tuple[list[str], Numbered]:
    """Read a JSON list of names.

    data (bytes): UTF-8: a list of objects with strings under `artist` and `work`, or one of them.
    RETURNS (tuple[list[str], Numbered]): The keys; and each object with its number, from 1.
    RAISES (UnreadableUploadError): If it is no such list.
    """
    try:
        records = srsly.json_loads(_decoded(data))
    except (ValueError, RecursionError) as error:
        raise UnreadableUploadError(f"Not JSON. Write it like {JSON_EXAMPLE}.") from error
    if not isinstance(records, list):
        raise UnreadableUploadError(f"Not a list. Write it like {JSON_EXAMPLE}.")
    columns = dict.fromkeys(NAMES)
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict) or not all(
            value is None or isinstance(value, str) for value in record.values()
        ):
            raise UnreadableUploadError(
                f"Item {number} is not an object with texts. Write it like {JSON_EXAMPLE}."
            )
        columns |= dict.fromkeys(record)
    filled = ({key: row.get(key) or "" for key in columns} for row in records)
    return list(columns), enumerate(filled, start=1)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableUploadError(f"Not UTF-8 ({error}). Save it as UTF-8.") from error


def update(catalogue: Catalogue, columns: list[str], rows: Numbered) -> dict[str, Any]:
    """Add the names of an upload to a catalogue.

    catalogue (Catalogue): The catalogue.
    columns (list[str]): The columns of the rows.
    rows (Numbered): See `rows_of_csv`.
    RETURNS (dict[str, Any]): How many names were `taken`; the number of `artists`, `works` and
        `pairs` that the catalogue holds; how many rows and names were `n_rejected`; and the first
        `MAX_LISTED` of these as `rejected`, each with `row`, `name` and `reason`.
    RAISES (UnreadableUploadError): If the upload cannot be read; then nothing is added.
    """
    rejected: list[dict[str, Any]] = []
    n_rejected = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.csv"
        with path.open("w", encoding="utf8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for number, row in rows:
                problems = list(_problems(row, len(columns)))
                n_rejected += len(problems)
                for column, name, reason in problems:
                    if len(rejected) < MAX_LISTED:
                        rejected.append({"row": number, "name": name, "reason": reason})
                    if column:
                        row[column] = ""
                is_whole = all(column for column, _, _ in problems)
                if is_whole and any(row[column] for column in NAMES):
                    writer.writerow(row)
        try:
            counted = catalogue.from_csv(path)
        except ValueError as error:
            raise UnreadableUploadError(str(error).replace(str(path), "The file")) from error
    return {
        "taken": counted.taken,
        "artists": counted.artists,
        "works": counted.works,
        "pairs": counted.pairs,
        "n_rejected": n_rejected,
        "rejected": rejected,
    }


def _problems(row: dict[str, Any], n_columns: int) -> Iterator[tuple[str, str, str]]:
    """YIELDS (tuple[str, str, str]): What is wrong with a row: the column of a bad name, or an
    empty string if the whole row is bad; the name; and the reason."""
    if None in row or None in row.values():
        yield "", "", "not as many fields as columns: put quotes around a name that holds commas"
        return
    if not any(row[column].strip() for column in NAMES):
        yield "", "", "no artist and no work: fill one in"
        return
    for column in NAMES:
        if name := row[column].strip():
            key, _ = to_name(name)
            if not key:
                yield column, name, "no letters or digits, or in the place of a name"
            elif key.count(" ") >= LONGEST_NAME:
                yield column, name, f"more than {LONGEST_NAME} words"
