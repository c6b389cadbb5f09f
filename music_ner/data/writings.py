"""Two writings of one query: whether they are the same, and how spans move between them."""

import unicodedata
from difflib import SequenceMatcher

from music_ner.data.query import Query, Span, move_spans, trim
from music_ner.pipeline.normalization import Edit


def differences(text: str, other: str) -> list[Edit]:
    """Find where two writings of one query differ, other than in case and accents.

    text (str): The text that offsets refer to now.
    other (str): The text that they shall refer to; its `query_key` is the same.
    RETURNS (list[Edit]): What differs, in text order.
    """
    matcher = SequenceMatcher(None, _numbered(text), _numbered(other), autojunk=False)
    return [Edit(*offsets) for kind, *offsets in matcher.get_opcodes() if kind != "equal"]


def _numbered(text: str) -> list[tuple[int, str]]:
    """Number characters by the letters before them, so that none is matched out of its place."""
    numbered, before = [], 0
    for char in text:
        letters = _letters(char)
        numbered.append((before, letters or char))
        before += len(letters)
    return numbered


def query_key(text: str) -> str:
    """Name what two writings of one query share: its letters and digits.

    text (str): A query.
    RETURNS (str): The text without case, accents, spaces and punctuation; where nothing else is
        left, the text as it stands.
    """
    return _letters(text) or text.strip()


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in folded if char.isalnum())


def place(annotated: Query, gold: Query) -> tuple[list[Span], list[Span]]:
    """Move an annotator's spans onto the text of another writing of the same query.

    annotated (Query): The query as the annotator saw it.
    gold (Query): The other writing.
    RETURNS (tuple[list[Span], list[Span]]): The spans on the other text, and those that it does
        not hold.
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
