"""Shards: runs of rows of one file that a process reads at a time."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_BYTES = 64_000_000


class Shard(NamedTuple):
    """A run of rows of one file.

    number (int): Its number among the shards of a job, in the order of the input.
    file (int): The number of its file.
    start (int): Its first row in Parquet; its first byte in other files.
    end (int): The row or byte after its end.
    rows (int): Its rows.
    """

    number: int
    file: int
    start: int
    end: int
    rows: int

    @property
    def name(self) -> str:
        """The name of the shard's output. The order of names is that of shards."""
        return f"part-{self.number:08}.parquet"


def cut(
    blocks: Iterable[tuple[int, int]], max_rows: int, max_bytes: int = MAX_BYTES
) -> Iterator[tuple[int, int]]:
    """Cut rows into runs of about the same size.

    blocks (Iterable[tuple[int, int]]): The rows and bytes of blocks of rows, such as the row groups
        of a Parquet file. Rows of a block count as equally long.
    max_rows (int): Maximum rows of a run.
    max_bytes (int): Maximum bytes of a run, unless it is a single row.
    YIELDS (tuple[int, int]): The rows and bytes of each run, one after another.

    >>> list(cut([(10, 1000), (2, 200)], max_rows=8))
    [(8, 800), (4, 400)]
    """
    rows = size = 0
    for n_rows, n_bytes in blocks:
        taken = 0
        while taken < n_rows:
            room = max_rows - rows if size <= max_bytes else 0
            if n_bytes:
                room = min(room, (max_bytes - size) * n_rows // n_bytes)
            if room < 1 and rows:
                yield rows, size
                rows = size = 0
                continue
            more = min(max(room, 1), n_rows - taken)
            # Differences of rounded products, so that their sum is exact.
            size += (taken + more) * n_bytes // n_rows - taken * n_bytes // n_rows
            rows, taken = rows + more, taken + more
    if rows:
        yield rows, size
