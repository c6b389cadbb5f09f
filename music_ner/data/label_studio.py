"""Exports of Label Studio: tasks with annotations, in JSON or JSON Lines, and JSON_MIN.

Formats: https://labelstud.io/guide/task_format and https://labelstud.io/guide/export. Offsets are
those of JavaScript (https://github.com/HumanSignal/label-studio/issues/1347), and each region holds
its text, by which they are checked.
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

ANNOTATIONS = ("annotations", "completions")
"""Key of a task's annotations, and what it was called before version 1.0."""
FROM_NAME, TO_NAME, TYPE = "label", "text", "labels"
"""Names of the tags in Label Studio's template for named entity recognition."""
OWN_KEYS = ("id", UNIT_KEY)
MODEL_KEY = "model"


def is_label_studio(record: dict[str, Any]) -> bool:
    """RETURNS (bool): Whether a JSON object is a task of Label Studio, whole or of JSON_MIN."""
    is_task = isinstance(record.get("data"), dict) and any(
        key in record for key in (*ANNOTATIONS, "predictions")
    )
    return is_task or "annotation_id" in record


def read_label_studio(path: Path, make_doc: Callable[[str], Doc]) -> Reading:
    """Read an export of Label Studio.

    Each annotation of a task becomes a query of its annotator. Cancelled ones and predictions are
    no gold. Regions without labels, such as choices and relations, are not spans.

    path (Path): JSON, JSON_MIN, or JSON Lines of the same tasks.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (Reading): See `read_records`.
    """

    def to_records(row: int, task: dict[str, Any]) -> Iterator[Record | UnusableError]:
        if not isinstance(task.get("data"), dict):
            yield _of_min(row, task)
            return
        key = next((key for key in ANNOTATIONS if task.get(key)), ANNOTATIONS[0])
        annotations = [a for a in task.get(key) or [] if isinstance(a, dict)]
        if not annotations:
            hint = ", and its predictions are no gold" if task.get("predictions") else ""
            yield UnusableError(f"nobody annotated the task{hint}: annotate it")
        for annotation in annotations:
            if annotation.get("was_cancelled") or annotation.get("skipped"):
                yield UnusableError(f"{_name(annotation)} cancelled the task: annotate it")
                continue
            regions = annotation.get("result") or []
            yield Record(
                row,
                str(task.get("id", "")),
                _text_of(task["data"], regions),
                [mark for region in regions for mark in _to_marks(region.get("value"), region)],
                _name(annotation),
                in_utf16=task["data"].get(UNIT_KEY) == UTF16,
            )

    return read_records(path, make_doc, to_records)


def _of_min(row: int, task: dict[str, Any]) -> Record:
    """RETURNS (Record): That of a task in JSON_MIN: one object of data and annotation."""
    regions = [
        region
        for value in task.values()
        if isinstance(value, list)
        for region in value
        if isinstance(region, dict)
    ]
    annotator = _name({"completed_by": task.get("annotator")})
    marks = [mark for region in regions for mark in _to_marks(region, region)]
    return Record(row, str(task.get("id", "")), task.get("text"), marks, annotator)


def _name(annotation: dict[str, Any]) -> str:
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return "annotator" if who is None else str(who)


def _text_of(data: dict[str, Any], regions: list[Any]) -> Any:
    """RETURNS (Any): The task's text: that under `text`, or the only one there is."""
    if isinstance(data.get(TO_NAME), str):
        return data[TO_NAME]
    texts = [v for key, v in data.items() if isinstance(v, str) and key not in OWN_KEYS]
    return texts[0] if len(texts) == 1 else None


def _to_marks(value: Any, content: Any) -> Iterator[Marked]:
    if not isinstance(value, dict) or not ("start" in value or "globalOffsets" in value):
        return
    # In HTML, start and end are paths of elements.
    offsets = value.get("globalOffsets") or value
    text = value.get("text")
    labels = next((value[key] for key in (TYPE, "hypertextlabels") if value.get(key)), [None])
    for label in labels:
        yield Marked(
            offsets.get("start"),
            offsets.get("end"),
            label,
            text if isinstance(text, str) else None,
            content,
        )


def to_label_studio(result: dict[str, Any]) -> dict[str, Any]:
    """Write a result of `predict` as a task with a prediction.

    Format: https://labelstud.io/guide/predictions.

    result (dict[str, Any]): The result; its `text` is a string.
    RETURNS (dict[str, Any]): The task. What the result holds beside its entities is the
        task's data, and the regions have their confidence as `score`.
    """
    text = result["text"]
    regions = [
        {
            "id": str(number),
            "from_name": FROM_NAME,
            "to_name": TO_NAME,
            "type": TYPE,
            "value": {
                "start": to_utf16(text, entity["start"]),
                "end": to_utf16(text, entity["end"]),
                "text": entity["text"],
                TYPE: [entity["label"]],
            },
            **({} if entity["confidence"] is None else {"score": entity["confidence"]}),
        }
        for number, entity in enumerate(result["entities"])
    ]
    data = {key: value for key, value in result.items() if key != "entities"}
    prediction = {"model_version": MODEL_KEY, "result": regions}
    return {"data": {**data, UNIT_KEY: UTF16}, "predictions": [prediction]}
