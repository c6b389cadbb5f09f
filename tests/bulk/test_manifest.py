"""What a job is, and how it differs from another."""

import shutil

import pytest
import spacy

from music_ner.bulk.inputs import Columns
from music_ner.bulk.manifest import (
    begin_or_continue,
    code_facts,
    model_facts,
    model_folder,
    plan,
)
from music_ner.bulk.storage import place_of
from music_ner.files import UnreadableFileError
from tests.bulk.jobs import COLUMNS, write_csv, write_jsonl, write_parquet


def facts_of(folder, columns=COLUMNS, shard_rows=10):
    return {"input": plan(place_of(str(folder)), columns, shard_rows).facts}


def refusal(output, facts):
    with pytest.raises(UnreadableFileError) as error:
        begin_or_continue(place_of(str(output)), facts)
    return error.value.args[0]


@pytest.fixture
def folder(tmp_path):
    write_parquet(tmp_path / "in" / "a.parquet", 50, 20)
    return tmp_path / "in"


def test_the_same_job_is_continued_wherever_its_input_lies(folder, tmp_path):
    output = place_of(str(tmp_path / "out"))
    assert begin_or_continue(output, facts_of(folder)) is False
    shutil.move(folder, tmp_path / "moved")
    assert begin_or_continue(output, facts_of(tmp_path / "moved")) is True


def test_another_input_is_refused_by_name(folder, tmp_path):
    begin_or_continue(place_of(str(tmp_path / "out")), facts_of(folder))
    assert "rows of a shard: 10, now 20" in refusal(tmp_path / "out", facts_of(folder, COLUMNS, 20))
    assert "id column: id, now text" in refusal(
        tmp_path / "out", facts_of(folder, Columns("text", "text"))
    )
    write_parquet(folder / "a.parquet", 51, 20)
    assert "files, a.parquet, rows: 50, now 51" in refusal(tmp_path / "out", facts_of(folder))
    write_parquet(folder / "a.parquet", 50, 25)  # other row groups
    assert "files, a.parquet, fingerprint" in refusal(tmp_path / "out", facts_of(folder))
    write_parquet(folder / "a.parquet", 50, 20)
    write_parquet(folder / "b.parquet", 1)
    assert "files, b.parquet: new" in refusal(tmp_path / "out", facts_of(folder))


@pytest.mark.parametrize("write", [write_csv, write_jsonl])
def test_another_content_of_the_same_size_is_refused(tmp_path, write):
    path = write(tmp_path / f"texts.{write.__name__.removeprefix('write_')}", 50)
    begin_or_continue(place_of(str(tmp_path / "out")), facts_of(path))
    path.write_text(path.read_text().replace("nobody", "no-one"))
    assert "fingerprint" in refusal(tmp_path / "out", facts_of(path))


def test_another_model_is_refused_by_the_part_that_differs(bulk_model, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(bulk_model, changed)
    output = tmp_path / "out"
    begin_or_continue(place_of(str(output)), {"model": model_facts(bulk_model)})
    assert begin_or_continue(place_of(str(output)), {"model": model_facts(changed)})
    nlp = spacy.load(changed)
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "Artist", "pattern": "korn"}])
    nlp.to_disk(changed)
    said = refusal(output, {"model": model_facts(changed)})
    assert "model, entity_ruler" in said
    assert "config.cfg" not in said


def test_the_versions_of_what_computes_are_known():
    facts = code_facts()
    assert facts["spacy"] == spacy.__version__
    assert {"music-ner", "pyarrow", "files of music-ner"} <= set(facts)


def test_a_folder_with_other_files_is_refused(folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.parquet").touch()
    assert "holds other files: mine.parquet" in refusal(tmp_path / "out", facts_of(folder))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.parquet"]


def test_files_of_other_formats_are_told(folder):
    (folder / "notes.txt").touch()
    assert plan(place_of(str(folder)), COLUMNS, 10).ignored == [str(folder / "notes.txt")]
    (folder / "a.parquet").unlink()
    with pytest.raises(UnreadableFileError, match="no file of a known format"):
        plan(place_of(str(folder)), COLUMNS, 10)


def test_ids_of_different_types_are_refused(folder):
    write_csv(folder / "b.csv", 2)
    with pytest.raises(UnreadableFileError, match=r"b.csv: column id is string, but int64 in"):
        plan(place_of(str(folder)), COLUMNS, 10)


def test_what_is_no_pipeline_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match="en_no_such_pipeline: no trained pipeline"):
        model_folder("en_no_such_pipeline")
