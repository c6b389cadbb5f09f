"""BIO files, and others of columns: a word and its tag on each line.

BIO is the format of MusicRecoNER (https://github.com/deezer/music-ner-eacl2023). A file that cannot
be read raises an error; a line that cannot be used is rejected with its reason.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from seqeval.metrics.sequence_labeling import get_entities

from music_ner.data.query import (
    LABEL,
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
from music_ner.pipeline.normalization import normalize

BIO_TAG = re.compile(rf"O|[BIELSU]-{LABEL}")
IOBES = str.maketrans("LU", "ES")
"""How the prefixes of BILUO are written in BIOES."""
SENTENCE_ID = re.compile(r"# sent_id = (?P<id>.*\S)\s*")
DOCUMENT_START = "-DOCSTART-"
"""What starts a document in the files of CoNLL-2003."""


def read_bio(path: Path) -> Reading:
    """Read gold entities from BIO, or from columns as in CoNLL-2003.

    path (Path): A file with a word, a tab and its tag on each line, and a blank line between
        queries. There may be other columns between the two, as many in all lines, and spaces for
        the tabs. A line that starts with DOCUMENT_START separates queries too. Tags may be those
        of IOB1, IOB2, BIOES or BILUO; one that continues no entity starts one. A query with a line
        that cannot be read is rejected as a whole, since its text is not known. A first line
        `# sent_id = ...`, as in CoNLL-U (https://universaldependencies.org/format.html), gives the
        query its id, which otherwise is the file's name and the number of the query's first line.
    RETURNS (Reading): The queries in the file's order; counts of `lines`, `words`, `repaired`
        tags, which continue nothing, `rejected` lines and `rejected_queries`.
    RAISES (UnreadableFileError): If the file is not UTF-8.
    """
    reading = Reading()
    names = ("lines", "words", "rejected", "rejected_queries", "repaired")
    reading.counts.update(dict.fromkeys(names, 0))
    lines = read_lines(path)
    n_columns = _columns(lines)
    sentence: dict[int, str] = {}
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip() and line.split()[0] != DOCUMENT_START:
            sentence[number] = line
        elif sentence:
            _read_sentence(path, sentence, n_columns, reading)
            sentence = {}
    reading.counts["rejected"] = len(reading.rejected)
    return reading


def _fields(line: str) -> list[str]:
    """RETURNS (list[str]): The fields of a line that is not blank."""
    line = line.strip("\r\n ")
    return [field.strip() for field in line.split("\t")] if "\t" in line else line.split()


def _columns(lines: Iterable[str]) -> int:
    """RETURNS (int): The number of columns of most lines, at least two."""
    counts = Counter(
        len(_fields(line))
        for line in lines
        if line.strip() and not SENTENCE_ID.fullmatch(line) and line.split()[0] != DOCUMENT_START
    )
    del counts[0], counts[1]
    return min(counts, key=lambda n: (-counts[n], n), default=2)


def _read_sentence(path: Path, sentence: dict[int, str], n_columns: int, reading: Reading) -> None:
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
        fields = _fields(line)
        word, tag = fields[0], fields[-1]
        if len(fields) != n_columns or not word:
            faults[number] = "not a word and a tag: separate the two by one tab"
            if n_columns > 2:
                faults[number] = f"not {n_columns} columns, as in most lines: fill them in"
        elif not BIO_TAG.fullmatch(tag):
            faults[number] = f"unknown tag '{tag}': use O, or B- or I- and a label"
        words.append(word)
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
    query, repaired = query_of_words(query_id, words, tags)
    reading.counts["repaired"] += repaired
    reading.queries.append(query)


def query_of_words(query_id: str, words: Sequence[str], tags: Sequence[str]) -> tuple[Query, int]:
    """Make a query of tagged words.

    query_id (str): Its id.
    words (Sequence[str]): The words.
    tags (Sequence[str]): The tag of each, in IOB1, IOB2, BIOES or BILUO.
    RETURNS (tuple[Query, int]): The query, its text normalized, and how many entities start with a
        tag that continues nothing.

    >>> query_of_words("1", ["by", "sade"], ["O", "U-Artist"])[0].spans
    (Span(start=3, end=7, label='Artist', certainty='', annotator=''),)
    """
    text, starts = " ".join(words), [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    prefixed = [tag[:1].translate(IOBES) + tag[1:] for tag in tags]
    entities = get_entities(prefixed)
    spans = tuple(
        trim(Span(starts[first], starts[last + 1] - 1, label), text)
        for label, first, last in entities
    )
    repaired = sum(prefixed[first][0] in "IE" for _, first, _ in entities)
    return normalize_query(Query(query_id, text, spans)), repaired


def write_bio(path: Path, queries: Iterable[Query]) -> None:
    """Write the words of queries with their BIO tags, and each query's id.

    A word that an entity covers in part is cut at the entity's edges, so that what is read back
    has the same entities: `sade's` becomes `sade` and `'s`.

    path (Path): The file to write.
    queries (Iterable[Query]): The queries.
    """
    path.write_text("\n".join(map(block_of, queries)), encoding="utf8")


def block_of(query: Query) -> str:
    """RETURNS (str): The lines of a query (see `write_bio`)."""
    text = _with_entities_apart(query)
    words = [text.text[start:end] for start, end in word_offsets(text.text)]
    tags = word_tags(text.text, [span[:3] for span in text.spans])
    lines = (f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
    return (f"# sent_id = {query.id}\n" if query.id else "") + "".join(lines)


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
