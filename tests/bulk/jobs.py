"""Inputs of small jobs, and jobs without an engine."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import spacy
from spacy.language import Language

from music_ner.bulk.core import process
from music_ner.bulk.inputs import Columns
from music_ner.bulk.manifest import Plan, plan
from music_ner.bulk.storage import Place, place_of

COLUMNS = Columns("text", "id")


def make_ruler() -> Language:
    """RETURNS (Language): A pipeline that finds two names wherever they stand as tokens."""
    tokenizer = {"@tokenizers": "music_ner.Tokenizer.v1"}
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": tokenizer}})
    patterns = [
        {"label": "Artist", "pattern": "sade", "id": "mbid:1"},
        {"label": "WoA", "pattern": "no ordinary love"},
    ]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    return nlp


def text_of(number: int) -> str:
    """RETURNS (str): A text, different for each number."""
    names = ("sade", "no ordinary love by sade", "nobody", "")
    return f"more like {names[number % len(names)]} {number}"


def write_parquet(path: Path, rows: int, rows_of_group: int = 1000) -> Path:
    """Write rows with numbered ids as Parquet. RETURNS (Path): The file."""
    table = pa.table({"id": list(range(rows)), "text": [text_of(n) for n in range(rows)]})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=rows_of_group)
    return path


def write_jsonl(path: Path, rows: int) -> Path:
    """Write rows with numbered ids as JSON Lines. RETURNS (Path): The file."""
    lines = [json.dumps({"id": n, "text": text_of(n)}) + "\n" for n in range(rows)]
    path.write_text("".join(lines), encoding="utf8")
    return path


def write_csv(path: Path, rows: int) -> Path:
    """Write rows with numbered ids as CSV, with line breaks in texts. RETURNS (Path): The file."""
    lines = [f'{n},"{text_of(n)}\nand ""more"""\n' for n in range(rows)]
    path.write_text("id,text\n" + "".join(lines), encoding="utf8")
    return path


def run_core(nlp: Language, source: Path | str, output: Path, shard_rows: int = 1000) -> Counter:
    """Process all shards in this process. RETURNS (Counter): The sums of their counts."""
    planned = plan(place_of(str(source)), COLUMNS, shard_rows)
    total: Counter = Counter()
    for number in range(len(planned.shards)):
        total.update(run_shard(nlp, planned, number, str(source), str(output)))
    return total


def run_shard(nlp: Language, planned: Plan, number: int, source: str, output: str) -> Counter:
    """Process one shard in this process. RETURNS (Counter): Its counts."""
    shard = planned.shards[number]
    file = Place(place_of(source).files, planned.files[shard.file])
    return process(nlp, file, COLUMNS, shard, place_of(output), planned.id_type)


def rows_in(output: Path) -> list[dict]:
    """RETURNS (list[dict]): All rows of an output, in the order of its files."""
    paths = sorted(output.glob("part-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def bytes_in(output: Path) -> dict[str, bytes]:
    """RETURNS (dict[str, bytes]): What a job wrote, but for the times in its summary."""
    files = (path for path in output.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files if path.name != "_summary.json"}
