"""Annotated docs of spaCy, in its binary format (https://spacy.io/api/docbin)."""

from collections import Counter
from itertools import groupby
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from music_ner.data.query import AMBIGUOUS, MAX_LENGTH, Query, Span, is_label, normalize_query
from music_ner.data.reading import Reading
from music_ner.files import UnreadableFileError

MISSING = 0
"""Value of `token.ent_iob`."""


def read_docbin(path: Path) -> Reading:
    """Read the entities of docs. Missing tags stay missing.

    path (Path): A DocBin file.
    RETURNS (Reading): The queries in the file's order; counts of `docs`, `queries` and `rejected`
        docs, and of `spans`.
    RAISES (UnreadableFileError): If the file is not a DocBin.
    """
    try:
        docs = list(DocBin().from_disk(path).get_docs(Vocab()))
    except Exception as error:  # of zlib, msgpack, NumPy or spaCy
        raise UnreadableFileError(
            f"{path}: not a DocBin ({error})", "Write it with DocBin.to_disk."
        ) from error
    reading = Reading(counts=Counter(docs=len(docs), queries=0, rejected=0, spans=0))
    for row, doc in enumerate(docs, start=1):
        if fault := _fault(doc):
            reading.counts["rejected"] += 1
            reading.rejected.append(
                {"file": str(path), "row": row, "reason": fault, "content": doc.text}
            )
            continue
        query = _to_query(doc, str(doc.user_data.get("id") or f"{path.name}:{row}"))
        reading.queries.append(normalize_query(query))
        reading.counts["queries"] += 1
        reading.counts["spans"] += len(doc.ents)
    return reading


def _fault(doc: Doc) -> str:
    if not doc.text.strip():
        return "no text: leave the doc out"
    if not doc.has_annotation("ENT_IOB"):
        return "its entities are not set: set doc.ents, also where there are none"
    if len(doc.text) > MAX_LENGTH:
        return f"the text has {len(doc.text)} characters: cut it to {MAX_LENGTH}"
    if odd := [ent.label_ for ent in doc.ents if not is_label(ent.label_)]:
        return f"{odd[0]!r} is no label: write it without commas, colons, quotes and ="
    return ""


def _to_query(doc: Doc, query_id: str) -> Query:
    spans = [Span(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    outside = [token for token in doc if not token.ent_type and not token.is_space]
    complete = not outside or any(token.ent_iob != MISSING for token in outside)
    if complete:
        for is_missing, tokens in groupby(doc, key=lambda token: token.ent_iob == MISSING):
            tokens = [token for token in tokens if not token.is_space]
            if is_missing and tokens:
                end = tokens[-1].idx + len(tokens[-1])
                spans.append(Span(tokens[0].idx, end, AMBIGUOUS))
    return Query(query_id, doc.text, tuple(sorted(spans)), complete=complete)
