"""Score predictions of any system against gold."""

from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import spacy
import srsly
import typer
from seqeval.scheme import IOB2
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.bio import read_bio
from music_ner.data.query import Query, Span, normalize_query, to_doc
from music_ner.data.reading import Reading
from music_ner.evaluation.scores import report
from music_ner.pipeline.labels import LABELS

from .data import reported
from .reporting import table
from .scoring import micro_interval, query_rows

SHOWN = 5


def read_jsonl(path: Path) -> list[Query]:
    """Read predictions as `predict` writes them.

    path (Path): JSON Lines with the keys `text` and `entities`. An entity is an object with
        `start`, `end` and `label`, or a list of the three. Offsets count the characters of `text`.
        Blank lines are ignored.
    RETURNS (list[Query]): The texts with the predicted entities. A line that is something else ends
        the command with a message.
    """
    queries = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.removeprefix(BOM_UTF8).strip():
            continue
        try:
            record = srsly.json_loads(line.decode("utf-8-sig"))
            text = record["text"]
            spans = tuple(sorted(_span(entity, text) for entity in record["entities"]))
        except (KeyError, TypeError, ValueError) as error:
            form = '{"text": "like sade", "entities": [{"start": 5, "end": 9, "label": "Artist"}]}'
            msg.fail(f"{path}, line {number}: {error!r}", f"Write lines like {form}", exits=1)
        queries.append(normalize_query(Query(f"{path}, line {number}", text, spans)))
    return queries


def _span(entity: dict[str, Any] | list[Any], text: str) -> Span:
    if isinstance(entity, dict):
        entity = [entity[key] for key in ("start", "end", "label")]
    start, end, label = entity
    if not 0 <= start < end <= len(text):
        raise ValueError(f"the offsets {start} and {end} do not lie within the text")
    if label not in LABELS:
        raise ValueError(f"unknown label {label}: use {' or '.join(LABELS)}")
    return Span(start, end, label)


def read_gold(path: Path) -> list[Query]:
    """Read a BIO file whose queries can all be used; else end the command with a message."""
    reading: Reading = read_bio(path)
    for row in reading.rejected:
        msg.warn(f"{row['file']}, line {row['row']}: {row['reason']}")
    if reading.rejected:
        msg.fail(f"{path} has lines that cannot be read", "Correct them.", exits=1)
    return reading.queries


def match(gold: Iterable[Query], predicted: Iterable[Query]) -> tuple[list[Query], list[Query]]:
    """Find the prediction for each gold query, by its text.

    gold (Iterable[Query]): Queries with gold entities.
    predicted (Iterable[Query]): Queries with predicted entities, in any order. Where a text is
        there several times, its predictions are taken in their order.
    RETURNS (tuple[list[Query], list[Query]]): The prediction for each gold query, and predictions
        for texts that gold does not hold. Gold queries without a prediction end the command with a
        message.
    """
    by_text = defaultdict(list)
    for query in predicted:
        by_text[query.text].append(query)
    matched, missing = [], []
    for query in gold:
        if by_text[query.text]:
            matched.append(by_text[query.text].pop(0))
        else:
            missing.append(query)
    if missing:
        remedy = "Predict the texts of the gold file, its words joined by single spaces. Missing: "
        msg.fail(
            f"{len(missing)} gold queries have no prediction", remedy + shown(missing), exits=1
        )
    return matched, [query for queries in by_text.values() for query in queries]


def shown(queries: list[Query]) -> str:
    """RETURNS (str): The first few texts."""
    more = "" if len(queries) <= SHOWN else f" and {len(queries) - SHOWN} more"
    return "; ".join(query.text for query in queries[:SHOWN]) + more


@reported()
def main(
    gold_path: Path = typer.Argument(..., help="BIO file with gold entities", exists=True),
    predictions: Path = typer.Argument(..., help="JSONL or BIO file to score", exists=True),
    seed: int = typer.Option(0, help="Seed of the bootstrap"),
) -> None:
    """Score the predictions of any system as the other commands score theirs."""
    gold = read_gold(gold_path)
    if not gold:
        msg.fail(f"{gold_path} holds no queries", "Name a BIO file with gold entities.", exits=1)
    read = read_jsonl if predictions.suffix.lower() == ".jsonl" else read_gold
    matched, unknown = match(gold, read(predictions))
    if unknown:
        msg.warn(f"{len(unknown)} predictions are for texts not in {gold_path}", shown(unknown))
    make_doc = spacy.blank("en").make_doc
    docs = [to_doc(query, make_doc) for query in gold]
    rows = query_rows(docs, ([(*span[:3], None) for span in query.spans] for query in matched))
    scores = report([*rows["gold"]], [*rows["predicted"]], mode="strict", scheme=IOB2)
    frame = pd.DataFrame(scores).T.drop("weighted avg").rename_axis("label")
    low, high = micro_interval(rows, seed)
    support = frame.pop("support").astype(int)
    print(table(frame.map("{:.3f}".format).assign(support=support)))
    msg.text(f"{len(gold)} queries; micro F1, 95 % interval: {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    run_command(main)
