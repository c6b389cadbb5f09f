"""Texts to find entities in, read as a stream."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from music_ner.files import UnreadableFileError

csv.field_size_limit(2**31 - 1)  # texts may be of any length
STDIN = Path("-")


def read_texts(path: Path) -> Iterator[str]:
    """Read texts, one by one. What is not UTF-8 is replaced by U+FFFD.

    path (Path): A .csv or .jsonl file with the column or key `text`; or a .txt file, a file without
        an ending, or `-` for stdin, with one text per line.
    YIELDS (str): Each text, including empty ones and those of blank lines.
    RAISES (UnreadableFileError): If the file has another ending, or a line of it cannot be read.
    """
    if path == STDIN:
        yield from _lines(sys.stdin.buffer)
        return
    ending = path.suffix.lower()
    if ending == ".csv":
        yield from _csv_texts(path)
    elif ending in (".jsonl", ".txt", ""):
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), start=1):
                yield _jsonl_text(line, path, number) if ending == ".jsonl" else line
    else:
        raise UnreadableFileError(
            f"{path}: '{ending}' files are not supported",
            "Save it as .txt (one text per line), .csv (column text) or .jsonl (key text).",
        )


def _lines(file: Iterable[bytes]) -> Iterator[str]:
    for line in file:
        yield line.decode("utf-8-sig", errors="replace").rstrip("\r\n")


def _csv_texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            columns = next(rows, [])
            if "text" not in columns:
                raise UnreadableFileError(
                    f"{path}: no column text", "The first row must name the columns."
                )
            place = columns.index("text")
            for row in rows:
                if any(row[len(columns) :]):
                    raise UnreadableFileError(
                        f"{path}, line {rows.line_num}: more fields than columns",
                        "Put quotes around a text with commas.",
                    )
                yield row[place] if place < len(row) else ""
        except csv.Error as error:
            raise UnreadableFileError(
                f"{path}, line {rows.line_num}: not CSV ({error})",
                "Put quotes around a text that contains quotes, and double those inside.",
            ) from error


def _jsonl_text(line: str, path: Path, number: int) -> str:
    if not line.strip():
        return ""
    try:
        record = json.loads(line)
    except ValueError as error:
        problem = f"{path}, line {number}: not JSON ({error})"
        raise UnreadableFileError(problem, f"Fix the line: {line[:80]}") from error
    match record:
        case {"text": str(text)}:
            return text
    raise UnreadableFileError(
        f"{path}, line {number}: not a JSON object with a text under the key text",
        f"Fix the line: {line[:80]}",
    )
