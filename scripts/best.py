"""Download the public data, and train on it and the sample: `spacy project run best`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import srsly
import typer
from wasabi import msg

from music_ner.command import PROJECT_FILE, fail, run_command

GOLD = tuple(f"assets/musicreconer/dataset{part}/ground-truth.bio" for part in (1, 2, 3))
SAMPLE = "assets/queries.bio"
PROJECT = (sys.executable, "-m", "spacy", "project")


def missing(config: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Find the public data that is needed and not there.

    config (dict[str, Any]): The content of project.yml.
    folder (Path): The project.
    RETURNS (list[tuple[str, str]]): Path and address of each file.
    """
    urls = {asset["dest"]: asset["url"] for asset in config.get("assets", ())}
    return [(path, urls.get(path, "")) for path in GOLD if not (folder / path).is_file()]


def arguments(name: str, version: str, transformer: str, seed: int, gpu_id: int) -> list[str]:
    """RETURNS (list[str]): What `spacy project run all` is told."""
    variables = {
        "csv": "",
        "bio": ",".join(GOLD),
        "train_bio": SAMPLE,
        "name": name,
        "version": version,
        "transformer": transformer,
        "seed": seed,
        "gpu_id": gpu_id,
    }
    return [part for key, value in variables.items() for part in (f"--vars.{key}", str(value))]


def main(
    name: str = typer.Option("music_ner_best", help="Name of the package"),
    version: str = typer.Option(..., help="Version of the package"),
    transformer: str = typer.Option("auto", help="The encoder"),
    seed: int = typer.Option(0, help="Seed of the split, of training and of the bootstrap"),
    gpu_id: int = typer.Option(-1, help="GPU to train on, -1 for the CPU"),
) -> None:
    """Train on the public data and the sample, and package the pipeline."""
    config = srsly.read_yaml(PROJECT_FILE)
    if missing(config, Path()):
        subprocess.run([*PROJECT, "assets", "--extra"], check=False)
    if lacking := missing(config, Path()):
        for path, url in lacking:
            msg.info(f"{path} from {url}")
        fail(
            f"{len(lacking)} files of public data are missing, and cannot be downloaded",
            "Connect this machine to the network, or put the files there. Without them, "
            "`spacy project run all` trains on the sample alone.",
        )
    command = [*PROJECT, "run", "all", ".", *arguments(name, version, transformer, seed, gpu_id)]
    if code := subprocess.run(command, check=False).returncode:
        raise typer.Exit(code)


if __name__ == "__main__":
    run_command(main)
