"""CSV files with character offsets, one row per span.

The format of MusicRecoNER (https://github.com/deezer/music-ner-eacl2023). A file that cannot be
read raises an error; a row that cannot be used is rejected with its reason.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import chain, product
from pathlib import Path
from typing import Any, NamedTuple

from spacy.tokens import Doc

from music_ner.data.query import AMBIGUOUS, MAX_LENGTH, Query, Span, move_spans, trim
from music_ner.data.reading import Reading
from music_ner.files import UnreadableFileError, read_text
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.normalization import normalize

CSV_COLUMNS = ("id", "text", "start_offset", "end_offset", "label")
CSV_LABEL = re.compile(rf"({AMBIGUOUS}|{'|'.join(LABELS)})(?:_(known|deduced))?")
OFFSET = re.compile(r"[+-]?\d+(\.0*)?")
OVERFLOW = "(more fields than columns)"
UNITS = {"UTF-16 code units": ("utf-16-le", 2), "UTF-8 bytes": ("utf-8", 1)}
"""What offsets may count instead of characters, its encoding, and the bytes of one unit."""
LINE_BREAK = len("\r\n")
BEYOND = 2**53  # no text is as long, and floats are exact up to here
csv.field_size_limit(2**31 - 1)  # texts may be of any length


class Record(NamedTuple):
    """A record of a CSV file.

    values (dict[str, str]): Its fields by column, empty where there are none.
    content (dict[str, str] | str): What the file holds.
    fault (str): Why the fields cannot be told apart, and the fix; empty if they can.
    """

    values: dict[str, str]
    content: dict[str, str] | str
    fault: str = ""

    @property
    def text(self) -> str:
        """The text; empty if it is not known, as where a comma split it."""
        return "" if self.fault else self.values["text"]

    @property
    def marks_nothing(self) -> bool:
        """Whether offsets and label are there, but empty: the text is a query without entities."""
        is_whole = not self.fault and len(self.content) == len(self.values)
        return is_whole and not any(self.values[column].strip() for column in CSV_COLUMNS[2:])


class Mark(NamedTuple):
    """What a row marks.

    text (str): The normalized text.
    marked (Span): The span in it as the row gives it, without white space at its edges.
    span (Span): The span, grown to whole tokens.
    trimmed (bool): Whether there was white space at its edges.
    """

    text: str
    marked: Span
    span: Span
    trimmed: bool


def read_csv(path: Path, make_doc: Callable[[str], Doc]) -> Reading:
    """Read the spans of one annotator from CSV.

    Spans are trimmed, moved to the normalized text, and grown to whole tokens; those that then
    share a token are rejected. Rows of one text are spans of one query, whether or not they share
    an id. A query with a rejected row is marked as incomplete, since the meaning of the row is not
    known.

    path (Path): A file with the columns id, text, start_offset, end_offset, label; one row per
        span. Labels may end in `_known` or `_deduced`. Without offsets and label, the text is a
        query without entities.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (Reading): The queries in the file's order; counts of `rows`, `spans`, queries
        `without_entities`, `duplicates` and `rejected` (rows are the sum of the others), of the
        rejected `glued` ones, which share a token, and of the `trimmed` and `grown` spans.
    RAISES (UnreadableFileError): If the file is not UTF-8, or not CSV with these columns.
    """
    records = _records(path)
    texts_by_id = _texts_by_id(records.values())
    reasons = _faults(records, texts_by_id)
    reasons |= _doubtful(records, reasons, texts_by_id)
    given = {
        number: (record.text, _to_span(record.values, path.stem))
        for number, record in records.items()
        if number not in reasons and not record.marks_nothing
    }
    reasons |= _in_other_units(given, make_doc)
    reasons |= _faults_of_spans(_without(given, reasons))
    marks = {
        number: _to_mark(text, span, make_doc)
        for number, (text, span) in _without(given, reasons).items()
    }
    glued = _glued(marks)
    overlapping, duplicates = _overlapping(_without(marks, glued))
    reasons |= glued | overlapping

    texts: dict[str, dict[int, tuple[Span, ...]]] = {}
    for number, record in _without(records, reasons).items():
        spans_of_text = texts.setdefault(normalize(record.text)[0], {})
        if record.marks_nothing and spans_of_text:
            duplicates.add(number)
        elif number not in duplicates:
            spans_of_text[number] = () if record.marks_nothing else (marks[number].span,)
    incomplete = {
        normalize(text)[0]
        for number in reasons
        for text in _possible_texts(records[number], texts_by_id)
    }
    queries = []
    for text, rows in texts.items():
        query_id = f"{path.name}:{records[min(rows)].values['id']}"
        spans = tuple(sorted(chain.from_iterable(rows.values())))
        complete = text not in incomplete
        queries.append(Query(query_id, text, spans, spans, complete, (path.stem,)))
    rejected = [
        {"file": str(path), "row": number, "reason": reason, "content": records[number].content}
        for number, reason in sorted(reasons.items())
    ]
    counts = Counter(
        rows=len(records),
        spans=sum(len(query.spans) for query in queries),
        without_entities=sum(not query.spans for query in queries),
        duplicates=len(duplicates),
        rejected=len(rejected),
        glued=len(glued),
        trimmed=sum(mark.trimmed for mark in marks.values()),
        grown=sum(mark.span != mark.marked for mark in marks.values()),
    )
    return Reading(queries, rejected, counts)


def _without(rows: dict[int, Any], others: Container[int]) -> dict[int, Any]:
    return {number: row for number, row in rows.items() if number not in others}


def _texts_by_id(records: Iterable[Record]) -> dict[str, set[str]]:
    texts: dict[str, set[str]] = {}
    for record in records:
        texts.setdefault(record.values["id"], set()).update(filter(str.strip, [record.text]))
    return texts


def _to_span(row: dict[str, str], annotator: str) -> Span:
    label, certainty = CSV_LABEL.fullmatch(row["label"].strip()).groups()
    offsets = (float(row[column]) for column in ("start_offset", "end_offset"))
    start, end = (int(max(min(offset, BEYOND), -BEYOND)) for offset in offsets)
    return Span(start, end, label, certainty or "", annotator)


def _to_mark(text: str, given: Span, make_doc: Callable[[str], Doc]) -> Mark:
    trimmed = trim(given, text)
    normalized, steps = normalize(text)
    marked = trim(*move_spans([trimmed], steps), normalized)
    tokens = make_doc(normalized).char_span(marked.start, marked.end, alignment_mode="expand")
    span = marked._replace(start=tokens.start_char, end=tokens.end_char)
    return Mark(normalized, marked, span, trimmed != given)


def _in_other_units(
    given: dict[int, tuple[str, Span]], make_doc: Callable[[str], Doc]
) -> dict[int, str]:
    """Find rows whose offsets count something other than characters.

    given (dict[int, tuple[str, Span]]): Text and span of rows, by row number.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (dict[int, str]): Why rows are rejected: only in other units, their span is one of whole
        tokens; or this cannot be told, but more rows are like that than not.
    """

    def is_exact(text: str, span: Span) -> bool:
        if _fault_of_span(text, span):
            return False
        mark = _to_mark(text, span, make_doc)
        return mark.span == mark.marked and not mark.trimmed

    reasons: dict[int, str] = {}
    for unit, (encoding, size) in UNITS.items():
        fits: dict[int, tuple[bool, bool]] = {}
        for number, (text, span) in given.items():
            if len(text.encode(encoding)) == len(text) * size:
                continue
            moved = [_characters(text, offset, encoding, size) for offset in span[:2]]
            if moved != [*span[:2]]:
                fits_moved = None not in moved and is_exact(text, Span(*moved, *span[2:]))
                fits[number] = is_exact(text, span), fits_moved
        foreign = [number for number, fit in fits.items() if fit == (False, True)]
        familiar = [number for number, fit in fits.items() if fit == (True, False)]
        found = dict.fromkeys(foreign, f"the offsets count {unit}: count characters")
        if len(foreign) > len(familiar):
            like = f"the offsets may count {unit}, as those of row {foreign[0]}: count characters"
            found = dict.fromkeys(fits, like) | found
        reasons = found | reasons
    return reasons


def _characters(text: str, offset: int, encoding: str, size: int) -> int | None:
    """RETURNS (int | None): The characters before an offset in units of an encoding; None if it is
    outside the text or inside a character."""
    encoded = text.encode(encoding)
    if not 0 <= offset * size <= len(encoded):
        return None
    try:
        return len(encoded[: offset * size].decode(encoding))
    except UnicodeDecodeError:
        return None


def _glued(marks: dict[int, Mark]) -> dict[int, str]:
    """RETURNS (dict[int, str]): Why rows are rejected that mark different names in one token."""
    rows_of_text: dict[str, list[int]] = {}
    for number, mark in marks.items():
        rows_of_text.setdefault(mark.text, []).append(number)
    reasons: dict[int, str] = {}
    for text, numbers in rows_of_text.items():
        grown = [number for number in numbers if marks[number].span != marks[number].marked]
        for one, other in product(grown, numbers):
            span, other_span = marks[one].span, marks[other].span
            if _overlap(marks[one].marked, marks[other].marked) or not _overlap(span, other_span):
                continue
            token = text[max(span.start, other_span.start) : min(span.end, other_span.end)]
            for number, sharing in ((one, other), (other, one)):
                reasons[number] = (
                    f"the span shares the token '{token}' with that of row {sharing}: "
                    "put a space between the names"
                )
    return reasons


def _overlap(span: Span, other: Span) -> bool:
    return span.start < other.end and other.start < span.end


def _overlapping(marks: dict[int, Mark]) -> tuple[dict[int, str], set[int]]:
    """RETURNS (tuple[dict[int, str], set[int]]): Why rows are rejected that overlap an earlier one,
    and the numbers of the rows that repeat one."""
    reasons: dict[int, str] = {}
    duplicates: set[int] = set()
    spans_of_text: dict[str, dict[int, Span]] = {}
    for number, mark in marks.items():
        earlier = spans_of_text.setdefault(mark.text, {})
        overlapped = [row for row, other in earlier.items() if _overlap(mark.span, other)]
        if any(mark.span[:3] == earlier[row][:3] for row in overlapped):
            duplicates.add(number)
        elif overlapped:
            reasons[number] = f"the span overlaps that of row {overlapped[0]}: keep one of them"
        else:
            earlier[number] = mark.span
    return reasons, duplicates


def _possible_texts(record: Record, texts_by_id: dict[str, set[str]]) -> set[str]:
    return {record.text} if record.text.strip() else texts_by_id[record.values["id"]]


def _records(path: Path) -> dict[int, Record]:
    """Read the records that are not blank, by row number, without the header."""
    columns: list[str] = []
    records: dict[int, Record] = {}
    line_number = 1
    for number, (lines, fields, problem) in enumerate(_parse(read_text(path)), start=1):
        if len(lines) > 1 and (
            problem or any(_ends_as_a_row(line, columns) for line in lines[:-1])
        ):
            raise UnreadableFileError(
                f"{path}, line {line_number}: a quote is opened and not closed",
                "Close every quote, and double the quotes inside a text with quotes.",
            )
        line_number += len(lines)
        if not any(field.strip() for field in fields):
            continue
        if columns:
            records[number] = _to_record(columns, lines[0], fields, problem)
        else:
            columns = _columns(path, fields, problem)
    if not columns:
        _columns(path, [], "no row")
    return records


def _parse(content: str) -> Iterator[tuple[list[str], list[str], str]]:
    """Parse CSV.

    content (str): A file's content.
    YIELDS (tuple[list[str], list[str], str]): The lines of each record, its fields, and what is
        wrong with it, if it cannot be parsed; then its fields are a guess.
    """
    # The last line makes a record that a quote keeps open to the end one of several lines.
    lines = [*io.StringIO(content, newline=""), ""]
    reader = csv.reader(lines, strict=True)
    while (first := reader.line_num) < len(lines):
        try:
            fields, problem = next(reader), ""
        except csv.Error as error:
            fields, problem = lines[first].rstrip("\r\n").split(","), str(error)
        yield lines[first : reader.line_num], fields, problem


def _ends_as_a_row(line: str, columns: list[str]) -> bool:
    """RETURNS (bool): Whether offsets and label end a line, as they end a row; or three empty
    fields, as of a query without entities."""
    fields = line.strip().split(",")
    if not columns or len(fields) < len(columns):
        return False
    start, end, label = (
        fields[columns.index(column) - len(columns)].strip() for column in CSV_COLUMNS[2:]
    )
    is_marked = OFFSET.fullmatch(start) and OFFSET.fullmatch(end) and CSV_LABEL.fullmatch(label)
    return bool(is_marked) or not (start or end or label)


def _columns(path: Path, fields: list[str], problem: str) -> list[str]:
    """RETURNS (list[str]): The names of the columns."""
    fix = f"The first row must name the columns {','.join(CSV_COLUMNS)}."
    if problem:
        raise UnreadableFileError(f"{path}: not a CSV file ({problem})", fix)
    columns = [field.strip() for field in fields]
    if missing := [column for column in CSV_COLUMNS if column not in columns]:
        raise UnreadableFileError(f"{path}: no column {', '.join(missing)}", fix)
    if repeated := [column for column in CSV_COLUMNS if columns.count(column) > 1]:
        raise UnreadableFileError(f"{path}: several columns {', '.join(repeated)}", fix)
    return columns


def _to_record(columns: list[str], line: str, fields: list[str], problem: str) -> Record:
    given = dict(zip(columns, fields, strict=False))
    values = dict.fromkeys(columns, "") | given
    overflow = ",".join(filter(str.strip, fields[len(columns) :]))
    if problem:
        fault = f"not CSV ({problem}): put quotes around the text, and double the quotes inside"
        return Record(values, line.rstrip("\r\n"), fault)
    if overflow:
        fault = "more fields than columns: put quotes around a text with commas"
        return Record(values, given | {OVERFLOW: overflow}, fault)
    return Record(values, given)


def _faults(records: dict[int, Record], texts_by_id: dict[str, set[str]]) -> dict[int, str]:
    """RETURNS (dict[int, str]): Why records cannot be read, and the fix."""
    faults = {
        number: _fault(record, texts_by_id[record.values["id"]])
        for number, record in records.items()
    }
    return {number: fault for number, fault in faults.items() if fault}


def _fault(record: Record, texts_of_id: set[str]) -> str | None:
    if record.fault:
        return record.fault
    row = record.values
    needed = CSV_COLUMNS[:2] if record.marks_nothing else CSV_COLUMNS
    if missing := [column for column in needed if not row[column].strip()]:
        return f"no value for {', '.join(missing)}: fill it in"
    if len(texts_of_id) > 1:
        return f"id {row['id']} stands for {len(texts_of_id)} different texts: give each an id"
    length = len(normalize(row["text"])[0])
    if length > MAX_LENGTH:
        return f"the text has {length} characters: cut it to {MAX_LENGTH}"
    if record.marks_nothing:
        return None
    for column in ("start_offset", "end_offset"):
        if not OFFSET.fullmatch(row[column].strip()):
            return f"{column} '{row[column]}' is not a whole number"
    if not CSV_LABEL.fullmatch(row["label"].strip()):
        return f"unknown label '{row['label']}': use one of {', '.join((*LABELS, AMBIGUOUS))}"
    return None


def _doubtful(
    records: dict[int, Record], reasons: dict[int, str], texts_by_id: dict[str, set[str]]
) -> dict[int, str]:
    """RETURNS (dict[int, str]): Why records are rejected that mark nothing: another may mark an
    entity in the same text."""
    others: dict[str, int] = {}
    for number, record in records.items():
        if number in reasons or not record.marks_nothing:
            for text in _possible_texts(record, texts_by_id):
                others.setdefault(normalize(text)[0], number)
    found = {
        number: others.get(normalize(record.text)[0])
        for number, record in _without(records, reasons).items()
        if record.marks_nothing
    }
    return {
        number: f"row {other} may mark an entity in the same text: keep one of them"
        for number, other in found.items()
        if other
    }


def _faults_of_spans(given: dict[int, tuple[str, Span]]) -> dict[int, str]:
    """RETURNS (dict[int, str]): Why the spans of rows cannot be used."""
    faults = {number: _fault_of_span(text, span) for number, (text, span) in given.items()}
    return {number: fault for number, fault in faults.items() if fault}


def _fault_of_span(text: str, span: Span) -> str | None:
    # A line break behind the text is often lost after it was annotated.
    if not (0 <= span.start <= len(text) and 0 <= span.end <= len(text) + LINE_BREAK):
        return f"the span {span.start} to {span.end} is not within the text (0 to {len(text)})"
    if not text[span.start : span.end].strip():
        return f"the span {span.start} to {span.end} contains no text"
    return None


def write_csv(path: Path, queries: Iterable[Query]) -> None:
    """Write the spans of queries as CSV, one row per span.

    path (Path): The file to write.
    queries (Iterable[Query]): The queries; a span's label is written with its certainty.
    """
    with path.open("w", encoding="utf8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for query in queries:
            for span in query.spans:
                label = "_".join(filter(None, (span.label, span.certainty)))
                writer.writerow((query.id, query.text, span.start, span.end, label))
