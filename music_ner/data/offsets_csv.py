"""CSV files with character offsets, one row per span.

The format of MusicRecoNER (https://github.com/deezer/music-ner-eacl2023). A file that cannot be
read raises an error; a row that cannot be used is rejected with its reason.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc

from music_ner.data.marks import check, counts_of, in_other_units, without
from music_ner.data.query import LABEL, MAX_LENGTH, Query, Span
from music_ner.data.reading import Reading
from music_ner.files import UnreadableFileError, read_text
from music_ner.pipeline.normalization import normalize

CSV_COLUMNS = ("id", "text", "start_offset", "end_offset", "label")
CSV_LABEL = re.compile(rf"(?={LABEL}\Z)(.+?)(?:_(known|deduced))?")
OFFSET = re.compile(r"[+-]?\d+(\.0*)?")
OVERFLOW = "(more fields than columns)"
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
    reasons |= in_other_units(given, make_doc)
    marks, faults, duplicates, n_glued = check(without(given, reasons), make_doc)
    reasons |= faults

    texts: dict[str, dict[int, tuple[Span, ...]]] = {}
    for number, record in without(records, reasons).items():
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
        glued=n_glued,
    )
    counts.update(counts_of(marks.values()))
    return Reading(queries, rejected, counts)


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
        return f"'{row['label']}' is no label: write it without commas, colons, quotes and ="
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
        for number, record in without(records, reasons).items()
        if record.marks_nothing
    }
    return {
        number: f"row {other} may mark an entity in the same text: keep one of them"
        for number, other in found.items()
        if other
    }


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
