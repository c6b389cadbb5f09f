"""Inputs and outputs that are no files of this machine."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from music_ner.bulk.storage import list_files, names_in, place_of, remove_temporary, write_whole
from music_ner.files import UnreadableFileError
from tests.bulk.jobs import rows_in, run_core, write_jsonl, write_parquet

MOTO = "MOTO"
"""The environment variable that names a folder with `pip install --target FOLDER moto[s3,server]`,
whose requirements contradict those of the project."""


@pytest.fixture
def s3(tmp_path, monkeypatch):
    """An S3 server on this machine with a bucket; PyArrow finds it through the environment."""
    if MOTO not in os.environ:
        pytest.skip(f"no S3 server: ${MOTO} names no folder with moto")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    variables = {**os.environ, "PYTHONPATH": os.environ[MOTO]}
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    place_of.cache_clear()
    with subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL) as server:
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert server.poll() is None
                time.sleep(0.1)
            url = f"{settings['AWS_ENDPOINT_URL']}/bucket"
            with urllib.request.urlopen(urllib.request.Request(url, method="PUT")):
                yield "s3://bucket"
        finally:
            server.kill()
            place_of.cache_clear()


def copy(source: Path, address: str) -> None:
    """Copy a file to an address."""
    place = place_of(address)
    with place.files.open_output_stream(place.path) as stream:
        stream.write(source.read_bytes())


def check_job(nlp, address: str, tmp_path: Path) -> None:
    """Run a job that reads and writes at an address, and compare it to one with files."""
    copy(write_parquet(tmp_path / "texts.parquet", 500, 100), f"{address}/logs/day=1/a.parquet")
    copy(write_jsonl(tmp_path / "texts.jsonl", 10), f"{address}/logs/not-read.jsonl")
    run_core(nlp, tmp_path / "texts.parquet", tmp_path / "out", 200)
    run_core(nlp, f"{address}/logs/*/*.parquet", f"{address}/out", 200)
    output = place_of(f"{address}/out")
    assert names_in(output) == {path.name for path in (tmp_path / "out").glob("part-*")}
    found = pa.concat_tables(
        pq.read_table((output / name).path, filesystem=output.files)
        for name in sorted(names_in(output))
    )
    assert found.to_pylist() == rows_in(tmp_path / "out")
    remove_temporary(output)
    assert output.files.get_file_info((output / "_temporary").path).type == fs.FileType.NotFound


def test_a_job_in_s3_writes_what_a_job_with_files_writes(bulk_nlp, s3, tmp_path):
    check_job(bulk_nlp, s3, tmp_path)


def test_a_job_in_a_file_system_of_fsspec_writes_what_a_job_with_files_writes(bulk_nlp, tmp_path):
    check_job(bulk_nlp, "memory://bucket", tmp_path)


def test_an_address_of_an_unknown_kind_is_named():
    with pytest.raises(UnreadableFileError, match="nowhere://a/b: no file system"):
        place_of("nowhere://a/b")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("", ["a.csv", "sub/b.jsonl", "sub/c.txt"]),
        ("/sub", ["b.jsonl", "c.txt"]),
        ("/a.csv", ["a.csv"]),
        ("/*.csv", ["a.csv"]),
        ("/*/*.jsonl", ["sub/b.jsonl"]),
        ("/**/*.[cj]s*", ["a.csv", "sub/b.jsonl"]),
        ("/sub/?.txt", ["c.txt"]),
    ],
)
def test_an_address_is_a_file_a_folder_or_a_pattern(tmp_path, address, found):
    for name in ("a.csv", "sub/b.jsonl", "sub/c.txt", "_hidden.csv", ".git/a.csv", "sub/.x.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    base, files = list_files(place_of(f"{tmp_path}{address}"))
    assert [file.path.removeprefix(f"{base}/") for file in files] == found


@pytest.mark.parametrize("name", ["nothing", "nothing/*.csv", "*.csv"])
def test_an_address_without_files_is_named(tmp_path, name):
    with pytest.raises(UnreadableFileError, match="no files"):
        list_files(place_of(str(tmp_path / name)))


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    def fail(stream):
        stream.write(b"half")
        raise ValueError("full")

    write_whole(place_of(str(tmp_path)), "a", lambda stream: stream.write(b"one"))
    with pytest.raises(ValueError, match="full"):
        write_whole(place_of(str(tmp_path)), "a", fail)
    assert (tmp_path / "a").read_bytes() == b"one"
    assert names_in(place_of(str(tmp_path))) == {"a"}
