"""Augmenters of annotated music queries, for `[corpora.train.augmenter]` of the config.

Each rewrites the text of a query together with its entities. Queries with missing tags pass
unchanged. Randomness comes from the module `random`, which `spacy train` seeds.
"""

import random
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import srsly
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.vocab import Vocab

from music_ner.data.query import Query, Span, normalize_query, to_doc
from music_ner.pipeline.catalogue.files import NameRecord, read_labelled_names, read_name_records
from music_ner.pipeline.catalogue.names import APOSTROPHES, spell
from music_ner.pipeline.labels import LABELS

ARTIST, WORK = LABELS
Augmenter = Callable[[Language, Example], Iterator[Example]]


class Piece(NamedTuple):
    """A piece of a query: an entity, or the text between two entities.

    text (str): Its text.
    label (str): The entity's label, empty between entities.
    """

    text: str
    label: str = ""


def to_pieces(query: Query) -> list[Piece]:
    """Cut a query into entities and the text between them.

    query (Query): Any query.
    RETURNS (list[Piece]): The pieces, whose texts joined are the query's: text and entity take
        turns, from text to text, which may be empty.
    """
    pieces, end = [], 0
    for span in query.spans:
        pieces.append(Piece(query.text[end : span.start]))
        pieces.append(Piece(query.text[span.start : span.end], span.label))
        end = span.end
    return [*pieces, Piece(query.text[end:])]


def from_pieces(pieces: Iterable[Piece]) -> Query:
    """Put a query together.

    pieces (Iterable[Piece]): Its stretches in order.
    RETURNS (Query): The query, with an entity for each piece that has a label.
    """
    text, spans = "", []
    for piece in pieces:
        if piece.label:
            spans.append(Span(len(text), len(text) + len(piece.text), piece.label))
        text += piece.text
    return Query("", text, tuple(spans))


def is_plain(text: str) -> bool:
    """RETURNS (bool): Whether a query is written as those of MusicRecoNER are: no capitals, and no
    punctuation except the comma for `|`."""
    return text == text.lower() and not re.search(r"[.?!'’\"“”();:]", text)


def replace_mentions(
    pieces: Sequence[Piece],
    records: Sequence[NameRecord],
    signs: float,
    rng: random.Random,
    others: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Piece]:
    """Replace the entities of a query with other names, a work with its artist.

    pieces (Sequence[Piece]): The query (see `to_pieces`).
    records (Sequence[NameRecord]): Artists with their works; each has one if the query has one.
    signs (float): Probability that names in a plain query (see `is_plain`) keep their signs, as in
        `ac/dc` and `panic! at the disco`.
    rng (random.Random): Source of randomness.
    others (Mapping[str, Sequence[str]]): Names of other labels. An entity of a label without names
        stays.
    RETURNS (list[Piece]): The query with other names, each of the label of the one that it
        replaces, written as the query is.
    """
    write = str
    if is_plain("".join(piece.text for piece in pieces)):
        write = str.lower if rng.random() < signs else spell
    artists = [i for i, piece in enumerate(pieces) if piece.label == ARTIST]
    drawn = {i: rng.choice(records) for i in artists}
    replaced = []
    for i, piece in enumerate(pieces):
        name = piece.text
        if piece.label == ARTIST:
            name = write(drawn[i].artist)
        elif piece.label in others:
            name = write(rng.choice(others[piece.label]))
        elif piece.label == WORK:
            nearest = min(artists, key=lambda at: abs(at - i), default=None)
            record = rng.choice(records) if nearest is None else drawn[nearest]
            name = write(rng.choice(record.works))
        replaced.append(Piece(name, piece.label))
    return replaced


def typo(word: str, rng: random.Random) -> str:
    """RETURNS (str): The word with one letter left out, doubled, or swapped with the next."""
    at = rng.randrange(1, len(word) - 1)
    before, here, after = word[:at], word[at], word[at + 1 :]
    swapped = before + after[0] + here + after[1:]
    return rng.choice([before + after, before + 2 * here + after, *{swapped} - {word}])


def add_typo(pieces: Sequence[Piece], rng: random.Random) -> list[Piece]:
    """Misspell one word of four letters or more, if there is one."""
    words = [
        (i, match)
        for i, piece in enumerate(pieces)
        for match in re.finditer(r"[^\W\d_]{4,}", piece.text)
    ]
    rewritten = list(pieces)
    if words:
        i, match = rng.choice(words)
        text = pieces[i].text
        text = text[: match.start()] + typo(match[0], rng) + text[match.end() :]
        rewritten[i] = pieces[i]._replace(text=text)
    return rewritten


CONTRACTIONS = {
    "im": "I'm", "ive": "I've", "id": "I'd", "i": "I", "dont": "don't", "doesnt": "doesn't",
    "cant": "can't", "isnt": "isn't", "arent": "aren't", "wont": "won't", "whats": "what's",
    "thats": "that's", "youre": "you're", "theyre": "they're", "didnt": "didn't",
    "couldnt": "couldn't", "theres": "there's", "lets": "let's", "ill": "I'll",
}  # fmt: skip
GAPS = {
    (ARTIST, WORK): (" - ", " – ", ": ", "'s ", " "),
    (WORK, ARTIST): (" - ", " – ", " by ", ", ", " "),
}
SEPARATOR = re.compile(r"(?: ?,)? (?:(?:and|&|or|by|from|-) )?")
LIST_GAPS = (", ", " and ", " / ", " & ")
BREAKS = (". ", "? ", "! ", "... ", " - ")
ENDS = (".", "?", "!", "...", "??", "")
QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("", ""), ("", ""), ("", ""))


def write_naturally(pieces: Sequence[Piece], capitals: float, rng: random.Random) -> list[Piece]:
    """Write a query with punctuation and capitals, as careful people do.

    pieces (Sequence[Piece]): A preprocessed query.
    capitals (float): Probability that it has capitals.
    rng (random.Random): Source of randomness.
    RETURNS (list[Piece]): The query as it might have been written.
    """
    has_capitals = rng.random() < capitals
    (opened, closed), sentence_break = rng.choice(QUOTES), rng.choice(BREAKS)
    last = len(pieces) - 1
    written = []
    for i, piece in enumerate(pieces):
        text = string.capwords(piece.text) if has_capitals and piece.label else piece.text
        if piece.label == WORK:
            written += [Piece(opened), Piece(text, piece.label), Piece(closed)]
            continue
        if text == " " and 0 < i < last:
            neighbours = (pieces[i - 1].label, pieces[i + 1].label)
            if {*neighbours} <= {*LABELS}:  # how others stand together is not known
                text = rng.choice(GAPS.get(neighbours, LIST_GAPS))
        elif not piece.label and not (0 < i < last and SEPARATOR.fullmatch(text)):
            text = re.sub(r"\w+", lambda word: CONTRACTIONS.get(word[0], word[0]), text)
            text = text.replace(", ", sentence_break)
            if has_capitals:
                start = r"^[a-z]|(?<=[.?!] )[a-z]" if i == 0 else r"(?<=[.?!] )[a-z]"
                text = re.sub(start, lambda letter: letter[0].upper(), text)
        written.append(Piece(text, piece.label))
    return [*written, Piece(rng.choice(ENDS))]


APOSTROPHE = re.compile(f"[{APOSTROPHES}]")
OWNED = re.compile(f"^[{APOSTROPHES}]s\\b")
SIGNS = re.compile(r"[^\w\s&+$]+")
SENTENCE_END = re.compile(r"[.?!]+(?=\s+\w)")


def write_plainly(pieces: Sequence[Piece], rng: random.Random) -> list[Piece]:
    """Write a query as people type it in a hurry: in lower case, without punctuation.

    pieces (Sequence[Piece]): A query.
    rng (random.Random): Source of randomness.
    RETURNS (list[Piece]): The query; a possessive s becomes part of the name, and the end of a
        sentence may become the comma that stands for `|`.
    """
    sentence_break = rng.choice((" ", " , "))
    last = len(pieces) - 1
    written: list[Piece] = []
    for i, (text, label) in enumerate(pieces):
        if label:
            written.append(Piece(spell(text), label))
            continue
        text = text.lower()
        if written and OWNED.match(text):
            written[-1] = written[-1]._replace(text=f"{written[-1].text}s")
            text = OWNED.sub("", text)
        text = SENTENCE_END.sub(sentence_break, APOSTROPHE.sub("", text))
        text = SIGNS.sub(lambda signs: "," if signs[0] == "," else " ", text)
        text = re.sub(r"\s+", " ", text)
        if 0 < i < last and not text:
            text = " "
        written.append(Piece(text))
    written[0] = written[0]._replace(text=written[0].text.lstrip(" ,"))
    written[-1] = written[-1]._replace(text=written[-1].text.rstrip(" ,"))
    return written


EMOJI = "❤🔥😍🎶🎵🎧🎸🙏😭💃🎉✨💔😂🥺🤘👀💛🥁🎹"


def add_emoji(pieces: Sequence[Piece], rng: random.Random) -> list[Piece]:
    """Put one to three emoji between two words that are not in an entity, or at an end.

    pieces (Sequence[Piece]): A query (see `to_pieces`).
    rng (random.Random): Source of randomness.
    RETURNS (list[Piece]): The query with emoji, with or without a space beside them.
    """
    emoji, space = "".join(rng.choices(EMOJI, k=rng.randint(1, 3))), rng.choice(("", " "))
    start, end = (0, 0), (len(pieces) - 1, len(pieces[-1].text))
    gaps = [
        (i, gap.start())
        for i, piece in enumerate(pieces)
        if not piece.label
        for gap in re.finditer(r"\s", piece.text)
    ]
    i, at = place = rng.choice([start, *gaps, end])
    text = pieces[i].text
    written = emoji + space if place == start else space + emoji
    rewritten = list(pieces)
    rewritten[i] = pieces[i]._replace(text=text[:at] + written + text[at:])
    return rewritten


def write_in_capitals(pieces: Sequence[Piece]) -> list[Piece]:
    """RETURNS (list[Piece]): The query in capitals only."""
    return [piece._replace(text=piece.text.upper()) for piece in pieces]


WORD_START = re.compile(r"(?<!\S)\S")


def write_title_case(pieces: Sequence[Piece]) -> list[Piece]:
    """RETURNS (list[Piece]): The query with a capital at the beginning of each word."""
    written: list[Piece] = []
    for text, label in pieces:
        before = "".join(piece.text for piece in written)
        # A name begins a word even after a quotation mark; other text does after white space.
        is_start = label or not before or before[-1].isspace()
        placed = text if is_start else f"-{text}"
        capitalized = WORD_START.sub(lambda start: start[0].upper(), placed)
        written.append(Piece(capitalized if is_start else capitalized[1:], label))
    return written


def capitalize_names(pieces: Sequence[Piece]) -> list[Piece]:
    """RETURNS (list[Piece]): The query with a capital at the beginning of each word of a name, also
    of those that are written small in titles, as in `Out Of The Blue`."""
    return [
        piece._replace(text=WORD_START.sub(lambda start: start[0].upper(), piece.text))
        if piece.label
        else piece
        for piece in pieces
    ]


class Alternatives(NamedTuple):
    """Expressions that may stand for each other.

    pattern (re.Pattern): Matches all of them.
    groups (dict[str, list[str]]): Those that may stand for each, which is in lower case.
    """

    pattern: re.Pattern
    groups: dict[str, list[str]]


def read_alternatives(path: Path) -> Alternatives:
    """Read groups of expressions that may stand for each other.

    path (Path): JSON file of a list of expressions for each group.
    RETURNS (Alternatives): The expressions.
    RAISES (ValueError): If the file is not of this form.
    """
    content = srsly.read_json(path)
    lists = list(content.values()) if isinstance(content, dict) else []
    if not lists or not all(
        isinstance(group, list) and group and all(isinstance(e, str) and e for e in group)
        for group in lists
    ):
        raise ValueError(f"{path}: write a JSON object of lists of expressions, one for each group")
    groups = {expression.lower(): group for group in lists for expression in group}
    longest_first = map(re.escape, sorted(groups, key=len, reverse=True))
    pattern = rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)"
    return Alternatives(re.compile(pattern, re.IGNORECASE), groups)


def swap_alternatives(
    pieces: Sequence[Piece], alternatives: Alternatives, rng: random.Random
) -> list[Piece]:
    """Swap each expression outside entities for another of its group.

    pieces (Sequence[Piece]): A query.
    alternatives (Alternatives): The expressions.
    rng (random.Random): Source of randomness.
    RETURNS (list[Piece]): The query with other expressions, in lower case where they were.
    """

    def swap(match: re.Match) -> str:
        # Some capitals of other languages match, such as the dotted I, but are listed nowhere.
        new = rng.choice(alternatives.groups.get(match[0].lower(), [match[0]]))
        return new.lower() if match[0] == match[0].lower() else new

    return [
        piece if piece.label else piece._replace(text=alternatives.pattern.sub(swap, piece.text))
        for piece in pieces
    ]


def read_mentions(corpus: str | Path) -> list[NameRecord]:
    """Read the names in a training corpus: each query's artists with its works.

    corpus (str | Path): A DocBin file.
    RETURNS (list[NameRecord]): Artists and works from queries that hold both.
    """
    records = []
    for doc in DocBin().from_disk(corpus).get_docs(Vocab()):
        artists, works = (
            [ent.text for ent in doc.ents if ent.label_ == label] for label in (ARTIST, WORK)
        )
        records += [NameRecord(artist, tuple(works)) for artist in artists if works]
    return records


def other_names(names: Iterable[str], corpus: str | Path | None) -> dict[str, list[str]]:
    """Collect the names of labels other than LABELS.

    names (Iterable[str]): Files of names (see `read_labelled_names`).
    corpus (str | Path | None): A DocBin file of annotated queries.
    RETURNS (dict[str, list[str]]): The names by label.
    RAISES (ValueError): If a file of names cannot be read.
    """
    found: dict[str, list[str]] = {}
    for path in names:
        for label, of_label in read_labelled_names(path):
            found.setdefault(label, []).extend(of_label)
    if corpus:
        for doc in DocBin().from_disk(corpus).get_docs(Vocab()):
            for ent in doc.ents:
                if ent.label_ not in LABELS:
                    found.setdefault(ent.label_, []).append(ent.text)
    return found


def _augmented(
    nlp: Language, example: Example, rewrite: Callable[[list[Piece]], list[Piece]]
) -> Example:
    gold = example.reference
    spans = tuple(Span(ent.start_char, ent.end_char, ent.label_) for ent in gold.ents)
    query = normalize_query(from_pieces(rewrite(to_pieces(Query("", gold.text, spans)))))
    try:
        return Example(nlp.make_doc(query.text), to_doc(query, nlp.make_doc))
    except ValueError as error:
        # Two entities in one token of the tokenizer: there is no way to tag it.
        if "E1010" not in str(error):
            raise
        return example


def _is_known(example: Example) -> bool:
    return all(token.ent_iob for token in example.reference)


def create_mention_augmenter(
    names: Sequence[str], corpus: str | None, level: float, share_of_names: float, signs: float
) -> Augmenter:
    """Create an augmenter that replaces the entities of queries (see `replace_mentions`).

    names (Sequence[str]): Files of names (see `read_name_records`).
    corpus (str | None): The training corpus, whose own names are used too.
    level (float): Probability that a query is rewritten.
    share_of_names (float): Probability that it is rewritten with names of the files.
    signs (float): Probability that names in a plain query keep their signs.
    RAISES (ValueError): If there are no names, or a file of names cannot be read.
    """
    listed = [record for path in names for record in read_name_records(path)]
    mentioned = read_mentions(corpus) if corpus else []
    others = other_names(names, corpus)
    if not listed and not mentioned and not others:
        raise ValueError("There are no names to insert: give a file of names or a corpus")
    listed_works, mentioned_works = (
        [record for record in records if record.works] for records in (listed, mentioned)
    )

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        named = random.random() < share_of_names
        is_chosen = random.random() < level
        ents = example.reference.ents
        if is_chosen and ents and _is_known(example):
            labels = {ent.label_ for ent in ents}
            has_work = WORK in labels
            of_files, of_corpus = (
                (listed_works, mentioned_works) if has_work else (listed, mentioned)
            )
            records = (of_files or of_corpus) if named else (of_corpus or of_files)
            if records or labels.isdisjoint(LABELS):
                example = _augmented(
                    nlp, example, lambda p: replace_mentions(p, records, signs, random, others)
                )
        yield example

    return augment


def create_noise_augmenter(
    typos: float,
    natural: float,
    capitals: float,
    plain: float,
    capitalized: float,
    titled: float,
    shouted: float,
    emoji: float,
) -> Augmenter:
    """Create an augmenter that writes queries as other people would.

    typos (float): Probability of a misspelt word, in plain queries (see `is_plain`).
    natural (float): Probability that a plain query is written with punctuation (see
        `write_naturally`).
    capitals (float): Probability that such a query has capitals too.
    plain (float): Probability that another query is written plainly (see `write_plainly`).
    capitalized (float): Probability that each word of the names gets a capital, in a query that is
        not plain, and is not written plainly.
    titled (float): Probability that each word of a query gets a capital.
    shouted (float): Probability that a query is written in capitals only.
    emoji (float): Probability that a query gets emoji.
    """

    def rewrite(pieces: list[Piece]) -> list[Piece]:
        if is_plain("".join(piece.text for piece in pieces)):
            if random.random() < typos:
                pieces = add_typo(pieces, random)
            if random.random() < natural:
                pieces = write_naturally(pieces, capitals, random)
        elif random.random() < plain:
            pieces = write_plainly(pieces, random)
        elif random.random() < capitalized:
            pieces = capitalize_names(pieces)
        if random.random() < titled:
            pieces = write_title_case(pieces)
        if random.random() < shouted:
            pieces = write_in_capitals(pieces)
        if random.random() < emoji:
            pieces = add_emoji(pieces, random)
        return pieces

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        if _is_known(example):
            example = _augmented(nlp, example, rewrite)
        yield example

    return augment


def create_alternatives_augmenter(path: str, level: float) -> Augmenter:
    """Create an augmenter that swaps words which are never part of an entity for others of their
    group: services, years, genres. So the ner learns what they are, not which ones there are.

    path (str): JSON file of a list of expressions for each group.
    level (float): Probability that a query is rewritten.
    RAISES (ValueError): If the file cannot be read.
    """
    alternatives = read_alternatives(Path(path))

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        if random.random() < level and _is_known(example):
            example = _augmented(nlp, example, lambda p: swap_alternatives(p, alternatives, random))
        yield example

    return augment


def create_chain(*augmenters: Augmenter) -> Augmenter:
    """Apply augmenters one after the other."""

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        examples: Iterable[Example] = [example]
        for augmenter in augmenters:
            examples = [new for old in examples for new in augmenter(nlp, old)]
        yield from examples

    return augment
