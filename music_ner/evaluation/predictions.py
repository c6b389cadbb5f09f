"""What a pipeline predicts for each query of a test set, and how it compares to gold."""

from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc

from music_ner.data.query import word_offsets
from music_ner.evaluation.scores import (
    EntitySpan,
    entity_spans,
    kind_of_error,
    spans_with_missing_tag,
)

Row = dict[str, Any]


def row_of(gold: Doc, predicted: Doc) -> Row:
    """Compare the predicted entities of a query to its gold ones, by whitespace word.

    gold (Doc): The query with its gold entities.
    predicted (Doc): The query with its predicted entities.
    RETURNS (Row): The `id` and `text` of the query, and its `gold` and `predicted` entities. Each
        has `start`, `end`, `label` and `kind`; predicted ones also have `confidence`. The kind of a
        gold entity is one of ERRORS (see `errors`); that of a predicted one is `right`, `spurious`,
        or how it differs from gold. It is None of a predicted entity that touches words whose tag
        is missing, and of an entity without a word of its own.
    """
    text = gold.text
    unknown = spans_with_missing_tag(gold)
    found = entity_spans(predicted)
    is_judged = [not any(_touch(span, other) for other in unknown) for span in found]
    truth = _chunks(text, entity_spans(gold))
    judged = iter(_chunks(text, [s for s, judge in zip(found, is_judged, strict=True) if judge]))
    guesses = [next(judged) if judge else None for judge in is_judged]
    known_guesses = [guess for guess in guesses if guess]
    known_truth = [chunk for chunk in truth if chunk]
    return {
        "id": gold.user_data.get("id", ""),
        "text": text,
        "gold": [
            _entity(span, chunk and kind_of_error(chunk, _overlapping(chunk, known_guesses)))
            for span, chunk in zip(entity_spans(gold), truth, strict=True)
        ],
        "predicted": [
            _entity(span, guess and _kind_of_guess(guess, known_truth))
            | {"confidence": ent._.confidence}
            for span, guess, ent in zip(found, guesses, predicted.ents, strict=True)
        ],
    }


def _kind_of_guess(guess: tuple[str, int, int], truth: Sequence[tuple[str, int, int]]) -> str:
    overlapping = _overlapping(guess, truth)
    return kind_of_error(guess, overlapping) if overlapping else "spurious"


def _entity(span: EntitySpan, kind: str | None) -> Row:
    start, end, label = span
    return {"start": start, "end": end, "label": label, "kind": kind}


def _chunks(text: str, spans: Sequence[EntitySpan]) -> list[tuple[str, int, int] | None]:
    """RETURNS (list[tuple[str, int, int] | None]): Label, first and last word of each entity, as
    seqeval counts them. A word that two share belongs to the first."""
    words = word_offsets(text)
    taken: set[int] = set()
    chunks: list[tuple[str, int, int] | None] = []
    for span in spans:
        own = [n for n, word in enumerate(words) if _touch(span, word) and n not in taken]
        taken.update(own)
        chunks.append((span[2], own[0], own[-1]) if own else None)
    return chunks


def _overlapping(
    chunk: tuple[str, int, int], others: Sequence[tuple[str, int, int]]
) -> list[tuple[str, int, int]]:
    return [other for other in others if other[1] <= chunk[2] and chunk[1] <= other[2]]


def _touch(one: Sequence, other: Sequence) -> bool:
    return one[0] < other[1] and other[0] < one[1]
