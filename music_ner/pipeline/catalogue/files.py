"""Files of names that a catalogue reads: CSV, JSON Lines, and dumps of MusicBrainz."""

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import srsly

from music_ner.pipeline.labels import LABELS

csv.field_size_limit(2**31 - 1)  # too long names are left out one by one, and counted
# PostgreSQL's text format: https://www.postgresql.org/docs/current/sql-copy.html, File Formats.
NULL = r"\N"
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# https://musicbrainz.org/doc/Style/Unknown_and_untitled: what has no name is described in brackets.
PLACEHOLDER = re.compile(r"\s*(\[[^\[\]]*\]|various artists)\s*", re.IGNORECASE)
CREDITS_FILE, ARTISTS_FILE = "artist_credit", "artist"
WORKS_FILES = ("release_group", "recording")


class Row(NamedTuple):
    """An artist, a work, or a work with its artist; None for what is not known."""

    artist: str | None
    work: str | None


class NameRecord(NamedTuple):
    """An artist with their works, of which there may be none."""

    artist: str
    works: tuple[str, ...]


def rows_of_csv(path: Path) -> Iterator[Row]:
    """Read artists and works from a CSV file.

    path (Path): A file with the columns `artist` and `work`; one of the two may be empty in a row.
    YIELDS (Row): Artist and work.
    RAISES (ValueError): If the file is not such a file; the message names the row and the fix.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            if not {"artist", "work"} <= {*(reader.fieldnames or ())}:
                raise ValueError(
                    f"{path}, row 1: write the names of the columns there: artist,work"
                )
            for row in reader:
                where = f"{path}, row {reader.line_num}"
                if None in row or None in row.values():
                    raise ValueError(
                        f"{where}: not as many fields as columns: put quotes around a name that "
                        "holds commas"
                    )
                if not (row["artist"] or row["work"]):
                    raise ValueError(f"{where}: no artist and no work: fill one in")
                yield Row(row["artist"] or None, row["work"] or None)
        except csv.Error as error:
            raise ValueError(
                f"{path}, row {reader.line_num + 1}: {error}: quotes have to be closed"
            ) from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: {error}: save the file as UTF-8") from error


def names_of_csv(path: Path) -> dict[str, list[str]] | None:
    """Read names of any label from a CSV file.

    path (Path): A file with the columns `label` and `name`.
    RETURNS (dict[str, list[str]] | None): The names by label; None if there are no such columns.
    RAISES (ValueError): If a row lacks one of the two, or is not CSV.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        names: dict[str, list[str]] = {}
        try:
            if not {"label", "name"} <= {*(reader.fieldnames or ())}:
                return None
            for row in reader:
                label, name = (row["label"] or "").strip(), (row["name"] or "").strip()
                if not label or not name or None in row:
                    raise ValueError(
                        f"{path}, row {reader.line_num}: not a label and a name: fill both in, and "
                        "put quotes around a name that holds commas"
                    )
                names.setdefault(label, []).append(name)
        except csv.Error as error:
            raise ValueError(
                f"{path}, row {reader.line_num + 1}: {error}: quotes have to be closed"
            ) from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: {error}: save the file as UTF-8") from error
    return names


def _dumped(path: Path, *columns: int) -> Iterator[tuple[int, list[str | None]]]:
    """Give the row numbers and some of the columns of a table that PostgreSQL wrote as text."""
    with path.open(encoding="utf8", newline="\n") as file:
        try:
            for number, line in enumerate(file, start=1):
                fields = line.rstrip("\n").split("\t")
                if len(fields) <= max(columns):
                    raise ValueError(
                        f"{path}, row {number}: {len(fields)} columns, of {max(columns) + 1} or "
                        "more: take the file out of mbdump.tar.bz2 as it is"
                    )
                yield (
                    number,
                    [
                        None if fields[i] == NULL else ESCAPED.sub(_unescaped, fields[i])
                        for i in columns
                    ],
                )
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: {error}: MusicBrainz's dumps are UTF-8") from error


def _unescaped(escaped: re.Match) -> str:
    return ESCAPES.get(escaped[1], escaped[1])


def rows_of_musicbrainz(folder: Path) -> Iterator[Row]:
    """Read artists and works from a dump of MusicBrainz.

    Dumps: https://musicbrainz.org/doc/MusicBrainz_Database/Download. Their columns:
    https://github.com/metabrainz/musicbrainz-server/blob/master/admin/sql/CreateTables.sql.

    folder (Path): The folder `mbdump` of `mbdump.tar.bz2`. Of its tables these are read: `artist`
        (name), `artist_credit` (id, name), `release_group` and `recording` (name, artist_credit). A
        work's artist is its credit as it is written, also where it names several.
    YIELDS (Row): Artist and work; empty names in the place of placeholders, such as `[unknown]`.
    RAISES (ValueError): If files are missing, or a row is not as expected; the message names the
        row and the fix.
    """
    paths = {name: folder / name for name in (ARTISTS_FILE, CREDITS_FILE, *WORKS_FILES)}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise ValueError(f"{folder}: no {', '.join(missing)}: take them out of mbdump.tar.bz2")
    for _, (name,) in _dumped(paths[ARTISTS_FILE], 2):
        yield Row(_without_placeholder(name), None)
    credited = {
        number: _without_placeholder(name)
        for _, (number, name) in _dumped(paths[CREDITS_FILE], 0, 1)
    }
    for file in WORKS_FILES:
        for row, (name, credit) in _dumped(paths[file], 2, 3):
            if credit is not None and credit not in credited:
                raise ValueError(
                    f"{paths[file]}, row {row}: {CREDITS_FILE} has no {credit}: take all files "
                    "out of one dump"
                )
            yield Row(credited.get(credit), _without_placeholder(name))


def _without_placeholder(name: str | None) -> str:
    return "" if name is None or PLACEHOLDER.fullmatch(name) else name


RECORD_EXAMPLE = '{"artist": "Portishead", "works": ["Dummy", "Glory Box"]}'


def read_name_records(path: str | Path) -> Iterator[NameRecord]:
    """Read artists with their works from JSON Lines.

    path (str | Path): A file with the keys `artist` and `works` in each line; `works` may be empty.
        Blank lines are ignored, and so are lines of other labels (see `read_labelled_names`).
    YIELDS (NameRecord): The artists, names without white space at their edges.
    RAISES (ValueError): If a line is not such a record; the message names the line and the fix.
    """
    for record in _name_records(path):
        if isinstance(record, NameRecord):
            yield record


def read_labelled_names(path: str | Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Read names of labels other than artists and works from JSON Lines.

    path (str | Path): A file as `read_name_records` reads it; of its lines these hold the keys
        `label` and `names`.
    YIELDS (tuple[str, tuple[str, ...]]): A label, and names without white space at their edges.
    RAISES (ValueError): If a line is not a record of names.
    """
    for record in _name_records(path):
        if not isinstance(record, NameRecord):
            yield record


def _name_records(path: str | Path) -> Iterator[NameRecord | tuple[str, tuple[str, ...]]]:
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.removeprefix(BOM_UTF8).strip():
                yield _to_name_record(line, f"{path}, line {number}")


def _to_name_record(line: bytes, where: str) -> NameRecord | tuple[str, tuple[str, ...]]:
    try:
        record = srsly.json_loads(line.decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{where}: {error}: write it like {RECORD_EXAMPLE}") from error
    match record:
        case {"artist": str(artist), "works": [*works]} if all(
            isinstance(name, str) and name.strip() for name in (artist, *works)
        ):
            return NameRecord(artist.strip(), tuple(work.strip() for work in works))
        case {"label": str(label), "names": [*names]} if label not in LABELS and all(
            isinstance(name, str) and name.strip() for name in (label, *names)
        ):
            return label.strip(), tuple(name.strip() for name in names)
    raise ValueError(f"{where}: write it like {RECORD_EXAMPLE}")


def rows_of_records(paths: Iterable[str | Path]) -> Iterator[Row]:
    """Read artists and works from JSON Lines files (see `read_name_records`).

    paths (Iterable[str | Path]): The files.
    YIELDS (Row): Each artist, then each of their works with the artist.
    """
    for path in paths:
        for artist, works in read_name_records(path):
            yield Row(artist, None)
            yield from (Row(artist, work) for work in works)
