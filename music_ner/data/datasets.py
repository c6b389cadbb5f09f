"""Data sets of Hugging Face with `tokens` and `ner_tags`, in Parquet or Arrow.

Formats: https://huggingface.co/docs/datasets/about_arrow. They are read with pyarrow.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from music_ner.data.bio import BIO_TAG, query_of_words
from music_ner.data.query import MAX_LENGTH
from music_ner.data.reading import Reading
from music_ner.files import UnreadableFileError

ENDINGS = (".parquet", ".arrow")
WORDS, TAGS = "tokens", "ner_tags"
INFO = "dataset_info.json"
METADATA = b"huggingface"
"""Key of the description of columns in a table's metadata."""


def files_of(path: Path) -> list[Path]:
    """RETURNS (list[Path]): A file itself, or the tables in a folder and its folders, in order."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in ENDINGS)


def read_dataset(path: Path) -> Reading:
    """Read gold entities from a data set of Hugging Face.

    path (Path): A Parquet file, or a folder with tables in Parquet or Arrow; those of all splits
        are read. Tags are text, or numbers of which the table's description gives the names.
    RETURNS (Reading): The queries in order; counts of `rows`, `queries`, `rejected` rows, `words`
        and `repaired` tags.
    RAISES (UnreadableFileError): If a table cannot be read, or lacks the columns.
    """
    files = files_of(path)
    if not files:
        raise UnreadableFileError(
            f"{path}: no Parquet or Arrow file", "Write the data set there with save_to_disk."
        )
    names = ("rows", "queries", "rejected", "words", "repaired")
    reading = Reading(counts=Counter(dict.fromkeys(names, 0)))
    for file in files:
        for row, (query_id, words, tags) in enumerate(_rows(file), start=1):
            reading.counts["rows"] += 1
            if fault := _fault(words, tags):
                reading.counts["rejected"] += 1
                content = {WORDS: words, TAGS: tags}
                reading.rejected.append(
                    {"file": str(file), "row": row, "reason": fault, "content": content}
                )
                continue
            name = f"{path.name}:{query_id if query_id is not None else row}"
            query, repaired = query_of_words(name, words, tags)
            reading.queries.append(query)
            reading.counts.update(queries=1, words=len(words), repaired=repaired)
    return reading


def _rows(file: Path) -> Iterator[tuple[Any, Any, Any]]:
    """YIELDS (tuple[Any, Any, Any]): Id, words and tags of each row."""
    import pyarrow as pa
    from pyarrow import ipc, parquet

    try:
        if file.suffix == ".arrow":
            with pa.memory_map(str(file)) as source:
                table = ipc.open_stream(source).read_all()
        else:
            table = parquet.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(f"{file}: {error}", "Write the data set again.") from error
    if missing := [name for name in (WORDS, TAGS) if name not in table.column_names]:
        raise UnreadableFileError(
            f"{file}: no column {', '.join(missing)}", f"Name the columns {WORDS} and {TAGS}."
        )
    names = _names(file, table.schema.metadata or {})
    has_id = "id" in table.column_names
    for row in table.to_pylist():
        tags = row[TAGS]
        if isinstance(tags, list) and any(isinstance(tag, int) for tag in tags):
            if not names:
                raise UnreadableFileError(
                    f"{file}: {TAGS} are numbers, and their names are unknown",
                    f"Keep {INFO} beside the table, or write the tags as text.",
                )
            tags = [names[t] if isinstance(t, int) and 0 <= t < len(names) else t for t in tags]
        yield row["id"] if has_id else None, row[WORDS], tags


def _names(file: Path, metadata: dict[bytes, bytes]) -> list[str]:
    """RETURNS (list[str]): The names of tags by number, from the table or the file beside it."""
    descriptions = []
    if METADATA in metadata:
        descriptions.append(json.loads(metadata[METADATA]).get("info", {}))
    if (path := file.with_name(INFO)).is_file():
        descriptions.append(json.loads(path.read_text(encoding="utf8")))
    for info in descriptions:
        column = (info.get("features") or {}).get(TAGS) or {}
        # Datasets 4 describes a list by `feature`, or by a list of one description.
        feature = column[0] if isinstance(column, list) else column.get("feature", column)
        if names := feature.get("names"):
            return names
    return []


def _fault(words: Any, tags: Any) -> str:
    if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags):
        return "not as many tags as tokens: give each token one"
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        return "a token without text: leave it out, and its tag"
    if odd := [tag for tag in tags if not isinstance(tag, str) or not BIO_TAG.fullmatch(tag)]:
        return f"unknown tag {odd[0]!r}: use O, or B- or I- and a label"
    if (length := sum(map(len, words)) + len(words)) > MAX_LENGTH:
        return f"the query has {length} characters: cut it to {MAX_LENGTH}"
    return ""
