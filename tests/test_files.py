import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from music_ner.files import remove, written_whole


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


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_leftovers_of_a_killed_run_are_no_part_of_the_output(tmp_path, kind):
    path = tmp_path / "output"
    with written_whole(path) as unfinished:
        fill(unfinished, "file", "new")
    fill(unfinished, kind, "left over")
    with written_whole(path) as unfinished:
        assert not unfinished.exists()
        fill(unfinished, "file", "newer")
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


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
