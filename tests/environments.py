"""Environments that lack some of the installed libraries, for Python in a process of its own."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent
SITE = Path(sysconfig.get_path("purelib"))
TORCH = ("torch", "transformers", "spacy-transformers")


def files_of(name: str) -> set[str]:
    """RETURNS (set[str]): What a distribution has installed, at the top level of site-packages."""
    return {file.parts[0] for file in distribution(name).files or ()} - {"..", "__pycache__"}


def make_environment(
    folder: Path, without: Iterable[str] = (), wheels: Iterable[Path] = ()
) -> Path:
    """Make a folder of links to what is installed here, except for some distributions.

    folder (Path): Where to make it.
    without (Iterable[str]): Distributions to leave out.
    wheels (Iterable[Path]): Wheels to unpack there. Without one of the library, its sources are
        linked.
    RETURNS (Path): The folder, to be the only one with libraries on Python's path.
    """
    folder.mkdir()
    left_out = {file for name in without for file in files_of(name)} | {"__pycache__"}
    unpacked = [zipfile.ZipFile(wheel) for wheel in wheels]
    packed = {name.partition("/")[0] for wheel in unpacked for name in wheel.namelist()}
    for path in SITE.iterdir():
        if path.suffix != ".pth" and path.name not in left_out | packed:
            (folder / path.name).symlink_to(path)
    for wheel in unpacked:
        wheel.extractall(folder)
    if "music_ner" not in packed:
        (folder / "music_ner").symlink_to(ROOT / "music_ner")
    return folder


def run_python(environment: Path, code: str, *arguments) -> subprocess.CompletedProcess:
    """Run code with the libraries of an environment, outside of the project's folder, offline."""
    command = [sys.executable, "-S", "-c", code, *map(str, arguments)]
    variables = {**os.environ, "PYTHONPATH": str(environment), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        command, cwd=environment, env=variables, capture_output=True, text=True, check=False
    )
