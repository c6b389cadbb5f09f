"""The entities of a doc, as the service answers them."""

from typing import Any

from spacy.tokens import Doc, Span

KEYS_OF_CANDIDATE = ("id", "name", "score")


def entities_of(doc: Doc) -> list[dict[str, Any]]:
    """List the entities of a doc.

    doc (Doc): A doc that a pipeline has processed.
    RETURNS (list[dict[str, Any]]): `start` and `end` offset in characters, `label`, `text`,
        `confidence` (None if no model set the entity), `id` (None if nothing links it) and
        `candidates`, best first, each with `id`, `name` and `score`.
    """
    return [
        {
            "start": ent.start_char,
            "end": ent.end_char,
            "label": ent.label_,
            "text": ent.text,
            "confidence": _of(ent, "confidence", None),
            "id": ent.kb_id_ or None,
            "candidates": [
                {key: getattr(candidate, key) for key in KEYS_OF_CANDIDATE}
                for candidate in _of(ent, "candidates", ())
            ],
        }
        for ent in doc.ents
    ]


def is_sure(entity: dict[str, Any], min_confidence: float) -> bool:
    """RETURNS (bool): Whether an entity has the confidence, or has none to compare."""
    return entity["confidence"] is None or entity["confidence"] >= min_confidence


def _of(ent: Span, name: str, default: Any) -> Any:
    return ent._.get(name) if Span.has_extension(name) else default
