"""Build the wheel of the library, which the packages require."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.files import written_whole

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "music_ner")


def main(
    root: Path = typer.Argument(..., help="Folder of the project", exists=True),
    output: Path = typer.Argument(..., help="Folder for the wheel"),
) -> None:
    """Build the wheel of music-ner from the project's folder."""
    with tempfile.TemporaryDirectory() as temporary:
        # A build leaves files next to the sources, so it runs on a copy.
        copy = Path(temporary) / "sources"
        copy.mkdir()
        for name in SOURCES:
            source = root / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, copy / name, ignore=ignored)
            else:
                shutil.copy(source, copy / name)
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(copy)]
        log = subprocess.run(build, capture_output=True, text=True, check=False)
        if log.returncode:
            msg.fail("The library's wheel was not built", log.stdout + log.stderr, exits=1)
        (wheel,) = (copy / "dist").glob("*.whl")
        with written_whole(output / wheel.name) as path:
            shutil.copy(wheel, path)
    msg.good(f"Library: {output / wheel.name}")


if __name__ == "__main__":
    run_command(main)
