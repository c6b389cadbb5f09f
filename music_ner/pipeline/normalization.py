"""How the pipeline reads a text: `|` as a comma, and white space as one space.

Rewriting a text always gives the edits too, so that offsets can be moved along.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple


class Edit(NamedTuple):
    """A stretch of text and what replaces it (character offsets)."""

    start: int
    end: int
    new_start: int
    new_end: int


def substitute(text: str, pattern: re.Pattern, replacement: str) -> tuple[str, list[Edit]]:
    """Replace every match of a pattern.

    text (str): Any text.
    pattern (re.Pattern): What to replace; must not match the empty string.
    replacement (str): The replacement, taken literally.
    RETURNS (tuple[str, list[Edit]]): The new text, and the edits in text order.

    >>> substitute("a|b", re.compile(r"\\|"), ", ")
    ('a, b', [Edit(start=1, end=2, new_start=1, new_end=3)])
    """
    edits: list[Edit] = []
    shift = 0
    for match in pattern.finditer(text):
        new_start = match.start() + shift
        edits.append(Edit(match.start(), match.end(), new_start, new_start + len(replacement)))
        shift += len(replacement) - (match.end() - match.start())
    return pattern.sub(lambda _: replacement, text), edits


def invert(edits: Iterable[Edit]) -> list[Edit]:
    """Reverse edits, so that they lead from the new text back to the old one.

    >>> invert([Edit(1, 2, 1, 3)])
    [Edit(start=1, end=3, new_start=1, new_end=2)]
    """
    return [Edit(edit.new_start, edit.new_end, edit.start, edit.end) for edit in edits]


def move(start: int, end: int, edits: Sequence[Edit]) -> tuple[int, int]:
    """Move a span from the old text to the new one. An edge inside an edit moves outwards.

    start (int): Offset of the span's first character in the old text.
    end (int): Offset after its last character.
    edits (Sequence[Edit]): The edits, in text order.
    RETURNS (tuple[int, int]): The offsets in the new text.

    >>> move(2, 3, [Edit(1, 2, 1, 3)])
    (3, 4)
    """
    new_start, new_end = start, end
    # The last edit before the span knows the shift of all edits before it.
    first = max(bisect_right(edits, start, key=attrgetter("end")) - 1, 0)
    last = bisect_left(edits, end, key=attrgetter("start"))
    for edit in edits[first:last]:
        if edit.end <= start:
            new_start = start + edit.new_end - edit.end
        elif edit.start < start:
            new_start = edit.new_start
        if edit.end <= end and edit.start < end:
            new_end = end + edit.new_end - edit.end
        elif edit.start < end:
            new_end = edit.new_end
    return new_start, new_end


SEPARATOR = "|"
REWRITINGS = (
    (re.compile(re.escape(SEPARATOR)), ", "),
    (re.compile(r"^\s+|(?<!\s)\s+$"), ""),  # the lookbehind keeps it linear
    (re.compile(r"\s\s+|[^\S ]"), " "),
)


def normalize(text: str) -> tuple[str, list[list[Edit]]]:
    """Rewrite a text as the pipeline reads it: `|` becomes `, `, white space one space.

    text (str): The text as it was written.
    RETURNS (tuple[str, list[list[Edit]]]): The normalized text, and the edits of each step.

    >>> normalize("best of sade |nothing  like korn ")[0]
    'best of sade , nothing like korn'
    """
    steps = []
    for pattern, replacement in REWRITINGS:
        text, edits = substitute(text, pattern, replacement)
        steps.append(edits)
    return text, steps
