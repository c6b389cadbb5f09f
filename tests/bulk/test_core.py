"""Shards without an engine: what is read, what is written."""

import json

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from music_ner.bulk.core import counts_of
from music_ner.bulk.inputs import Columns, scan
from music_ner.bulk.manifest import plan
from music_ner.bulk.storage import place_of
from music_ner.data.entities import find
from music_ner.files import UnreadableFileError
from tests.bulk.jobs import (
    COLUMNS,
    bytes_in,
    make_ruler,
    rows_in,
    run_core,
    run_shard,
    text_of,
    write_csv,
    write_jsonl,
    write_parquet,
)

DAMAGED = pa.array([b"like sade", b"caf\xe9", None, b"sade"]).view(pa.string())


def reasons(rows):
    return [row["reason"] for row in rows]


def entity(start, end, text, label, row_id=None):
    return {
        "start": start,
        "end": end,
        "text": text,
        "label": label,
        "confidence": None,
        "id": row_id,
    }


def unlinked(*arguments):
    """RETURNS (dict): An entity as `find` gives it, from a pipeline without a linker."""
    return {**entity(*arguments), "link_confidence": None, "candidates": []}


# What is written


@pytest.mark.parametrize("write", [write_parquet, write_csv, write_jsonl])
@pytest.mark.parametrize("shard_rows", [7, 1000, 100_000])
def test_each_row_is_written_once_in_order(bulk_nlp, tmp_path, write, shard_rows):
    source = write(tmp_path / f"texts.{write.__name__.removeprefix('write_')}", 50)
    counts = run_core(bulk_nlp, source, tmp_path / "out", shard_rows)
    rows = rows_in(tmp_path / "out")
    assert [int(row["id"]) for row in rows] == [*range(50)]
    for number, row in enumerate(rows):
        for found in row["entities"]:
            assert text_of(number)[found["start"] : found["end"]] == found["text"]
    assert counts["rows"] == 50
    assert counts["label:Artist"] == sum("sade" in text_of(number) for number in range(50))
    n_parts = len(list((tmp_path / "out").glob("part-*")))
    assert n_parts == -(-50 // shard_rows)


def test_a_row_has_an_id_and_entities_in_the_order_of_the_text(bulk_nlp, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"id": "a", "text": "no ordinary love by sade"}\n', encoding="utf8")
    run_core(bulk_nlp, path, tmp_path / "out")
    love, sade = entity(0, 16, "no ordinary love", "WoA"), entity(20, 24, "sade", "Artist")
    (row,) = rows_in(tmp_path / "out")
    assert [{**found, "id": None} for found in row["entities"]] == [love, sade]
    assert (row["id"], row["reason"]) == ("a", None)


def test_entities_are_those_of_the_pipeline_with_their_confidence(tiny_model, tmp_path):
    nlp = spacy.load(tiny_model)
    texts = [f"songs like karma police{n % 7} by radioheads | sade {n % 5}" for n in range(60)]
    pq.write_table(pa.table({"id": texts, "text": texts}), tmp_path / "texts.parquet")
    run_core(nlp, tmp_path / "texts.parquet", tmp_path / "out")
    expected = [
        [(ent.start_char, ent.end_char, ent.text, ent.label_) for ent in doc.ents]
        for doc in nlp.pipe(texts)
    ]
    confidences = [[ent._.confidence for ent in doc.ents] for doc in nlp.pipe(texts)]
    rows = rows_in(tmp_path / "out")
    assert any(expected)
    keys = ("start", "end", "text", "label")
    assert [[tuple(e[k] for k in keys) for e in row["entities"]] for row in rows] == expected
    for row, of_row in zip(rows, confidences, strict=True):
        assert [e["confidence"] for e in row["entities"]] == pytest.approx(of_row, abs=1e-6)


def test_a_linked_entity_has_the_id_of_its_link(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler", config={"ent_id_sep": "|"}).add_patterns(
        [{"label": "Artist", "pattern": "sade"}]
    )

    @spacy.Language.component("bulk_test_linker")
    def link(doc):
        doc.ents = [
            spacy.tokens.Span(doc, e.start, e.end, e.label_, kb_id="mbid:1") for e in doc.ents
        ]
        return doc

    nlp.add_pipe("bulk_test_linker")
    assert [*find(nlp, ["like sade"])] == [[unlinked(5, 9, "sade", "Artist", "mbid:1")]]


def test_a_text_of_any_length_is_read(bulk_nlp):
    text = "rain " * 5_000 + "sade"
    assert [*find(bulk_nlp, ["sade", text, "", "sade"])] == [
        [unlinked(0, 4, "sade", "Artist")],
        [unlinked(len(text) - 4, len(text), "sade", "Artist")],
        [],
        [unlinked(0, 4, "sade", "Artist")],
    ]


def test_unseen_words_take_no_memory_after_a_shard(tmp_path):
    nlp = make_ruler()
    run_core(nlp, write_parquet(tmp_path / "a.parquet", 10), tmp_path / "first")
    before = len(nlp.vocab.strings)
    run_core(nlp, write_parquet(tmp_path / "b.parquet", 3000), tmp_path / "second")
    assert len(nlp.vocab.strings) == before


def test_the_output_is_the_same_each_time(bulk_nlp, tmp_path):
    source = write_parquet(tmp_path / "texts.parquet", 2500, 300)
    run_core(bulk_nlp, source, tmp_path / "once")
    planned = plan(place_of(str(source)), COLUMNS, 1000)
    for number in (2, 0, 1, 0):
        run_shard(make_ruler(), planned, number, str(source), str(tmp_path / "again"))
    assert bytes_in(tmp_path / "once") == bytes_in(tmp_path / "again")


def test_the_counts_of_a_part_are_read_from_it(bulk_nlp, tmp_path):
    source = write_parquet(tmp_path / "texts.parquet", 100)
    counts = run_core(bulk_nlp, source, tmp_path / "out")
    assert counts_of(place_of(str(tmp_path / "out")), "part-00000000.parquet") == counts
    part = tmp_path / "out" / "part-00000000.parquet"
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(UnreadableFileError, match=r"part-00000000.*Remove the file"):
        counts_of(place_of(str(tmp_path / "out")), part.name)


def test_pandas_polars_and_duckdb_read_the_output(bulk_nlp, tmp_path):
    out = tmp_path / "out"
    run_core(bulk_nlp, write_parquet(tmp_path / "texts.parquet", 40), out, 15)
    n_rows, n_artists = 40, 20
    frame = pd.read_parquet(out)
    assert frame["id"].tolist() == [*range(n_rows)]
    assert sum(e["label"] == "Artist" for of_row in frame["entities"] for e in of_row) == n_artists
    found = (
        pl.read_parquet(out / "part-*.parquet")
        .explode("entities")
        .unnest("entities", separator=".")
    )
    assert found.filter(pl.col("entities.label") == "Artist").height == n_artists
    query = f"""
        SELECT entity.label, count(*) FROM (
            SELECT unnest(entities) AS entity FROM '{out}/part-*.parquet'
        ) GROUP BY ALL ORDER BY ALL"""
    assert duckdb.sql(query).fetchall() == [("Artist", n_artists), ("WoA", 10)]


# What is read


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (DAMAGED, [None, "invalid UTF-8", "null", None]),
        (DAMAGED.cast(pa.binary()), [None, "invalid UTF-8", "null", None]),
        (DAMAGED.cast(pa.binary()).cast(pa.large_binary()), [None, "invalid UTF-8", "null", None]),
        (pa.array(["sade", None, "a", "a"]).dictionary_encode(), [None, "null", None, None]),
        (pa.array(["sade", None, "a", "b"], pa.string_view()), [None, "null", None, None]),
        (pa.array(["sade", None, "", "b"], pa.large_string()), [None, "null", None, None]),
        (pa.nulls(4), ["null"] * 4),
    ],
)
def test_unreadable_rows_of_parquet_say_why(bulk_nlp, tmp_path, texts, expected):
    pq.write_table(pa.table({"id": [1, 2, 3, 4], "text": texts}), tmp_path / "texts.parquet")
    counts = run_core(bulk_nlp, tmp_path / "texts.parquet", tmp_path / "out", 3)
    rows = rows_in(tmp_path / "out")
    assert reasons(rows) == expected
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert all(not row["entities"] for row in rows if row["reason"])
    assert counts["reason:null"] == expected.count("null")
    assert counts["reason:invalid UTF-8"] == expected.count("invalid UTF-8")


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (pa.array([1, None], pa.uint32()), pa.uint32()),
        (pa.array(["a", None]).dictionary_encode(), pa.string()),
        (pa.array(["a", None], pa.large_string()), pa.string()),
        (pa.array([b"\xff", None]), pa.binary()),
        (pa.nulls(2), pa.string()),
    ],
)
def test_ids_of_parquet_keep_their_type_and_values(bulk_nlp, tmp_path, ids, kind):
    pq.write_table(pa.table({"id": ids, "text": ["a", "b"]}), tmp_path / "texts.parquet")
    run_core(bulk_nlp, tmp_path / "texts.parquet", tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "part-00000000.parquet")
    assert table.schema.field("id").type == kind
    assert table["id"].to_pylist() == ids.to_pylist()


def test_an_id_that_is_not_utf8_makes_a_row_unreadable(bulk_nlp, tmp_path):
    pq.write_table(pa.table({"id": DAMAGED, "text": ["sade"] * 4}), tmp_path / "texts.parquet")
    run_core(bulk_nlp, tmp_path / "texts.parquet", tmp_path / "out")
    rows = rows_in(tmp_path / "out")
    assert [row["id"] for row in rows] == ["like sade", "caf\ufffd", None, "sade"]
    assert reasons(rows) == [None, "invalid UTF-8", None, None]
    assert [len(row["entities"]) for row in rows] == [1, 0, 1, 1]


def test_the_columns_may_have_any_names(bulk_nlp, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"x": [0], "query": ["sade"], "request": ["r1"]}), path)
    columns = Columns("query", "request")
    planned = plan(place_of(str(path)), columns, 10)
    assert planned.facts["text column"] == "query"
    assert planned.id_type == pa.string()


def test_unreadable_rows_of_csv_say_why(bulk_nlp, tmp_path):
    content = b"\xef\xbb\xbfid,text\r\n1,sade\r\n2,caf\xe9\r\n3\r\n4,a,b\r\n5,\r\n\xe9,sade\r\n"
    (tmp_path / "texts.csv").write_bytes(content)
    run_core(bulk_nlp, tmp_path / "texts.csv", tmp_path / "out", 2)
    rows = rows_in(tmp_path / "out")
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5", "\ufffd"]
    damaged, many = "invalid UTF-8", "too many fields"
    assert reasons(rows) == [None, damaged, "null", many, None, damaged]
    assert [len(row["entities"]) for row in rows] == [1, 0, 0, 0, 0, 0]


def test_unreadable_rows_of_json_lines_say_why(bulk_nlp, tmp_path):
    lines = [
        (b'{"id": "a", "text": "sade"}', "a", None),
        (b'{"id": 2, "text": 3}', "2", "not text"),
        (b'{"id": ["x"], "text": null}', '["x"]', "null"),
        (b'{"id": "d"}', "d", "null"),
        (b"[1]", None, "not a JSON object"),
        (b"nope", None, "not a JSON object"),
        (b"", None, "not a JSON object"),
        (b"[" * 100_000, None, "not a JSON object"),
        (b'{"id": "e", "text": "\\ud800"}', "e", "invalid UTF-8"),
        (b'{"id": "\\ud800", "text": "sade"}', "\ufffd", "invalid UTF-8"),
        (b'{"id": "f", "text": "caf\xe9"}', "f", "invalid UTF-8"),
        (b'{"id": "g", "text": ""}', "g", None),
    ]
    (tmp_path / "texts.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(line for line, *_ in lines))
    run_core(bulk_nlp, tmp_path / "texts.jsonl", tmp_path / "out", 5)
    rows = rows_in(tmp_path / "out")
    assert [(row["id"], row["reason"]) for row in rows] == [(i, reason) for _, i, reason in lines]
    assert [bool(row["entities"]) for row in rows] == [True, *[False] * (len(lines) - 1)]


CELLS = st.text(st.sampled_from("a\u00e9,\"' \n\r\u2028🎸"), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=12), st.integers(1, 5))
def test_any_table_is_cut_between_rows(bulk_nlp, tmp_path_factory, table, shard_rows):
    folder = tmp_path_factory.mktemp("cut")
    frame = pd.DataFrame(table, columns=["id", "text"])
    frame.to_csv(folder / "a.csv", index=False, quoting=1, lineterminator="\n")
    lines = [json.dumps(dict(zip(("id", "text"), row, strict=True))) for row in table]
    (folder / "a.jsonl").write_bytes("".join(f"{line}\n" for line in lines).encode())
    for ending in ("csv", "jsonl"):
        run_core(bulk_nlp, folder / f"a.{ending}", folder / ending, shard_rows)
        assert [row["id"] for row in rows_in(folder / ending)] == [row_id for row_id, _ in table]
        assert not any(reasons(rows_in(folder / ending)))


# What is refused


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"no", "a.parquet: not Parquet"),
        ("a.csv", b"id,query\n", "no column text.*--text-column from: id, query"),
        ("a.csv", b"", "no column text"),
        ("a.csv", b"id,text,text\n", "several columns are called text"),
        ("a.csv", b'id,text\n1,"open\n', "a.csv, before byte 16: not CSV.*quotes"),
        ("a.csv", "id,text\n".encode("utf-16"), "UTF-16.*Save it as UTF-8"),
        ("a.jsonl", '{"text": 1}\n'.encode("utf-16"), "UTF-16.*Save it as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFileError, match=message):
        scan(place_of(str(tmp_path / name)), COLUMNS, 10)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"id": [1], "text": [2]}, "column text is int64, not text"),
        ({"id": [[1]], "text": ["a"]}, "column id is list.*--id-column"),
        ({"id": [1]}, "no column text"),
    ],
)
def test_columns_of_other_types_are_named(tmp_path, table, message):
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(UnreadableFileError, match=message):
        scan(place_of(str(tmp_path / "a.parquet")), COLUMNS, 10)


@pytest.mark.parametrize("write", [write_parquet, write_csv, write_jsonl])
def test_a_file_that_changes_during_the_job_is_named(bulk_nlp, tmp_path, write):
    path = write(tmp_path / f"texts.{write.__name__.removeprefix('write_')}", 50)
    planned = plan(place_of(str(path)), COLUMNS, 20)
    write(path, 25)
    with pytest.raises(UnreadableFileError, match="not the file that this job began with"):
        run_shard(bulk_nlp, planned, 1, str(path), str(tmp_path / "out"))
    assert not list((tmp_path / "out").glob("part-*"))
