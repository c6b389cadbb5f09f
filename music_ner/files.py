"""Files that cannot be read, and files and folders that are written whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UnreadableFileError(ValueError):
    """A file that cannot be read.

    problem (str): What is wrong, with the file and the place in it.
    fix (str): What to do about it.
    """

    def __init__(self, problem: str, fix: str):
        super().__init__(problem, fix)

    def __str__(self) -> str:
        return ": ".join(self.args)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file or a folder under a temporary name, and rename it when it is complete.

    path (Path): The output, which is replaced if it exists. If it is a link, the link's target is
        replaced. A device or a pipe is written to directly.
    YIELDS (Path): The path to write to: a path in the same folder that does not exist yet, or the
        device or pipe. If the block raises, it is removed, and `path` stays as it was.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    remove(unfinished)
    try:
        yield unfinished
        if path.is_dir() or unfinished.is_dir():
            remove(path)
        unfinished.replace(path)
    finally:
        remove(unfinished)


def remove(path: Path) -> None:
    """Remove a file, or a folder with its contents, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
