"""CSV files with character offsets, one row per span.

The format of MusicRecoNER (https://github.com/deezer/music-ner-eacl2023). A file that cannot be
read raises an error; a row that cannot be used is rejected with its reason.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc

from music_ner.data.query import AMBIGUOUS, MAX_LENGTH, Query, Span, move_spans, trim
from music_ner.data.reading import Reading
from music_ner.files import UnreadableFileError
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.normalization import normalize

CSV_COLUMNS = ("id", "text", "start_offset", "end_offset", "label")
CSV_LABEL = re.compile(rf"({AMBIGUOUS}|{'|'.join(LABELS)})(?:_(known|deduced))?")
OFFSET = re.compile(r"[+-]?\d+(\.0*)?")
OVERFLOW = "(more fields than columns)"
COUNTS = ("rows", "spans", "duplicates", "rejected", "trimmed", "grown")
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


def read_csv(path: Path, make_doc: Callable[[str], Doc]) -> Reading:
    """Read the spans of one annotator from CSV.

    Spans are trimmed, moved to the normalized text, and grown to whole tokens. Rows of one text are
    spans of one query, whether or not they share an id. A query with a rejected row is marked as
    incomplete, since the meaning of the row is not known.

    path (Path): A file with the columns id, text, start_offset, end_offset, label; one row per
        span. Labels may end in `_known` or `_deduced`.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (Reading): The queries in the file's order; counts of `rows`, `spans`, `trimmed`,
        `grown`, `duplicates` and `rejected` (rows = spans + duplicates + rejected).
    RAISES (UnreadableFileError): If the file is not UTF-8, or not CSV with these columns.
    """
    records = _records(path)
    texts_by_id = _texts_by_id(records.values())
    spans_by_text: dict[str, dict[int, Span]] = {
        normalize(record.text)[0]: {} for record in records.values() if record.text.strip()
    }
    reasons: dict[int, str] = {}
    counts = Counter(dict.fromkeys(COUNTS, 0))
    for number, record in records.items():
        if fault := _fault(record, texts_by_id[record.values["id"]]):
            reasons[number] = fault
            continue
        text, span, repairs = _to_span(record.values, path.stem, make_doc)
        counts.update(repairs)
        earlier = spans_by_text[text]
        if any(span[:3] == other[:3] for other in earlier.values()):
            counts["duplicates"] += 1
        elif overlapped := _overlapped(span, earlier):
            reasons[number] = f"the span overlaps that of row {overlapped}: keep one of them"
        else:
            earlier[number] = span

    incomplete = {
        normalize(text)[0]
        for number in reasons
        for text in _possible_texts(records[number], texts_by_id)
    }
    queries = []
    for text, spans in spans_by_text.items():
        if spans:
            query_id = f"{path.name}:{records[min(spans)].values['id']}"
            ordered = tuple(sorted(spans.values()))
            queries.append(Query(query_id, text, ordered, ordered, text not in incomplete))
    rejected = [
        {"file": str(path), "row": number, "reason": reason, "content": records[number].content}
        for number, reason in reasons.items()
    ]
    n_spans = sum(len(query.spans) for query in queries)
    counts.update(rows=len(records), spans=n_spans, rejected=len(rejected))
    return Reading(queries, rejected, counts)


def _texts_by_id(records: Iterable[Record]) -> dict[str, set[str]]:
    texts: dict[str, set[str]] = {}
    for record in records:
        texts.setdefault(record.values["id"], set()).update(filter(str.strip, [record.text]))
    return texts


def _to_span(
    row: dict[str, str], annotator: str, make_doc: Callable[[str], Doc]
) -> tuple[str, Span, dict[str, int]]:
    """RETURNS (tuple[str, Span, dict[str, int]]): The normalized text of a row without faults, its
    span in that text, and the repairs that were made."""
    label, certainty = CSV_LABEL.fullmatch(row["label"]).groups()
    start, end = (int(float(row[column])) for column in ("start_offset", "end_offset"))
    marked = Span(start, end, label, certainty or "", annotator)
    trimmed = trim(marked, row["text"])
    text, steps = normalize(row["text"])
    (moved,) = move_spans([trimmed], steps)
    tokens = make_doc(text).char_span(moved.start, moved.end, alignment_mode="expand")
    grown = moved._replace(start=tokens.start_char, end=tokens.end_char)
    return text, grown, {"trimmed": int(trimmed != marked), "grown": int(grown != moved)}


def _overlapped(span: Span, others: dict[int, Span]) -> int | None:
    """RETURNS (int | None): The row number of the first span that overlaps another."""
    for number, other in others.items():
        if span.start < other.end and other.start < span.end:
            return number
    return None


def _possible_texts(record: Record, texts_by_id: dict[str, set[str]]) -> set[str]:
    return {record.text} if record.text.strip() else texts_by_id[record.values["id"]]


def _records(path: Path) -> dict[int, Record]:
    """Read the records that are not blank, by row number, without the header."""
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path}: {error}", "Save the file as UTF-8.") from error
    columns: list[str] = []
    records: dict[int, Record] = {}
    line_number = 1
    for number, (lines, fields, problem) in enumerate(_parse(content), start=1):
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
    """RETURNS (bool): Whether offsets and label end a line, as they end a row."""
    fields = line.strip().split(",")
    if not columns or len(fields) < len(columns):
        return False
    start, end, label = (
        fields[columns.index(column) - len(columns)].strip() for column in CSV_COLUMNS[2:]
    )
    return bool(OFFSET.fullmatch(start) and OFFSET.fullmatch(end) and CSV_LABEL.fullmatch(label))


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
    values = dict(zip_longest(columns, fields[: len(columns)], fillvalue=""))
    overflow = ",".join(filter(str.strip, fields[len(columns) :]))
    if problem:
        fault = f"not CSV ({problem}): put quotes around the text, and double the quotes inside"
        return Record(values, line.rstrip("\r\n"), fault)
    if overflow:
        fault = "more fields than columns: put quotes around a text with commas"
        return Record(values, values | {OVERFLOW: overflow}, fault)
    return Record(values, values)


def _fault(record: Record, texts_of_id: set[str]) -> str | None:
    """RETURNS (str | None): Why a record cannot be used, and the fix; None if it can."""
    if record.fault:
        return record.fault
    row = record.values
    missing = [column for column in CSV_COLUMNS if not row[column].strip()]
    if missing:
        return f"no value for {', '.join(missing)}: fill it in"
    if len(texts_of_id) > 1:
        return f"id {row['id']} stands for {len(texts_of_id)} different texts: give each an id"
    for column in ("start_offset", "end_offset"):
        if not OFFSET.fullmatch(row[column].strip()):
            return f"{column} '{row[column]}' is not a whole number"
    if not CSV_LABEL.fullmatch(row["label"]):
        return f"unknown label '{row['label']}': use one of {', '.join((*LABELS, AMBIGUOUS))}"
    start, end = row["start_offset"].strip(), row["end_offset"].strip()
    if not all(0 <= float(offset) <= len(row["text"]) for offset in (start, end)):
        return f"the span {start} to {end} is not within the text (0 to {len(row['text'])})"
    if not row["text"][int(float(start)) : int(float(end))].strip():
        return f"the span {start} to {end} contains no text"
    length = len(normalize(row["text"])[0])
    if length > MAX_LENGTH:
        return f"the text has {length} characters: cut it to {MAX_LENGTH}"
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
