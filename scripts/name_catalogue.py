"""Names that a user brings, found in queries; travels inside the packaged pipeline.

A catalogue of artists and works is no rule: `love`, `yes` and `the end` are names too. What it
finds becomes features of tokens, in `doc._.catalogue`, and the ner learns what they are worth (see
`catalogue_tok2vec`). Names may be added and taken out at any time, without training anew.
"""

import csv
import re
import unicodedata
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate, chain, count, groupby
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
from spacy.training import Example, validate_examples
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

LABELS = ("Artist", "WoA")
LONGEST_NAME = 12  # words
LONGEST_NGRAM = 4  # words
LENGTH_SCALE = 6  # words
SHORTEST_OWNER = 3  # characters of the word before a possessive s
OUTSIDE = 2  # value of token.ent_iob

FEATURES = (
    "begin",
    "inside",
    "last",
    "unit",
    "length",
    "commonness",
    "rarest_word",
    "partner",
    "shared",
)
N_FEATURES = len(LABELS) * len(FEATURES)
BEGIN, INSIDE, LAST, UNIT = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)
# What a name is listed as: for each label a bit, and one more if it was given with a leading "the".
LISTED = (1, 2)
LISTED_WITH_THE = (4, 8)
# What each sum of bits says: the labels, each with whether the name was given with a leading "the",
# and whether both labels list it.
LISTED_AS = [
    (
        [(label, (bits & LISTED_WITH_THE[label]) > 0) for label in (0, 1) if bits & LISTED[label]],
        bits & sum(LISTED) == sum(LISTED),
    )
    for bits in range(16)
]

# A pair is the numbers of both names in one.
PAIR_BITS = 32
PAIR_MASK = 2**PAIR_BITS - 1

APOSTROPHES = "'’‘‛`´′ʹʻʼʽ"
# Letters that Unicode does not take apart into a plain one and an accent.
PLAIN_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe"}
FOLDED_CHARACTERS = {
    **dict.fromkeys(APOSTROPHES, ""),
    **PLAIN_LETTERS,
    "þ": "th",
    "&": " and ",
    "$": "$",
    "+": "+++",  # as long as what may come to stand there
}
STANDING_PLUS = re.compile(r"(?<= )\+\+\+(?= )")
LONE_DOLLAR = re.compile(r"\$(?<![^\W\d_]\$)(?![^\W\d_])")
WORD = re.compile(r"[^ ]+")
THE = "the"

# PostgreSQL's text format: https://www.postgresql.org/docs/current/sql-copy.html, File Formats.
NULL = r"\N"
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
CREDITS_FILE, ARTISTS_FILE = "artist_credit", "artist"
WORKS_FILES = ("release_group", "recording")

Row = tuple[str | None, str | None]


def _is_accent(character: str) -> bool:
    # The marks of kana make another letter, and those of other scripts may be its vowels.
    name = unicodedata.name(character, "")
    return name.startswith(("COMBINING", "VARIATION SELECTOR")) and "KATAKANA" not in name


def _fold_character(character: str) -> str:
    if character in FOLDED_CHARACTERS:
        return FOLDED_CHARACTERS[character]
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not _is_accent(c))
    folded = []
    for c in unicodedata.normalize("NFKD", plain.casefold()):
        kind = unicodedata.category(c)
        if c in FOLDED_CHARACTERS:
            folded.append(FOLDED_CHARACTERS[c])
        elif not (kind == "Cf" or _is_accent(c)):
            folded.append(c if kind[0] in "LNM" else " ")
    return "".join(folded)


class FoldedCharacters(dict[int, str]):
    """What each character is folded to, for `str.translate`; filled as characters turn up."""

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = folded = _fold_character(chr(codepoint))
        return folded


FOLDED = FoldedCharacters()


def fold(text: str) -> str:
    """Write a text as a name is looked up.

    text (str): Any text.
    RETURNS (str): Its words, in lower case, without accents (https://unicode.org/reports/tr15, form
        NFKD), between single spaces. Apostrophes are dropped; `&`, and a `+` that stands alone
        between words, are `and`; a `$` beside a letter stays; other signs part words.
    """
    return " ".join(_settle_signs(text.translate(FOLDED)).split())


def _settle_signs(folded: str) -> str:
    # Nothing changes its place, so that `words_of` can tell whose words are whose.
    if "+" in folded:
        folded = STANDING_PLUS.sub("and", folded).replace("+", " ")
    return LONE_DOLLAR.sub(" ", folded)


class Name(NamedTuple):
    """A name as it is stored.

    key (str): The folded name, without a leading `the` (but `the the` stays).
    with_the (bool): Whether it was given with it.
    """

    key: str
    with_the: bool


def to_name(name: str) -> Name:
    """RETURNS (Name): A name as it is stored, from the name as it is written."""
    folded = fold(name)
    bare = folded.removeprefix(f"{THE} ")
    return Name(folded, False) if bare in (folded, THE) else Name(bare, True)


class Words(NamedTuple):
    """The folded words of a doc. A token may hold several of them, and a word several tokens.

    texts (list[str]): The words.
    first (list[int]): The first token of each.
    last (list[int]): The last token of each.
    """

    texts: list[str]
    first: list[int]
    last: list[int]


def words_of(doc: Doc) -> Words:
    """RETURNS (Words): The words of a doc, folded as `fold` does."""
    pieces = [token.text_with_ws.translate(FOLDED) for token in doc]
    ends = list(accumulate(map(len, pieces)))
    words = list(WORD.finditer(_settle_signs("".join(pieces))))
    return Words(
        [word[0] for word in words],
        [bisect_right(ends, word.start()) for word in words],
        [bisect_right(ends, word.end() - 1) for word in words],
    )


class Candidate(NamedTuple):
    """A name that a query holds as words.

    start (int): Its first word.
    end (int): The word after its last.
    name (int): Number of the name.
    shared (bool): Whether the other label lists the same name.
    """

    start: int
    end: int
    name: int
    shared: bool


Link = tuple[Candidate, Candidate]


def are_apart(one: Candidate, other: Candidate) -> bool:
    """RETURNS (bool): Whether two candidates have no word in common."""
    return one.end <= other.start or other.end <= one.start


def choose(candidates: Iterable[Candidate], linked: set[Candidate]) -> list[Candidate]:
    """Of candidates that overlap choose the longest.

    candidates (Iterable[Candidate]): All of one label.
    linked (set[Candidate]): Those that go before others as long, as their partner is in the query.
    RETURNS (list[Candidate]): Candidates that do not overlap, in order of text.
    """
    chosen: list[Candidate] = []
    taken = 0  # a bit for each word
    for candidate in sorted(candidates, key=lambda c: (c.start - c.end, c not in linked, c.start)):
        words = (1 << candidate.end) - (1 << candidate.start)
        if not taken & words:
            taken |= words
            chosen.append(candidate)
    return sorted(chosen)


class Match(NamedTuple):
    """A name of the catalogue that a doc holds.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): What it is listed as.
    n_words (int): How many words it has.
    commonness (float): How often the words stand together beside names: the logarithm of their
        count, as a share of that of the commonest word's.
    rarest_word (float): The same for the rarest of them alone.
    partner (int): Which of the doc's matches, from 1, is a work of the artist, or the artist of the
        work; the first, if there are several, and 0 for none.
    namesake (int): Which of the doc's matches, from 1, is the same words with the other label; 0
        for none.
    shared (bool): Whether the other label lists the same name.
    """

    start: int
    end: int
    label: str
    n_words: int
    commonness: float
    rarest_word: float
    partner: int
    namesake: int
    shared: bool


def features_of(matches: Iterable[Match], n_tokens: int) -> np.ndarray:
    """Turn the matches of a doc into features of its tokens.

    matches (Iterable[Match]): The matches; those of one label do not overlap.
    n_tokens (int): How many tokens the doc has.
    RETURNS (np.ndarray): `doc._.catalogue`, as `Catalogue` tells.
    """
    # To write a list costs less than to write an array.
    values = [0.0] * (n_tokens * N_FEATURES)
    for start, end, label, n_words, *of_name, partner, _, shared in matches:
        length = min(n_words, LENGTH_SCALE) / LENGTH_SCALE
        common = (length, *of_name, partner > 0, shared)
        at = start * N_FEATURES + LABELS.index(label) * len(FEATURES)
        for position in _positions(end - start):
            values[at : at + len(FEATURES)] = position + common
            at += N_FEATURES
    return np.array(values, dtype="f").reshape(n_tokens, N_FEATURES)


def without(doc: Doc, dropped: Collection[int]) -> np.ndarray:
    """Give the features of a doc as if some of its matches were not there.

    doc (Doc): A doc that the catalogue has read.
    dropped (Collection[int]): The numbers of these matches, from 1.
    RETURNS (np.ndarray): Like `doc._.catalogue`; it also tells nothing of partners and namesakes
        that were dropped.
    """
    matches = [Match(*match) for match in doc._.catalogue_matches]
    kept = (
        match._replace(
            partner=0 if match.partner in dropped else match.partner,
            shared=match.shared and match.namesake not in dropped,
        )
        for number, match in enumerate(matches, start=1)
        if number not in dropped
    )
    return features_of(kept, len(doc))


def _positions(length: int) -> list[tuple[int, ...]]:
    return [UNIT] if length == 1 else [BEGIN, *[INSIDE] * (length - 2), LAST]


def count_ordinary_words(docs: Iterable[Doc]) -> dict[str, int]:
    """Count what is said in queries beside names.

    docs (Iterable[Doc]): Annotated queries. Tokens of unknown tag are left out.
    RETURNS (dict[str, int]): How often each run of one to four words (`LONGEST_NGRAM`) stands
        outside of entities, folded.
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
    """What became of the names that were given.

    taken (int): How many were taken, those that were there before included.
    empty (int): How many were left out, as nothing of them stays when they are folded.
    too_long (int): How many were left out, as they have more than twelve words (`LONGEST_NAME`).
    artists (int): How many artists the catalogue has now.
    works (int): How many works.
    pairs (int): How many pairs of an artist and a work.
    """

    taken: int
    empty: int
    too_long: int
    artists: int
    works: int
    pairs: int


def rows_of_csv(path: Path) -> Iterator[Row]:
    """Read artists and works from a CSV file.

    path (Path): A file with the columns `artist` and `work`; one of the two may be empty in a row.
    YIELDS (Row): Artist and work, None for an empty one.
    RAISES (ValueError): If the file is something else; the message names file, row and remedy.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            if not {"artist", "work"} <= {*(reader.fieldnames or ())}:
                raise ValueError(
                    f"{path}, row 1: write the names of the columns there: artist,work"
                )
            for row in reader:
                where = f"{path}, row {reader.line_num}"
                if None in row or None in row.values():
                    raise ValueError(
                        f"{where}: not as many fields as columns: put quotes around a name that "
                        "holds commas"
                    )
                if not (row["artist"] or row["work"]):
                    raise ValueError(f"{where}: no artist and no work: fill one in")
                yield row["artist"] or None, row["work"] or None
        except csv.Error as error:
            raise ValueError(
                f"{path}, row {reader.line_num + 1}: {error}: quotes have to be closed"
            ) from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: {error}: save the file as UTF-8") from error


def _dumped(path: Path, *columns: int) -> Iterator[tuple[int, list[str | None]]]:
    """Give the row numbers and some of the columns of a table that PostgreSQL wrote as text."""
    with path.open(encoding="utf8", newline="\n") as file:
        try:
            for number, line in enumerate(file, start=1):
                fields = line.rstrip("\n").split("\t")
                if len(fields) <= max(columns):
                    raise ValueError(
                        f"{path}, row {number}: {len(fields)} columns, of {max(columns) + 1} or "
                        "more: take the file out of mbdump.tar.bz2 as it is"
                    )
                yield (
                    number,
                    [
                        None if fields[i] == NULL else ESCAPED.sub(_unescaped, fields[i])
                        for i in columns
                    ],
                )
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: {error}: MusicBrainz's dumps are UTF-8") from error


def _unescaped(escaped: re.Match) -> str:
    return ESCAPES.get(escaped[1], escaped[1])


def rows_of_musicbrainz(folder: Path) -> Iterator[Row]:
    """Read artists and works from a dump of MusicBrainz.

    Dumps: https://musicbrainz.org/doc/MusicBrainz_Database/Download. Their columns:
    https://github.com/metabrainz/musicbrainz-server/blob/master/admin/sql/CreateTables.sql.

    folder (Path): The folder `mbdump` of `mbdump.tar.bz2`. Of its tables these are read: `artist`
        (name), `artist_credit` (id, name), `release_group` and `recording` (name, artist_credit). A
        work's artist is its credit as it is written, also where it names several.
    YIELDS (Row): Artist and work, None for one that is not there.
    RAISES (ValueError): If files are missing, or a row is something else; the message names file,
        row and remedy.
    """
    paths = {name: folder / name for name in (ARTISTS_FILE, CREDITS_FILE, *WORKS_FILES)}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise ValueError(f"{folder}: no {', '.join(missing)}: take them out of mbdump.tar.bz2")
    for _, (name,) in _dumped(paths[ARTISTS_FILE], 2):
        yield name or "", None
    credited = {number: name for _, (number, name) in _dumped(paths[CREDITS_FILE], 0, 1)}
    for file in WORKS_FILES:
        for row, (name, credit) in _dumped(paths[file], 2, 3):
            if credit is not None and credit not in credited:
                raise ValueError(
                    f"{paths[file]}, row {row}: {CREDITS_FILE} has no {credit}: take all files "
                    "out of one dump"
                )
            yield credited.get(credit), name or ""


def rows_of_records(paths: Iterable[str | Path]) -> Iterator[Row]:
    """Read artists and works from files of names.

    paths (Iterable[str | Path]): JSON Lines files with the keys `artist` and `works`.
    YIELDS (Row): Artist and work.
    RAISES (ValueError): If a line is something else; the message names file and line.
    """
    for path in paths:
        for number, line in enumerate(srsly.read_jsonl(path), start=1):
            match line:
                case {"artist": str(artist), "works": [*works]} if all(
                    isinstance(work, str) for work in works
                ):
                    yield artist, None
                    yield from ((artist, work) for work in works)
                case _:
                    form = '{"artist": "Portishead", "works": ["Dummy", "Glory Box"]}'
                    raise ValueError(f"{path}, line {number}: write it like {form}")


Doc.set_extension("catalogue", default=None, force=True)
Doc.set_extension("catalogue_matches", default=None, force=True)
Doc.set_extension("catalogue_without", method=without, force=True)


class Catalogue(Pipe):
    """Finds the names of artists and works in queries.

    For each label `doc._.catalogue` (float32, tokens x `N_FEATURES`) says of each token: whether it
    begins a match, is inside of one, its last or its only token; how long the match is (in words,
    at most `LENGTH_SCALE`, as a share of it); how common its words are beside names, together and
    the rarest of them (logarithms of counts, as shares of that of the commonest word); whether a
    work of the artist, or the artist of the work, is matched too; and whether the other label
    lists the same name. `doc._.catalogue_matches` has the matches themselves (list[Match]), and
    `doc._.catalogue_without(numbers)` gives features without some of them.

    To learn what the features are worth, name the component in `training.annotating_components`,
    but not in `frozen_components`, since spaCy does not initialize those.

    name (str): Name of the component.
    """

    def __init__(self, name: str):
        self.name = name
        self._learn({})
        self.clear()

    def clear(self) -> None:
        """Take all names out. What is known of ordinary words stays."""
        self._names = Trie()
        self._listed = b""
        self._pairs = np.zeros(0, dtype=np.int64)
        self._longest = 0

    def __len__(self) -> int:
        """RETURNS (int): How many names there are; one that both labels list counts once."""
        return len(self._names)

    def __call__(self, doc: Doc) -> Doc:
        """RETURNS (Doc): The doc, with `doc._.catalogue` and `doc._.catalogue_matches`."""
        matches = self.find(doc)
        doc._.catalogue, doc._.catalogue_matches = features_of(matches, len(doc)), matches
        return doc

    def find(self, doc: Doc) -> list[Match]:
        """Find names in a doc. No match cuts a token, nor overlaps another of its label.

        doc (Doc): Any doc.
        RETURNS (list[Match]): The matches: artists in order of text, then works.
        """
        if not len(self):
            return []
        words = words_of(doc)
        found = self._candidates(words)
        links = self._links(*found)
        chosen = [choose(found[label], {link[label] for link in links}) for label in (0, 1)]
        counter = count(1)
        numbers = [dict(zip(candidates, counter, strict=False)) for candidates in chosen]
        partners: dict[int, int] = {}
        for artist, work in links:
            one, other = numbers[0].get(artist), numbers[1].get(work)
            if one and other:
                partners.setdefault(one, other)
                partners.setdefault(other, one)
        commonness = self._commonness.get
        of_word = [commonness(word, 0.0) for word in words.texts]
        matches = []
        for name, numbered, namesakes in zip(LABELS, numbers, reversed(numbers), strict=True):
            for candidate, number in numbered.items():
                start, end, _, shared = candidate
                together = rarest_word = of_word[start]
                if end - start > 1:
                    rarest_word = min(of_word[start:end])
                    together = rarest_word and commonness(" ".join(words.texts[start:end]), 0.0)
                match = Match(
                    words.first[start],
                    words.last[end - 1] + 1,
                    name,
                    end - start,
                    together,
                    rarest_word,
                    partners.get(number, 0),
                    namesakes.get(candidate, 0) if shared else 0,
                    shared,
                )
                matches.append(match)
        return matches

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
                if text[after] != " " and not _is_before_possessive(key, text, after):
                    continue
                end = word + key.count(" ") + 1
                if not edges[end]:
                    continue
                labels, shared = LISTED_AS[listed[number]]
                for label, with_the in labels:
                    start = word - (after_the and with_the)
                    if edges[start]:
                        found[label][start, end] = Candidate(start, end, number, shared)
            offset += len(word_text) + 1
        return list(found[0].values()), list(found[1].values())

    def _links(self, artists: Sequence[Candidate], works: Sequence[Candidate]) -> list[Link]:
        if not (artists and works and len(self._pairs)):
            return []
        ids = [np.fromiter({c.name for c in found}, dtype=np.int64) for found in (artists, works)]
        pairs = _to_pairs(ids[0][:, None], ids[1])
        known = self._pairs.take(np.searchsorted(self._pairs, pairs), mode="clip") == pairs
        if not known.any():
            return []
        of_name: tuple[dict, dict] = (defaultdict(list), defaultdict(list))
        for label, found in enumerate((artists, works)):
            for candidate in found:
                of_name[label][candidate.name].append(candidate)
        return sorted(
            (artist, work)
            for i, j in np.argwhere(known)
            for artist in of_name[0][ids[0][i]]
            for work in of_name[1][ids[1][j]]
            if are_apart(artist, work)
        )

    def update(
        self,
        examples: Iterable[Example] | None = None,
        *,
        artists: Iterable[str] = (),
        works: Iterable[str] = (),
        pairs: Iterable[tuple[str, str]] = (),
        drop: float = 0.0,
        sgd: Any = None,
        losses: Any = None,
    ) -> Counted | None:
        """Add names. The index is built anew, so add many at a time.

        examples (Iterable[Example] | None): What spaCy's training gives to every component; there
            is nothing to learn from it, nor from `drop`, `sgd` and `losses`.
        artists (Iterable[str]): Names of artists, as they are written.
        works (Iterable[str]): Names of works.
        pairs (Iterable[tuple[str, str]]): Artists, each with a work of theirs; both are added.
        RETURNS (Counted | None): What became of the names; None in training.
        RAISES (ValueError): If one name is given in the place of several.
        """
        if examples is not None:
            validate_examples(examples, "Catalogue.update")
            return None
        for kind, names in (("artists", artists), ("works", works)):
            if isinstance(names, str):
                raise ValueError(f'{kind}: give a list of names, as in {kind}=["{names}"]')
        rows: Iterator[Row] = chain(
            ((name or "", None) for name in artists),
            ((None, name or "") for name in works),
            ((artist or "", work or "") for artist, work in pairs),
        )
        return self._add(rows, self.name)

    def from_csv(self, path: str | Path) -> Counted:
        """Add the names of a CSV file.

        path (str | Path): See `rows_of_csv`.
        RETURNS (Counted): What became of the names.
        RAISES (ValueError): If the file is something else; then nothing of it is added.
        """
        return self._add(rows_of_csv(Path(path)), str(path))

    def from_musicbrainz(self, folder: str | Path) -> Counted:
        """Add the names of a dump of MusicBrainz.

        folder (str | Path): See `rows_of_musicbrainz`.
        RETURNS (Counted): What became of the names.
        RAISES (ValueError): If files are missing, or something else; then nothing is added.
        """
        return self._add(rows_of_musicbrainz(Path(folder)), str(folder))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        names: Sequence[str] = (),
        corpus: str | None = None,
    ) -> None:
        """Learn what ordinary words are, and take the names that training is to know.

        get_examples (Callable[[], Iterable[Example]]): Gives annotated queries.
        nlp (Language | None): The pipeline; not needed.
        names (Sequence[str]): Files of names (see `rows_of_records`).
        corpus (str | None): A DocBin file of annotated queries, to be read in the place of those
            that spaCy gives, which are but a hundred if `training.max_epochs` is -1.
        RAISES (ValueError): If a file of names holds something else.
        """
        if corpus is None:
            docs = (example.reference for example in get_examples())
        else:
            docs = DocBin().from_disk(corpus).get_docs(Vocab())
        self._learn(count_ordinary_words(docs))
        if names:
            self._add(rows_of_records(names), ", ".join(map(str, names)))

    def _learn(self, counts: dict[str, int]) -> None:
        self._counts = counts
        most = log1p(max(counts.values(), default=0))
        self._commonness = {words: log1p(count) / most for words, count in counts.items()}

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
        msg.info(
            f"{source}: {counted.taken:,} names taken, {counted.empty:,} left out as empty once "
            f"folded, {counted.too_long:,} as longer than {LONGEST_NAME} words. The catalogue has "
            f"{artists:,} artists, {works:,} works and {counted.pairs:,} pairs."
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
        self._pairs = np.unique(np.concatenate([kept, _to_pairs(artists, works)]))
        self._names, self._listed = names, bytes(flags)
        self._longest = max(map(len, listed), default=0)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The names, and what is known of ordinary words."""
        state = {
            "names": self._names.tobytes(),
            "listed": self._listed,
            "pairs": self._pairs,
            "longest": self._longest,
            "counts": self._counts,
        }
        return srsly.msgpack_dumps(state)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "Catalogue":
        """Load what `to_bytes` gave.

        data (bytes): The names, and what is known of ordinary words.
        """
        state = srsly.msgpack_loads(data)
        self._names = Trie().frombytes(state["names"])
        self._listed = state["listed"]
        self._pairs = state["pairs"]
        self._longest = state["longest"]
        self._learn(state["counts"])
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the names, and what is known of ordinary words.

        path (str | Path): Folder to write to.
        """
        save = {"catalogue.msgpack": lambda file: file.write_bytes(self.to_bytes())}
        util.to_disk(path, save, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Catalogue":
        """Load what `to_disk` wrote.

        path (str | Path): The folder.
        """
        load = {"catalogue.msgpack": lambda file: self.from_bytes(file.read_bytes())}
        util.from_disk(path, load, exclude)
        return self


def _is_before_possessive(key: str, text: str, after: int) -> bool:
    return text.startswith("s ", after) and len(key) - key.rfind(" ") > SHORTEST_OWNER


def _to_pairs(artists: np.ndarray, works: np.ndarray) -> np.ndarray:
    return artists << PAIR_BITS | works


def create_catalogue(nlp: Language, name: str) -> Catalogue:
    """Create a catalogue without names."""
    return Catalogue(name)


# Each package that is made with this code brings it along, and spaCy takes a factory but once.
if not Language.has_factory("catalogue"):
    Language.factory("catalogue", assigns=["doc._.catalogue", "doc._.catalogue_matches"])(
        create_catalogue
    )
