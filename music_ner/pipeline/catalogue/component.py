"""The component `catalogue`: lists names of artists and works, and finds them in queries.

Matches are hints, not rules: `love`, `yes` and `the end` are names too. They become features of
tokens, in `doc._.catalogue`, and the ner learns how far to trust them (see `architecture`). Names
can be added and removed at any time, without training.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from math import log1p
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import srsly
from marisa_trie import Trie
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab
from tqdm import tqdm

from music_ner.pipeline.catalogue.features import features_of, features_without
from music_ner.pipeline.catalogue.files import (
    Row,
    names_of_csv,
    read_labelled_names,
    rows_of_csv,
    rows_of_musicbrainz,
    rows_of_records,
)
from music_ner.pipeline.catalogue.matching import (
    Candidate,
    Match,
    Partners,
    choose,
    first_partners,
    linked,
)
from music_ner.pipeline.catalogue.names import THE, Words, digits_as_0, fold, to_name, words_of
from music_ner.pipeline.checksums import sealed, unsealed
from music_ner.pipeline.labels import LABELS

LONGEST_NAME = 12  # words
LONGEST_NGRAM = 4  # words
SHORTEST_OWNER = 3  # characters of the word before a possessive s without an apostrophe
STATE_FORMAT = 4  # it changes with the normal form of names, and with what is saved
OUTSIDE = 2  # value of token.ent_iob
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


def count_ordinary_words(docs: Iterable[Doc]) -> dict[str, int]:
    """Count the word n-grams outside entities.

    docs (Iterable[Doc]): Annotated queries. Tokens with a missing tag are left out.
    RETURNS (dict[str, int]): The count of each folded n-gram of up to `LONGEST_NGRAM` words.
    """
    counts: Counter[str] = Counter()
    for doc in docs:
        for is_outside, tokens in groupby(doc, key=lambda token: token.ent_iob == OUTSIDE):
            if is_outside:
                words = fold("".join(token.text_with_ws for token in tokens)).split()
                for n in range(1, LONGEST_NGRAM + 1):
                    counts.update(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    return dict(counts)


class Counted(NamedTuple):
    """How many of the given names were added, and what the catalogue contains now.

    taken (int): Names that were added or already listed.
    empty (int): Names that were left out because they name nothing: nothing is left when they are
        folded, or they are placeholders of MusicBrainz, such as `[unknown]`.
    too_long (int): Names that were left out because they have more than `LONGEST_NAME` words.
    artists (int): Artists in the catalogue.
    works (int): Works in the catalogue.
    pairs (int): Pairs of an artist and a work in the catalogue.
    """

    taken: int
    empty: int
    too_long: int
    artists: int
    works: int
    pairs: int


Doc.set_extension("catalogue", default=None, force=True)
Doc.set_extension("catalogue_matches", default=None, force=True)
Doc.set_extension("catalogue_labels", default=None, force=True)
Doc.set_extension("catalogue_without", method=features_without, force=True)


class Catalogue(Pipe):
    """Finds the names of artists and works in queries.

    `doc._.catalogue` holds the numbers of `FEATURES` for each token, for each label:

    - whether it is the first token of a match, inside it, its last, or its only token;
    - the length of the match in words, at most `LENGTH_SCALE`, divided by `LENGTH_SCALE`;
    - how common its words are outside entities, as a sequence, and the rarest word alone
      (logarithms of counts, divided by that of the most common word);
    - how frequent its rarest word is in general English;
    - how many pairs list it: the works of the artist, or the artists of the work (logarithm);
    - whether a work of the artist, or the artist of the work, is matched too;
    - whether the other label lists the same name.

    `doc._.catalogue_matches` holds the matches (list[Match]). `doc._.catalogue_without(numbers)`
    gives the features without some of them.

    To train on the features, name the component in `training.annotating_components`, but not in
    `frozen_components`: spaCy does not initialize frozen components.

    Other labels have names, but no pairs and no namesakes.

    name (str): Name of the component.
    labels (Sequence[str]): What it lists: LABELS, and any others.
    RAISES (ValueError): If the labels do not begin with LABELS.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> catalogue = nlp.add_pipe("catalogue")
    >>> _ = catalogue.add(artists=["R.E.M."])
    >>> [(m.start, m.end, m.label) for m in nlp("songs like rem")._.catalogue_matches]
    [(2, 3, 'Artist')]
    """

    def __init__(self, name: str, labels: Sequence[str] = LABELS):
        if [*labels[: len(LABELS)]] != [*LABELS]:
            raise ValueError(f"{name}: labels begin with {', '.join(LABELS)}: put them there")
        self.name = name
        self.listed_labels = tuple(labels)
        # Those of each other label are listed as the artists of a catalogue of their own.
        self._others = {label: Catalogue(label) for label in labels[len(LABELS) :]}
        self._learn({}, {})
        self.clear()

    def clear(self) -> None:
        """Remove all names. The counts and frequencies of words stay."""
        self._names = Trie()
        self._listed = b""
        self._set_pairs(np.zeros(0, dtype=np.int64))
        self._longest = 0
        for other in self._others.values():
            other.clear()

    def __len__(self) -> int:
        """RETURNS (int): The number of names; a name that artists and works list counts once."""
        return len(self._names) + sum(map(len, self._others.values()))

    def __call__(self, doc: Doc) -> Doc:
        """RETURNS (Doc): The doc, with `doc._.catalogue` and `doc._.catalogue_matches`."""
        matches = self.find(doc)
        doc._.catalogue = features_of(matches, len(doc), self.listed_labels)
        doc._.catalogue_matches, doc._.catalogue_labels = matches, self.listed_labels
        return doc

    def find(self, doc: Doc) -> list[Match]:
        """Find names in a doc. No match cuts a token, or overlaps another match of its label.

        doc (Doc): Any doc.
        RETURNS (list[Match]): The matches: artists in text order, then works, then those of other
            labels.
        """
        of_others = [
            match._replace(label=label, n_pairs=0)
            for label, other in self._others.items()
            for match in other.find(doc)
        ]
        return self._find(doc) + of_others

    def _find(self, doc: Doc) -> list[Match]:
        """RETURNS (list[Match]): The matches of artists and works."""
        if not len(self._names):
            return []
        words = words_of(doc)
        found = self._candidates(words)
        partners = self._partners(*found)
        chosen = [
            choose(found[label], linked(found[label], partners[label], found[1 - label]))
            for label in (0, 1)
        ]
        numbers = [
            {artist: number for number, artist in enumerate(chosen[0], start=1)},
            {work: number for number, work in enumerate(chosen[1], start=len(chosen[0]) + 1)},
        ]
        return [
            self._to_match(
                candidate,
                words,
                label,
                partner=numbers[1 - label].get(partner, 0),
                namesake=numbers[1 - label].get(candidate, 0) if candidate.shared else 0,
            )
            for label in (0, 1)
            for candidate, partner in zip(
                chosen[label],
                first_partners(chosen[label], partners[label], chosen[1 - label]),
                strict=True,
            )
        ]

    def _to_match(
        self, candidate: Candidate, words: Words, label: int, *, partner: int, namesake: int
    ) -> Match:
        of_match = words.texts[candidate.start : candidate.end]
        together, rarest_word = self._commonness_of(of_match)
        return Match(
            start=words.first[candidate.start],
            end=words.last[candidate.end - 1] + (not candidate.owned),
            label=LABELS[label],
            n_words=candidate.end - candidate.start,
            commonness=together,
            rarest_word=rarest_word,
            frequency=min(self._frequencies.get(digits_as_0(word), 0.0) for word in of_match),
            n_pairs=int(self._n_pairs[label][candidate.name]),
            partner=partner,
            namesake=namesake,
            shared=candidate.shared,
        )

    def _commonness_of(self, words: list[str]) -> tuple[float, float]:
        """RETURNS (tuple[float, float]): Of the words as a sequence, and of the rarest word."""
        rarest = min(self._commonness.get(word, 0.0) for word in words)
        if len(words) == 1 or not rarest:
            return rarest, rarest
        return self._commonness.get(" ".join(words), 0.0), rarest

    def _candidates(self, words: Words) -> tuple[list[Candidate], list[Candidate]]:
        texts, names, listed = words.texts, self._names, self._listed
        text = " ".join(texts) + " "
        # Whether a match may start at a word, or end before it: no token has words on both sides.
        apart = (words.last[i - 1] < words.first[i] for i in range(1, len(texts)))
        edges = [True, *apart, True]
        found: tuple[dict, dict] = ({}, {})
        offset = 0
        for word, word_text in enumerate(texts):
            after_the = texts[word - 1 : word] == [THE] and edges[word - 1]
            # From the shortest to the longest, so that a name goes before one with a possessive s.
            rest = text[offset : offset + self._longest]
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

    def _partners(
        self, artists: Iterable[Candidate], works: Iterable[Candidate]
    ) -> tuple[Partners, Partners]:
        """RETURNS (tuple[Partners, Partners]): The partners of the artists, and of the works."""
        artist_names = np.unique(np.fromiter((a.name for a in artists), dtype=np.int64))
        work_names = np.unique(np.fromiter((w.name for w in works), dtype=np.int64))
        of_artists: dict[int, list[int]] = {}
        of_works: dict[int, list[int]] = defaultdict(list)
        starts = np.searchsorted(self._pairs, _to_pairs(artist_names, np.int64(0)))
        ends = starts + self._n_pairs[0][artist_names]
        for artist, start, end in zip(artist_names.tolist(), starts, ends, strict=True):
            fewer, more = sorted((self._pairs[start:end] & PAIR_MASK, work_names), key=len)
            if not len(fewer):
                continue
            known = fewer[more.take(np.searchsorted(more, fewer), mode="clip") == fewer].tolist()
            if known:
                of_artists[artist] = known
                for work in known:
                    of_works[work].append(artist)
        return of_artists, dict(of_works)

    def add(
        self,
        *,
        artists: Iterable[str] = (),
        works: Iterable[str] = (),
        pairs: Iterable[tuple[str, str]] = (),
        label: str | None = None,
        names: Iterable[str] = (),
    ) -> Counted:
        """Add names. Each call rebuilds the index, so add many names at a time.

        artists (Iterable[str]): Names of artists, as they are written.
        works (Iterable[str]): Names of works.
        pairs (Iterable[tuple[str, str]]): Artists, each with one of their works; both are added.
        label (str | None): Any label of the catalogue, for `names`.
        names (Iterable[str]): Names of this label.
        RETURNS (Counted): How many names were added and left out; with a label other than artists
            and works, what its own list contains, under `artists`.
        RAISES (ValueError): If something else than names and pairs is given, or the catalogue has
            no such label; then nothing is added.

        >>> import spacy
        >>> catalogue = spacy.blank("en").add_pipe("catalogue")
        >>> counted = catalogue.add(artists=["Korn"], pairs=[("Sade", "By Your Side")])
        >>> counted.artists, counted.works, counted.pairs
        (2, 1, 1)
        """
        names = _checked_names("names", names)
        if names and label not in self.listed_labels:
            raise ValueError(
                f"label: the catalogue lists {', '.join(self.listed_labels)}, not {label}: train "
                "the pipeline with queries that hold this label"
            )
        if label in self._others:
            if artists or works or pairs:
                raise ValueError("label: add artists, works and pairs in a call of their own")
            return self._others[label].add(artists=names)
        of_label = dict(zip(LABELS, ([], []), strict=True)) | {label: names}
        artists = [*_checked_names("artists", artists), *of_label[LABELS[0]]]
        works = [*_checked_names("works", works), *of_label[LABELS[1]]]
        rows = [
            *(Row(name, None) for name in artists),
            *(Row(None, name) for name in works),
            *(Row(*pair) for pair in _checked_pairs(pairs)),
        ]
        return self._add(rows, self.name)

    def from_csv(self, path: str | Path) -> Counted:
        """Add the names of a CSV file.

        path (str | Path): See `rows_of_csv`. A file with the columns `label` and `name` has names
            of any label of the catalogue (see `names_of_csv`).
        RETURNS (Counted): How many names were added and left out.
        RAISES (ValueError): If the file cannot be read, or names another label; then nothing is
            added.
        """
        if (of_labels := names_of_csv(Path(path))) is None:
            return self._add(rows_of_csv(Path(path)), str(path))
        if unknown := [label for label in of_labels if label not in self.listed_labels]:
            raise ValueError(
                f"{path}: the label {unknown[0]} is none of {', '.join(self.listed_labels)}: "
                "correct it"
            )
        counted = [self.add(label=label, names=names) for label, names in of_labels.items()]
        taken, empty, too_long = (sum(column) for column in list(zip(*counted, strict=True))[:3])
        return self.add()._replace(taken=taken, empty=empty, too_long=too_long)

    def from_musicbrainz(self, folder: str | Path) -> Counted:
        """Add the names of a dump of MusicBrainz.

        folder (str | Path): See `rows_of_musicbrainz`.
        RETURNS (Counted): How many names were added and left out.
        RAISES (ValueError): If files are missing or cannot be read; then nothing is added.
        """
        return self._add(rows_of_musicbrainz(Path(folder)), str(folder))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        names: Sequence[str] = (),
        corpus: str | None = None,
        frequencies: dict[str, float] | None = None,
    ) -> None:
        """Count ordinary words, and add the names for training.

        get_examples (Callable[[], Iterable[Example]]): Gives annotated queries.
        nlp (Language | None): The pipeline; not used.
        names (Sequence[str]): Files of names (see `read_name_records`).
        corpus (str | None): A DocBin file of annotated queries that is read instead of
            `get_examples`, which gives only 100 queries if `training.max_epochs` is -1.
        frequencies (dict[str, float] | None): How frequent words are in general English, from 0 to
            1, by folded word, with `0` for each digit of a number. They are saved.
        RAISES (ValueError): If a file of names cannot be read.
        """
        if corpus is None:
            docs = (example.reference for example in get_examples())
        else:
            docs = DocBin().from_disk(corpus).get_docs(Vocab())
        self._learn(count_ordinary_words(docs), frequencies or {})
        if names:
            self._add(rows_of_records(names), ", ".join(map(str, names)))
        for path in names if self._others else ():
            for label, of_label in read_labelled_names(path):
                if label in self._others:
                    self._others[label].add(artists=of_label)

    def _learn(self, counts: dict[str, int], frequencies: dict[str, float]) -> None:
        self._counts, self._frequencies = counts, frequencies
        most = log1p(max(counts.values(), default=0))
        self._commonness = {words: log1p(count) / most for words, count in counts.items()}
        for other in self._others.values():
            other._learn(counts, frequencies)

    def _add(self, rows: Iterable[Row], source: str) -> Counted:
        listed = {key: self._listed[number] for key, number in self._names.items()}
        pairs: list[tuple[str, str]] = []
        counts: Counter[str] = Counter()
        for row in tqdm(rows, desc=source, unit=" rows", disable=None):
            keys = []
            for label, given in enumerate(row):
                if given is None:
                    continue
                key, with_the = to_name(given)
                if not key:
                    counts["empty"] += 1
                elif key.count(" ") >= LONGEST_NAME:
                    counts["too_long"] += 1
                else:
                    counts["taken"] += 1
                    bits = LISTED[label] | (with_the and LISTED_WITH_THE[label])
                    listed[key] = listed.get(key, 0) | bits
                    keys.append(key)
            if len(keys) == len(LABELS):
                pairs.append((keys[0], keys[1]))
        self._build(listed, pairs)
        flags = np.frombuffer(self._listed, dtype=np.uint8)
        artists, works = (int(np.count_nonzero(flags & bit)) for bit in LISTED)
        left_out = counts["empty"], counts["too_long"]
        counted = Counted(counts["taken"], *left_out, artists, works, len(self._pairs))
        log = util.logger.warning if any(left_out) else util.logger.info
        log(
            f"{source}: {counted.taken:,} names taken; left out: {counted.empty:,} without letters "
            f"or digits or in the place of a name, {counted.too_long:,} of more than "
            f"{LONGEST_NAME} words. The catalogue holds {artists:,} artists, {works:,} works and "
            f"{counted.pairs:,} pairs."
        )
        return counted

    def _build(self, listed: dict[str, int], added: list[tuple[str, str]]) -> None:
        names = Trie(listed)
        flags = bytearray(len(names))
        for key, number in names.items():
            flags[number] = listed[key]
        moved = np.zeros(len(self), dtype=np.int64)
        for key, number in self._names.items():
            moved[number] = names[key]
        kept = _to_pairs(moved[self._pairs >> PAIR_BITS], moved[self._pairs & PAIR_MASK])
        artists, works = (
            np.fromiter((names[pair[label]] for pair in added), dtype=np.int64, count=len(added))
            for label in range(len(LABELS))
        )
        self._names, self._listed = names, bytes(flags)
        self._set_pairs(np.unique(np.concatenate([kept, _to_pairs(artists, works)])))
        self._longest = max(map(len, listed), default=0)

    def _set_pairs(self, pairs: np.ndarray) -> None:
        self._pairs = pairs
        self._n_pairs = tuple(
            np.bincount(numbers, minlength=len(self))
            for numbers in (pairs >> PAIR_BITS, pairs & PAIR_MASK)
        )

    def _names_state(self) -> dict[str, Any]:
        return {
            "names": self._names.tobytes(),
            "listed": self._listed,
            "pairs": self._pairs,
            "longest": self._longest,
        }

    def _set_names(self, state: dict[str, Any]) -> None:
        self._names = Trie().frombytes(state["names"])
        self._listed = state["listed"]
        self._set_pairs(state["pairs"])
        self._longest = state["longest"]

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The names, and the counts and frequencies of words, with a checksum."""
        others = {label: other._names_state() for label, other in self._others.items()}
        state = {
            "format": STATE_FORMAT,
            **self._names_state(),
            "counts": self._counts,
            "frequencies": self._frequencies,
            **({"others": others} if others else {}),
        }
        return sealed(srsly.msgpack_dumps(state))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "Catalogue":
        """Load what `to_bytes` gave.

        data (bytes): The names, and the counts and frequencies of words.
        RAISES (ValueError): If they are damaged, or another version of the library saved them.
        """
        return self._load(data, self.name)

    def _load(self, data: bytes, where: str) -> "Catalogue":
        state = srsly.msgpack_loads(unsealed(data, where))
        if state.get("format") != STATE_FORMAT:
            raise ValueError(
                f"{where}: another version of music-ner saved these names: install that "
                "version, or train and package the pipeline with this one"
            )
        self._set_names(state)
        self._others = {}
        for label, of_label in state.get("others", {}).items():
            self._others[label] = Catalogue(label)
            self._others[label]._set_names(of_label)
        self.listed_labels = (*LABELS, *self._others)
        self._learn(state["counts"], state["frequencies"])
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the names, and the counts and frequencies of words.

        path (str | Path): Folder to write to.
        """
        save = {"catalogue.msgpack": lambda file: file.write_bytes(self.to_bytes())}
        util.to_disk(path, save, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Catalogue":
        """Load what `to_disk` wrote.

        path (str | Path): The folder.
        RAISES (ValueError): If the file is damaged, or another version of the library saved it.
        """
        load = {"catalogue.msgpack": lambda file: self._load(file.read_bytes(), str(file))}
        util.from_disk(path, load, exclude)
        return self


def _checked_names(kind: str, names: Iterable[str]) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f'{kind}: {names!r} is not a list of names: write {kind}=["Sade"]')
    names = list(names)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{kind}: {name!r} is not a name")
    return names


def _checked_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    example = 'write pairs=[("Sade", "By Your Side")]'
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise ValueError(f"pairs: {pairs!r} is not a list of pairs: {example}")
    for pair in pairs:
        match pair:
            case [str(artist), str(work)]:
                yield artist, work
            case _:
                raise ValueError(f"pairs: {pair!r} is not an artist with a work: {example}")


def _to_pairs(artists: np.ndarray, works: np.ndarray) -> np.ndarray:
    return artists << PAIR_BITS | works


@Language.factory(
    "catalogue",
    assigns=["doc._.catalogue", "doc._.catalogue_matches"],
    default_config={"labels": list(LABELS)},
)
def create_catalogue(nlp: Language, name: str, labels: list[str]) -> Catalogue:
    """Create a catalogue without names.

    labels (list[str]): What it lists: LABELS, and any others.
    """
    return Catalogue(name, labels)
