"""Annotated music queries: the one type that every format is read into and written from."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from spacy.tokens import Doc, SpanGroup

from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.normalization import Edit, move, normalize

TAGS = ("O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI"))
AMBIGUOUS = "Artist_or_WoA"
"""Label of spans of which it is not known what they are; they become missing values."""
LABEL = r"[^\s,=:\"]+(?: [^\s,=:\"]+)*"
"""What labels look like, as a regular expression."""
ANNOTATOR_KEY = "annotator"
"""Key of the span group in `doc.spans` that holds the annotators' spans."""
MAX_LENGTH = 1_000_000
"""Characters of the longest text that spaCy tokenizes."""
SUPPLEMENT = "supplement"
"""Key in `doc.user_data` of queries that are only trained on."""


class Span(NamedTuple):
    """A labelled span of a query's text.

    start (int): Offset of the first character.
    end (int): Offset after the last character.
    label (str): What it is, such as one of LABELS, or AMBIGUOUS.
    certainty (str): How sure the annotator was ("known", "deduced"), empty if not given.
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

    id (str): Its source and a number, such as `posts:12`.
    text (str): The query.
    spans (tuple[Span, ...]): Its entities in text order, without overlaps.
    annotations (tuple[Span, ...]): The annotators' spans, kept next to the entities.
    complete (bool): Whether all text outside the spans is known not to be an entity.
    annotators (tuple[str, ...]): Who annotated the query, with or without spans.
    """

    id: str
    text: str
    spans: tuple[Span, ...] = ()
    annotations: tuple[Span, ...] = ()
    complete: bool = True
    annotators: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """What the id names before its number: a file or a kind of queries."""
        return source_of(self.id)


def is_label(text: str) -> bool:
    """RETURNS (bool): Whether entities can have this label.

    >>> is_label("Work of Art"), is_label("Artist,WoA")
    (True, False)
    """
    return bool(re.fullmatch(LABEL, text))


def source_of(query_id: str) -> str:
    """RETURNS (str): What the id of a query names before its number.

    >>> source_of("posts:12")
    'posts'
    """
    return query_id.rpartition(":")[0]


def normalize_query(query: Query) -> Query:
    """Rewrite a query's text and move its spans along (see `normalize`)."""
    text, steps = normalize(query.text)
    spans = tuple(trim(span, text) for span in move_spans(query.spans, steps))
    return replace(query, text=text, spans=spans)


def move_spans(spans: Iterable[Span], steps: Iterable[list[Edit]]) -> list[Span]:
    """Move spans through several rewritings, one after the other."""
    spans = list(spans)
    for edits in steps:
        spans = [Span(*move(span.start, span.end, edits), *span[2:]) for span in spans]
    return spans


def trim(span: Span, text: str) -> Span:
    """Remove white space at the edges of a span. A span of white space becomes empty."""
    marked = text[span.start : span.end]
    start = span.start + len(marked) - len(marked.lstrip())
    return span._replace(start=start, end=start + len(marked.strip()))


def word_offsets(text: str) -> list[tuple[int, int]]:
    """Find the words between white space.

    text (str): A query.
    RETURNS (list[tuple[int, int]]): Start and end offset of each word.

    >>> word_offsets("by sade")
    [(0, 2), (3, 7)]
    """
    return [match.span() for match in re.finditer(r"\S+", text)]


def word_tags(text: str, spans: Iterable[tuple[int, int, str]]) -> list[str]:
    """Tag the words between white space by the BIO scheme.

    text (str): A query.
    spans (Iterable[tuple[int, int, str]]): Start offset, end offset and label of each entity. A
        word that an entity covers in part belongs to it; a word that two share belongs to the
        first.
    RETURNS (list[str]): A tag for each word: `O`, `B-LABEL` or `I-LABEL`.

    >>> word_tags("karma police by radiohead", [(0, 12, "WoA"), (16, 25, "Artist")])
    ['B-WoA', 'I-WoA', 'O', 'B-Artist']
    """
    tags = ["O"] * len(words := word_offsets(text))
    for start, end, label in sorted(spans):
        inside = [i for i, word in enumerate(words) if word[0] < end and start < word[1]]
        for n, i in enumerate(i for i in inside if tags[i] == "O"):
            tags[i] = f"{'I' if n else 'B'}-{label}"
    return tags


def to_doc(query: Query, make_doc: Callable[[str], Doc]) -> Doc:
    """Make the Doc that the pipeline is trained on.

    Ambiguous spans, and all text outside the spans of an incomplete query, become missing values,
    which spaCy's entity recognizer ignores in training. The annotators' spans are in
    `doc.spans["annotator"]`; the group's `attrs` hold the annotator and the certainty of each.

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
