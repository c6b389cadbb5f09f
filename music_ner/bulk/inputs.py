"""Rows of Parquet, CSV and JSON Lines: where they are in a file, and what they hold."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from music_ner.bulk.shards import Shard, cut
from music_ner.bulk.storage import Place
from music_ner.data.texts import BOM, OTHER_BOMS
from music_ner.files import UnreadableFileError

ROWS_AT_ONCE = 1_000
BUFFER = 1 << 20
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"
PARQUET, CSV, JSONL = "parquet", "csv", "jsonl"
ENDINGS = {".parquet": PARQUET, ".pq": PARQUET, ".csv": CSV, ".jsonl": JSONL, ".ndjson": JSONL}
NULL = "null"
NOT_TEXT = "not text"
NOT_UTF8 = "invalid UTF-8"
NOT_JSON = "not a JSON object"
TOO_MANY_FIELDS = "too many fields"
REASONS = (NULL, NOT_TEXT, NOT_UTF8, NOT_JSON, TOO_MANY_FIELDS)
"""Why a row cannot be read."""


class Columns(NamedTuple):
    """The names of the columns of texts and ids."""

    text: str
    id: str


class Rows(NamedTuple):
    """Some rows of a file.

    ids (pa.Array): The ids.
    texts (list[str]): The texts; empty for rows that cannot be read.
    reasons (list[str | None]): Why a row cannot be read, one of REASONS; None for the others.
    """

    ids: pa.Array
    texts: list[str]
    reasons: list[str | None]


class InputFile(NamedTuple):
    """What is known of an input file before it is read.

    format (str): PARQUET, CSV or JSONL.
    size (int): Its bytes.
    fingerprint (str): SHA-256 of a Parquet file's footer, which holds the places and sizes of its
        row groups; of the whole content of other files.
    rows (int): Its rows.
    id_type (pa.DataType): The type of its ids.
    shards (list[tuple[int, int, int]]): Start, end and rows of each shard.
    """

    format: str
    size: int
    fingerprint: str
    rows: int
    id_type: pa.DataType
    shards: list[tuple[int, int, int]]


def format_of(name: str) -> str | None:
    """RETURNS (str | None): The format of a file by its ending; None if it is none of ENDINGS."""
    return ENDINGS.get(f".{name.rpartition('.')[2].lower()}")


def scan(place: Place, columns: Columns, max_rows: int) -> InputFile:
    """Find the rows of a file, and cut them into shards.

    place (Place): The file. Of Parquet, only the footer is read.
    columns (Columns): The columns of texts and ids.
    max_rows (int): Maximum rows of a shard.
    RETURNS (InputFile): What the file is.
    RAISES (UnreadableFileError): If it cannot be read at all, or lacks a column.
    """
    file_format = format_of(place.path)
    assert file_format
    scan_file = scan_parquet if file_format == PARQUET else scan_lines
    return scan_file(place, columns, max_rows)


def read(place: Place, columns: Columns, shard: Shard) -> Iterator[Rows]:
    """Read a shard as a stream.

    place (Place): The shard's file.
    columns (Columns): The columns of texts and ids.
    shard (Shard): A shard that `scan` found.
    YIELDS (Rows): Its rows, at most ROWS_AT_ONCE at a time.
    RAISES (UnreadableFileError): If the file is no longer what it was when it was scanned.
    """
    read_rows = {PARQUET: read_parquet, CSV: read_csv, JSONL: read_jsonl}[format_of(place.path)]
    n_rows = 0
    try:
        for rows in read_rows(place, columns, shard):
            n_rows += len(rows.texts)
            yield rows
    except (csv.Error, pa.ArrowInvalid) as error:
        raise _changed(place, str(error)) from error
    if n_rows != shard.rows:
        raise _changed(place, f"{n_rows:,} rows instead of {shard.rows:,}")


def _changed(place: Place, problem: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{place.path}: not the file that this job began with ({problem})",
        "Restore the file, or start again with another output.",
    )


# Parquet


def scan_parquet(place: Place, columns: Columns, max_rows: int) -> InputFile:
    """Scan a Parquet file (see `scan`)."""
    with place.files.open_input_file(place.path) as file:
        size = file.size()
        try:
            parquet = pq.ParquetFile(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise UnreadableFileError(
                f"{place.path}: not Parquet ({error})", "Write the file again, or leave it out."
            ) from error
        schema = parquet.schema_arrow
        _check_columns(columns, schema.names, place)
        _check_text_type(schema.field(columns.text).type, columns, place)
        id_type = _plain(schema.field(columns.id).type)
        if pa.types.is_null(id_type):
            id_type = pa.string()
        if pa.types.is_nested(id_type):
            raise UnreadableFileError(
                f"{place.path}: column {columns.id} is {id_type}, which is no id",
                "Name a column of texts or numbers with --id-column.",
            )
        groups = [parquet.metadata.row_group(n) for n in range(parquet.num_row_groups)]
        blocks = [(group.num_rows, _bytes_of(group, columns.text)) for group in groups]
        file.seek(size - 8)
        footer = int.from_bytes(file.read(4), "little")
        file.seek(size - 8 - footer)
        fingerprint = sha256(file.read(footer)).hexdigest()
    shards, start = [], 0
    for rows, _ in cut(blocks, max_rows):
        shards.append((start, start + rows, rows))
        start += rows
    return InputFile(PARQUET, size, fingerprint, start, id_type, shards)


def _bytes_of(group: pq.RowGroupMetaData, column: str) -> int:
    """RETURNS (int): The bytes of a column in a row group, not compressed."""
    chunks = (group.column(number) for number in range(group.num_columns))
    return sum(c.total_uncompressed_size for c in chunks if c.path_in_schema == column)


def _check_columns(columns: Columns, names: list[str], place: Place) -> None:
    for name, option in zip(columns, ("--text-column", "--id-column"), strict=True):
        if names.count(name) != 1:
            problem = "several columns are called" if name in names else "no column"
            raise UnreadableFileError(
                f"{place.path}: {problem} {name}", f"Choose with {option} from: {', '.join(names)}"
            )


def _check_text_type(kind: pa.DataType, columns: Columns, place: Place) -> None:
    plain = _plain(kind)
    if plain not in (pa.string(), pa.binary(), pa.null()):
        raise UnreadableFileError(
            f"{place.path}: column {columns.text} is {kind}, not text",
            "Name the column of texts with --text-column, or leave the file out.",
        )


def _plain(kind: pa.DataType) -> pa.DataType:
    """RETURNS (pa.DataType): A type without what is about its storage alone."""
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def read_parquet(place: Place, columns: Columns, shard: Shard) -> Iterator[Rows]:
    """Read a shard of a Parquet file (see `read`)."""
    with place.files.open_input_file(place.path) as file:
        parquet = pq.ParquetFile(file)
        groups, first = [], 0
        skipped = None
        for number in range(parquet.num_row_groups):
            after = first + parquet.metadata.row_group(number).num_rows
            if first < shard.end and after > shard.start:
                groups.append(number)
                skipped = shard.start - first if skipped is None else skipped
            first = after
        skip, rest = skipped or 0, shard.rows
        for batch in parquet.iter_batches(
            ROWS_AT_ONCE, row_groups=groups, columns=[*dict.fromkeys(columns)], use_threads=False
        ):
            if not rest:
                return
            if skip >= len(batch):
                skip -= len(batch)
                continue
            batch = batch.slice(skip, rest)
            skip, rest = 0, rest - len(batch)
            texts, reasons = _texts_of(_to_plain(batch[columns.text]))
            ids, damaged = _ids_of(_to_plain(batch[columns.id]))
            for number in damaged:
                texts[number], reasons[number] = "", NOT_UTF8
            yield Rows(ids, texts, reasons)


def _to_plain(array: pa.Array) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    plain = _plain(array.type)
    if array.type == plain:
        return array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    # Casts to text check that it is UTF-8.
    if plain == pa.string() and array.type != plain:
        return array.cast(pa.large_binary()).cast(pa.binary()).view(pa.string())
    return array.cast(plain)


def _texts_of(array: pa.Array) -> tuple[list[str], list[str | None]]:
    """RETURNS (tuple[list[str], list[str | None]]): Texts, and why some cannot be read."""
    if pa.types.is_null(array.type):
        return [""] * len(array), [NULL] * len(array)
    texts, reasons = [], []
    for data in array.cast(pa.binary()).to_pylist():
        text, reason = "", None
        if data is None:
            reason = NULL
        else:
            try:
                text = data.decode("utf8")
            except UnicodeDecodeError:
                reason = NOT_UTF8
        texts.append(text)
        reasons.append(reason)
    return texts, reasons


def _ids_of(array: pa.Array) -> tuple[pa.Array, list[int]]:
    """RETURNS (tuple[pa.Array, list[int]]): Ids, and the numbers of those with invalid UTF-8."""
    if not pa.types.is_string(array.type):
        return array, []
    try:
        array.validate(full=True)
        return array, []
    except pa.ArrowInvalid:
        values = array.cast(pa.binary()).to_pylist()
        decoded = [None if v is None else v.decode("utf8", errors="replace") for v in values]
        damaged = [
            number
            for number, (value, text) in enumerate(zip(values, decoded, strict=True))
            if value is not None and value != text.encode("utf8")
        ]
        return pa.array(decoded, pa.string()), damaged


# Lines


class Lines:
    """The lines of a part of a file.

    offset (int): The bytes of the file up to the end of the last line that was read.
    """

    def __init__(self, file: pa.NativeFile, start: int, end: int):
        file.seek(start)
        self._file = io.BufferedReader(file, BUFFER)
        self._end = end
        self.offset = start
        self.digest = sha256()

    def __iter__(self) -> Iterator[bytes]:
        while self.offset < self._end and (line := self._file.readline()):
            self.offset += len(line)
            self.digest.update(line)
            yield line


def scan_lines(place: Place, columns: Columns, max_rows: int) -> InputFile:
    """Scan a CSV or JSON Lines file (see `scan`)."""
    file_format = format_of(place.path)
    _check_encoding(file_format, place)
    with place.files.open_input_file(place.path) as file:
        size = file.size()
        lines = Lines(file, 0, size)
        records = _csv_rows(lines) if file_format == CSV else _json_lines(lines)
        ends = _ends(records, lines)
        try:
            if file_format == CSV:
                header = next(records, [])
                _check_columns(columns, header, place)
            start = lines.offset
            found = [*cut(_sizes(ends, start), max_rows)]
        except csv.Error as error:
            raise UnreadableFileError(
                f"{place.path}, before byte {lines.offset:,}: not CSV ({error})",
                "Put quotes around a text that contains quotes, and double those inside.",
            ) from error
    shards = []
    for rows, n_bytes in found:
        shards.append((start, start + n_bytes, rows))
        start += n_bytes
    n_rows = sum(rows for rows, _ in found)
    digest = lines.digest.hexdigest()
    return InputFile(str(file_format), size, digest, n_rows, pa.string(), shards)


def _ends(records: Iterable[Any], lines: Lines) -> Iterator[int]:
    for _ in records:
        yield lines.offset


def _sizes(ends: Iterable[int], start: int) -> Iterator[tuple[int, int]]:
    for end in ends:
        yield 1, end - start
        start = end


def _check_encoding(file_format: str, place: Place) -> None:
    with place.files.open_input_file(place.path) as file:
        beginning = file.read(BUFFER).partition(b"\n")[0]
    if beginning.startswith(OTHER_BOMS) or (file_format == CSV and b"\0" in beginning):
        raise UnreadableFileError(
            f"{place.path}: its first line is UTF-16 or holds other characters that are no text",
            "Save it as UTF-8.",
        )


def _csv_rows(lines: Lines) -> Iterator[list[str]]:
    """Parse lines as CSV. What is not UTF-8 becomes lone surrogates."""
    decoded = (line.decode("utf8", errors="surrogateescape") for line in lines)
    if lines.offset == 0:
        first = next(decoded, "").removeprefix(BOM)
        decoded = (line for part in ([first], decoded) for line in part)
    return csv.reader(decoded, strict=True)


def _json_lines(lines: Lines) -> Iterator[bytes]:
    for line in lines:
        if line != codecs.BOM_UTF8:  # an empty file with a mark
            yield line


def read_csv(place: Place, columns: Columns, shard: Shard) -> Iterator[Rows]:
    """Read a shard of a CSV file (see `read`). Ids are text."""
    with place.files.open_input_file(place.path) as file:
        header = next(iter(_csv_rows(Lines(file, 0, file.size()))))
    text_at, id_at = header.index(columns.text), header.index(columns.id)
    with place.files.open_input_file(place.path) as file:
        rows = _csv_rows(Lines(file, shard.start, shard.end))
        yield from _rows_of(_csv_values(row, text_at, id_at, len(header)) for row in rows)


def _csv_values(
    row: list[str], text_at: int, id_at: int, n_columns: int
) -> tuple[Any, Any, str | None]:
    """RETURNS (tuple[Any, Any, str | None]): Id, text, and why the row cannot be read."""
    reason = TOO_MANY_FIELDS if any(row[n_columns:]) else None
    row_id = row[id_at] if id_at < len(row) else None
    return row_id, row[text_at] if text_at < len(row) else None, reason


def read_jsonl(place: Place, columns: Columns, shard: Shard) -> Iterator[Rows]:
    """Read a shard of a JSON Lines file (see `read`). Ids are text; others become their JSON."""
    with place.files.open_input_file(place.path) as file:
        lines = _json_lines(Lines(file, shard.start, shard.end))
        yield from _rows_of(_json_values(line, columns) for line in lines)


def _json_values(line: bytes, columns: Columns) -> tuple[Any, Any, str | None]:
    """RETURNS (tuple[Any, Any, str | None]): Id, text, and why the row cannot be read."""
    reason = None
    try:
        text = line.removeprefix(codecs.BOM_UTF8).decode("utf8")
    except UnicodeDecodeError:
        text, reason = line.decode("utf8", errors="replace"), NOT_UTF8
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        return None, None, reason or NOT_JSON
    row_id = record.get(columns.id)
    if row_id is not None and not isinstance(row_id, str):
        row_id = json.dumps(row_id, ensure_ascii=False)
    return row_id, record.get(columns.text), reason


def _rows_of(values: Iterable[tuple[Any, Any, str | None]]) -> Iterator[Rows]:
    """YIELDS (Rows): Ids and texts, with the reasons of all that is not text."""
    values = iter(values)
    while some := [*islice(values, ROWS_AT_ONCE)]:
        ids = [
            None if row_id is None else LONE_SURROGATE.sub(REPLACEMENT, row_id)
            for row_id, *_ in some
        ]
        reasons = [
            reason or (NOT_UTF8 if decoded != row_id else _reason_of(text))
            for decoded, (row_id, text, reason) in zip(ids, some, strict=True)
        ]
        texts = ["" if reason else text for reason, (_, text, _) in zip(reasons, some, strict=True)]
        yield Rows(pa.array(ids, pa.string()), texts, reasons)


def _reason_of(text: Any) -> str | None:
    """RETURNS (str | None): Why something is not a text."""
    if text is None:
        return NULL
    if not isinstance(text, str):
        return NOT_TEXT
    return NOT_UTF8 if LONE_SURROGATE.search(text) else None
