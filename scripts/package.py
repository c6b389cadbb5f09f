"""Package the trained pipeline as an installable wheel."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template
from typing import Any

import srsly
import typer
from spacy import util
from spacy.cli.package import package
from wasabi import msg
from weasel.util import get_checksum

from music_ner import __version__, provenance
from music_ner.command import run_command
from music_ner.export.model_card import describe
from music_ner.export.naming import naming_problems
from music_ner.files import written_whole

EXTRAS = {"onnx_encoder": "[fast]"}
"""The extra of music-ner that a component needs, by its factory."""


def requirement_of(model: Path) -> str:
    """RETURNS (str): The requirement of a saved pipeline on the library, with its extras."""
    config = util.load_config(model / "config.cfg", interpolate=False)
    factories = [config["components"][name]["factory"] for name in config["nlp"]["pipeline"]]
    extras = "".join(EXTRAS.get(factory, "") for factory in factories)
    return f"music-ner{extras}{util.get_minor_version_range(__version__)}"


def prepare(
    model: Path, folder: Path, meta: dict[str, Any], encoder_name: str, licence: str, text: Path
) -> None:
    """Copy a trained pipeline with its meta and licences, and without paths of this machine.

    model (Path): The trained pipeline.
    folder (Path): Where to copy it.
    meta (dict[str, Any]): Its meta.
    encoder_name (str): Name of the encoder it was trained from.
    licence (str): The encoder's licence.
    text (Path): The project's licence file.
    """
    shutil.copytree(model, folder)
    config = util.load_config(folder / "config.cfg", interpolate=False)
    if "transformer" in config["components"]:
        config["components"]["transformer"]["model"]["name"] = encoder_name
    config["paths"] = dict.fromkeys(config["paths"])
    config["training"]["logger"]["output_file"] = None
    if "catalogue" in config["initialize"]["components"]:
        config["initialize"]["components"]["catalogue"]["names"] = []
    if made := config.get(provenance.SECTION):
        made["data"] = {
            kind: [{**file, "path": Path(file["path"]).name} for file in files]
            for kind, files in made["data"].items()
        }
        made["encoder"].pop("requested", None)
    config.to_disk(folder / "config.cfg", interpolate=False)
    data = [
        {**file, "path": Path(file["path"]).name} for kind in meta["data"].values() for file in kind
    ]
    paths = ("requested", "path")
    encoder = {key: value for key, value in meta["encoder"].items() if key not in paths}
    srsly.write_json(folder / "meta.json", {**meta, "data": data, "encoder": encoder})
    shutil.copy(text, folder / "LICENSE")
    sources = f"The weights are fine-tuned from {encoder_name}, licensed under {licence}.\n"
    (folder / "LICENSES_SOURCES").write_text(sources, encoding="utf8")


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    metrics_path: Path = typer.Argument(..., help="JSON file written by evaluate", exists=True),
    behaviour_path: Path = typer.Argument(..., help="JSON file written by behaviour", exists=True),
    encoders_path: Path = typer.Argument(
        ..., help="JSON file with the settings of each encoder", exists=True
    ),
    card_path: Path = typer.Argument(..., help="Notes of the model card", exists=True),
    output: Path = typer.Argument(..., help="Folder for the packages"),
    name: str = typer.Option(..., help="Name of the package, without its language"),
    version: str = typer.Option(..., help="Version of the package"),
    licence_path: Path = typer.Option(Path("LICENSE"), help="Licence file", exists=True),
) -> None:
    """Package the trained pipeline as an installable wheel."""
    meta = srsly.read_json(model / "meta.json")
    for problem, fix in naming_problems(meta["lang"], name, version):
        msg.fail(problem, fix, exits=1)
    if other := provenance.other_name(meta, name, version):
        msg.fail(f"{model} is {other[0]}", other[1], exits=1)
    metrics, behaviour = srsly.read_json(metrics_path), srsly.read_json(behaviour_path)
    checksum = get_checksum(model)
    for path, measured in ((metrics_path, metrics), (behaviour_path, behaviour)):
        if measured.get("checksum", checksum) != checksum:
            fix = "Run the commands that measure it: `evaluate` and `capabilities`, or with -fast."
            msg.fail(f"{path} was measured on another pipeline than {model}", fix, exits=1)
    encoder_name = metrics["encoder"]["name"]
    known = srsly.read_json(encoders_path).get(encoder_name, {})
    licence = known.get("licence", "see the encoder's own model card")
    meta = {**meta, "name": name, "version": version}
    meta["requirements"] = [requirement_of(model)]
    card = Template(card_path.read_text(encoding="utf8"))
    meta = describe(meta, metrics, behaviour["rates"], licence, card)
    package_name = f"{meta['lang']}_{name}-{version}"
    with tempfile.TemporaryDirectory() as temporary:
        prepared = Path(temporary) / "model"
        prepare(model, prepared, meta, encoder_name, licence, licence_path)
        package(prepared, Path(temporary), create_sdist=False, require_parent=True, silent=False)
        built = Path(temporary) / package_name
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(built)]
        built_log = subprocess.run(build, capture_output=True, text=True, check=False)
        if built_log.returncode:
            msg.fail("The wheel was not built", built_log.stdout + built_log.stderr, exits=1)
        (wheel,) = (built / "dist").glob("*.whl")
        with written_whole(output / "wheels" / wheel.name) as path:
            shutil.copy(wheel, path)
        with written_whole(output / package_name) as path:
            shutil.copytree(built, path, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    msg.good(
        f"Wheel: {output / 'wheels' / wheel.name} ({wheel_size(output / 'wheels' / wheel.name)})"
    )


def wheel_size(wheel: Path) -> str:
    """RETURNS (str): The size of a file in megabytes."""
    return f"{wheel.stat().st_size / 1e6:.0f} MB"


if __name__ == "__main__":
    run_command(main)
