"""The folds that systems are trained and tested on, and queries as their authors wrote them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import spacy
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from wasabi import msg

from music_ner.data.query import Query, Span, normalize_query, to_doc
from music_ner.data.writings import place, query_key
from music_ner.evaluation.scores import entity_spans
from music_ner.files import UnreadableFileError

COLUMNS = ["preprocessed", "original"]
# In a text as it was written, one token of spaCy's tokenizer may hold two names.
split_at_punctuation = Tokenizer(spacy.blank("en").vocab, infix_finditer=re.compile(r"\W").finditer)


@dataclass(frozen=True)
class Fold:
    """What a trial trains and tests on.

    name (str): The name in the tables.
    train (list[Path]): BIO files to train on; dev is cut from them.
    test (Path): BIO file to test on.
    """

    name: str
    train: list[Path]
    test: Path


def make_folds(files: list[Path], inner: bool = False) -> list[Fold]:
    """Make a fold for each file.

    files (list[Path]): BIO files. Too few, missing ones, and two with the same name end the command
        with a message.
    inner (bool): Test on one of the files that the fold is trained on instead of its test file,
        which is then neither trained nor tested on.
    RETURNS (list[Fold]): The folds.
    """
    minimum = 3 if inner else 2
    if len(files) < minimum:
        msg.fail(f"{len(files)} files, but {minimum} are needed", "Name more in folds.", exits=1)
    check_files(files)
    stems_differ = len({file.stem for file in files}) == len(files)
    names = [file.stem if stems_differ else file.parent.name for file in files]
    if len({*names}) < len(files):
        remedy = "Give the files, or the folders that they are in, different names."
        msg.fail("Two folds have the same name", remedy, exits=1)
    if not inner:
        return [
            Fold(name, [f for f in files if f != file], file)
            for name, file in zip(names, files, strict=True)
        ]
    following = zip([*files[1:], files[0]], [*names[1:], names[0]], strict=True)
    return [
        Fold(f"{other_name} (not {name})", [f for f in files if f not in (file, other)], other)
        for name, file, (other, other_name) in zip(names, files, following, strict=True)
    ]


@contextmanager
def reported() -> Iterator[None]:
    """End the command with a message if a file cannot be read."""
    try:
        yield
    except UnreadableFileError as error:
        msg.fail(*error.args, exits=1)


def check_files(paths: Iterable[Path]) -> None:
    """End the command with a message if a file is missing."""
    for path in paths:
        if not path.is_file():
            remedy = "Check the vars in project.yml. Public data: `spacy project assets --extra`."
            msg.fail(f"There is no file {path}", remedy, exits=1)


def as_written(docs: Iterable[Doc], test: Path) -> dict[int, Doc]:
    """Move the gold entities of preprocessed queries to the texts that their authors wrote.

    docs (Iterable[Doc]): The preprocessed queries with their gold entities.
    test (Path): The BIO file that they are from. A file `queries.csv` next to it, with the columns
        `preprocessed` and `original` as in MusicRecoNER, holds the originals.
    RETURNS (dict[int, Doc]): The original texts with gold entities, by the number of the doc.
        Queries without an original, and those whose original lacks an entity, are left out.
    """
    path = test.with_name("queries.csv")
    if not path.exists():
        return {}
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        if missing := [column for column in COLUMNS if column not in rows]:
            raise ValueError(f"it lacks the column {' and '.join(missing)}")
    except (OSError, ValueError) as error:  # pandas' own are a ValueError
        remedy = "Queries as they were written are not tested."
        msg.warn(f"{path} is not used: {error}", remedy)
        return {}
    originals = {query_key(text): original for text, original in rows[COLUMNS].itertuples(False)}
    found = {}
    for number, doc in enumerate(docs):
        if original := originals.get(query_key(doc.text)):
            gold = Query("", doc.text, tuple(Span(*span) for span in entity_spans(doc)))
            query = normalize_query(Query("", original))
            placed, lost = place(gold, query)
            if not lost:
                found[number] = to_doc(replace(query, spans=tuple(placed)), split_at_punctuation)
    return found
