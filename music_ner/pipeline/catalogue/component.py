"""The component `catalogue`: lists names of artists and works, and finds them in queries.

Matches are hints, not rules: `love`, `yes` and `the end` are names too. They become features of
tokens, in `doc._.catalogue`, and the ner learns how far to trust them (see `architecture`). Names
can be added and removed at any time, without training.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from math import log1p
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import srsly
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
    checked_row,
    names_of_csv,
    read_labelled_names,
    rows_of_csv,
    rows_of_musicbrainz,
    rows_of_records,
)
from music_ner.pipeline.catalogue.index import (
    EMPTY,
    Listed,
    NameIndex,
    built,
    entries_of,
    spool_index,
    spool_without,
)
from music_ner.pipeline.catalogue.matching import (
    Candidate,
    Match,
    choose,
    first_partners,
    linked,
)
from music_ner.pipeline.catalogue.names import Words, digits_as_0, fold, to_name, words_of
from music_ner.pipeline.catalogue.spool import NOTHING, Cell, Spool
from music_ner.pipeline.catalogue.storage import (
    from_saved,
    index_of,
    parts_of,
    read_parts,
    to_saved,
    write_parts,
)
from music_ner.pipeline.checksums import sealed, unsealed
from music_ner.pipeline.labels import LABELS

LONGEST_NAME = 12  # words
LONGEST_NGRAM = 4  # words
STATE_FILE = "catalogue.msgpack"
STATE_FORMAT = 5  # it changes with the normal form of names, and with what is saved
OUTSIDE = 2  # value of token.ent_iob


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


class Entry(NamedTuple):
    """A name to add, with what it leads to.

    Entries with the same id are one artist or work: its first name is shown, the others are
    aliases. Entries with the same name and other ids are namesakes.

    name (str): The name, as it is written.
    id (str): The id of the artist or work in your own catalogue; empty for none.
    popularity (float): How popular it is: any number from 0, such as plays or followers; 0 if it is
        not known.

    >>> Entry("Nine Inch Nails", id="a7", popularity=51_000), Entry("NIN", id="a7").id
    (Entry(name='Nine Inch Nails', id='a7', popularity=51000), 'a7')
    """

    name: str
    id: str = ""
    popularity: float = 0.0


NOT_GIVEN = Entry(None)


class Ordinary(NamedTuple):
    """What is known about words apart from names.

    counts (dict[str, int]): See `count_ordinary_words`.
    frequencies (dict[str, float]): How frequent words are in general English (see `initialize`).
    commonness (dict[str, float]): The logarithms of the counts, divided by the highest.
    """

    counts: dict[str, int]
    frequencies: dict[str, float]
    commonness: dict[str, float]

    @classmethod
    def of(cls, counts: dict[str, int], frequencies: dict[str, float]) -> "Ordinary":
        """RETURNS (Ordinary): The counts and frequencies, with the commonness."""
        most = log1p(max(counts.values(), default=0))
        commonness = {words: log1p(count) / most for words, count in counts.items()}
        return cls(counts, frequencies, commonness)

    def commonness_of(self, words: list[str]) -> tuple[float, float]:
        """RETURNS (tuple[float, float]): Of the words as a sequence, and of the rarest word."""
        rarest = min(self.commonness.get(word, 0.0) for word in words)
        if len(words) == 1 or not rarest:
            return rarest, rarest
        return self.commonness.get(" ".join(words), 0.0), rarest


class State(NamedTuple):
    """All that a catalogue knows. It is never changed, only replaced, so that a thread that reads
    has either the old state or the new one, whole.
    """

    index: NameIndex
    ordinary: Ordinary


# Names are added to those that are there: two threads that add names wait for each other.
WRITING = Lock()


class Counted(NamedTuple):
    """How many of the given names were added, and what the catalogue contains now.

    taken (int): Names that were added or already listed.
    empty (int): Names that were left out because they name nothing: nothing is left when they are
        folded, or they are placeholders of MusicBrainz, such as `[unknown]`.
    too_long (int): Names that were left out because they have more than `LONGEST_NAME` words.
    artists (int): Artists in the catalogue.
    works (int): Works in the catalogue.
    pairs (int): Pairs of an artist and a work in the catalogue.
    ids (int): Ids in the catalogue.
    """

    taken: int
    empty: int
    too_long: int
    artists: int
    works: int
    pairs: int
    ids: int


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

    Other labels have names, but no pairs, namesakes or ids.

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
        self._state = State(EMPTY, Ordinary.of({}, {}))

    @property
    def index(self) -> NameIndex:
        """RETURNS (NameIndex): The names as they are now. It never changes: if names are added, the
        catalogue has another one.
        """
        return self._state.index

    def clear(self) -> None:
        """Remove all names. The counts and frequencies of words stay."""
        with WRITING:
            self._state = self._state._replace(index=EMPTY)
        for other in self._others.values():
            other.clear()

    def __len__(self) -> int:
        """RETURNS (int): The number of names; a name that artists and works list counts once."""
        return len(self._state.index) + sum(map(len, self._others.values()))

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
        index, ordinary = self._state
        if not len(index):
            return []
        words = words_of(doc)
        found = index.candidates(words)
        partners = index.partners(*found)
        chosen = [
            choose(found[label], linked(found[label], partners[label], found[1 - label]))
            for label in (0, 1)
        ]
        numbers = [
            {artist: number for number, artist in enumerate(chosen[0], start=1)},
            {work: number for number, work in enumerate(chosen[1], start=len(chosen[0]) + 1)},
        ]
        return [
            _to_match(
                candidate,
                words,
                label,
                ordinary,
                n_pairs=int(index.n_pairs[label][candidate.name]),
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

    def add(
        self,
        *,
        artists: Iterable[str | Entry] = (),
        works: Iterable[str | Entry] = (),
        pairs: Iterable[tuple[str | Entry, str | Entry]] = (),
        label: str | None = None,
        names: Iterable[str | Entry] = (),
    ) -> Counted:
        """Add names. Each call rebuilds the index, so add many names at a time.

        artists (Iterable[str | Entry]): Names of artists, as they are written; with their ids as
            `Entry`.
        works (Iterable[str | Entry]): Names of works.
        pairs (Iterable[tuple[str | Entry, str | Entry]]): Artists, each with one of their works;
            both are added.
        label (str | None): Any label of the catalogue, for `names`.
        names (Iterable[str | Entry]): Names of this label; only artists and works have ids.
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
        names = list(_checked_names("names", names))
        if names and label not in self.listed_labels:
            raise ValueError(
                f"label: the catalogue lists {', '.join(self.listed_labels)}, not {label}: train "
                "the pipeline with queries that hold this label"
            )
        if label in self._others:
            if artists or works or pairs:
                raise ValueError("label: add artists, works and pairs in a call of their own")
            if with_id := [entry.name for entry in names if entry.id]:
                raise ValueError(
                    f"names: {with_id[0]!r} has an id: only artists and works have ids"
                )
            return self._others[label].add(artists=names)
        of_artists, of_works = (names if label == known else [] for known in LABELS)
        rows = _rows_of(
            chain(_checked_names("artists", artists), of_artists),
            chain(_checked_names("works", works), of_works),
            pairs,
        )
        return self._add(rows, self.name)

    def replace(
        self,
        *,
        artists: Iterable[str | Entry] = (),
        works: Iterable[str | Entry] = (),
        pairs: Iterable[tuple[str | Entry, str | Entry]] = (),
    ) -> Counted:
        """Put names in the place of all that are listed, those of training too.

        The pipeline can go on working in other threads: each query is read with either the old
        names or the new ones. The counts and frequencies of words stay.

        artists (Iterable[str | Entry]): Names of artists, as they are written; with their ids as
            `Entry`.
        works (Iterable[str | Entry]): Names of works.
        pairs (Iterable[tuple[str | Entry, str | Entry]]): Artists, each with one of their works;
            both are added.
        RETURNS (Counted): How many names were added and left out.
        RAISES (ValueError): If something else than names and pairs is given; then the old names
            stay.

        >>> import spacy
        >>> catalogue = spacy.blank("en").add_pipe("catalogue")
        >>> _ = catalogue.add(artists=["Korn", "Sade"])
        >>> catalogue.replace(artists=["Portishead"]).artists
        1
        """
        return self._add(_rows_of(artists, works, pairs), self.name, replace=True)

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
        ordinary = Ordinary.of(count_ordinary_words(docs), frequencies or {})
        self._learn(ordinary)
        if names:
            self._add(rows_of_records(names), ", ".join(map(str, names)))
        for path in names if self._others else ():
            for label, of_label in read_labelled_names(path):
                if label in self._others:
                    self._others[label].add(artists=of_label)

    def _learn(self, ordinary: Ordinary) -> None:
        with WRITING:
            self._state = self._state._replace(ordinary=ordinary)
        for other in self._others.values():
            other._learn(ordinary)

    def _add(self, rows: Iterable[Row], source: str, *, replace: bool = False) -> Counted:
        with WRITING, Spool() as spool:
            if not replace:
                spool_index(self._state.index, spool)
            counts = _spool_rows(rows, source, spool)
            index = built(spool)
            self._state = self._state._replace(index=index)
        artists, works = index.n_listed
        left_out = counts["empty"], counts["too_long"]
        counted = Counted(counts["taken"], *left_out, artists, works, len(index.pairs), index.n_ids)
        log = util.logger.warning if any(left_out) else util.logger.info
        log(
            f"{source}: {counted.taken:,} names taken; left out: {counted.empty:,} without letters "
            f"or digits or in the place of a name, {counted.too_long:,} of more than "
            f"{LONGEST_NAME} words. The catalogue holds {artists:,} artists, {works:,} works and "
            f"{counted.pairs:,} pairs, with {counted.ids:,} ids."
        )
        return counted

    def entries(self) -> Iterator[Listed]:
        """List the names.

        YIELDS (Listed): Each name with each id that it leads to; a name without an id once for each
            label. The order means nothing.

        >>> import spacy
        >>> catalogue = spacy.blank("en").add_pipe("catalogue")
        >>> _ = catalogue.add(artists=[Entry("Sade", id="a1"), "Korn"])
        >>> sorted((entry.name, entry.label, entry.id) for entry in catalogue.entries())
        [('Sade', 'Artist', 'a1'), ('korn', 'Artist', '')]
        """
        return entries_of(self._state.index)

    def remove(
        self, *, artists: Iterable[str] = (), works: Iterable[str] = (), ids: Iterable[str] = ()
    ) -> list[str]:
        """Remove names, or ids. Each call rebuilds the index, so remove many at a time.

        artists (Iterable[str]): Names of artists. What other names lead to stays.
        works (Iterable[str]): Names of works.
        ids (Iterable[str]): Ids of artists or works. Names that led to nothing else go with them.
        RETURNS (list[str]): Those that the catalogue does not have.
        """
        names = [
            {to_name(entry.name).key: entry.name for entry in _checked_names(kind, given)}
            for kind, given in (("artists", artists), ("works", works))
        ]
        gone = {entry.name for entry in _checked_names("ids", ids)}
        with WRITING, Spool() as spool:
            unknown = spool_without(self._state.index, spool, (*map(set, names),), gone)
            self._state = self._state._replace(index=built(spool))
        given_as = {**names[0], **names[1]}
        return [given_as.get(name, name) for name in unknown]

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The names, and the counts and frequencies of words, with a checksum."""
        state = self._state
        parts = _saved_parts(state.index)
        return sealed(srsly.msgpack_dumps(self._saved(state) | {"parts": parts}))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "Catalogue":
        """Load what `to_bytes` gave.

        data (bytes): The names, and the counts and frequencies of words.
        RAISES (ValueError): If they are damaged, or another version of the library saved them.
        """
        saved = _read_saved(data, self.name)
        return self._load(saved, _loaded_parts(saved["parts"]))

    def _load(self, saved: dict[str, Any], parts: dict[str, Any]) -> "Catalogue":
        ordinary = Ordinary.of(saved["counts"], saved["frequencies"])
        others = {label: Catalogue(label) for label in saved["others"]}
        for label, other in others.items():
            of_label = saved["others"][label]
            index = index_of(_loaded_parts(of_label["parts"]), of_label["longest"])
            other._state = State(index, ordinary)
        with WRITING:
            self._others, self.listed_labels = others, (*LABELS, *others)
            self._state = State(index_of(parts, saved["longest"]), ordinary)
        return self

    def _saved(self, state: State) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): What is saved, except for the parts of the state's index. The
        names of other labels are few: they are in no files of their own.
        """
        indices = {label: other.index for label, other in self._others.items()}
        return {
            "format": STATE_FORMAT,
            "longest": state.index.longest,
            "counts": state.ordinary.counts,
            "frequencies": state.ordinary.frequencies,
            "others": {
                label: {"longest": index.longest, "parts": _saved_parts(index)}
                for label, index in indices.items()
            },
        }

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the names, and the counts and frequencies of words.

        path (str | Path): Folder to write to.
        """
        state, folder = self._state, Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        parts = write_parts(state.index, folder)
        saved = sealed(srsly.msgpack_dumps(self._saved(state) | {"parts": parts}))
        (folder / STATE_FILE).write_bytes(saved)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Catalogue":
        """Load what `to_disk` wrote.

        The names are mapped into memory: they stay in the files, which processes share.

        path (str | Path): The folder.
        RAISES (ValueError): If a file is damaged, or another version of the library saved it.
        """
        file = Path(path) / STATE_FILE
        saved = _read_saved(file.read_bytes(), str(file))
        return self._load(saved, read_parts(file.parent, saved["parts"]))


def _saved_parts(index: NameIndex) -> dict[str, Any]:
    return {name: to_saved(part) for name, part in parts_of(index).items()}


def _loaded_parts(saved: dict[str, Any]) -> dict[str, Any]:
    return {name: from_saved(part) for name, part in saved.items()}


def _read_saved(data: bytes, where: str) -> dict[str, Any]:
    saved = srsly.msgpack_loads(unsealed(data, where))
    if saved.get("format") != STATE_FORMAT:
        raise ValueError(
            f"{where}: another version of music-ner saved these names: install that "
            "version, or train and package the pipeline with this one"
        )
    return saved


def _spool_rows(rows: Iterable[Row], source: str, spool: Spool) -> Counter[str]:
    """Write the names of rows to a spool, and count what becomes of them."""
    counts: Counter[str] = Counter()

    def to_cell(given: str | None, entity_id: str) -> Cell:
        if given is None:
            return NOTHING
        key, with_the = to_name(given)
        if not key:
            counts["empty"] += 1
            return NOTHING
        if key.count(" ") >= LONGEST_NAME:
            counts["too_long"] += 1
            return NOTHING
        counts["taken"] += 1
        return Cell(key, with_the, entity_id, " ".join(given.split()) if entity_id else "")

    for row in tqdm(rows, desc=source, unit=" rows", disable=None):
        artist, work = to_cell(row.artist, row.artist_id), to_cell(row.work, row.work_id)
        if artist.key or work.key:
            # What is known of a work whose name was left out says nothing about its artist.
            spool.add(artist, work, row.popularity if work.key or row.work is None else 0.0)
    return counts


def _rows_of(
    artists: Iterable[str | Entry],
    works: Iterable[str | Entry],
    pairs: Iterable[tuple[str | Entry, str | Entry]],
) -> Iterator[Row]:
    for artist in _checked_names("artists", artists):
        yield _to_row(artist, NOT_GIVEN)
    for work in _checked_names("works", works):
        yield _to_row(NOT_GIVEN, work)
    for artist, work in _checked_pairs(pairs):
        # The popularity of a row is that of its work.
        if artist.popularity:
            yield _to_row(artist, NOT_GIVEN)
        yield _to_row(artist, work)


def _to_row(artist: Entry, work: Entry) -> Row:
    popularity = artist.popularity if work.name is None else work.popularity
    return checked_row(artist.name, work.name, artist.id, work.id, popularity)


def _to_match(
    candidate: Candidate,
    words: Words,
    label: int,
    ordinary: Ordinary,
    *,
    n_pairs: int,
    partner: int,
    namesake: int,
) -> Match:
    of_match = words.texts[candidate.start : candidate.end]
    together, rarest_word = ordinary.commonness_of(of_match)
    return Match(
        start=words.first[candidate.start],
        end=words.last[candidate.end - 1] + (not candidate.owned),
        label=LABELS[label],
        n_words=candidate.end - candidate.start,
        commonness=together,
        rarest_word=rarest_word,
        frequency=min(ordinary.frequencies.get(digits_as_0(word), 0.0) for word in of_match),
        n_pairs=n_pairs,
        partner=partner,
        namesake=namesake,
        shared=candidate.shared,
    )


def _to_entry(given: object) -> Entry | None:
    match given:
        case Entry(name=str(), id=str()):
            return given
        case str():
            return Entry(given)
    return None


def _checked_names(kind: str, names: Iterable[str | Entry]) -> Iterator[Entry]:
    if isinstance(names, str | Entry) or not isinstance(names, Iterable):
        raise ValueError(f'{kind}: {names!r} is not a list of names: write {kind}=["Sade"]')
    for name in names:
        if (entry := _to_entry(name)) is None:
            raise ValueError(f"{kind}: {name!r} is not a name")
        yield entry


def _checked_pairs(
    pairs: Iterable[tuple[str | Entry, str | Entry]],
) -> Iterator[tuple[Entry, Entry]]:
    example = 'write pairs=[("Sade", "By Your Side")]'
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise ValueError(f"pairs: {pairs!r} is not a list of pairs: {example}")
    for pair in pairs:
        match pair:
            case [artist, work] if not isinstance(pair, Entry):
                entries = _to_entry(artist), _to_entry(work)
                if None not in entries:
                    yield entries
                    continue
        raise ValueError(f"pairs: {pair!r} is not an artist with a work: {example}")


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
