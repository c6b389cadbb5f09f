"""Files on this machine, in S3 and in other stores."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from posixpath import basename
from typing import Any, NamedTuple
from uuid import uuid4

import fsspec
import pyarrow as pa
from fsspec.utils import glob_translate
from pyarrow import fs

from music_ner.files import UnreadableFileError

HIDDEN = ("_", ".")
"""What the names of files begin with that are not data, as in Spark."""
TEMPORARY = "_temporary"
WITH_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class Place(NamedTuple):
    """A file, a folder or a pattern.

    files (fs.FileSystem): The file system it is in.
    path (str): Its path there.
    """

    files: fs.FileSystem
    path: str

    def __truediv__(self, name: str) -> "Place":
        return Place(self.files, f"{self.path}/{name}")


def absolute(address: str) -> str:
    """RETURNS (str): An address that means the same in every folder."""
    return address if WITH_SCHEME.match(address) else str(Path(address).absolute())


@cache
def place_of(address: str) -> Place:
    """Find the file system of an address.

    address (str): A path, or an address that PyArrow (`s3://`, `gs://`, `hdfs://`) or fsspec
        accepts.
    RETURNS (Place): Where it is. Nothing has to exist there.
    RAISES (UnreadableFileError): If there is no such kind of address, or its library is missing.
    """
    if not WITH_SCHEME.match(address):
        return Place(fs.LocalFileSystem(), absolute(address))
    try:
        files, path = fs.FileSystem.from_uri(address)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        try:
            of_fsspec, path = fsspec.url_to_fs(address)
        except (ImportError, ValueError) as other:
            raise UnreadableFileError(
                f"{address}: no file system for this address ({error}; {other})",
                "Write s3://bucket/folder, or install the fsspec library of your store.",
            ) from other
        files = fs.PyFileSystem(fs.FSSpecHandler(of_fsspec))
    return Place(files, path.rstrip("/"))


def list_files(place: Place) -> tuple[str, list[fs.FileInfo]]:
    """List what an address means.

    place (Place): A file, a folder (with its subfolders) or a pattern with `*`, `**`, `?` or `[]`.
    RETURNS (tuple[str, list[fs.FileInfo]]): The folder that the names of files are relative to,
        and the files in the order of their paths. Hidden files are left out (see HIDDEN).
    RAISES (UnreadableFileError): If nothing is there.
    """
    info = place.files.get_file_info(place.path)
    if info.type == fs.FileType.File:
        return place.path.rpartition("/")[0], [info]
    base = place.path
    if info.type == fs.FileType.NotFound:
        base = re.split(r"[*?[]", place.path, maxsplit=1)[0].rpartition("/")[0]
    found = place.files.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    if base != place.path:
        matches = re.compile(glob_translate(place.path)).match
        found = [info for info in found if matches(info.path)]
    files = [
        info
        for info in found
        if info.type == fs.FileType.File
        and not any(
            part.startswith(HIDDEN) for part in info.path.removeprefix(base).strip("/").split("/")
        )
    ]
    if not files:
        raise UnreadableFileError(f"{place.path}: no files", "Check the path or the pattern.")
    return base, sorted(files, key=lambda info: info.path)


def names_in(place: Place) -> set[str]:
    """RETURNS (set[str]): The names of the files in a folder, which may not exist."""
    selector = fs.FileSelector(place.path, allow_not_found=True)
    return {basename(info.path) for info in place.files.get_file_info(selector) if info.is_file}


def write_whole(folder: Place, name: str, write: Callable[[Any], None]) -> None:
    """Write a file under a temporary name, and rename it when it is complete.

    folder (Place): The folder, which is made if it is missing.
    name (str): The name of the file, which is replaced if it exists.
    write (Callable[[Any], None]): Writes to an open file.
    """
    temporary = folder / TEMPORARY / f"{uuid4().hex}-{name}"
    folder.files.create_dir((folder / TEMPORARY).path)
    with folder.files.open_output_stream(temporary.path) as stream:
        write(stream)
    folder.files.move(temporary.path, (folder / name).path)


def remove_temporary(folder: Place) -> None:
    """Remove what killed processes left in a folder."""
    path = (folder / TEMPORARY).path
    if folder.files.get_file_info(path).type == fs.FileType.Directory:
        folder.files.delete_dir(path)


def contains(folder: Place, others: Iterable[str]) -> bool:
    """RETURNS (bool): Whether any of the paths is in a folder."""
    return any(f"{path}/".startswith(f"{folder.path}/") for path in others)
