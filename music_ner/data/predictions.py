"""The formats that predictions are written in, for annotators to correct."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from music_ner.data.bio import block_of
from music_ner.data.doccano import to_doccano
from music_ner.data.label_studio import to_label_studio
from music_ner.data.offsets_csv import CSV_COLUMNS
from music_ner.data.prodigy import to_prodigy
from music_ner.data.query import Query, Span, normalize_query

Result = dict[str, Any]
"""A record with its `text` and `entities` (see `predict`)."""


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _json_lines(to_record: Callable[[Result], Result]) -> Callable:
    return lambda results: (_dump(to_record(result)) + "\n" for result in results)


def _json_array(results: Iterable[Result]) -> Iterator[str]:
    before = "["
    for result in results:
        yield before + "\n" + _dump(to_label_studio(result))
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _csv_rows(results: Iterable[Result]) -> Iterator[str]:
    """One row for each entity, and one without offsets for a text without entities."""
    yield _csv_row(*CSV_COLUMNS, "confidence")
    for number, result in enumerate(results, start=1):
        text = (_id_of(result, number), result["text"])
        for entity in result["entities"]:
            yield _csv_row(*text, *(entity[key] for key in ("start", "end", "label", "confidence")))
        if not result["entities"]:
            yield _csv_row(*text, "", "", "", "")


def _csv_row(*fields: Any) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(fields)
    return line.getvalue()


def _bio_blocks(results: Iterable[Result]) -> Iterator[str]:
    for number, result in enumerate(results, start=1):
        spans = tuple(Span(e["start"], e["end"], e["label"]) for e in result["entities"])
        query = normalize_query(Query(_id_of(result, number), result["text"], spans))
        yield ("\n" if number > 1 else "") + block_of(query)


def _id_of(result: Result, number: int) -> str:
    name = " ".join(str(result.get("id", "")).split())
    return name or str(number)


FORMATS: dict[str, Callable[[Iterable[Result]], Iterable[str]]] = {
    "jsonl": _json_lines(lambda result: result),
    "doccano": _json_lines(to_doccano),
    "label-studio": _json_array,
    "prodigy": _json_lines(to_prodigy),
    "csv": _csv_rows,
    "bio": _bio_blocks,
}
"""For each format, what turns results into the pieces of a file; `formats.read` reads them all,
Label Studio's once its predictions are accepted."""
ENDINGS = {
    **dict.fromkeys(("jsonl", "doccano", "prodigy"), (".jsonl", "")),
    "label-studio": (".json", ""),
    "csv": (".csv", ""),
    "bio": (".bio", ".conll", ".txt", ""),
}
"""What files of each format are called."""


def has_text(result: Result) -> bool:
    """RETURNS (bool): Whether there is something to annotate."""
    return isinstance(result["text"], str) and bool(result["text"].strip())
