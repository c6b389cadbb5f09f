"""BIO files: a word, a tab and its tag on each line.

The format of MusicRecoNER (https://github.com/deezer/music-ner-eacl2023). A file that cannot be
read raises an error; a line that cannot be used is rejected with its reason.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from music_ner.data.query import (
    AMBIGUOUS,
    MAX_LENGTH,
    Query,
    Span,
    normalize_query,
    trim,
    word_offsets,
    word_tags,
)
from music_ner.data.reading import Reading
from music_ner.files import read_lines
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.normalization import normalize

BIO_TAG = re.compile(rf"O|([BI])-({AMBIGUOUS}|{'|'.join(LABELS)})")
SENTENCE_ID = re.compile(r"# sent_id = (?P<id>.*\S)\s*")
DOCUMENT_START = "-DOCSTART-"
"""What starts a document in the files of CoNLL-2003."""


def read_bio(path: Path) -> Reading:
    """Read gold entities from BIO.

    path (Path): A file with a word, a tab and its tag on each line, and a blank line between
        queries. A line that starts with DOCUMENT_START separates queries too. An `I-` tag that
        continues no entity is read as `B-`. A query with a line that cannot be read is rejected as
        a whole, since its text is not known. A first line `# sent_id = ...`, as in CoNLL-U
        (https://universaldependencies.org/format.html), gives the query its id, which otherwise is
        the file's name and the number of the query's first line.
    RETURNS (Reading): The queries in the file's order; counts of `lines`, `words`, `repaired`
        tags, `rejected` lines and `rejected_queries`.
    RAISES (UnreadableFileError): If the file is not UTF-8.
    """
    reading = Reading()
    names = ("lines", "words", "rejected", "rejected_queries", "repaired")
    reading.counts.update(dict.fromkeys(names, 0))
    sentence: dict[int, str] = {}
    for number, line in enumerate([*read_lines(path), ""], start=1):
        if line.strip() and line.split()[0] != DOCUMENT_START:
            sentence[number] = line
        elif sentence:
            _read_sentence(path, sentence, reading)
            sentence = {}
    reading.counts["rejected"] = len(reading.rejected)
    return reading


def _read_sentence(path: Path, sentence: dict[int, str], reading: Reading) -> None:
    """Add one query, or its rejected lines, to what was read."""
    words, tags, faults = [], [], {}
    first = min(sentence)
    query_id = f"{path.name}:{first}"
    if comment := SENTENCE_ID.fullmatch(sentence[first]):
        query_id = comment["id"]
        del sentence[first]
    if not sentence:
        return
    for number, line in sentence.items():
        separator = "\t" if "\t" in line else None
        *word, tag = line.strip("\r\n ").split(separator)
        tag = tag.strip()
        if len(word) != 1 or not word[0].strip():
            faults[number] = "not a word and a tag: separate the two by one tab"
        elif not BIO_TAG.fullmatch(tag):
            faults[number] = f"unknown tag '{tag}': use O, or B- or I- and {' or '.join(LABELS)}"
        words.extend(word)
        tags.append(tag)
    reading.counts["lines"] += len(sentence)
    length = len(normalize(" ".join(words))[0])
    if length > MAX_LENGTH:
        faults[min(sentence)] = f"the query has {length} characters: cut it to {MAX_LENGTH}"
    if faults:
        reading.counts["rejected_queries"] += 1
        text = " ".join(line.split("\t")[0].strip() for line in sentence.values())
        reading.rejected.extend(
            {"file": str(path), "row": number, "reason": reason, "content": sentence[number]}
            | {"query": text}
            for number, reason in faults.items()
        )
        return
    reading.counts["words"] += len(words)
    text = " ".join(words)
    spans: list[Span] = []
    start, previous = 0, "O"
    for word, tag in zip(words, tags, strict=True):
        end = start + len(word)
        if tag != "O":
            label = tag[2:]
            continues = previous[2:] == label
            if tag[0] == "I" and continues:
                spans[-1] = spans[-1]._replace(end=end)
            else:
                spans.append(Span(start, end, label))
                reading.counts["repaired"] += tag[0] == "I"
        start, previous = end + 1, tag
    query = Query(query_id, text, tuple(trim(span, text) for span in spans))
    reading.queries.append(normalize_query(query))


def write_bio(path: Path, queries: Iterable[Query]) -> None:
    """Write the words of queries with their BIO tags, and each query's id.

    A word that an entity covers in part is cut at the entity's edges, so that what is read back
    has the same entities: `sade's` becomes `sade` and `'s`.

    path (Path): The file to write.
    queries (Iterable[Query]): The queries.
    """
    blocks = []
    for query in queries:
        text = _with_entities_apart(query)
        words = [text.text[start:end] for start, end in word_offsets(text.text)]
        tags = word_tags(text.text, [span[:3] for span in text.spans])
        lines = (f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
        comment = f"# sent_id = {query.id}\n" if query.id else ""
        blocks.append(comment + "".join(lines))
    path.write_text("\n".join(blocks), encoding="utf8")


def _with_entities_apart(query: Query) -> Query:
    """Put spaces around the entities that share a word with something else."""
    text, spans, end = "", [], 0

    def append(piece: str) -> None:
        nonlocal text
        is_glued = text and piece and not (text[-1].isspace() or piece[0].isspace())
        text += f" {piece}" if is_glued else piece

    for span in query.spans:
        append(query.text[end : span.start])
        append(query.text[span.start : span.end])
        spans.append(span._replace(start=len(text) - (span.end - span.start), end=len(text)))
        end = span.end
    append(query.text[end:])
    return replace(query, text=text, spans=tuple(spans))
