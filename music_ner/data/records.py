"""Records with a text and its spans, as the JSON files of annotation tools hold them."""

import json
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from spacy.tokens import Doc

from music_ner.data.marks import UNITS, Place, check, counts_of, reading_of, to_characters
from music_ner.data.query import MAX_LENGTH, Query, Span, is_label
from music_ner.data.reading import Reading
from music_ner.files import UnreadableFileError, read_text
from music_ner.pipeline.normalization import normalize

UNIT_KEY, UTF16 = "offset_unit", "UTF-16"
"""The key under which files that this library wrote say what their offsets count."""
UTF16_UNITS = next(iter(UNITS))


class Marked(NamedTuple):
    """A span as a file gives it.

    start (Any): Offset of its first character.
    end (Any): Offset after its last.
    label (Any): Its label.
    text (str | None): Its text, if the file holds it.
    content (Any): What the file holds.
    """

    start: Any
    end: Any
    label: Any
    text: str | None
    content: Any


class Record(NamedTuple):
    """An annotated text.

    row (int): Its row in the file, from 1.
    id (str): What the file calls it; empty if it does not.
    text (Any): Its text.
    marks (list[Marked]): Its spans.
    annotator (str): Who marked them.
    complete (bool): Whether all text outside the spans is known not to be an entity.
    in_utf16 (bool): Whether its offsets are known to count UTF-16 code units.
    """

    row: int
    id: str
    text: Any
    marks: list[Marked]
    annotator: str
    complete: bool = True
    in_utf16: bool = False


class UnusableError(ValueError):
    """A record that cannot be used; its text says why, and what to do about it."""


def read_json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Read a JSON array, or JSON Lines.

    path (Path): The file.
    YIELDS (tuple[int, Any]): Each row's number, from 1 (of its line, or its place in the array),
        and its value; an `UnusableError` where a line is not JSON. Blank lines are left out.
    RAISES (UnreadableFileError): If the file is not UTF-8, or not one array.
    """
    content = read_text(path)
    if content.lstrip().startswith("["):
        try:
            yield from enumerate(json.loads(content), start=1)
            return
        except (ValueError, RecursionError) as error:
            raise UnreadableFileError(f"{path}: not JSON ({error})", "Export it again.") from error
    # JSON escapes line breaks, and no other characters end a line of JSON Lines.
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip("\ufeff \t\r"):
            try:
                yield number, json.loads(line.strip("\ufeff"))
            except (ValueError, RecursionError) as error:
                yield number, UnusableError(f"not JSON ({error}): export the file again")


def read_records(
    path: Path,
    make_doc: Callable[[str], Doc],
    to_records: Callable[[int, dict[str, Any]], Iterable[Record | UnusableError]],
) -> Reading:
    """Read a file of records.

    Offsets that count something other than characters are converted (see `to_characters`). Spans
    are trimmed, moved to the normalized text, and grown to whole tokens; those that then share a
    token are rejected. A query with a rejected span is marked as incomplete. A record that repeats
    another of the same annotator is left out.

    path (Path): A JSON array, or JSON Lines.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    to_records (Callable[[int, dict], Iterable[Record | UnusableError]]): Gives the records of a
        row, and those that cannot be used.
    RETURNS (Reading): The queries in the file's order, one for each record; counts of `records`,
        `queries`, `duplicates` and `rejected` ones (records are the sum of the others), of the
        `spans`, and of the `rejected_spans`, `repeated_spans`, `trimmed`, `grown` and `converted`
        ones.
    RAISES (UnreadableFileError): If the file is not UTF-8, or not JSON.
    """
    reading = Reading()
    names = ("records", "queries", "duplicates", "rejected", "spans", "rejected_spans")
    more = ("repeated_spans", "trimmed", "grown", "converted")
    reading.counts.update(dict.fromkeys((*names, *more), 0))

    def reject(row: int, reason: object, content: Any, what: str = "rejected") -> None:
        reading.counts[what] += 1
        reading.rejected.append(
            {"file": str(path), "row": row, "reason": str(reason), "content": content}
        )

    records: list[Record] = []
    for row, value in read_json_rows(path):
        if isinstance(value, UnusableError):
            made: Iterable[Record | UnusableError] = [value]
        elif isinstance(value, dict):
            made = to_records(row, value)
        else:
            made = [UnusableError("not a JSON object: export the file again")]
        for record in made:
            reading.counts["records"] += 1
            fault = record if isinstance(record, UnusableError) else _fault_of_text(record.text)
            if fault:
                reject(row, fault, value if isinstance(value, dict) else str(value))
            else:
                records.append(record)

    given, texts, faulty = _given(records)
    read, how, odd = to_characters(given, texts, make_doc)
    reading.counts["converted"] += len(how)
    ids, seen = _ids(path, records), set()
    for number, record in enumerate(records):
        places = _places(number, record)
        of_record = {place: read[place] for place in places if place in read}
        checked = check(of_record, make_doc)
        reasons = {p: r for p, r in (faulty | odd | checked.reasons).items() if p in places}
        spans = tuple(
            sorted(
                mark.span
                for place, mark in checked.marks.items()
                if place not in reasons and place not in checked.duplicates
            )
        )
        annotator = record.annotator
        query = Query(
            ids[number],
            normalize(record.text)[0],
            spans,
            spans,
            record.complete and not reasons,
            (annotator,),
        )
        for place, reason in sorted(reasons.items()):
            content = {"text": record.text, "span": places[place].content}
            reject(record.row, reason, content, "rejected_spans")
        key = (annotator, query.text, spans, query.complete)
        if key in seen:
            reading.counts["duplicates"] += 1
            continue
        seen.add(key)
        reading.queries.append(query)
        reading.counts["queries"] += 1
        reading.counts["spans"] += len(spans)
        reading.counts["repeated_spans"] += len(checked.duplicates)
        reading.counts.update(counts_of(checked.marks.values()))
    reading.rejected.sort(key=itemgetter("row"))
    return reading


def _places(number: int, record: Record) -> dict[Place, Marked]:
    return {Place(record.row, n, number): mark for n, mark in enumerate(record.marks, start=1)}


def _given(
    records: list[Record],
) -> tuple[dict[Place, tuple[str, Span]], dict[Place, str], dict[Place, str]]:
    """RETURNS: Text and span of each mark that can be read, the texts that the file gives with
    them, and why the others cannot."""
    given, texts, faulty = {}, {}, {}
    for number, record in enumerate(records):
        for place, mark in _places(number, record).items():
            if fault := _fault_of_mark(mark):
                faulty[place] = fault
                continue
            span = Span(int(mark.start), int(mark.end), mark.label.strip(), "", record.annotator)
            if record.in_utf16:
                span = reading_of(record.text, span, UTF16_UNITS)
                if span is None:
                    faulty[place] = "the offsets are not between characters: mark it again"
                    continue
            given[place] = record.text, span
            if mark.text is not None:
                texts[place] = mark.text
    return given, texts, faulty


def _fault_of_text(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        return "no text: fill it in"
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return "the text holds half of a character: export it as UTF-8"
    if (length := len(normalize(text)[0])) > MAX_LENGTH:
        return f"the text has {length} characters: cut it to {MAX_LENGTH}"
    return ""


def _fault_of_mark(mark: Marked) -> str:
    for name, offset in (("start", mark.start), ("end", mark.end)):
        is_number = isinstance(offset, (int, float)) and not isinstance(offset, bool)
        if not is_number or offset != offset // 1:
            return f"the {name} {offset!r} is not a whole number: mark the span again"
    if not isinstance(mark.label, str) or not is_label(mark.label.strip()):
        return f"{mark.label!r} is no label: write it without commas, colons, quotes and ="
    return ""


def _ids(path: Path, records: list[Record]) -> list[str]:
    """RETURNS (list[str]): The id of each query. Records with the id of another text have that of
    their row added."""
    texts: dict[str, str] = {}
    ids = []
    for record in records:
        name = record.id or str(record.row)
        if texts.setdefault(name, record.text) != record.text:
            name = f"{name}.{record.row}"
        ids.append(f"{path.name}:{name}")
    return ids
