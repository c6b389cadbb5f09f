"""The entities that a pipeline finds in texts, as records."""

from collections.abc import Iterable, Iterator
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from music_ner.data.texts import pieces

PIECES_AT_ONCE = 64


def find(nlp: Language, texts: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Find the entities in texts of any length.

    The memory that unseen words take is freed after every PIECES_AT_ONCE pieces.

    nlp (Language): The trained pipeline.
    texts (Iterable[str]): The texts, which are read as a stream. Long ones are read in pieces.
    YIELDS (list[dict[str, Any]]): The entities of each text (see `entities_of`).
    """
    entities: list[dict[str, Any]] = []
    for batch in minibatch(_pieces_of(texts), PIECES_AT_ONCE):
        with nlp.memory_zone():
            docs = nlp.pipe(piece for piece, _, _ in batch)
            found = [
                entities_of(doc, offset) for doc, (_, offset, _) in zip(docs, batch, strict=True)
            ]
        for of_piece, (_, _, is_last) in zip(found, batch, strict=True):
            entities += of_piece
            if is_last:
                yield entities
                entities = []


def _pieces_of(texts: Iterable[str]) -> Iterator[tuple[str, int, bool]]:
    """YIELDS (tuple[str, int, bool]): Pieces with their offsets, and whether they end a text."""
    for text in texts:
        for start, end in pieces(text):
            yield text[start:end], start, end == len(text)


def entities_of(doc: Doc, offset: int = 0) -> list[dict[str, Any]]:
    """List the entities of a doc.

    doc (Doc): A doc that a pipeline has processed.
    offset (int): The offset of the doc in its text, in characters.
    RETURNS (list[dict[str, Any]]): `start` and `end` offset in characters, `label`, `text`,
        `confidence` (None if no model set the entity), `id` and `link_confidence` (None if it is
        not linked), and `candidates`, best first, each with `id`, `name` and `score`.
    """
    return [
        {
            "start": offset + ent.start_char,
            "end": offset + ent.end_char,
            "label": ent.label_,
            "text": ent.text,
            "confidence": _of(ent, "confidence"),
            "id": ent.kb_id_ or None,
            "link_confidence": _of(ent, "link_confidence"),
            "candidates": _of(ent, "candidates") or [],
        }
        for ent in doc.ents
    ]


def is_sure(entity: dict[str, Any], min_confidence: float) -> bool:
    """RETURNS (bool): Whether an entity has the confidence, or has none to compare."""
    return entity["confidence"] is None or entity["confidence"] >= min_confidence


def _of(ent: Span, name: str) -> Any:
    """RETURNS (Any): An extension attribute; None if no component of the pipeline sets it."""
    return ent._.get(name) if ent.has_extension(name) else None
