"""Names of a catalogue that occur in a query, and which of them are chosen."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple


class Candidate(NamedTuple):
    """A name that occurs in a query, as words.

    start (int): Its first word.
    end (int): The word after its last.
    name (int): Number of the name.
    shared (bool): Whether the other label lists the same name.
    owned (bool): Whether its last word ends in a token `'s`, which is not part of the name.
    """

    start: int
    end: int
    name: int
    shared: bool
    owned: bool = False


Partners = Mapping[int, Collection[int]]
"""The names of the other label that pairs list with a name, by the number of the name."""


def are_apart(one: Candidate, other: Candidate) -> bool:
    """RETURNS (bool): Whether two candidates have no word in common."""
    return one.end <= other.start or other.end <= one.start


def choose(candidates: Iterable[Candidate], linked: set[Candidate]) -> list[Candidate]:
    """Choose the longest of candidates that overlap.

    candidates (Iterable[Candidate]): All of one label.
    linked (set[Candidate]): Candidates whose partner is in the query; they win over others of the
        same length.
    RETURNS (list[Candidate]): Candidates that do not overlap, in order of text.
    """
    chosen: list[Candidate] = []
    taken: set[int] = set()
    for candidate in sorted(candidates, key=lambda c: (c.start - c.end, c not in linked, c.start)):
        words = range(candidate.start, candidate.end)
        if taken.isdisjoint(words):
            taken.update(words)
            chosen.append(candidate)
    return sorted(chosen)


def linked(
    candidates: Iterable[Candidate], partners: Partners, others: Iterable[Candidate]
) -> set[Candidate]:
    """Find the candidates whose partner is in the query.

    candidates (Iterable[Candidate]): All of one label.
    partners (Partners): Their partners among the others.
    others (Iterable[Candidate]): All of the other label.
    RETURNS (set[Candidate]): Those that have a partner without a word in common.
    """
    first_end: dict[int, int] = {}
    last_start: dict[int, int] = {}
    for other in others:
        first_end[other.name] = min(other.end, first_end.get(other.name, other.end))
        last_start[other.name] = max(other.start, last_start.get(other.name, 0))
    before = {name: min(first_end[p] for p in names) for name, names in partners.items()}
    after = {name: max(last_start[p] for p in names) for name, names in partners.items()}
    return {
        candidate
        for candidate in candidates
        if candidate.name in partners
        and (before[candidate.name] <= candidate.start or candidate.end <= after[candidate.name])
    }


def first_partners(
    chosen: Iterable[Candidate], partners: Partners, others: Sequence[Candidate]
) -> list[Candidate | None]:
    """Find the first partner of each chosen candidate.

    chosen (Iterable[Candidate]): All of one label.
    partners (Partners): Their partners among the others.
    others (Sequence[Candidate]): Those chosen of the other label, in order of text, without
        overlap.
    RETURNS (list[Candidate | None]): The first partner of each that has no word in common with it.
    """
    of_other: dict[int, list[Candidate]] = defaultdict(list)
    for other in others:
        of_other[other.name].append(other)
    of_name = {
        name: [of_other[partner] for partner in names if partner in of_other]
        for name, names in partners.items()
    }
    first = {name: min(found[0] for found in lists) for name, lists in of_name.items() if lists}

    def first_partner(candidate: Candidate) -> Candidate | None:
        partner = first.get(candidate.name)
        if partner is None or are_apart(candidate, partner):
            return partner
        after = (
            found[bisect_left(found, candidate.end, key=attrgetter("start")) :][:1]
            for found in of_name[candidate.name]
        )
        return min(chain.from_iterable(after), default=None)

    return [first_partner(candidate) for candidate in chosen]


class Match(NamedTuple):
    """A name of the catalogue that occurs in a doc.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): What it is listed as.
    n_words (int): How many words it has.
    commonness (float): How common the words are as a sequence outside entities: the logarithm of
        their count, divided by that of the most common word.
    rarest_word (float): The same for the rarest of the words.
    frequency (float): How frequent the rarest of the words is in general English: its Zipf
        frequency, divided by 8; 0 where frequencies were not learned.
    n_pairs (int): How many pairs list the name with this label: the works of the artist, or the
        artists of the work.
    partner (int): The number, from 1, of the doc's match that is a work of the artist, or the
        artist of the work; the first, if there are several, and 0 for none.
    namesake (int): The number, from 1, of the match that is the same words with the other label;
        0 for none.
    shared (bool): Whether the other label lists the same name.
    """

    start: int
    end: int
    label: str
    n_words: int
    commonness: float
    rarest_word: float
    frequency: float
    n_pairs: int
    partner: int
    namesake: int
    shared: bool
