"""Annotations of Prodigy: JSON Lines with `text`, `spans` and `answer`.

Format: https://prodi.gy/docs/api-interfaces#ner_manual. Offsets count characters, and the `answer`
is accept, reject or ignore.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from music_ner.data.reading import Reading
from music_ner.data.records import Marked, Record, UnusableError, read_records

ACCEPT = "accept"
ANNOTATOR_KEYS = ("_annotator_id", "_session_id")
BINARY = "ner"
"""View of the questions whether one suggested entity is right; those of `ner.manual` are whole."""


def is_prodigy(record: dict[str, Any]) -> bool:
    """RETURNS (bool): Whether a JSON object is an example of Prodigy."""
    return "text" in record and any(key in record for key in ("spans", "answer", "_task_hash"))


def read_prodigy(path: Path, make_doc: Callable[[str], Doc]) -> Reading:
    """Read annotations of Prodigy.

    Rejected and ignored examples are left out. What an accepted answer to a binary question says of
    the rest of the text is nothing, so these queries are incomplete.

    path (Path): JSON Lines, as `prodigy db-out` writes them. The annotator is that of the session,
        or named after the file.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (Reading): See `read_records`.
    """

    def to_records(row: int, value: dict[str, Any]) -> Iterator[Record | UnusableError]:
        answer = value.get("answer", ACCEPT)
        if answer != ACCEPT:
            yield UnusableError(f"answered with {answer}: annotate it again")
            return
        spans = value.get("spans")
        tokens = value.get("tokens")
        annotator = next((value[key] for key in ANNOTATOR_KEYS if value.get(key)), path.stem)
        yield Record(
            row,
            str(value.get("id", "")),
            value.get("text"),
            [_to_marked(span, tokens) for span in (spans if isinstance(spans, list) else [])],
            str(annotator),
            complete=value.get("_view_id") != BINARY,
        )

    return read_records(path, make_doc, to_records)


def _to_marked(span: Any, tokens: Any) -> Marked:
    if not isinstance(span, dict):
        return Marked(None, None, None, None, span)
    start, end, text = span.get("start"), span.get("end"), span.get("text")
    if start is None and isinstance(tokens, list):
        try:  # the last token is part of the span
            start = tokens[span["token_start"]]["start"]
            end = tokens[span["token_end"]]["end"]
        except (KeyError, IndexError, TypeError):
            pass
    return Marked(start, end, span.get("label"), text if isinstance(text, str) else None, span)


def to_prodigy(result: dict[str, Any]) -> dict[str, Any]:
    """Write a result of `predict` as an example for Prodigy's recipe `ner.manual`.

    result (dict[str, Any]): The result; its `text` is a string.
    RETURNS (dict[str, Any]): The example; the spans have their confidence as `score`.
    """
    spans = [
        {"start": entity["start"], "end": entity["end"], "label": entity["label"]}
        | {"text": entity["text"], "score": entity["confidence"]}
        for entity in result["entities"]
    ]
    return {**{key: value for key, value in result.items() if key != "entities"}, "spans": spans}
