"""Spans as files mark them: what their offsets count, and which of them can be used."""

import re
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple, TypeVar

from spacy.tokens import Doc

from music_ner.data.query import Span, move_spans, trim
from music_ner.pipeline.normalization import normalize

UNITS = {"UTF-16 code units": ("utf-16-le", 2), "UTF-8 bytes": ("utf-8", 1)}
"""What offsets may count instead of characters, its encoding, and the bytes of one unit."""
LINE_BREAK = len("\r\n")
INCLUSIVE = "the last character as their end"
ONE_LINE_BREAK = "a line break of two characters as one"
Key = TypeVar("Key", bound=Hashable)
"""The place of a span in its file: a row, or a `Place`."""
Given = Mapping[Key, tuple[str, Span]]
"""Text and span by place."""


class Place(NamedTuple):
    """The place of a span in a file whose rows have several.

    row (int): The row, from 1.
    number (int): The span of this record, from 1.
    record (int): Which of the file's records it is, as a row may hold several.
    """

    row: int
    number: int
    record: int

    def __str__(self) -> str:
        return f"{self.row}, span {self.number}"


class Mark(NamedTuple):
    """What a row marks.

    text (str): The normalized text.
    marked (Span): The span in it as the row gives it, without white space at its edges.
    span (Span): The span, grown to whole tokens.
    trimmed (bool): Whether there was white space at its edges.
    """

    text: str
    marked: Span
    span: Span
    trimmed: bool


class Checked(NamedTuple):
    """Spans of a file after the checks.

    marks (dict[Key, Mark]): Those that are in their text, also those rejected or repeated.
    reasons (dict[Key, str]): Why spans are rejected.
    duplicates (set[Key]): The spans that repeat one.
    glued (int): How many of the rejected ones share a token.
    """

    marks: dict
    reasons: dict
    duplicates: set
    glued: int


def without(rows: Mapping[Key, Any], others: Container[Key]) -> dict[Key, Any]:
    """RETURNS (dict[Key, Any]): The rows that are not among the others."""
    return {key: row for key, row in rows.items() if key not in others}


def check(given: Given, make_doc: Callable[[str], Doc]) -> Checked:
    """Check spans, and grow them to whole tokens.

    given (Given): Spans whose offsets count characters; those of one text are of one query.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (Checked): The spans that can be used, and those that cannot.
    """
    faults = {key: fault_of_span(text, span) for key, (text, span) in given.items()}
    reasons = {key: fault for key, fault in faults.items() if fault}
    marks = {
        key: to_mark(text, span, make_doc) for key, (text, span) in without(given, reasons).items()
    }
    glued = _glued(marks)
    overlapping, duplicates = _overlapping(without(marks, glued))
    return Checked(marks, reasons | glued | overlapping, duplicates, len(glued))


def to_mark(text: str, given: Span, make_doc: Callable[[str], Doc]) -> Mark:
    """RETURNS (Mark): What a span marks in the normalized text."""
    trimmed = trim(given, text)
    normalized, steps = normalize(text)
    marked = trim(*move_spans([trimmed], steps), normalized)
    tokens = make_doc(normalized).char_span(marked.start, marked.end, alignment_mode="expand")
    span = marked._replace(start=tokens.start_char, end=tokens.end_char)
    return Mark(normalized, marked, span, trimmed != given)


def fault_of_span(text: str, span: Span) -> str | None:
    """RETURNS (str | None): Why a span cannot be used, if it cannot."""
    # A line break behind the text is often lost after it was annotated.
    if not (0 <= span.start <= len(text) and 0 <= span.end <= len(text) + LINE_BREAK):
        return f"the span {span.start} to {span.end} is not within the text (0 to {len(text)})"
    if not text[span.start : span.end].strip():
        return f"the span {span.start} to {span.end} contains no text"
    return None


def _is_exact(text: str, span: Span, make_doc: Callable[[str], Doc]) -> bool:
    """RETURNS (bool): Whether a span is one of whole tokens, as it is given."""
    if fault_of_span(text, span):
        return False
    mark = to_mark(text, span, make_doc)
    return mark.span == mark.marked and not mark.trimmed


def in_other_units(given: Given, make_doc: Callable[[str], Doc]) -> dict[Key, str]:
    """Find spans whose offsets count something other than characters.

    given (Given): Spans of a file.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (dict[Key, str]): Why spans are rejected: only in other units, they are of whole tokens;
        or this cannot be told, but more of them are like that than not.
    """
    reasons: dict[Key, str] = {}
    for unit, (encoding, size) in UNITS.items():
        fits: dict[Key, tuple[bool, bool]] = {}
        for key, (text, span) in given.items():
            moved = _from_units(text, span, encoding, size)
            if moved != span[:2]:
                fits_moved = None not in moved and _is_exact(
                    text, Span(*moved, *span[2:]), make_doc
                )
                fits[key] = _is_exact(text, span, make_doc), fits_moved
        foreign = [key for key, fit in fits.items() if fit == (False, True)]
        familiar = [key for key, fit in fits.items() if fit == (True, False)]
        found = dict.fromkeys(foreign, f"the offsets count {unit}: count characters")
        if len(foreign) > len(familiar):
            like = f"the offsets may count {unit}, as those of row {foreign[0]}: count characters"
            found = dict.fromkeys(fits, like) | found
        reasons = found | reasons
    return reasons


def _from_units(text: str, span: Span, encoding: str, size: int) -> tuple:
    if len(text.encode(encoding)) == len(text) * size:
        return span[:2]
    return tuple(_characters(text, offset, encoding, size) for offset in span[:2])


def _characters(text: str, offset: int, encoding: str, size: int) -> int | None:
    """RETURNS (int | None): The characters before an offset in units of an encoding; None if it is
    outside the text or inside a character."""
    encoded = text.encode(encoding)
    if not 0 <= offset * size <= len(encoded):
        return None
    try:
        return len(encoded[: offset * size].decode(encoding))
    except UnicodeDecodeError:
        return None


def to_utf16(text: str, offset: int) -> int:
    """RETURNS (int): The UTF-16 code units before a character, as JavaScript counts them.

    >>> to_utf16("🎸 sade", 2)
    3
    """
    return len(text[:offset].encode("utf-16-le")) // 2


def _from_one_line_break(text: str, span: Span) -> tuple:
    starts = [*(match.start() for match in re.finditer(r"\r\n|.", text, re.DOTALL)), len(text)]
    return tuple(starts[offset] if 0 <= offset < len(starts) else None for offset in span[:2])


def reading_of(text: str, span: Span, counted: str) -> Span | None:
    """Read a span whose offsets count something else.

    text (str): Its text.
    span (Span): The span as it is given.
    counted (str): What the offsets count: one of UNITS, ONE_LINE_BREAK or INCLUSIVE.
    RETURNS (Span | None): The span in characters; None if there is none.
    """
    if counted == INCLUSIVE:
        return span._replace(end=span.end + 1)
    if counted == ONE_LINE_BREAK:
        moved = _from_one_line_break(text, span)
    else:
        moved = _from_units(text, span, *UNITS[counted])
    return None if None in moved else Span(*moved, *span[2:])


COUNTED = (*UNITS, ONE_LINE_BREAK, INCLUSIVE)


def to_characters(
    given: Given, texts: Mapping[Key, str], make_doc: Callable[[str], Doc]
) -> tuple[dict[Key, tuple[str, Span]], dict[Key, str], dict[Key, str]]:
    """Read the offsets of a file as what they count.

    The spans of a file are all read in one way: in characters, unless more spans are right only in
    another way than only in characters. A span is right if it holds the text that the file gives
    with it, or, without one, if it is one of whole tokens. One that is right only in another way
    than the others is read in that way if its text says so, and rejected otherwise.

    given (Given): Spans of a file.
    texts (Mapping[Key, str]): The texts that the file gives with spans.
    make_doc (Callable[[str], Doc]): The tokenizer of normalized texts.
    RETURNS (tuple[dict[Key, tuple[str, Span]], dict[Key, str], dict[Key, str]]): The spans, counted
        in characters; what the offsets of those counted that were converted; why others are
        rejected.
    """

    def is_right(key: Key, text: str, span: Span) -> bool:
        if key in texts:
            marked = text[max(span.start, 0) : max(span.end, 0)]
            return marked.split() == texts[key].split()
        return _is_exact(text, span, make_doc)

    as_given = {key: is_right(key, text, span) for key, (text, span) in given.items()}
    right: dict[str, dict[Key, bool]] = {}
    read: dict[str, dict[Key, Span]] = {}
    for counted in COUNTED:
        moved = {key: reading_of(text, span, counted) for key, (text, span) in given.items()}
        read[counted] = {k: s for k, s in moved.items() if s is not None and s != given[k][1]}
        right[counted] = {k: is_right(k, given[k][0], s) for k, s in read[counted].items()}

    def margin(counted: str) -> int:
        return sum(is_so - as_given[key] for key, is_so in right[counted].items())

    best = max(COUNTED, key=margin)
    chosen = best if margin(best) > 0 else None
    spans, how, reasons = {}, {}, {}
    for key, (text, span) in given.items():
        if chosen and key not in texts and reading_of(text, span, chosen) is None:
            reasons[key] = "the offsets are not between characters: mark the span again"
            continue
        others = [counted for counted in COUNTED if right[counted].get(key)]
        is_so = right[chosen].get(key, as_given[key]) if chosen else as_given[key]
        counted = chosen if chosen and key in read[chosen] else None
        if not is_so and key in texts:
            counted = None if as_given[key] else next(iter(others), None)
            if counted is None and not as_given[key]:
                reasons[key] = (
                    f"the span {span.start} to {span.end} holds "
                    f"'{text[max(span.start, 0) : max(span.end, 0)]}', not '{texts[key]}': "
                    "correct its offsets"
                )
                continue
        elif not is_so and not chosen and (units := [c for c in others if c in UNITS]):
            reasons[key] = f"the offsets count {units[0]}: count characters"
            continue
        spans[key] = text, read[counted][key] if counted else span
        if counted:
            how[key] = counted
    return spans, how, reasons


def _glued(marks: Mapping[Key, Mark]) -> dict[Key, str]:
    """RETURNS (dict[Key, str]): Why spans are rejected that mark different names in one token."""
    keys_of_text: dict[str, list[Key]] = {}
    for key, mark in marks.items():
        keys_of_text.setdefault(mark.text, []).append(key)
    reasons: dict[Key, str] = {}
    for text, keys in keys_of_text.items():
        grown = [key for key in keys if marks[key].span != marks[key].marked]
        for one, other in product(grown, keys):
            span, other_span = marks[one].span, marks[other].span
            if _overlap(marks[one].marked, marks[other].marked) or not _overlap(span, other_span):
                continue
            token = text[max(span.start, other_span.start) : min(span.end, other_span.end)]
            for key, sharing in ((one, other), (other, one)):
                reasons[key] = (
                    f"the span shares the token '{token}' with that of row {sharing}: "
                    "put a space between the names"
                )
    return reasons


def _overlap(span: Span, other: Span) -> bool:
    return span.start < other.end and other.start < span.end


def _overlapping(marks: Mapping[Key, Mark]) -> tuple[dict[Key, str], set[Key]]:
    """RETURNS (tuple[dict[Key, str], set[Key]]): Why spans are rejected that overlap an earlier
    one, and the spans that repeat one."""
    reasons: dict[Key, str] = {}
    duplicates: set[Key] = set()
    spans_of_text: dict[str, dict[Key, Span]] = {}
    for key, mark in marks.items():
        earlier = spans_of_text.setdefault(mark.text, {})
        overlapped = [row for row, other in earlier.items() if _overlap(mark.span, other)]
        if any(mark.span[:3] == earlier[row][:3] for row in overlapped):
            duplicates.add(key)
        elif overlapped:
            reasons[key] = f"the span overlaps that of row {overlapped[0]}: keep one of them"
        else:
            earlier[key] = mark.span
    return reasons, duplicates


def counts_of(marks: Iterable[Mark]) -> Counter[str]:
    """RETURNS (Counter[str]): How many marks were `trimmed`, and how many `grown`."""
    marks = list(marks)
    return Counter(
        trimmed=sum(mark.trimmed for mark in marks),
        grown=sum(mark.span != mark.marked for mark in marks),
    )
