"""An index of character trigrams: which names are worth comparing with a misspelt mention."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple
from zlib import crc32

import numpy as np

CLASS_BITS = 6
N_TRIGRAMS = 2 ** (3 * CLASS_BITS)
N_BUCKETS = 2 * N_TRIGRAMS  # those of trigrams, and as many of initials
SHORTEST_INITIALS = 3  # words of a name that is looked up by its initials, too
CHUNK = 200_000  # names
BOUNDARY = 0
# 6 bits for a byte: letters and digits have their own values, all others share those that are left.
CLASSES = np.array([37 + byte % 27 for byte in range(256)], dtype=np.uint32)
CLASSES[BOUNDARY] = 0
CLASSES[ord("a") : ord("z") + 1] = np.arange(1, 27)
CLASSES[ord("0") : ord("9") + 1] = np.arange(27, 37)


def skeleton(key: str) -> str:
    """Write a folded name without what people add or leave out: spaces, and `$` in place of `s`.

    >>> skeleton("a$ap rocky"), skeleton("radio head")
    ('asaprocky', 'radiohead')
    """
    return key.replace(" ", "").replace("$", "s")


def initials(key: str) -> str:
    """RETURNS (str): The first letters of a name of several words; empty for a shorter one.

    >>> initials("red hot chili peppers"), initials("nine inch nails"), initials("sade")
    ('rhcp', 'nin', '')
    """
    words = key.split()
    return "".join(word[0] for word in words) if len(words) >= SHORTEST_INITIALS else ""


def trigrams(skeletons: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Find the trigrams of names, with one boundary at each end.

    skeletons (Iterable[str]): The names (see `skeleton`).
    RETURNS (tuple[np.ndarray, np.ndarray]): The bucket of each trigram, and the number of its name.
    """
    encoded = [b"\0" + name.encode("utf8", "surrogatepass") + b"\0" for name in skeletons]
    text = CLASSES[np.frombuffer(b"".join(encoded), dtype=np.uint8)]
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    codes = text[:-2] << 2 * CLASS_BITS | text[1:-1] << CLASS_BITS | text[2:]
    owners = np.repeat(np.arange(len(encoded), dtype=np.uint32), lengths)[: len(codes)]
    ends = np.cumsum(lengths)
    inside = np.ones(len(codes), dtype=bool)
    for across in (ends - 2, ends - 1):
        inside[across[across < len(codes)]] = False
    return codes[inside], owners[inside]


def initials_bucket(letters: str) -> int:
    """RETURNS (int): The bucket of names with these initials."""
    return N_TRIGRAMS + crc32(letters.encode("utf8", "surrogatepass")) % N_TRIGRAMS


class Grams(NamedTuple):
    """For each bucket the numbers of the names in it.

    buckets (np.ndarray): The buckets that are not empty, sorted.
    offsets (np.ndarray): Where the names of each of them begin, and where the last ones end.
    names (np.ndarray): The numbers of names.
    """

    buckets: np.ndarray
    offsets: np.ndarray
    names: np.ndarray

    def bucket(self, number: int) -> np.ndarray:
        """RETURNS (np.ndarray): The numbers of the names in a bucket."""
        place = int(np.searchsorted(self.buckets, number))
        if place == len(self.buckets) or self.buckets[place] != number:
            return self.names[:0]
        return self._at(place)

    def _at(self, place: int) -> np.ndarray:
        return self.names[self.offsets[place] : self.offsets[place + 1]]

    def most_similar(self, mention: str, budget: int, limit: int) -> np.ndarray:
        """Find the names that have most of the rarer trigrams of a mention.

        mention (str): The mention (see `skeleton`).
        budget (int): How many entries of buckets are read at most, except for the rarest trigram.
        limit (int): How many names to find.
        RETURNS (np.ndarray): Their numbers, those with most trigrams first.
        """
        wanted = np.unique(trigrams([mention])[0])
        places = np.searchsorted(self.buckets, wanted)
        places = places[self.buckets.take(places, mode="clip") == wanted]
        if not len(places):
            return self.names[:0]
        sizes = self.offsets[places + 1] - self.offsets[places]
        order = np.argsort(sizes, kind="stable")
        is_read = np.cumsum(sizes[order]) <= budget
        is_read[0] = True
        read = [self._at(place)[:budget] for place in places[order][is_read]]
        names, counts = np.unique(np.concatenate(read), return_counts=True)
        if len(names) > limit:
            best = np.argpartition(-counts, limit)[:limit]
            names, counts = names[best], counts[best]
        return names[np.argsort(-counts, kind="stable")]


def build(names: Iterable[tuple[int, str, bool]]) -> Grams:
    """Index names.

    names (Iterable[tuple[int, str, bool]]): For each name its number, its key, and whether it is
        looked up by its initials too. It is read twice: give something that can be.
    RETURNS (Grams): The index.
    """
    counts = np.zeros(N_BUCKETS, dtype=np.int64)
    for buckets, _ in _chunks(names):
        counts += np.bincount(buckets, minlength=N_BUCKETS)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    filled = np.zeros(offsets[-1], dtype=np.uint32)
    free = offsets[:-1].copy()
    for buckets, numbers in _chunks(names):
        order = np.argsort(buckets, kind="stable")
        sorted_buckets = buckets[order]
        of_chunk = np.bincount(buckets, minlength=N_BUCKETS)
        first = np.cumsum(of_chunk) - of_chunk
        ranks = np.arange(len(order)) - first[sorted_buckets]
        filled[free[sorted_buckets] + ranks] = numbers[order]
        free += of_chunk
    buckets = np.flatnonzero(counts)
    return Grams(buckets.astype(np.uint32), np.append(offsets[buckets], offsets[-1]), filled)


def _chunks(names: Iterable[tuple[int, str, bool]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """YIELDS (tuple[np.ndarray, np.ndarray]): Buckets, and the name in each."""
    stream = iter(names)
    while chunk := list(islice(stream, CHUNK)):
        numbers = np.array([number for number, _, _ in chunk], dtype=np.uint32)
        codes, owners = trigrams(skeleton(key) for _, key, _ in chunk)
        with_initials = [
            (initials_bucket(letters), number)
            for number, key, is_wanted in chunk
            if is_wanted and (letters := initials(key))
        ]
        of_initials = np.array(with_initials, dtype=np.int64).reshape(-1, 2)
        yield (
            np.concatenate([codes.astype(np.int64), of_initials[:, 0]]),
            np.concatenate([numbers[owners], of_initials[:, 1].astype(np.uint32)]),
        )
