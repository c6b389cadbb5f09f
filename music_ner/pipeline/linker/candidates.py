"""Which artists and works of a catalogue a mention may stand for."""

from collections.abc import Iterable, Sequence
from math import log1p
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from music_ner.pipeline.catalogue.grams import initials, initials_bucket, skeleton
from music_ner.pipeline.catalogue.index import Entities, NameIndex, seconds_of, to_pairs
from music_ner.pipeline.catalogue.names import to_name

BUDGET = 20_000  # entries of the trigram index that are read for a mention
N_COMPARED = 200  # names that a mention is compared with
N_KEPT = 12  # names that are kept, of those
N_NAMESAKES = 12  # entities of a name that are kept: the most popular, and those of a pair
N_OF_ARTIST = 200  # works of an artist that a mention is compared with
N_PARTNERS = 3  # candidates whose works are looked up
SHORTEST_POSSESSIVE = 3  # characters before a possessive s
LONGEST_INITIALS = 6
LONGEST_EDITED = 8  # characters of a mention whose typos are tried out
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORTH_SHOWING = 0.5  # similarity below which a name is not kept, unless one holds the other
SURE_PAIR = 0.4  # value of the feature `pair`

FEATURES = (
    "bias",
    "exact",
    "possessive",
    "alias",
    "similarity",
    "high_similarity",
    "respaced",
    "one_edit",
    "two_edits",
    "first_letter",
    "within",
    "around",
    "initials",
    "popularity",
    "pair",
    "other_artist",
)
"""What a candidate is judged by.

- `exact`: the mention is a name of the candidate, in its normal form; `possessive`: without its s;
  `alias`: the name is not the one that the id was listed with first;
- `similarity`: of mention and name without spaces, by optimal string alignment
  (https://rapidfuzz.github.io/RapidFuzz/Usage/distance/OSA.html), from 0 to 1; `high_similarity`:
  how far it is above 0.8, times 5; `one_edit` and `two_edits`: so many edits lead from one to the
  other; `respaced`: only spaces and `$` differ; `first_letter`: both begin alike;
- `within` and `around`: the mention has some of the name's words, or the name some of the
  mention's: the length of the shorter, divided by that of the longer;
- `initials`: the mention is the first letters of the name's words;
- `popularity`: its logarithm, divided by that of the most popular;
- `pair`: how similar a mention of the other label is to the name of the candidate's partner
  (squared); half of it if the pair is one of names, not of ids;
- `other_artist`: the query mentions artists, and the work is known as one of other artists only.
"""
COLUMN = {name: number for number, name in enumerate(FEATURES)}


class Mention(NamedTuple):
    """A mention of an artist or work.

    text (str): The mention, as it is written.
    label (int): The number of its label.
    """

    text: str
    label: int


class Comparison(NamedTuple):
    """How a mention compares with a name."""

    exact: bool
    possessive: bool
    similarity: float
    edits: int
    first_letter: bool
    within: float
    around: float
    initials: bool


class Candidates(NamedTuple):
    """What a mention may stand for.

    entities (np.ndarray): The numbers of the entities.
    features (np.ndarray): For each entity the values of `FEATURES`.
    """

    entities: np.ndarray
    features: np.ndarray


def forms_of(text: str) -> list[str]:
    """Give the keys under which a mention may be listed.

    >>> forms_of("The Beatles'"), forms_of("sade's")
    (['beatles', 'beatle'], ['sades', 'sade'])
    """
    key = to_name(text).key
    if key.endswith("s") and len(key) > SHORTEST_POSSESSIVE:
        return [key, key[:-1].rstrip()]
    return [key] if key else []


def compare(mention: str, keys: Sequence[str]) -> list[Comparison]:
    """Compare a mention with names.

    mention (str): Its key.
    keys (Sequence[str]): The keys of names.
    RETURNS (list[Comparison]): One for each name.
    """
    forms = [mention] if not mention.endswith("s") else [mention, mention[:-1].rstrip()]
    skeletons = [skeleton(key) for key in keys]
    written = [skeleton(form) for form in forms]
    edits = cdist(written, skeletons, scorer=OSA.distance, dtype=np.int32)
    lengths = np.array([[max(len(form), len(name), 1) for name in skeletons] for form in written])
    similar = (1 - edits / lengths).max(axis=0)
    words = {*mention.split()}
    words_of_keys = [{*key.split()} for key in keys]
    return [
        Comparison(
            exact=key == mention,
            possessive=key != mention and key in forms,
            similarity=float(value),
            edits=int(fewest),
            first_letter=key[:1] == mention[:1],
            within=_share(mention, key) if words < words_of_key else 0.0,
            around=_share(key, mention) if words_of_key < words else 0.0,
            initials=initials(key) == mention,
        )
        for key, value, fewest, words_of_key in zip(
            keys, similar, edits.min(axis=0), words_of_keys, strict=True
        )
    ]


def _share(shorter: str, longer: str) -> float:
    return len(skeleton(shorter)) / len(skeleton(longer))


def names_for(index: NameIndex, mention: Mention) -> dict[int, Comparison]:
    """Find names that a mention may be meant as.

    index (NameIndex): An index with entities.
    mention (Mention): The mention.
    RETURNS (dict[int, Comparison]): The numbers of names that lead to entities of its label.
    """
    entities = index.entities
    forms = forms_of(mention.text)
    exact = [
        number
        for form in forms
        if (number := index.names.get(form)) is not None
        and len(_entities_of(entities, number, mention.label))
    ]
    if exact:
        keys = [index.names.restore_key(number) for number in exact]
        return dict(zip(exact, compare(forms[0], keys), strict=True))
    if not forms:
        return {}
    similar = entities.grams.most_similar(skeleton(forms[0]), BUDGET, N_COMPARED)
    if len(forms[0]) <= LONGEST_EDITED:
        found = (index.names.get(key) for key in edited(forms[0]))
        similar = np.union1d(similar, np.array([n for n in found if n is not None], dtype=int))
    if " " not in forms[0] and len(forms[0]) <= LONGEST_INITIALS:
        bucket = entities.grams.bucket(initials_bucket(forms[0]))
        similar = np.union1d(similar, bucket[:N_COMPARED])
    return _most_alike(index, forms[0], similar.tolist())


def edited(key: str) -> set[str]:
    """RETURNS (set[str]): What one typo in a key may have been made of: all with one letter more,
    less or other, or two letters swapped.
    """
    halves = [(key[:i], key[i:]) for i in range(len(key) + 1)]
    return {
        *(start + end[1:] for start, end in halves if end),
        *(start + end[1] + end[0] + end[2:] for start, end in halves if len(end) > 1),
        *(start + letter + end[1:] for start, end in halves if end for letter in LETTERS),
        *(start + letter + end for start, end in halves for letter in LETTERS),
    } - {key}


def _most_alike(index: NameIndex, mention: str, numbers: list[int]) -> dict[int, Comparison]:
    if not numbers:
        return {}
    compared = compare(mention, [index.names.restore_key(number) for number in numbers])
    ranked = sorted(
        zip(numbers, compared, strict=True), key=lambda pair: _closeness(pair[1]), reverse=True
    )
    return {
        number: comparison
        for number, comparison in ranked[:N_KEPT]
        if _closeness(comparison) >= WORTH_SHOWING
    }


def _closeness(comparison: Comparison) -> float:
    is_part = comparison.within > 0 or comparison.around > 0
    return max(comparison.similarity, 0.6 * is_part, 0.9 * comparison.initials)


def _entities_of(entities: Entities, name: int, label: int) -> np.ndarray:
    found = entities.of_name(name)
    return found[entities.labels[found] == label]


def find(index: NameIndex, mentions: Sequence[Mention]) -> list[Candidates]:
    """Find the candidates of the mentions of one query.

    index (NameIndex): An index with entities.
    mentions (Sequence[Mention]): The mentions.
    RETURNS (list[Candidates]): The candidates of each.
    """
    entities = index.entities
    names = [names_for(index, mention) for mention in mentions]
    artists = _best_artists(entities, mentions, names)
    found = []
    for mention, of_mention in zip(mentions, names, strict=True):
        if mention.label == 1:
            _add_works_of(index, mention, artists, of_mention)
        found.append(
            {
                (entity, name): comparison
                for name, comparison in of_mention.items()
                for entity in _shortened(
                    entities, _entities_of(entities, name, mention.label), artists, mention.label
                )
            }
        )
    candidates = [_with_features(index, of_mention) for of_mention in found]
    _set_pairs(index, mentions, candidates)
    if any(mention.label == 0 for mention in mentions):
        for mention, c in zip(mentions, candidates, strict=True):
            if mention.label == 1 and len(c.entities):
                has_artist = entities.n_links[c.entities] > 0
                is_other = has_artist & (c.features[:, COLUMN["pair"]] < SURE_PAIR)
                c.features[:, COLUMN["other_artist"]] = is_other
    return candidates


def _best_artists(
    entities: Entities, mentions: Sequence[Mention], names: Iterable[dict[int, Comparison]]
) -> np.ndarray:
    """RETURNS (np.ndarray): The entities of those names that are most alike the artists."""
    best: list[int] = []
    for mention, of_mention in zip(mentions, names, strict=True):
        if mention.label == 0:
            ranked = sorted(of_mention, key=lambda name: -_closeness(of_mention[name]))
            for name in ranked[:N_PARTNERS]:
                best += _entities_of(entities, name, 0)[:N_PARTNERS].tolist()
    return np.array(best, dtype=np.int64)


def _add_works_of(
    index: NameIndex, mention: Mention, artists: np.ndarray, names: dict[int, Comparison]
) -> None:
    """Compare a mention that is no name with the works of the artists in the same query."""
    if any(comparison.exact for comparison in names.values()) or not len(artists):
        return
    entities = index.entities
    works = np.concatenate([seconds_of(entities.links, artist)[:N_OF_ARTIST] for artist in artists])
    numbers = {int(entities.name_of[work]) for work in works if work < len(entities)} - {*names}
    forms = forms_of(mention.text)
    if forms:
        names |= _most_alike(index, forms[0], sorted(numbers))


def _shortened(
    entities: Entities, namesakes: np.ndarray, artists: np.ndarray, label: int
) -> list[int]:
    """Choose the most popular of many namesakes, and works of the artists in the same query."""
    if len(namesakes) <= N_NAMESAKES:
        return namesakes.tolist()
    order = np.argsort(-entities.popularity[namesakes], kind="stable")
    chosen = namesakes[order[:N_NAMESAKES]].tolist()
    if label == 1:
        for artist in artists:
            works = seconds_of(entities.links, artist)
            chosen += np.intersect1d(works, namesakes).tolist()
    return list(dict.fromkeys(chosen))


def _with_features(index: NameIndex, found: dict[tuple[int, int], Comparison]) -> Candidates:
    """Judge candidates; of an entity that several names lead to, the most similar name counts."""
    entities = index.entities
    of_entity: dict[int, tuple[int, Comparison]] = {}
    for (entity, name), comparison in found.items():
        other = of_entity.get(entity)
        if other is None or _closeness(other[1]) < _closeness(comparison):
            of_entity[entity] = name, comparison
    features = np.zeros((len(of_entity), len(FEATURES)))
    for row, (entity, (name, comparison)) in zip(features, of_entity.items(), strict=True):
        row[:] = (
            1,
            comparison.exact,
            comparison.possessive,
            name != entities.name_of[entity],
            comparison.similarity,
            max(comparison.similarity - 0.8, 0) * 5,
            comparison.edits == 0 and not (comparison.exact or comparison.possessive),
            comparison.edits == 1,
            comparison.edits == 2,
            comparison.first_letter,
            comparison.within,
            comparison.around,
            comparison.initials,
            log1p(entities.popularity[entity]) / (entities.scale or 1),
            0,
            0,
        )
    return Candidates(np.fromiter(of_entity, dtype=np.int64, count=len(of_entity)), features)


def _set_pairs(
    index: NameIndex, mentions: Sequence[Mention], candidates: Sequence[Candidates]
) -> None:
    """Set the features of pairs, by the candidates of the other mentions."""
    of_label = [
        [c for mention, c in zip(mentions, candidates, strict=True) if mention.label == label]
        for label in (0, 1)
    ]
    entities = index.entities
    # Names without an id can be the other half of a pair, too.
    only_names = [
        np.array(
            [
                number
                for mention in mentions
                if mention.label == label
                for form in forms_of(mention.text)
                if (number := index.names.get(form)) is not None
            ],
            dtype=np.int64,
        )
        for label in (0, 1)
    ]
    numbers = [
        np.concatenate([*(c.entities for c in found), len(entities) + names])
        for found, names in zip(of_label, only_names, strict=True)
    ]
    if not all(map(len, numbers)):
        return
    similarity = [
        np.concatenate([*(_similarity_of(c) for c in found), np.ones(len(names))])
        for found, names in zip(of_label, only_names, strict=True)
    ]
    links = _is_in(entities.links, to_pairs(numbers[0][:, None], numbers[1][None, :]))
    names = [
        np.concatenate([*(entities.name_of[c.entities] for c in found), of_side])
        for found, of_side in zip(of_label, only_names, strict=True)
    ]
    of_names = _is_in(index.pairs, to_pairs(names[0][:, None], names[1][None, :]))
    strength = np.maximum(links, 0.5 * of_names)
    of_artists = (strength * similarity[1][None, :] ** 2).max(axis=1)
    of_works = (strength * similarity[0][:, None] ** 2).max(axis=0)
    for found, pair in zip(of_label, (of_artists, of_works), strict=True):
        start = 0
        for c in found:
            end = start + len(c.entities)
            c.features[:, COLUMN["pair"]] = pair[start:end]
            start = end


def _similarity_of(candidates: Candidates) -> np.ndarray:
    similarity, by_initials = (
        candidates.features[:, COLUMN[name]] for name in ("similarity", "initials")
    )
    return np.maximum(similarity, 0.9 * by_initials)


def _is_in(pairs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """RETURNS (np.ndarray): Whether each wanted pair is one of the pairs, which are sorted."""
    if not len(pairs):
        return np.zeros(wanted.shape, dtype=bool)
    places = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    return pairs[places] == wanted
