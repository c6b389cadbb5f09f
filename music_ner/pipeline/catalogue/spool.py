"""Names on their way into an index: read once, kept in a temporary file, and read several times.

So the memory that a build takes depends on the names of the index, and not on the rows they come
from.
"""

from array import array
from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

import numpy as np

SEPARATOR = "\t"
IN_MEMORY = 32 * 2**20  # bytes; longer spools are files


class Cell(NamedTuple):
    """A name as it is stored, with the id that it leads to.

    key (str): The folded name, without a leading `the`; empty for none.
    with_the (bool): Whether it was given with it.
    id (str): The id of the artist or work; empty for none.
    written (str): The name as it was written, if it has an id.
    """

    key: str = ""
    with_the: bool = False
    id: str = ""
    written: str = ""


NOTHING = Cell()


class Spool:
    """Rows of an artist, a work or both."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(  # noqa: SIM115
            IN_MEMORY, mode="w+", encoding="utf8", errors="surrogatepass", newline="\n"
        )
        self._popularity = array("f")
        self._with_the = (array("b"), array("b"))
        self.has_ids = False

    def __len__(self) -> int:
        """RETURNS (int): The number of rows."""
        return len(self._popularity)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, artist: Cell, work: Cell, popularity: float = 0.0) -> None:
        """Add a row.

        artist (Cell): The artist, or NOTHING.
        work (Cell): The work, or NOTHING.
        popularity (float): How popular the work is, or the artist if there is no work.
        """
        cells = (artist.key, work.key, artist.id, work.id, artist.written, work.written)
        self._file.write(SEPARATOR.join(cells) + "\n")
        self._popularity.append(popularity)
        for label, cell in enumerate((artist, work)):
            self._with_the[label].append(cell.with_the)
        self.has_ids |= bool(artist.id or work.id)

    def column(self, kind: int, label: int) -> Iterator[str]:
        """YIELDS (str): Of each row the key (kind 0), id (1) or written name (2) of a label."""
        self._file.seek(0)
        wanted = 2 * kind + label
        for line in self._file:
            yield line[:-1].split(SEPARATOR)[wanted]

    def distinct(self, kind: int, to_key: Callable[[int, str], str]) -> Iterator[str]:
        """YIELDS (str): The values of both labels; rows in a row with the same are one."""
        for label in (0, 1):
            last = ""
            for value in self.column(kind, label):
                if value and value != last:
                    last = value
                    yield to_key(label, value)

    def numbers(self, kind: int, label: int, number_of: Callable[[str], int]) -> np.ndarray:
        """RETURNS (np.ndarray): The number of each row's value as int32; -1 where it is empty."""

        def numbered() -> Iterator[int]:
            last, number = "", -1
            for value in self.column(kind, label):
                if value != last:
                    last, number = value, number_of(value) if value else -1
                yield number

        return np.fromiter(numbered(), dtype=np.int32, count=len(self))

    def popularity(self) -> np.ndarray:
        """RETURNS (np.ndarray): The popularity of each row, as float32."""
        return np.frombuffer(self._popularity, dtype=np.float32) if len(self) else np.zeros(0, "f")

    def with_the(self, label: int) -> np.ndarray:
        """RETURNS (np.ndarray): Whether each row's name of a label has a leading `the`."""
        column = self._with_the[label]
        return np.frombuffer(column, dtype=np.int8) > 0 if len(self) else np.zeros(0, dtype=bool)
