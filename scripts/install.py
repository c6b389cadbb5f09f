"""Install the packaged pipeline into this environment, and test it."""

import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import typer
from wasabi import msg

from music_ner.command import run_command

QUERY = "songs like karma police by radiohead"
TRY = """
import sys, spacy
doc = spacy.load(sys.argv[1])(sys.argv[2])
print(doc.text, [(ent.text, ent.label_) for ent in doc.ents])
"""


def is_installed(name: str, wheel: Path) -> bool:
    """Check whether exactly this wheel is installed (PEP 610, direct_url.json).

    name (str): Name of the package.
    wheel (Path): The wheel.
    RETURNS (bool): Whether the installed package comes from a file with the wheel's sha256.
    """
    try:
        origin = json.loads(distribution(name).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return False
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return origin.get("archive_info", {}).get("hashes", {}).get("sha256") == sha256


def main(wheel: Path = typer.Argument(..., help="Wheel of the package", exists=True)) -> None:
    """Install the wheel, unless it is already installed, and test it offline."""
    name = wheel.name.split("-")[0]
    if is_installed(name, wheel):
        msg.info(f"{wheel.name} is installed")
    else:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]
        if subprocess.run([*pip, str(wheel)], check=False).returncode:
            msg.fail(f"{wheel.name} was not installed", "See pip's message above.", exits=1)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    tried = subprocess.run([sys.executable, "-c", TRY, name, QUERY], env=environment, check=False)
    if tried.returncode:
        msg.fail(f'spacy.load("{name}") does not work', "See the error above.", exits=1)
    msg.good(f'{wheel.name}: spacy.load("{name}") works')


if __name__ == "__main__":
    run_command(main)
