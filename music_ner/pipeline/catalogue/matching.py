"""Names of a catalogue that occur in a query, and which of them are chosen."""

from collections.abc import Iterable
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


Link = tuple[Candidate, Candidate]


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
