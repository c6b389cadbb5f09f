"""Files of names that a catalogue reads: CSV, JSON Lines, and dumps of MusicBrainz."""

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from math import inf, nan
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
ALIASES_FILE, CREDITED_FILE = "artist_alias", "artist_credit_name"
WORKS_FILES = ("release_group", "recording")


class Row(NamedTuple):
    """An artist, a work, or a work with its artist.

    artist (str | None): The name of the artist; None for none.
    work (str | None): The name of the work; None for none.
    artist_id (str): The id of the artist; empty for none.
    work_id (str): The id of the work; empty for none.
    popularity (float): How popular the work is, or the artist if there is no work; 0 if it is not
        known.
    """

    artist: str | None
    work: str | None
    artist_id: str = ""
    work_id: str = ""
    popularity: float = 0.0


class NameRecord(NamedTuple):
    """An artist with their works, of which there may be none."""

    artist: str
    works: tuple[str, ...]


def rows_of_csv(path: Path) -> Iterator[Row]:
    """Read artists and works from a CSV file.

    path (Path): A file with the columns `artist` and `work`; one of the two may be empty in a row.
        Optional columns are `artist_id`, `work_id`, and `popularity`, a number from 0: how
        popular the work is, or the artist if there is no work.
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
                try:
                    yield checked_row(
                        row["artist"] or None,
                        row["work"] or None,
                        row.get("artist_id", ""),
                        row.get("work_id", ""),
                        row.get("popularity") or 0,
                    )
                except ValueError as error:
                    raise ValueError(f"{where}: {error}") from None
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


def checked_row(
    artist: str | None, work: str | None, artist_id: str, work_id: str, popularity: str | float
) -> Row:
    """Make a row of what a user gave.

    RETURNS (Row): See `Row`.
    RAISES (ValueError): If something in it cannot be used; the message says what, and the fix.
    """
    for kind, name, given in (("artist", artist, artist_id), ("work", work, work_id)):
        if given and name is None:
            raise ValueError(f"{given!r} is the id of no {kind}: fill in the {kind}, too")
        if not given.isprintable():
            raise ValueError(f"{given!r} is not an id: write it in one line, without tabs")
    try:
        number = float(popularity)
    except (TypeError, ValueError):
        number = nan
    if not 0 <= number < inf:
        raise ValueError(f"{popularity!r} is not a popularity: write a number from 0")
    return Row(artist, work, artist_id.strip(), work_id.strip(), number)


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
        (id, gid, name), `artist_alias` (artist, name), `artist_credit` (id, name),
        `artist_credit_name` (artist_credit, artist), `release_group` and `recording` (gid, name,
        artist_credit). A work's artist is its credit as it is written, also where it names several.
    YIELDS (Row): Artist and work, with their MBIDs; a credit that names several artists has none.
        Empty names in the place of placeholders, such as `[unknown]`.
    RAISES (ValueError): If files are missing, or a row is not as expected; the message names the
        row and the fix.
    """
    files = (ARTISTS_FILE, ALIASES_FILE, CREDITS_FILE, CREDITED_FILE, *WORKS_FILES)
    paths = {name: folder / name for name in files}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise ValueError(f"{folder}: no {', '.join(missing)}: take them out of mbdump.tar.bz2")
    gids: dict[str | None, str] = {}
    for _, (number, gid, name) in _dumped(paths[ARTISTS_FILE], 0, 1, 2):
        gids[number] = gid or ""
        yield Row(_without_placeholder(name), None, gid or "")
    for row, (artist, name) in _dumped(paths[ALIASES_FILE], 1, 2):
        if artist not in gids:
            raise ValueError(_missing_number(paths[ALIASES_FILE], row, ARTISTS_FILE, artist))
        yield Row(_without_placeholder(name), None, gids[artist])
    credited = _credited(paths, gids)
    for file in WORKS_FILES:
        for row, (gid, name, credit) in _dumped(paths[file], 1, 2, 3):
            if credit is not None and credit not in credited:
                raise ValueError(_missing_number(paths[file], row, CREDITS_FILE, credit))
            artist, artist_id = credited.get(credit, (None, ""))
            yield Row(artist, _without_placeholder(name), artist_id, gid or "")


def _credited(
    paths: dict[str, Path], gids: dict[str | None, str]
) -> dict[str | None, tuple[str, str]]:
    """RETURNS (dict[str | None, tuple[str, str]]): The name of each credit, with the MBID of its
    artist, if it is one.
    """
    artist_of: dict[str | None, str | None] = {}
    for row, (credit, artist) in _dumped(paths[CREDITED_FILE], 0, 2):
        if artist not in gids:
            raise ValueError(_missing_number(paths[CREDITED_FILE], row, ARTISTS_FILE, artist))
        artist_of[credit] = "" if credit in artist_of else gids[artist]
    return {
        number: (_without_placeholder(name), artist_of.get(number) or "")
        for _, (number, name) in _dumped(paths[CREDITS_FILE], 0, 1)
    }


def _missing_number(path: Path, row: int, table: str, number: str | None) -> str:
    return f"{path}, row {row}: {table} has no {number}: take all files out of one dump"


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
