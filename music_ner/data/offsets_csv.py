"""CSV files with character offsets, one row per span.

The format of MusicRecoNER (https://github.com/deezer/music-ner-eacl2023). A file that cannot be
read ends the command; a row that cannot be used is rejected with its reason.
"""

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from spacy.tokens import Doc
from wasabi import msg

from music_ner.data.query import AMBIGUOUS, Query, Span, move_spans, trim
from music_ner.data.reading import Reading
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.normalization import normalize

CSV_COLUMNS = ("id", "text", "start_offset", "end_offset", "label")
CSV_LABEL = re.compile(rf"({AMBIGUOUS}|{'|'.join(LABELS)})(?:_(known|deduced))?")
OFFSET = re.compile(r"[+-]?\d+(\.0*)?")


def read_csv(path: Path, make_doc: Callable[[str], Doc]) -> Reading:
    """Read the spans of one annotator from CSV.

    Spans are trimmed, carried over to the normalized text, and grown to whole tokens. Rows of one
    text are spans of one query, whether or not they share an id. A query with a rejected row is
    marked as incomplete, since what the row meant is not known.

    path (Path): A file with the columns id, text, start_offset, end_offset, label; one row a span.
        Labels may end in `_known` or `_deduced`.
    make_doc (Callable[[str], Doc]): The pipeline's tokenizer.
    RETURNS (Reading): The queries in the file's order; counts of `rows`, `spans`, `trimmed`,
        `grown`, `duplicates` and `rejected` (rows = spans + duplicates + rejected).
    """
    reading = Reading()
    names = ("rows", "spans", "duplicates", "rejected", "trimmed", "grown")
    reading.counts.update(dict.fromkeys(names, 0))
    rows = _csv_rows(path)
    texts: dict[str, set[str]] = {row["id"]: set() for row in rows.values()}
    accepted: dict[str, dict[int, Span]] = {}
    for row in rows.values():
        if _has_text(row):
            texts[row["id"]].add(row["text"])
            accepted[normalize(row["text"])[0]] = {}
    incomplete: set[str] = set()

    def reject(number: int, reason: str) -> None:
        row = rows[number]
        content = {key: value for key, value in row.items() if key != OVERFLOW or value}
        reading.rejected.append(
            {"file": str(path), "row": number, "reason": reason, "content": content}
        )
        meant = {row["text"]} if _has_text(row) else texts[row["id"]]
        incomplete.update(normalize(text)[0] for text in meant)

    for number, row in rows.items():
        reason = _fault(row, texts[row["id"]])
        if reason:
            reject(number, reason)
            continue
        label, certainty = CSV_LABEL.fullmatch(row["label"]).groups()
        marked = Span(
            int(float(row["start_offset"])),
            int(float(row["end_offset"])),
            label,
            certainty or "",
            path.stem,
        )
        span = trim(marked, row["text"])
        reading.counts["trimmed"] += span != marked
        text, steps = normalize(row["text"])
        (span,) = move_spans([span], steps)
        token_span = make_doc(text).char_span(span.start, span.end, alignment_mode="expand")
        grown = span._replace(start=token_span.start_char, end=token_span.end_char)
        reading.counts["grown"] += grown != span
        earlier = accepted[text]
        if any(grown[:3] == other[:3] for other in earlier.values()):
            reading.counts["duplicates"] += 1
            continue
        overlapped = [
            n for n, other in earlier.items() if grown.start < other.end and other.start < grown.end
        ]
        if overlapped:
            reject(number, f"the span overlaps that of row {overlapped[0]}: keep one of them")
            continue
        earlier[number] = grown

    for text, spans in accepted.items():
        if spans:
            query_id = f"{path.name}:{rows[min(spans)]['id']}"
            ordered = tuple(sorted(spans.values()))
            reading.queries.append(Query(query_id, text, ordered, ordered, text not in incomplete))
    reading.counts["rows"] = len(rows)
    reading.counts["spans"] = sum(len(query.spans) for query in reading.queries)
    reading.counts["rejected"] = len(reading.rejected)
    return reading


OVERFLOW = "(more fields than columns)"


def _csv_rows(path: Path) -> dict[int, dict[str, str]]:
    """Read the records that are not blank, by row number, without the header."""
    options = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig", "engine": "python"}
    try:
        columns = list(pd.read_csv(path, nrows=0, **options).columns)
        missing = [column for column in CSV_COLUMNS if column not in columns]
        if missing:
            msg.fail(
                f"{path}: no column {', '.join(missing)}",
                f"The first row has to name the columns {','.join(CSV_COLUMNS)}.",
                exits=1,
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
        msg.fail(f"{path}: {error}", "Save the file as UTF-8.", exits=1)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        msg.fail(
            f"{path}: not a CSV file ({error})",
            f"It needs a first row {','.join(CSV_COLUMNS)}; quotes have to be closed.",
            exits=1,
        )
    rows = {
        number: row
        for number, row in enumerate(frame.to_dict("records"), start=1)
        if any(value.strip() for value in row.values())
    }
    rows.pop(min(rows))
    return rows


def _has_text(row: dict[str, str]) -> bool:
    """RETURNS (bool): Whether a record's text is known, as it is not if a comma parted it."""
    return bool(row["text"].strip()) and not row[OVERFLOW]


def _fault(row: dict[str, str], texts_of_id: set[str]) -> str | None:
    """Say what makes a row unusable, and what to do about it; None where nothing does."""
    missing = [column for column in CSV_COLUMNS if not row[column].strip()]
    if missing:
        return f"no value for {', '.join(missing)}: fill it in"
    if row[OVERFLOW]:
        return "more fields than columns: put quotes around a text that holds commas"
    if len(texts_of_id) > 1:
        return f"id {row['id']} stands for {len(texts_of_id)} different texts: number them apart"
    for column in ("start_offset", "end_offset"):
        if not OFFSET.fullmatch(row[column].strip()):
            return f"{column} '{row[column]}' is not a whole number"
    if not CSV_LABEL.fullmatch(row["label"]):
        return f"unknown label '{row['label']}': use one of {', '.join((*LABELS, AMBIGUOUS))}"
    start, end = row["start_offset"].strip(), row["end_offset"].strip()
    if not all(0 <= float(offset) <= len(row["text"]) for offset in (start, end)):
        return f"the span {start} to {end} runs out of the text (0 to {len(row['text'])})"
    if not row["text"][int(float(start)) : int(float(end))].strip():
        return f"the span {start} to {end} holds no text"
    return None


def write_csv(path: Path, queries: Iterable[Query]) -> None:
    """Write the spans of queries as CSV, one row a span.

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
