"""A shard: read, find entities, write. It needs no engine, and gives the same bytes each time."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from spacy.language import Language

from music_ner.bulk.inputs import Columns, Rows, read
from music_ner.bulk.shards import Shard
from music_ner.bulk.storage import Place, write_whole
from music_ner.data.entities import find
from music_ner.files import UnreadableFileError

ROWS_OF_GROUP = 10_000
COUNTS = b"music_ner.counts"
"""Key of the counts of a part in the metadata of its Parquet file."""
ENTITY = pa.struct(
    [
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float32()),
        ("id", pa.string()),
    ]
)


def schema_of(id_type: pa.DataType) -> pa.Schema:
    """RETURNS (pa.Schema): The schema of the output, for ids of a type."""
    return pa.schema([("id", id_type), ("entities", pa.list_(ENTITY)), ("reason", pa.string())])


def process(
    nlp: Language, file: Place, columns: Columns, shard: Shard, output: Place, id_type: pa.DataType
) -> Counter:
    """Find the entities in a shard, and write them to a file, whole or not at all.

    nlp (Language): The trained pipeline.
    file (Place): The shard's file.
    columns (Columns): The columns of texts and ids.
    shard (Shard): The rows to read.
    output (Place): The folder to write to. The file there is replaced if it exists.
    id_type (pa.DataType): The type of ids in the output.
    RETURNS (Counter): How many `rows`, rows by `reason:` and entities by `label:` there are.
    RAISES (UnreadableFileError): If the shard's file is no longer what it was.
    """
    counts: Counter = Counter()
    schema = schema_of(id_type)

    def write(stream: pa.NativeFile) -> None:
        with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            for group in _groups(read(file, columns, shard)):
                tables = [_table_of(nlp, rows, schema, counts) for rows in group]
                writer.write_table(pa.concat_tables(tables))
            data = json.dumps(counts, sort_keys=True)
            writer.add_key_value_metadata({COUNTS: data.encode("utf8")})

    write_whole(output, shard.name, write)
    return counts


def _groups(batches: Iterable[Rows]) -> Iterator[list[Rows]]:
    """Join batches to row groups of at least ROWS_OF_GROUP rows; the last may have fewer."""
    group: list[Rows] = []
    for rows in batches:
        group.append(rows)
        if sum(len(rows.texts) for rows in group) >= ROWS_OF_GROUP:
            yield group
            group = []
    if group:
        yield group


def _table_of(nlp: Language, rows: Rows, schema: pa.Schema, counts: Counter) -> pa.Table:
    """RETURNS (pa.Table): The output of some rows, which are counted."""
    entities = [*find(nlp, rows.texts)]
    counts["rows"] += len(rows.texts)
    counts.update(f"reason:{reason}" for reason in rows.reasons if reason)
    counts.update(f"label:{entity['label']}" for of_text in entities for entity in of_text)
    id_type, *_ = schema.types
    return pa.table([rows.ids.cast(id_type), entities, rows.reasons], schema=schema)


def counts_of(folder: Place, name: str) -> Counter:
    """Read what a finished shard counted.

    folder (Place): The output folder.
    name (str): The name of a part.
    RETURNS (Counter): See `process`.
    RAISES (UnreadableFileError): If the file was not written by `process`, or is damaged.
    """
    path = (folder / name).path
    try:
        with folder.files.open_input_file(path) as file:
            return Counter(json.loads(pq.read_metadata(file).metadata[COUNTS]))
    except (KeyError, TypeError, OSError, pa.ArrowInvalid) as error:
        raise UnreadableFileError(
            f"{path}: not a part of this job, or damaged ({error})",
            "Remove the file, and run the command again.",
        ) from error
