"""Texts to find entities in, read as a stream."""

import codecs
import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from music_ner.files import UnreadableFileError

csv.field_size_limit(2**31 - 1)  # texts may be of any length
STDIN = Path("-")
OTHER_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
BOM = "\ufeff"
PIECE = 10_000


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Read texts with what is known of them, one by one. What is not UTF-8 is replaced by U+FFFD.

    path (Path): A .csv or .jsonl file with the column or key `text`; or a .txt file, a file without
        an ending, or `-` for stdin, with one text per line.
    YIELDS (dict[str, Any]): Each `text`, including empty ones and those of blank lines, with the
        other columns or keys of its row or line. In JSONL, `text` may be something else than text.
    RAISES (UnreadableFileError): If the file has another ending or encoding, or a line of it cannot
        be read.
    """
    if path == STDIN:
        for line in _lines(sys.stdin.buffer, "stdin"):
            yield {"text": line}
        return
    ending = path.suffix.lower()
    if ending == ".csv":
        yield from _csv_records(path)
    elif ending in (".jsonl", ".txt", ""):
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file, str(path)), start=1):
                yield _json_record(line, path, number) if ending == ".jsonl" else {"text": line}
    else:
        raise UnreadableFileError(
            f"{path}: '{ending}' files are not supported",
            "Save it as .txt (one text per line), .csv (column text) or .jsonl (key text).",
        )


def _lines(file: Iterable[bytes], name: str) -> Iterator[str]:
    for number, line in enumerate(file):
        if number == 0:
            _check_encoding(line, name)
            line = line.removeprefix(codecs.BOM_UTF8)
            if not line:  # an empty file with a mark
                return
        yield line.decode("utf8", errors="replace").removesuffix("\n").removesuffix("\r")


def _check_encoding(first_line: bytes, name: str) -> None:
    if first_line.startswith(OTHER_BOMS) or b"\0" in first_line:
        raise UnreadableFileError(
            f"{name}: its first line is UTF-16 or holds other characters that are no text",
            "Save it as UTF-8.",
        )


def _csv_records(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as file:
        _check_encoding(file.readline(), str(path))
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            columns = next(rows, [])
            _check_columns(columns, path)
            for row in rows:
                if any(row[len(columns) :]):
                    raise UnreadableFileError(
                        f"{path}, line {rows.line_num}: more fields than columns",
                        "Put quotes around a text with commas.",
                    )
                yield dict(zip_longest(columns, row[: len(columns)], fillvalue=""))
        except csv.Error as error:
            raise UnreadableFileError(
                f"{path}, line {rows.line_num}: not CSV ({error})",
                "Put quotes around a text that contains quotes, and double those inside.",
            ) from error


def _check_columns(columns: list[str], path: Path) -> None:
    if "text" not in columns:
        raise UnreadableFileError(f"{path}: no column text", "The first row must name the columns.")
    for column in columns:
        if columns.count(column) > 1:
            raise UnreadableFileError(
                f"{path}: several columns are called '{column}'", "Give each a name of its own."
            )


def _json_record(line: str, path: Path, number: int) -> dict[str, Any]:
    line = line.removeprefix(BOM)  # of files that were joined
    if not line.strip():
        return {"text": ""}
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        problem = f"{path}, line {number}: not JSON ({error})"
        raise UnreadableFileError(problem, f"Fix the line: {line[:80]}") from error
    if not isinstance(record, dict) or "text" not in record:
        raise UnreadableFileError(
            f"{path}, line {number}: not a JSON object with a text under the key text",
            f"Fix the line: {line[:80]}",
        )
    return record


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text into pieces of at most PIECE characters, after white space where possible.

    text (str): Any text.
    YIELDS (tuple[int, int]): Start and end of each piece; an empty text is one piece.
    """
    start = 0
    while len(text) - start > PIECE:
        spaces = [m.end() for m in re.finditer(r"\s+", text[start : start + PIECE])]
        end = start + (spaces[-1] if spaces else PIECE)
        yield start, end
        start = end
    yield start, len(text)
