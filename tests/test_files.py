import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from music_ner.files import remove, workspace, written_whole
from tests.fixtures import ROOT


def fill(path, kind, content):
    """Make a file, or a folder with one file."""
    if kind == "folder":
        path.mkdir()
        path /= "inner.txt"
    path.write_text(content)


def content_of(path):
    return (path / "inner.txt" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("new", ["file", "folder"])
@pytest.mark.parametrize("old", [None, "file", "folder"])
def test_what_is_written_replaces_what_stood_there(tmp_path, old, new):
    path = tmp_path / "output"
    if old:
        fill(path, old, "old")
    with written_whole(path) as unfinished:
        fill(unfinished, new, "new")
    assert path.is_dir() == (new == "folder")
    assert content_of(path) == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_of_an_old_folder_is_left_in_the_new_one(tmp_path):
    path = tmp_path / "output"
    path.mkdir()
    (path / "stale.txt").write_text("old")
    with written_whole(path) as unfinished:
        fill(unfinished, "folder", "new")
    assert [file.name for file in path.iterdir()] == ["inner.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_old_content_stays_where_writing_fails(tmp_path, kind, error):
    path = tmp_path / "output"
    fill(path, kind, "old")
    with pytest.raises(error), written_whole(path) as unfinished:
        fill(unfinished, kind, "half")
        raise error
    assert content_of(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_nothing_is_left_where_writing_fails_and_nothing_was(tmp_path, kind):
    with pytest.raises(ValueError), written_whole(tmp_path / "output") as unfinished:
        fill(unfinished, kind, "half")
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_the_old_content_is_there_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "output"
    fill(path, "file", "old")
    with written_whole(path) as unfinished:
        fill(unfinished, "file", "new")
        assert path.read_text() == "old"


WRITER = """
import sys, time
from pathlib import Path
from music_ner.files import written_whole

print("started", flush=True)
with written_whole(Path(sys.argv[1])) as path:
    {write}
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer():
    """Start a process that is in the midst of writing; RETURNS the process."""
    processes = []

    def start(path, write):
        command = [sys.executable, "-c", WRITER.format(write=write), str(path)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert [process.stdout.readline() for _ in range(2)] == ["started\n", "writing\n"]
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


WRITE = {
    "file": "path.write_text('half')",
    "folder": "path.mkdir(); (path / 'inner.txt').write_text('half')",
}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_leftovers_of_a_killed_run_are_no_part_of_the_output(tmp_path, writer, kind):
    path = tmp_path / "output"
    fill(path, kind, "old")
    process = writer(path, WRITE[kind])
    process.kill()
    process.wait()
    assert content_of(path) == "old"
    with written_whole(path) as unfinished:
        assert not unfinished.exists()
        fill(unfinished, "file", "newer")
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


def test_what_another_process_is_writing_is_refused_and_left_alone(tmp_path, writer):
    path = tmp_path / "output"
    process = writer(path, WRITE["file"])
    with pytest.raises(BlockingIOError) as error, written_whole(path):
        pytest.fail("two processes write the same output")
    assert error.value.filename == str(path)
    assert error.value.strerror == "another process is writing it"
    with written_whole(tmp_path / "other") as unfinished:
        fill(unfinished, "file", "new")
    process.kill()
    process.wait()
    with written_whole(path) as unfinished:
        fill(unfinished, "file", "new")
    assert {file.name for file in tmp_path.iterdir()} == {"output", "other"}


def test_of_many_that_write_at_once_one_wins_and_all_others_are_refused(tmp_path):
    path = tmp_path / "output"

    def write(number):
        try:
            with written_whole(path) as unfinished:
                unfinished.mkdir()
                for part in "ab":
                    (unfinished / part).write_text(str(number))
                    time.sleep(0.001)
        except BlockingIOError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(write, range(200)))
    assert (path / "a").read_text() == (path / "b").read_text()
    assert list(tmp_path.iterdir()) == [path]


REPLACE = """
import sys
from pathlib import Path
from music_ner.files import written_whole

print("started", flush=True)
while True:
    with written_whole(Path(sys.argv[1])) as path:
        path.mkdir()
        for number in range(300):
            (path / str(number)).touch()
"""


@pytest.mark.slow
def test_a_folder_is_whole_or_not_there_whenever_its_writer_is_killed(tmp_path):
    path = tmp_path / "output"
    for moment in range(15):
        command = [sys.executable, "-c", REPLACE, str(path)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "started\n"
        time.sleep(0.06 + 0.003 * moment)
        process.kill()
        process.wait()
        if path.exists():
            assert len(list(path.iterdir())) == 300
    with written_whole(path) as unfinished:
        unfinished.mkdir()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("old", ["file", "folder"])
def test_the_old_output_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, old):
    path = tmp_path / "output"
    fill(path, old, "old")
    with pytest.raises(FileNotFoundError), written_whole(path):
        pass  # nothing was written
    assert content_of(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("part", [None, "inner.txt", "no/folder.txt"])
@pytest.mark.parametrize("write", [written_whole, lambda path: workspace(path / ".new", path)])
def test_an_error_of_the_file_system_names_the_output(tmp_path, part, write):
    path = tmp_path / "output"
    with pytest.raises(OSError, match="output") as error, write(path) as unfinished:
        if part is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        (unfinished / part).read_text()
    assert error.value.filename == str(path)
    assert not any(found.is_file() or found.name == ".new" for found in tmp_path.rglob("*"))


def test_an_error_of_a_copy_names_the_output(tmp_path):
    folder = tmp_path / "workspace"
    with (
        pytest.raises(OSError, match="output") as error,
        workspace(folder, tmp_path / "output"),
    ):
        # As shutil.copy does where the disk is full.
        name, copy = str(tmp_path / "input"), str(folder / "copy")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name, None, copy)
    assert error.value.filename == str(tmp_path / "output")
    assert error.value.filename2 is None


def test_what_a_library_says_without_a_number_stays(tmp_path):
    with pytest.raises(OSError, match=r"^no such model$"), written_whole(tmp_path / "output"):
        raise OSError("no such model")


def test_an_error_of_another_file_names_that_file(tmp_path):
    with pytest.raises(FileNotFoundError) as error, written_whole(tmp_path / "output"):
        (tmp_path / "input").read_text()
    assert error.value.filename == str(tmp_path / "input")


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("x" * 255)
    with written_whole(path) as unfinished:
        fill(unfinished, "file", "new")
    assert path.read_text() == "new"


def test_folders_above_the_output_are_made(tmp_path):
    with written_whole(tmp_path / "a" / "b" / "output") as unfinished:
        fill(unfinished, "file", "new")
    assert (tmp_path / "a" / "b" / "output").read_text() == "new"


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    fill(tmp_path / "target", "file", "old")
    (tmp_path / "link").symlink_to("target")
    with written_whole(tmp_path / "link") as unfinished:
        fill(unfinished, "file", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_pipe_is_written_to_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as pool:
        read = pool.submit((tmp_path / "pipe").read_text)
        with written_whole(tmp_path / "pipe") as path:
            path.write_text("new")
        assert read.result(timeout=600) == "new"
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", ["file", "folder", None])
def test_a_file_or_a_folder_is_removed_if_it_is_there(tmp_path, kind):
    if kind:
        fill(tmp_path / "output", kind, "old")
    remove(tmp_path / "output")
    assert list(tmp_path.iterdir()) == []
