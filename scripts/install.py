"""Install the packaged pipeline into this environment, and try it."""

import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import typer
from wasabi import msg

from scripts.package import EXAMPLE

TRY = """
import sys, spacy
doc = spacy.load(sys.argv[1])(sys.argv[2])
print(doc.text, [(ent.text, ent.label_) for ent in doc.ents])
"""


def is_installed(name: str, wheel: Path) -> bool:
    """Tell whether just this wheel is installed (https://packaging.python.org: direct_url.json).

    name (str): Name of the package.
    wheel (Path): The wheel.
    RETURNS (bool): Whether what is installed came from a file with the wheel's sha256.
    """
    try:
        origin = json.loads(distribution(name).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return False
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return origin.get("archive_info", {}).get("hashes", {}).get("sha256") == sha256


def main(
    folder: Path = typer.Argument(..., help="Folder of the package", exists=True),
) -> None:
    """Install the wheel, unless it is installed already, and try it offline."""
    (wheel,) = (folder / "dist").glob("*.whl")
    name = wheel.name.split("-")[0]
    if is_installed(name, wheel):
        msg.info(f"{wheel.name} is installed")
    else:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]
        if subprocess.run([*pip, str(wheel)], check=False).returncode:
            msg.fail(f"{wheel.name} was not installed", "What pip says of it is above.", exits=1)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    tried = subprocess.run([sys.executable, "-c", TRY, name, EXAMPLE], env=environment, check=False)
    if tried.returncode:
        msg.fail(f'spacy.load("{name}") does not work', "Its error is above.", exits=1)
    msg.good(f'{wheel.name}: spacy.load("{name}") works')


if __name__ == "__main__":
    typer.run(main)
