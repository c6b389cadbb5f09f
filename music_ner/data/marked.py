"""Queries with marked entities, such as `more like [yellow](WoA) by [coldplay](Artist)`."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from music_ner.data.query import Query, Span
from music_ner.files import UnreadableFileError, read_lines
from music_ner.pipeline.labels import LABELS

ENTITY = re.compile(rf"\[(?P<text>[^\[\]]+)\]\((?P<label>{'|'.join(LABELS)})\)")


def parse(line: str, query_id: str) -> Query:
    """Read a query with marked entities, such as `more like [yellow](WoA) by [coldplay](Artist)`.

    line (str): The marked query.
    query_id (str): The id to give it.
    RETURNS (Query): The query without the marks.
    RAISES (ValueError): If a bracket marks no entity, or an entity has spaces at its edges.

    >>> parse("like [sade](Artist)", "1").text
    'like sade'
    """
    text, spans, end = "", [], 0
    for match in ENTITY.finditer(line):
        if match["text"] != match["text"].strip():
            raise ValueError(f"'{match['text']}' has a space at its edge: move it out of the marks")
        text += line[end : match.start()]
        end = match.end()
        start = len(text)
        text += match["text"]
        spans.append(Span(start, len(text), match["label"], "known"))
    text += line[end:]
    if stray := re.search(r"[\[\]]", text):
        raise ValueError(
            f"'{stray[0]}' does not mark an entity: write [name](Artist) or [title](WoA), without "
            "nesting"
        )
    return Query(query_id, text, tuple(spans))


def read(paths: Iterable[Path]) -> list[Query]:
    """Read files of marked queries, one per line.

    paths (Iterable[Path]): The files. The first word of a file's name is its kind: `posts` for
        `posts_metal.txt`.
    RETURNS (list[Query]): The queries, in order; blank lines are ignored. Ids are the kind and a
        number, which counts from 1 over all files of the kind: `posts:12`.
    RAISES (UnreadableFileError): If a file is not UTF-8, or a line is not a marked query.
    """
    queries: list[Query] = []
    counts: Counter[str] = Counter()
    for path in paths:
        kind = path.stem.split("_")[0]
        for number, line in enumerate(read_lines(path), start=1):
            if not line.strip():
                continue
            counts[kind] += 1
            try:
                query = parse(line.strip(), f"{kind}:{counts[kind]}")
            except ValueError as error:
                problem, _, fix = str(error).rpartition(": ")
                raise UnreadableFileError(f"{path}, line {number}: {problem}", fix) from error
            queries.append(query)
    return queries
