"""What a reader of annotated queries returns."""

from collections import Counter
from dataclasses import dataclass, field

from music_ner.data.query import Query


@dataclass
class Reading:
    """What was read from one file.

    queries (list[Query]): The queries, their text normalized.
    rejected (list[dict]): What could not be used: `file`, `row` (1 is the file's first line; in a
        CSV file a record counts as one), `reason` and `content`.
    counts (Counter): How often each repair was made, and how many rows or lines there were.
    """

    queries: list[Query] = field(default_factory=list)
    rejected: list[dict] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
