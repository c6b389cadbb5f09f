"""The names of a catalogue: an index that never changes, so that any thread can read it.

A catalogue whose names change builds another index, and puts it in the place of the old one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from math import log1p
from typing import NamedTuple

import numpy as np
from marisa_trie import LABEL_ORDER, Trie

from music_ner.pipeline.catalogue import grams
from music_ner.pipeline.catalogue.grams import Grams
from music_ner.pipeline.catalogue.matching import Candidate, Partners
from music_ner.pipeline.catalogue.names import THE, Words
from music_ner.pipeline.catalogue.spool import NOTHING, Cell, Spool
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
# A pair is stored as one integer that holds two numbers.
PAIR_BITS = 32
PAIR_MASK = 2**PAIR_BITS - 1
KEY, ID, WRITTEN = 0, 1, 2


def to_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """RETURNS (np.ndarray): Pairs of numbers as one integer each."""
    return first.astype(np.int64) << PAIR_BITS | second.astype(np.int64)


def seconds_of(pairs: np.ndarray, first: int) -> np.ndarray:
    """RETURNS (np.ndarray): The second numbers of the pairs with a first number, sorted."""
    start, end = np.searchsorted(pairs, (first << PAIR_BITS, first + 1 << PAIR_BITS))
    return pairs[start:end] & PAIR_MASK


@dataclass(frozen=True, eq=False)
class Entities:
    """Artists and works that have an id, by number.

    ids (Trie): The ids, each after the number of its label, and their numbers.
    written (Trie): Names as they are written.
    labels (np.ndarray): For each entity the number of its label.
    name_of (np.ndarray): For each entity the number of the name it was first listed with.
    written_of (np.ndarray): For each entity the number of this name as it is written.
    popularity (np.ndarray): How popular each is; 0 where it is not known.
    named (np.ndarray): Pairs of a name and an entity that it leads to (see `to_pairs`), sorted.
    links (np.ndarray): Pairs of an artist and one of their works, sorted. Of both is given the
        number of the entity; or of the name, plus the number of entities, where it has no id.
    n_links (np.ndarray): For each entity how many of the links it is in.
    grams (Grams): The names that lead to entities, by their trigrams.
    scale (float): The logarithm of the highest popularity.
    """

    ids: Trie
    written: Trie
    labels: np.ndarray
    name_of: np.ndarray
    written_of: np.ndarray
    popularity: np.ndarray
    named: np.ndarray
    links: np.ndarray
    n_links: np.ndarray
    grams: Grams

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", log1p(float(self.popularity.max(initial=0))))

    def __len__(self) -> int:
        """RETURNS (int): The number of ids; an artist and a work with the same id are two."""
        return len(self.name_of)

    def of_name(self, name: int) -> np.ndarray:
        """RETURNS (np.ndarray): The numbers of the entities that a name leads to."""
        return seconds_of(self.named, name)

    def names_of(self, entity: int) -> list[int]:
        """RETURNS (list[int]): The numbers of the names that lead to an entity."""
        return (self.named[self.named & PAIR_MASK == entity] >> PAIR_BITS).tolist()

    def label_of(self, entity: int) -> int:
        """RETURNS (int): The number of the label."""
        return int(self.labels[entity])

    def id_of(self, entity: int) -> str:
        """RETURNS (str): The id."""
        return self.ids.restore_key(int(entity))[1:]

    def written_name(self, entity: int) -> str:
        """RETURNS (str): The name, as it was written where the id was listed first."""
        return self.written.restore_key(int(self.written_of[entity]))


@dataclass(frozen=True, eq=False)
class NameIndex:
    """Names of artists and works, by number, and the pairs of an artist and one of their works.

    names (Trie): The folded names, and their numbers.
    listed (np.ndarray): For each number the labels that list the name, as bits of `LISTED` and
        `LISTED_WITH_THE`.
    pairs (np.ndarray): The pairs of names (see `to_pairs`), sorted.
    n_pairs (tuple[np.ndarray, np.ndarray]): For each number the pairs that list it as an artist,
        and as a work.
    longest (int): Characters of the longest name.
    entities (Entities | None): What the names lead to; None if nothing has an id.
    """

    names: Trie
    listed: np.ndarray
    pairs: np.ndarray
    n_pairs: tuple[np.ndarray, np.ndarray]
    longest: int
    entities: Entities | None

    def __len__(self) -> int:
        """RETURNS (int): The number of names; a name that both labels list counts once."""
        return len(self.names)

    @property
    def n_listed(self) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): How many artists and works the index has."""
        artists, works = (int(np.count_nonzero(self.listed & bit)) for bit in LISTED)
        return artists, works

    @property
    def n_ids(self) -> int:
        """RETURNS (int): How many ids the index has."""
        return 0 if self.entities is None else len(self.entities)

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


def _with_label(label: int, text: str) -> str:
    return f"{label}{text}"


def _without_label(label: int, text: str) -> str:
    return text


def built(spool: Spool) -> NameIndex:
    """Index the names of a spool.

    spool (Spool): The names.
    RETURNS (NameIndex): The index.
    """
    names = Trie(spool.distinct(KEY, _without_label), order=LABEL_ORDER, weights=repeat(0.0))
    numbers = [spool.numbers(KEY, label, names.__getitem__) for label in (0, 1)]
    listed = np.zeros(len(names), dtype=np.uint8)
    for label, of_label in enumerate(numbers):
        given = of_label >= 0
        bits = LISTED[label] | LISTED_WITH_THE[label] * spool.with_the(label).astype(np.uint8)
        np.bitwise_or.at(listed, of_label[given], bits[given].astype(np.uint8))
    both = (numbers[0] >= 0) & (numbers[1] >= 0)
    pairs = np.unique(to_pairs(numbers[0][both], numbers[1][both]))
    n_artist_pairs, n_work_pairs = (
        np.bincount(of_label, minlength=len(names)).astype(np.uint32)
        for of_label in (pairs >> PAIR_BITS, pairs & PAIR_MASK)
    )
    longest = max(map(len, spool.distinct(KEY, _without_label)), default=0)
    entities = _entities(spool, names, listed, numbers) if spool.has_ids else None
    return NameIndex(names, listed, pairs, (n_artist_pairs, n_work_pairs), longest, entities)


def _entities(spool: Spool, names: Trie, listed: np.ndarray, numbers: list[np.ndarray]) -> Entities:
    ids = Trie(spool.distinct(ID, _with_label), order=LABEL_ORDER, weights=repeat(0.0))
    written = Trie(spool.distinct(WRITTEN, _without_label), order=LABEL_ORDER, weights=repeat(0.0))
    name_of, written_of = (np.full(len(ids), -1, dtype=np.int32) for _ in range(2))
    popularity = np.zeros(len(ids), dtype=np.float32)
    labels = np.zeros(len(ids), dtype=np.uint8)
    given_popularity = spool.popularity()
    named, refs = [], []
    for label in (0, 1):
        entities = spool.numbers(ID, label, lambda text, label=label: ids[f"{label}{text}"])
        has_id = entities >= 0
        first = np.unique(entities[has_id], return_index=True)
        rows = np.flatnonzero(has_id)[first[1]]
        name_of[first[0]] = numbers[label][rows]
        labels[first[0]] = label
        written_of[first[0]] = spool.numbers(WRITTEN, label, written.__getitem__)[rows]
        # A row's popularity is that of its work.
        counts = has_id if label else has_id & (numbers[1] < 0)
        np.maximum.at(popularity, entities[counts], given_popularity[counts])
        named.append(to_pairs(numbers[label][has_id], entities[has_id]))
        refs.append(np.where(has_id, entities.astype(np.int64), numbers[label] + len(ids)))
    both = (numbers[0] >= 0) & (numbers[1] >= 0)
    both &= (refs[0] < len(ids)) | (refs[1] < len(ids))
    links = np.unique(to_pairs(refs[0][both], refs[1][both]))
    n_links = sum(
        np.bincount(of_side[of_side < len(ids)], minlength=len(ids))
        for of_side in (links >> PAIR_BITS, links & PAIR_MASK)
    ).astype(np.uint32)
    pairs = np.unique(np.concatenate(named))
    to_index = _NamesWithEntities(names, np.unique(pairs >> PAIR_BITS), listed)
    return Entities(
        ids,
        written,
        labels,
        name_of,
        written_of,
        popularity,
        pairs,
        links,
        n_links,
        grams.build(to_index),
    )


@dataclass(frozen=True)
class _NamesWithEntities:
    """Numbers and keys of names, and whether they are those of artists."""

    names: Trie
    numbers: np.ndarray
    listed: np.ndarray

    def __iter__(self) -> Iterator[tuple[int, str, bool]]:
        for number in self.numbers.tolist():
            key = self.names.restore_key(number)
            yield number, key, bool(self.listed[number] & LISTED[0])


EMPTY = built(Spool())


Put = Callable[[Cell, Cell, float], None]


def spool_index(index: NameIndex, spool: Spool) -> None:
    """Write the names, ids and pairs of an index to a spool, from which it can be built again.

    index (NameIndex): The index.
    spool (Spool): Where to write.
    """
    _put_index(index, spool.add)


def _put_index(index: NameIndex, put: Put) -> None:
    def put_one(cell: Cell, label: int, popularity: float = 0.0) -> None:
        put(*((cell, NOTHING) if label == 0 else (NOTHING, cell)), popularity)

    for key, number in index.names.items():
        for label, with_the in LISTED_AS[index.listed[number]][0]:
            put_one(Cell(key, with_the), label)
    for pair in index.pairs.tolist():
        names = pair >> PAIR_BITS, pair & PAIR_MASK
        artist, work = (Cell(index.names.restore_key(number)) for number in names)
        put(artist, work, 0.0)
    entities = index.entities
    if entities is None:
        return
    # The name that an id was first listed with goes before its aliases.
    for number in range(len(entities)):
        cell = _entity_cell(index, number)
        put_one(cell, entities.label_of(number), float(entities.popularity[number]))
    for name, number in _names_of_entities(entities):
        if name != entities.name_of[number]:
            cell = _entity_cell(index, number)._replace(key=index.names.restore_key(name))
            put_one(cell, entities.label_of(number))
    for pair in entities.links.tolist():
        artist, work = (
            _entity_cell(index, ref)
            if ref < len(entities)
            else Cell(index.names.restore_key(ref - len(entities)))
            for ref in (pair >> PAIR_BITS, pair & PAIR_MASK)
        )
        put(artist, work, 0.0)


def _names_of_entities(entities: Entities) -> Iterator[tuple[int, int]]:
    """YIELDS (tuple[int, int]): The numbers of each name and of each entity that it leads to."""
    return ((pair >> PAIR_BITS, pair & PAIR_MASK) for pair in entities.named.tolist())


def _entity_cell(index: NameIndex, number: int) -> Cell:
    """RETURNS (Cell): The name, id and written name of an entity."""
    entities = index.entities
    key = index.names.restore_key(int(entities.name_of[number]))
    return Cell(key, False, entities.id_of(number), entities.written_name(number))


def spool_without(
    index: NameIndex, spool: Spool, names: tuple[set[str], set[str]], ids: set[str]
) -> list[str]:
    """Write an index to a spool without some of its names and ids.

    index (NameIndex): The index.
    spool (Spool): Where to write.
    names (tuple[set[str], set[str]]): The keys of artists and of works to leave out.
    ids (set[str]): The ids to leave out, with the names that lead to nothing else.
    RETURNS (list[str]): The keys and ids that the index does not have.
    """
    entities = index.entities
    numbers = {
        number
        for entity_id in ids
        for label in range(len(LABELS))
        if entities is not None
        and (number := entities.ids.get(_with_label(label, entity_id))) is not None
    }
    left_out = {(label, key) for label, keys in enumerate(names) for key in keys}
    for number in numbers:
        label = entities.label_of(number)
        for name in entities.names_of(number):
            of_label = (n for n in entities.of_name(name) if entities.label_of(n) == label)
            if numbers.issuperset(of_label):
                left_out.add((label, index.names.restore_key(name)))
    known: set[tuple[int, str] | str] = set()

    def kept(cell: Cell, label: int) -> Cell:
        if cell.id in ids or (label, cell.key) in left_out:
            known.update(((label, cell.key), cell.id))
            return NOTHING
        return cell

    def put(artist: Cell, work: Cell, popularity: float) -> None:
        artist, work = kept(artist, 0), kept(work, 1)
        if artist.key or work.key:
            spool.add(artist, work, popularity)

    _put_index(index, put)
    unknown = [key for label in (0, 1) for key in sorted(names[label]) if (label, key) not in known]
    return [*unknown, *sorted(ids - known)]


class Listed(NamedTuple):
    """A name of a catalogue.

    label (str): What it is listed as.
    name (str): The name: as it was written where it leads to an id, else in its normal form.
    id (str): The id that it leads to; empty for none.
    popularity (float): How popular what it leads to is.
    """

    label: str
    name: str
    id: str = ""
    popularity: float = 0.0


def entries_of(index: NameIndex) -> Iterator[Listed]:
    """YIELDS (Listed): The names of an index (see `Catalogue.entries`)."""
    entities = index.entities
    for key, number in index.names.items():
        found = [] if entities is None else entities.of_name(number).tolist()
        labels = {entity: entities.label_of(entity) for entity in found}
        for entity, label in labels.items():
            is_alias = number != entities.name_of[entity]
            name = key if is_alias else entities.written_name(entity)
            popularity = float(entities.popularity[entity])
            yield Listed(LABELS[label], name, entities.id_of(entity), popularity)
        for label, with_the in LISTED_AS[index.listed[number]][0]:
            if label not in labels.values():
                yield Listed(LABELS[label], f"{THE} {key}" if with_the else key)
