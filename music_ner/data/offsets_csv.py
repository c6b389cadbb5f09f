"""CSV files with character offsets, one row per span.

The format of MusicRecoNER (https://github.com/deezer/music-ner-eacl2023). A file that cannot be
read raises an error; a row that cannot be used is rejected with its reason.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from spacy.tokens import Doc

from music_ner.data.query import AMBIGUOUS, Query, Span, move_spans, trim
from music_ner.data.reading import Reading
from music_ner.files import UnreadableFileError
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.normalization import normalize

CSV_COLUMNS = ("id", "text", "start_offset", "end_offset", "label")
CSV_LABEL = re.compile(rf"({AMBIGUOUS}|{'|'.join(LABELS)})(?:_(known|deduced))?")
OFFSET = re.compile(r"[+-]?\d+(\.0*)?")


OVERFLOW = "(more fields than columns)"
COUNTS = ("rows", "spans", "duplicates", "rejected", "trimmed", "grown")
Record = dict[str, str]


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
    rows = _csv_rows(path)
    texts_by_id = _texts_by_id(rows)
    spans_by_text: dict[str, dict[int, Span]] = {
        normalize(row["text"])[0]: {} for row in rows.values() if _has_text(row)
    }
    reasons: dict[int, str] = {}
    counts = Counter(dict.fromkeys(COUNTS, 0))
    for number, row in rows.items():
        if fault := _fault(row, texts_by_id[row["id"]]):
            reasons[number] = fault
            continue
        text, span, repairs = _to_span(row, path.stem, make_doc)
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
        for text in _possible_texts(rows[number], texts_by_id)
    }
    queries = []
    for text, spans in spans_by_text.items():
        if spans:
            query_id = f"{path.name}:{rows[min(spans)]['id']}"
            ordered = tuple(sorted(spans.values()))
            queries.append(Query(query_id, text, ordered, ordered, text not in incomplete))
    rejected = [_rejection(path, number, rows[number], why) for number, why in reasons.items()]
    n_spans = sum(len(query.spans) for query in queries)
    counts.update(rows=len(rows), spans=n_spans, rejected=len(rejected))
    return Reading(queries, rejected, counts)


def _texts_by_id(rows: dict[int, Record]) -> dict[str, set[str]]:
    texts: dict[str, set[str]] = {row["id"]: set() for row in rows.values()}
    for row in rows.values():
        if _has_text(row):
            texts[row["id"]].add(row["text"])
    return texts


def _to_span(
    row: Record, annotator: str, make_doc: Callable[[str], Doc]
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


def _possible_texts(row: Record, texts_by_id: dict[str, set[str]]) -> set[str]:
    return {row["text"]} if _has_text(row) else texts_by_id[row["id"]]


def _rejection(path: Path, number: int, row: Record, reason: str) -> dict:
    content = {key: value for key, value in row.items() if key != OVERFLOW or value}
    return {"file": str(path), "row": number, "reason": reason, "content": content}


def _csv_rows(path: Path) -> dict[int, Record]:
    """Read the records that are not blank, by row number, without the header."""
    options = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig", "engine": "python"}
    try:
        columns = list(pd.read_csv(path, nrows=0, **options).columns)
        missing = [column for column in CSV_COLUMNS if column not in columns]
        if missing:
            raise UnreadableFileError(
                f"{path}: no column {', '.join(missing)}",
                f"The first row must name the columns {','.join(CSV_COLUMNS)}.",
            )
        frame = pd.read_csv(
            path,
            header=None,
            names=[*columns, OVERFLOW],
            skip_blank_lines=False,
            on_bad_lines=lambda fields: [
                *fields[: len(columns)],
                ",".join(filter(str.strip, fields[len(columns) :])),
            ],
            **options,
        ).fillna("")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path}: {error}", "Save the file as UTF-8.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UnreadableFileError(
            f"{path}: not a CSV file ({error})",
            f"It needs a first row {','.join(CSV_COLUMNS)}, and every quote closed.",
        ) from error
    rows = {
        number: row
        for number, row in enumerate(frame.to_dict("records"), start=1)
        if any(value.strip() for value in row.values())
    }
    rows.pop(min(rows))
    return rows


def _has_text(row: Record) -> bool:
    """RETURNS (bool): Whether a record's text is known, which it is not if a comma split it."""
    return bool(row["text"].strip()) and not row[OVERFLOW]


def _fault(row: Record, texts_of_id: set[str]) -> str | None:
    """RETURNS (str | None): Why a row cannot be used, and the fix; None if it can."""
    missing = [column for column in CSV_COLUMNS if not row[column].strip()]
    if missing:
        return f"no value for {', '.join(missing)}: fill it in"
    if row[OVERFLOW]:
        return "more fields than columns: put quotes around a text with commas"
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
