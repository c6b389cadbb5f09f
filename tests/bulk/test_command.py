"""`python -m music_ner.bulk` with Ray: killed, interrupted, continued, finished, refused."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import spacy

from music_ner.bulk.__main__ import main
from music_ner.files import UnreadableFileError
from tests.bulk.jobs import bytes_in, rows_in, run_core, write_parquet
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SHARDS, SHARD_ROWS = 60, 1_000
# Ray's processes leave the cores to all others by default, and so would starve beside other tests.
VARIABLES = {**os.environ, "RAY_worker_niceness": "0"}


def command_of(*arguments) -> list[str]:
    return [sys.executable, "-m", "music_ner.bulk", *map(str, arguments)]


def heed_interrupts() -> None:
    """Undo what a shell does to commands in the background: they ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Started:
    """A command that runs in a process of its own."""

    def __init__(self, command: list[str], output: Path):
        self.output = output
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=VARIABLES, text=True, preexec_fn=heed_interrupts, **pipes
        )
        self.children: list[psutil.Process] = []

    def parts(self) -> int:
        """RETURNS (int): How many shards are done."""
        return len(list(self.output.glob("part-*")))

    def wait_for_parts(self, number: int) -> None:
        """Wait until so many shards are done."""
        while self.parts() < number:
            assert self.process.poll() is None, self.process.stdout.read()
            time.sleep(0.02)
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def worker(self) -> psutil.Process:
        """RETURNS (psutil.Process): The process that holds a pipeline."""
        return next(child for child in self.children if "MapWorker" in child.name())

    def end(self) -> str:
        """Wait for the end of the command and of all that it started. RETURNS (str): Its output."""
        printed, _ = self.process.communicate(timeout=600)
        _, alive = psutil.wait_procs(self.children, timeout=10)
        for child in alive:
            child.kill()
        return printed


@pytest.fixture(scope="module")
def job(bulk_model, bulk_nlp, tmp_path_factory):
    """A job that was killed, interrupted, and continued although a worker was killed."""
    folder = tmp_path_factory.mktemp("job")
    source = write_parquet(folder / "texts.parquet", SHARDS * SHARD_ROWS)
    run_core(bulk_nlp, source, folder / "expected", SHARD_ROWS)
    output = folder / "out"
    arguments = [source, output, "--model", bulk_model, "--workers", 1]
    arguments += ["--shard-rows", SHARD_ROWS]

    killed = Started(command_of(*arguments), output)
    killed.wait_for_parts(1)
    killed.process.kill()
    killed.end()
    of_killed = killed.parts()

    stopped = Started(command_of(*arguments), output)
    stopped.wait_for_parts(of_killed + 1)
    stopped.process.send_signal(signal.SIGINT)
    printed = stopped.end()
    of_stopped = stopped.parts()

    resumed = Started(shlex.split(printed.strip().splitlines()[-1]), output)
    resumed.wait_for_parts(of_stopped + 1)
    resumed.worker().kill()
    summary = resumed.end()
    codes = [run.process.returncode for run in (killed, stopped, resumed)]
    return folder, codes, (of_killed, of_stopped), (printed, summary)


def test_a_job_that_was_killed_and_interrupted_writes_what_an_undisturbed_one_writes(job):
    folder, codes, (of_killed, of_stopped), _ = job
    assert codes == [-signal.SIGKILL, 130, 0]
    assert of_killed < of_stopped < SHARDS
    found = bytes_in(folder / "out")
    del found["_manifest.json"]
    assert found == bytes_in(folder / "expected")
    assert [row["id"] for row in rows_in(folder / "out")] == [*range(SHARDS * SHARD_ROWS)]


def test_an_interrupted_job_says_how_far_it_is_and_shows_no_traceback(job):
    *_, (printed, _) = job
    assert f"of {SHARDS * SHARD_ROWS:,} rows are done" in printed
    assert "Traceback" not in printed


def test_a_finished_job_has_a_summary_of_all_its_runs(job):
    folder, *_, (_, printed) = job
    summary = json.loads((folder / "out" / "_summary.json").read_text())
    rows = rows_in(folder / "out")
    labels = [entity["label"] for row in rows for entity in row["entities"]]
    assert summary["rows"] == len(rows)
    assert summary["entities"] == {label: labels.count(label) for label in ("Artist", "WoA")}
    assert summary["unreadable rows"] == {}
    assert summary["shards"] == SHARDS
    assert 0 < summary["this run"]["rows"] < summary["rows"]
    assert f"{len(rows):,}" in printed


def test_a_finished_job_is_not_run_again(job, bulk_model):
    folder, *_ = job
    times = {path: path.stat().st_mtime_ns for path in (folder / "out").glob("part-*")}
    main_of(folder / "texts.parquet", folder / "out", bulk_model, shard_rows=SHARD_ROWS)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert json.loads((folder / "out" / "_summary.json").read_text())["this run"]["rows"] == 0


def test_a_missing_part_is_written_again(job, bulk_nlp, tmp_path):
    folder, *_ = job
    shutil.copytree(folder / "expected", tmp_path / "out")
    (tmp_path / "out" / "part-00000003.parquet").unlink()
    run_core(bulk_nlp, folder / "texts.parquet", tmp_path / "out", SHARD_ROWS)
    assert bytes_in(tmp_path / "out") == bytes_in(folder / "expected")


def test_another_model_is_refused(job, bulk_model, tmp_path):
    folder, *_ = job
    nlp = spacy.load(bulk_model)
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "Artist", "pattern": "korn"}])
    nlp.to_disk(tmp_path / "changed")
    with pytest.raises(UnreadableFileError, match=r"something else.*model, entity_ruler"):
        main_of(folder / "texts.parquet", folder / "out", tmp_path / "changed")
    assert bytes_in(folder / "out").keys() == {"_manifest.json", *bytes_in(folder / "expected")}


def main_of(source, output, model, **options):
    defaults = {"text_column": "text", "id_column": "id", "shard_rows": 10, "workers": 1}
    main(str(source), str(output), str(model), **{**defaults, **options}, address=None)


def test_what_is_not_there_is_named(bulk_model, tmp_path):
    for source, message in (("nowhere", "no files"), ("s4://bucket/a", "no file system")):
        source = source if "://" in source else tmp_path / source
        with pytest.raises(UnreadableFileError, match=message):
            main_of(source, tmp_path / "out", bulk_model)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", [".", "**/*.parquet"])
def test_an_output_inside_the_input_is_refused(bulk_model, tmp_path, capsys, source):
    write_parquet(tmp_path / "out" / "a.parquet", 3)
    with pytest.raises(SystemExit) as error:
        main_of(tmp_path / source, tmp_path / "out", bulk_model)
    assert error.value.code == 1
    assert "isinsidetheinput" in "".join(capsys.readouterr().err.split())
