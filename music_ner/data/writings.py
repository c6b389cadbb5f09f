"""Two writings of one query: whether they are the same, and how spans move between them."""

from difflib import SequenceMatcher

from music_ner.data.query import Query, Span, move_spans, trim
from music_ner.pipeline.catalogue.names import fold
from music_ner.pipeline.normalization import Edit


def differences(text: str, other: str) -> list[Edit]:
    """Find the differences between two writings of one query, except case and accents.

    text (str): The text that offsets refer to.
    other (str): The text to move them to; its `query_key` is the same.
    RETURNS (list[Edit]): The edits from one to the other, in text order.
    """
    matcher = SequenceMatcher(None, _numbered(text), _numbered(other), autojunk=False)
    return [Edit(*offsets) for kind, *offsets in matcher.get_opcodes() if kind != "equal"]


def _numbered(text: str) -> list[tuple[int, str]]:
    """Number characters by the letters before them, so that each matches only in its place."""
    numbered, before = [], 0
    for char in text:
        letters = _letters(char)
        numbered.append((before, letters or char))
        before += len(letters)
    return numbered


def query_key(text: str) -> str:
    """Give what all writings of one query have in common: the letters of its normal form.

    text (str): A query.
    RETURNS (str): The folded text (see `fold`) without spaces; the text itself, without white space
        at its edges, if nothing else is left.

    >>> query_key("Sade & Korn?") == query_key("sade and korn")
    True
    """
    return _letters(text) or text.strip()


def entities_key(query: Query) -> tuple[tuple[int, str, str], ...]:
    """Give what the entities have in common in all writings of one query.

    query (Query): A query.
    RETURNS (tuple[tuple[int, str, str], ...]): How many letters there are before each entity, its
        `query_key`, and its label.

    >>> entities_key(Query("1", "By Sade!", (Span(3, 8, "Artist"),)))
    ((2, 'sade', 'Artist'),)
    """
    return tuple(
        (
            len(_letters(query.text[: span.start])),
            query_key(query.text[slice(*span[:2])]),
            span.label,
        )
        for span in query.spans
    )


def _letters(text: str) -> str:
    return fold(text).replace(" ", "")


def place(annotated: Query, gold: Query) -> tuple[list[Span], list[Span]]:
    """Move an annotator's spans to another writing of the same query.

    annotated (Query): The query as the annotator saw it.
    gold (Query): The other writing.
    RETURNS (tuple[list[Span], list[Span]]): The spans in the other text, and those that it does not
        contain.
    """
    moved = move_spans(annotated.spans, [differences(annotated.text, gold.text)])
    trimmed = [trim(span, gold.text) for span in moved]
    placed, lost = [], []
    for old, new in zip(annotated.spans, trimmed, strict=True):
        old_key = query_key(annotated.text[old.start : old.end])
        if query_key(gold.text[new.start : new.end]) == old_key:
            placed.append(new)
        else:
            lost.append(old)
    return placed, lost
