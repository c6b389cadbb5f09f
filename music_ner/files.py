"""Files that cannot be read, and files and folders that are written whole or not at all."""

import errno
import fcntl
import hashlib
import os
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


def read_text(path: Path) -> str:
    """Read a file as it is, without its byte order mark.

    path (Path): The file.
    RETURNS (str): Its content; line breaks are not translated.
    RAISES (UnreadableFileError): If the file is not UTF-8.
    """
    try:
        # `open` finds nothing in a file that ends inside a byte order mark.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path}: {error}", "Save the file as UTF-8.") from error


def read_lines(path: Path) -> list[str]:
    """Read the lines of a file (see `read_text`), which end with `\\n`, `\\r\\n` or `\\r`."""
    return read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file or a folder in a hidden folder, and move it to its place when it is complete.

    path (Path): The output, which is replaced if it exists. If it is a link, the link's target is
        replaced. A device or a pipe is written to directly.
    YIELDS (Path): The path to write to: a path of the same name that does not exist yet, or the
        device or pipe. If the block raises, it is removed, and `path` stays as it was.
    RAISES (BlockingIOError): If another process is writing the same output.
    RAISES (OSError): If the output cannot be written; its `filename` is that of the output.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    path = Path(os.path.realpath(path))
    # The whole name of the output and an affix might be too long for a name.
    digest = hashlib.md5(os.fsencode(path.name), usedforsecurity=False).hexdigest()[:8]
    with workspace(path.with_name(f".{digest}.unfinished"), path) as folder:
        new, old = (folder / stage / path.name for stage in ("new", "old"))
        new.parent.mkdir()
        old.parent.mkdir()
        try:
            yield new
            if path.exists() and (path.is_dir() or new.is_dir()):
                # Files replace files; of a folder no moment shall show a part.
                path.replace(old)
            new.replace(path)
        except BaseException:
            if old.exists() and not path.exists():
                old.replace(path)
            raise


@contextmanager
def workspace(folder: Path, output: Path) -> Iterator[Path]:
    """Work in an empty folder that no other process works in, and remove it afterwards.

    folder (Path): The folder. What a killed process left in it is removed.
    output (Path): What it is made for, named if another process works in it.
    YIELDS (Path): The folder.
    RAISES (BlockingIOError): If another process works in it.
    RAISES (OSError): If a file in it cannot be written; its `filename` is that of the output.
    """
    lock = _lock(folder, output)
    try:
        for path in folder.iterdir():
            remove(path)
        yield folder
    except OSError as error:
        if error.errno is not None and _is_of(error, folder):
            error.filename, error.filename2 = str(output), None
        raise
    finally:
        remove(folder)
        os.close(lock)


def _is_of(error: OSError, folder: Path) -> bool:
    """RETURNS (bool): Whether an error is of a file in a folder, or of none, as a full disk's may
    be. That of a copy also names what was copied."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name is not None]
    return not names or any(name.startswith(str(folder)) for name in names)


def _lock(folder: Path, output: Path) -> int:
    """Make a folder, and lock it until the returned descriptor is closed or the process ends."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # removed by the process that had locked it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            message = "another process is writing it"
            raise BlockingIOError(errno.EWOULDBLOCK, message, str(output)) from error
        except OSError:  # not every network file system locks folders
            return lock
        if folder.exists() and os.path.samestat(folder.stat(), os.fstat(lock)):
            return lock
        os.close(lock)


def remove(path: Path) -> None:
    """Remove a file, or a folder with its contents, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
