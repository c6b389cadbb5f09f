"""What a reader of annotated queries returns."""

from collections import Counter
from dataclasses import dataclass, field

from music_ner.data.query import Query


@dataclass
class Reading:
    """What was read from one file.

    queries (list[Query]): The queries, their text normalized.
    rejected (list[dict]): What could not be used: `file`, `row` (1 is the file's first line; a
        record of a CSV file counts as one row), `reason` and `content`.
    counts (Counter): The number of rows or lines, and of each kind of repair.
    """

    queries: list[Query] = field(default_factory=list)
    rejected: list[dict] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
