"""The names of a catalogue: an index that never changes, so that any thread can read it.

A catalogue whose names change builds another index, and puts it in the place of the old one.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from marisa_trie import Trie

from music_ner.pipeline.catalogue.matching import Candidate, Partners
from music_ner.pipeline.catalogue.names import THE, Words
from music_ner.pipeline.labels import LABELS

SHORTEST_OWNER = 3  # characters of the word before a possessive s without an apostrophe
# The labels that list a name: a bit for each label, and one more if the name has a leading "the".
LISTED = (1, 2)
LISTED_WITH_THE = (4, 8)
# For each sum of bits: the labels, each with whether the name has a leading "the", and whether both
# labels list it.
LISTED_AS = [
    (
        [(label, (bits & LISTED_WITH_THE[label]) > 0) for label in (0, 1) if bits & LISTED[label]],
        bits & sum(LISTED) == sum(LISTED),
    )
    for bits in range(16)
]
# A pair is stored as one integer that holds the numbers of both names.
PAIR_BITS = 32
PAIR_MASK = 2**PAIR_BITS - 1


@dataclass(frozen=True, eq=False)
class NameIndex:
    """Names of artists and works, by number, and the pairs of an artist and one of their works.

    names (Trie): The folded names, and their numbers.
    listed (bytes): For each number the labels that list the name, as bits of `LISTED` and
        `LISTED_WITH_THE`.
    pairs (np.ndarray): The pairs as integers (see `to_pairs`), sorted.
    longest (int): Characters of the longest name.
    """

    names: Trie
    listed: bytes
    pairs: np.ndarray
    longest: int

    def __post_init__(self) -> None:
        n_pairs = tuple(
            np.bincount(numbers, minlength=len(self.names))
            for numbers in (self.pairs >> PAIR_BITS, self.pairs & PAIR_MASK)
        )
        object.__setattr__(self, "n_pairs", n_pairs)

    def __len__(self) -> int:
        """RETURNS (int): The number of names; a name that both labels list counts once."""
        return len(self.names)

    @property
    def n_listed(self) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): How many artists and works the index has."""
        flags = np.frombuffer(self.listed, dtype=np.uint8)
        artists, works = (int(np.count_nonzero(flags & bit)) for bit in LISTED)
        return artists, works

    def candidates(self, words: Words) -> tuple[list[Candidate], list[Candidate]]:
        """RETURNS (tuple[list[Candidate], list[Candidate]]): The artists and the works in words."""
        texts, names, listed = words.texts, self.names, self.listed
        text = " ".join(texts) + " "
        # Whether a match may start at a word, or end before it: no token has words on both sides.
        apart = (words.last[i - 1] < words.first[i] for i in range(1, len(texts)))
        edges = [True, *apart, True]
        found: tuple[dict, dict] = ({}, {})
        offset = 0
        for word, word_text in enumerate(texts):
            after_the = texts[word - 1 : word] == [THE] and edges[word - 1]
            # From the shortest to the longest, so that a name goes before one with a possessive s.
            rest = text[offset : offset + self.longest]
            for key, number in names.iter_prefixes_with_ids(rest):
                after = offset + len(key)
                end = word + key.count(" ") + 1
                owned = False
                if text[after] != " ":
                    if not text.startswith("s ", after):
                        continue
                    is_short = len(key) - key.rfind(" ") <= SHORTEST_OWNER
                    if is_short and not words.possessive[end - 1]:
                        continue
                    owned = words.owned[end - 1]
                if not edges[end]:
                    continue
                labels, shared = LISTED_AS[listed[number]]
                for label, with_the in labels:
                    start = word - (after_the and with_the)
                    if edges[start]:
                        found[label][start, end] = Candidate(start, end, number, shared, owned)
            offset += len(word_text) + 1
        return list(found[0].values()), list(found[1].values())

    def partners(
        self, artists: Iterable[Candidate], works: Iterable[Candidate]
    ) -> tuple[Partners, Partners]:
        """RETURNS (tuple[Partners, Partners]): The partners of the artists, and of the works."""
        artist_names = np.unique(np.fromiter((a.name for a in artists), dtype=np.int64))
        work_names = np.unique(np.fromiter((w.name for w in works), dtype=np.int64))
        of_artists: dict[int, list[int]] = {}
        of_works: dict[int, list[int]] = defaultdict(list)
        starts = np.searchsorted(self.pairs, to_pairs(artist_names, np.int64(0)))
        ends = starts + self.n_pairs[0][artist_names]
        for artist, start, end in zip(artist_names.tolist(), starts, ends, strict=True):
            fewer, more = sorted((self.pairs[start:end] & PAIR_MASK, work_names), key=len)
            if not len(fewer):
                continue
            known = fewer[more.take(np.searchsorted(more, fewer), mode="clip") == fewer].tolist()
            if known:
                of_artists[artist] = known
                for work in known:
                    of_works[work].append(artist)
        return of_artists, dict(of_works)


EMPTY = NameIndex(Trie(), b"", np.zeros(0, dtype=np.int64), 0)


def extended(old: NameIndex, listed: dict[str, int], added: list[tuple[str, str]]) -> NameIndex:
    """Add names and pairs to those of an index.

    old (NameIndex): The index.
    listed (dict[str, int]): All names with their bits, those of the old index too.
    added (list[tuple[str, str]]): Pairs of listed names to add.
    RETURNS (NameIndex): A new index.
    """
    names = Trie(listed)
    flags = bytearray(len(names))
    for key, number in names.items():
        flags[number] = listed[key]
    moved = np.zeros(len(old), dtype=np.int64)
    for key, number in old.names.items():
        moved[number] = names[key]
    kept = to_pairs(moved[old.pairs >> PAIR_BITS], moved[old.pairs & PAIR_MASK])
    artists, works = (
        np.fromiter((names[pair[label]] for pair in added), dtype=np.int64, count=len(added))
        for label in range(len(LABELS))
    )
    pairs = np.unique(np.concatenate([kept, to_pairs(artists, works)]))
    return NameIndex(names, bytes(flags), pairs, max(map(len, listed), default=0))


def to_pairs(artists: np.ndarray, works: np.ndarray) -> np.ndarray:
    """RETURNS (np.ndarray): Pairs of the numbers of names as one integer each."""
    return artists << PAIR_BITS | works
