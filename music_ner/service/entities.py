"""The entities of a doc, as the service answers them."""

from typing import Any

from spacy.tokens import Doc, Span


def entities_of(doc: Doc) -> list[dict[str, Any]]:
    """List the entities of a doc.

    doc (Doc): A doc that a pipeline has processed.
    RETURNS (list[dict[str, Any]]): `start` and `end` offset in characters, `label`, `text`,
        `confidence` (None if no model set the entity), `id` and `link_confidence` (None if it is
        not linked), and `candidates`, best first, each with `id`, `name` and `score`.
    """
    return [
        {
            "start": ent.start_char,
            "end": ent.end_char,
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
    return ent._.get(name) if Span.has_extension(name) else None
