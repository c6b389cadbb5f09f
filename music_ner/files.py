"""Files and folders that are written whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file or a folder beside its place, and move it there once it is complete.

    path (Path): Where the output shall be. What stands there is replaced; a link stays, and what
        it leads to is replaced; a device or a pipe is written to as it is.
    YIELDS (Path): Where to write it: a path beside it that does not exist yet, but for a device or
        a pipe. If the block raises, what was written there is removed, and `path` stays as it was.
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
    """Remove a file, or a folder with all that it holds, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
