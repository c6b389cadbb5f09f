"""Annotated music queries: the one type that every format is read into and written from."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import NamedTuple

from spacy.tokens import Doc, SpanGroup

LABELS = ("Artist", "WoA")
TAGS = ("O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI"))
AMBIGUOUS = "Artist_or_WoA"
ANNOTATOR_KEY = "annotator"


class Span(NamedTuple):
    """A labelled stretch of a query's text.

    start (int): Offset of the first character.
    end (int): Offset behind the last character.
    label (str): One of LABELS, or AMBIGUOUS.
    certainty (str): How sure the annotator was ("known", "deduced"), empty where not said.
    annotator (str): Who marked it, empty for gold.
    """

    start: int
    end: int
    label: str
    certainty: str = ""
    annotator: str = ""


@dataclass(frozen=True)
class Query:
    """A query with its entities.

    id (str): Where it comes from, for messages.
    text (str): The query.
    spans (tuple[Span, ...]): Its entities in text order, without overlaps.
    annotations (tuple[Span, ...]): The annotators' spans, kept beside the entities.
    complete (bool): Whether what lies outside the spans is known to be no entity.
    """

    id: str
    text: str
    spans: tuple[Span, ...] = ()
    annotations: tuple[Span, ...] = ()
    complete: bool = True


class Edit(NamedTuple):
    """A stretch of text and what stands in its place after a rewriting (offsets of characters)."""

    start: int
    end: int
    new_start: int
    new_end: int


def substitute(text: str, pattern: re.Pattern, replacement: str) -> tuple[str, list[Edit]]:
    """Replace every match of a pattern.

    text (str): Any text.
    pattern (re.Pattern): What to replace; must not match the empty string.
    replacement (str): What to put there, taken literally.
    RETURNS (tuple[str, list[Edit]]): The new text, and what changed, in text order.
    """
    edits: list[Edit] = []
    shift = 0
    for match in pattern.finditer(text):
        new_start = match.start() + shift
        edits.append(Edit(match.start(), match.end(), new_start, new_start + len(replacement)))
        shift += len(replacement) - (match.end() - match.start())
    return pattern.sub(lambda _: replacement, text), edits


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


def inverted(edits: Iterable[Edit]) -> list[Edit]:
    """Turn edits round, so that they lead from the new text back to the old one."""
    return [Edit(edit.new_start, edit.new_end, edit.start, edit.end) for edit in edits]


def move(start: int, end: int, edits: Iterable[Edit]) -> tuple[int, int]:
    """Carry a span over a rewriting. An edge inside of what was replaced moves outwards.

    start (int): Offset of the span's first character in the old text.
    end (int): Offset behind its last character.
    edits (Iterable[Edit]): The rewriting, in text order.
    RETURNS (tuple[int, int]): The offsets in the new text.
    """
    new_start, new_end = start, end
    for edit in edits:
        if edit.end <= start:
            new_start = start + edit.new_end - edit.end
        elif edit.start < start:
            new_start = edit.new_start
        if edit.end <= end and edit.start < end:
            new_end = end + edit.new_end - edit.end
        elif edit.start < end:
            new_end = edit.new_end
    return new_start, new_end


REWRITINGS = (
    (re.compile(r"\|"), ", "),
    (re.compile(r"^\s+|\s+$"), ""),
    (re.compile(r"\s\s+|[^\S ]"), " "),
)


def normalize(text: str) -> tuple[str, list[list[Edit]]]:
    """Rewrite a query as the pipeline is trained on it: `|` becomes `, `, white space one space.

    text (str): The query as it was written.
    RETURNS (tuple[str, list[list[Edit]]]): The rewritten query, and the edits of each step.
    """
    steps = []
    for pattern, replacement in REWRITINGS:
        text, edits = substitute(text, pattern, replacement)
        steps.append(edits)
    return text, steps


def normalize_query(query: Query) -> Query:
    """Rewrite a query's text and carry its spans along (see `normalize`)."""
    text, steps = normalize(query.text)
    return replace(query, text=text, spans=tuple(move_spans(query.spans, steps)))


def move_spans(spans: Iterable[Span], steps: Iterable[list[Edit]]) -> list[Span]:
    """Carry spans over several rewritings, one after the other."""
    spans = list(spans)
    for edits in steps:
        spans = [Span(*move(span.start, span.end, edits), *span[2:]) for span in spans]
    return spans


def trim(span: Span, text: str) -> Span:
    """Take white space at a span's edges off it. An all-white span becomes empty."""
    marked = text[span.start : span.end]
    start = span.start + len(marked) - len(marked.lstrip())
    return span._replace(start=start, end=start + len(marked.strip()))


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


def word_offsets(text: str) -> list[tuple[int, int]]:
    """Find the words between white space.

    text (str): A query.
    RETURNS (list[tuple[int, int]]): Start and end offset of each word.
    """
    return [match.span() for match in re.finditer(r"\S+", text)]


def word_tags(text: str, spans: Iterable[tuple[int, int, str]]) -> list[str]:
    """Tag the words between white space by the BIO scheme.

    text (str): A query.
    spans (Iterable[tuple[int, int, str]]): Start offset, end offset and label of each entity. A
        word that an entity covers in part belongs to it; where two share a word, the first has it.
    RETURNS (list[str]): A tag for each word: `O`, `B-LABEL` or `I-LABEL`.
    """
    tags = ["O"] * len(words := word_offsets(text))
    for start, end, label in sorted(spans):
        inside = [i for i, word in enumerate(words) if word[0] < end and start < word[1]]
        for n, i in enumerate(i for i in inside if tags[i] == "O"):
            tags[i] = f"{'I' if n else 'B'}-{label}"
    return tags


def to_doc(query: Query, make_doc: Callable[[str], Doc]) -> Doc:
    """Make the Doc that the pipeline is trained on.

    Ambiguous spans, and all that lies outside the spans of an incomplete query, become missing
    values, from which spaCy's entity recogniser learns nothing. The annotators' spans are kept in
    `doc.spans["annotator"]`, with who marked each and how sure they were in the group's `attrs`.

    query (Query): The query, its text normalized.
    make_doc (Callable[[str], Doc]): The pipeline's tokenizer.
    RETURNS (Doc): The tokenized query with its entities; `doc.user_data["id"]` is the query's id.
    """
    doc = make_doc(query.text)
    doc.user_data["id"] = query.id
    known, unknown = [], []
    for span in query.spans:
        target = unknown if span.label == AMBIGUOUS else known
        target.append(doc.char_span(span.start, span.end, span.label, alignment_mode="expand"))
    if query.complete:
        doc.set_ents(known, missing=unknown, default="outside")
    else:
        doc.set_ents(known, default="missing")
    doc.spans[ANNOTATOR_KEY] = SpanGroup(
        doc,
        name=ANNOTATOR_KEY,
        attrs={
            "annotator": [span.annotator for span in query.annotations],
            "certainty": [span.certainty for span in query.annotations],
        },
        spans=[
            doc.char_span(span.start, span.end, span.label, alignment_mode="expand")
            for span in query.annotations
        ],
    )
    return doc
