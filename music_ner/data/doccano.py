"""Exports of doccano, and the results of `predict`: a text and its spans in each line.

doccano (https://github.com/doccano/doccano) exports sequence labelling as JSON Lines with
`"label": [[0, 4, "Artist"]]`, and projects with relations with
`"entities": [{"start_offset": 0, "end_offset": 4, "label": "Artist"}]`. Its offsets are those of
JavaScript, which counts UTF-16 code units (https://github.com/doccano/doccano/issues/2290).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from music_ner.data.marks import to_utf16
from music_ner.data.reading import Reading
from music_ner.data.records import (
    UNIT_KEY,
    UTF16,
    Marked,
    Record,
    UnusableError,
    read_records,
)

SPAN_KEYS = ("label", "labels", "entities")
OFFSET_KEYS = (("start_offset", "end_offset"), ("start", "end"))


def is_doccano(record: dict[str, Any]) -> bool:
    """RETURNS (bool): Whether a JSON object is a record of doccano or a result of `predict`."""
    return "text" in record and any(isinstance(record.get(key), list) for key in SPAN_KEYS)


def read_doccano(path: Path, make_doc: Callable[[str], Doc]) -> Reading:
    """Read an export of doccano.

    path (Path): JSON Lines, or a JSON array. doccano writes a file for each annotator, who is named
        after the file, unless the records name one under `annotator`.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (Reading): See `read_records`.
    """

    def to_records(row: int, value: dict[str, Any]) -> Iterator[Record | UnusableError]:
        spans = next((value[key] for key in SPAN_KEYS if isinstance(value.get(key), list)), None)
        if spans is None:
            yield UnusableError("no list under label or entities: annotate the text")
            return
        yield Record(
            row,
            str(value.get("id", "")),
            value.get("text"),
            [_to_marked(span) for span in spans],
            str(value.get("annotator") or path.stem),
            in_utf16=value.get(UNIT_KEY) == UTF16,
        )

    return read_records(path, make_doc, to_records)


def _to_marked(span: Any) -> Marked:
    match span:
        case [start, end, label]:
            return Marked(start, end, label, None, span)
        case dict():
            start, end = next((keys for keys in OFFSET_KEYS if keys[0] in span), OFFSET_KEYS[0])
            text = span.get("text")
            text = text if isinstance(text, str) else None
            return Marked(span.get(start), span.get(end), span.get("label"), text, span)
    return Marked(None, None, None, None, span)


def to_doccano(result: dict[str, Any]) -> dict[str, Any]:
    """Write a result of `predict` as doccano imports it.

    result (dict[str, Any]): The result; its `text` is a string.
    RETURNS (dict[str, Any]): The record. doccano keeps what is beside `text` and `label` as
        the example's metadata: the confidences, and what the offsets count.
    """
    text, entities = result["text"], result["entities"]
    return {
        **{key: value for key, value in result.items() if key != "entities"},
        "label": [
            [to_utf16(text, e["start"]), to_utf16(text, e["end"]), e["label"]] for e in entities
        ],
        "confidences": [entity["confidence"] for entity in entities],
        UNIT_KEY: UTF16,
    }
