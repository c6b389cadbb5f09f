"""Inputs, measuring and processes of the commands for bulk inference."""

import sys

import psutil
import pyarrow.parquet as pq
import pytest
import spacy

from music_ner.bulk.core import counts_of
from music_ner.bulk.storage import place_of
from scripts import bulk, bulk_jobs, bulk_kills, bulk_worker

LINES = "more like [sade](Artist)\nsongs like [karma police](WoA) by [radiohead](Artist)\n"


@pytest.fixture
def sample(tmp_path):
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "queries.txt").write_text(LINES, encoding="utf8")
    (folder / "GUIDELINES.md").write_text("not a query", encoding="utf8")
    return folder


@pytest.fixture
def model(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Artist", "pattern": "sade"}])
    nlp.to_disk(tmp_path / "model")
    return str(tmp_path / "model")


def sleeper(seconds):
    return [sys.executable, "-c", f"import time; held = 'x' * 200_000_000; time.sleep({seconds})"]


def test_requests_are_those_of_the_sample_with_two_letters_swapped(sample):
    texts = [*bulk_jobs.texts_of(sample, 200, seed=0)]
    of_sample = [sorted("more like sade"), sorted("songs like karma police by radiohead")]
    assert len(texts) == 200
    assert all(sorted(text) in of_sample for text in texts)
    assert len(set(texts)) > 20
    assert texts == [*bulk_jobs.texts_of(sample, 200, seed=0)]
    assert texts != [*bulk_jobs.texts_of(sample, 200, seed=1)]


def test_an_input_has_numbered_rows(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_jobs, "ROWS_OF_GROUP", 30)
    bulk_jobs.write_input(tmp_path / "rows.parquet", sample, 100, 0)
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table["id"].to_pylist() == [*range(100)]
    assert table["text"].to_pylist() == [*bulk_jobs.texts_of(sample, 100, 0)]


def test_processes_of_the_core_share_the_shards(sample, model, tmp_path):
    source, output = tmp_path / "rows.parquet", tmp_path / "out"
    bulk_jobs.write_input(source, sample, 100, 0)
    bulk_worker.run_core(model, source, output, 30, part=0, parts=2)
    assert sorted(path.name for path in output.glob("part-*")) == [
        "part-00000000.parquet",
        "part-00000002.parquet",
    ]
    bulk_worker.run_core(model, source, output, 30, part=1, parts=2)
    names = sorted(bulk_jobs.parts_of(output))
    counts = [counts_of(place_of(str(output)), name)["rows"] for name in names]
    assert counts == [30, 30, 30, 10]


def test_memory_and_time_are_those_of_a_command():
    found = bulk_jobs.measure(sleeper(3))
    assert found.seconds >= 3
    assert found.largest > 200
    assert found.together > 200
    with pytest.raises(SystemExit) as error:
        bulk_jobs.measure([sys.executable, "-c", "raise SystemExit(3)"])
    assert error.value.code == 3


def test_two_commands_fail_if_one_fails():
    commands = [[sys.executable, "-c", "pass"], [sys.executable, "-c", "raise SystemExit(2)"]]
    with pytest.raises(SystemExit) as error:
        bulk_jobs.measure(bulk.both(commands))
    assert error.value.code == 2


def test_a_driver_is_killed_with_all_that_it_started():
    code = f"import subprocess; subprocess.run({sleeper(60)!r})"
    assert bulk_kills.kill_one([sys.executable, "-c", code], "driver", 1) == "driver"
    of_this = psutil.Process().children(recursive=True)
    assert not [process for process in of_this if process.status() != psutil.STATUS_ZOMBIE]


def test_a_command_that_has_ended_is_not_killed():
    assert bulk_kills.kill_one([sys.executable, "-c", "pass"], "actor", 30).startswith("nothing")
