"""Package the trained pipeline as an installable wheel."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import srsly
import typer
from spacy import util
from spacy.cli.package import package
from wasabi import msg

from scripts import (
    catalogue_tok2vec,
    entity_confidence,
    marginal_ner,
    name_catalogue,
    onnx_encoder,
)
from scripts.output import written_whole

CODE = {
    "onnx_encoder": (onnx_encoder,),
    "catalogue": (name_catalogue, catalogue_tok2vec),
    "marginal_ner": (marginal_ner,),
    "entity_confidence": (entity_confidence,),
}
"""The modules that a component needs, by its factory; they travel inside the package."""
REQUIREMENTS = {
    "onnx_encoder": ("onnxruntime>=1.20,<2", "tokenizers>=0.20,<1"),
    "catalogue": ("marisa-trie>=1.2,<2",),
}
"""What these need beside what spaCy finds by itself."""
EXAMPLE = "music similar to morphie robocobra quartet | featuring elements like saxophone"


def describe(meta: dict[str, Any], metrics: dict[str, Any], licence: str) -> dict[str, Any]:
    """Fill in a pipeline's meta, from which spaCy writes the package's model card.

    meta (dict[str, Any]): The meta of the trained pipeline.
    metrics (dict[str, Any]): What `evaluate` measured.
    licence (str): Licence of the encoder.
    RETURNS (dict[str, Any]): The meta with description, licence, sources, encoder, data, scores
        and notes.
    """
    encoder, test = metrics["encoder"], metrics["test"]
    data = metrics["data"]
    trained = [file for kind, files in data.items() if kind != "test_bio" for file in files]
    names = ", ".join(Path(file["path"]).name for file in trained)
    test_names = ", ".join(Path(file["path"]).name for file in data["test_bio"])
    tested = f"the {test['queries']} test queries" + (f" of {test_names}" if test_names else "")
    micro, macro = test["default"]["micro avg"], test["default"]["macro avg"]
    low, high = test["f1_interval"]
    fast = meta.get("fast")
    runtime = (
        f"\n\nIts transformer runs in ONNX Runtime in {fast['precision']}. The pipeline that it\n"
        f"was made from finds the same entities in {fast['agreement']:.1%} of {fast['queries']}\n"
        "queries."
        if fast
        else ""
    )
    fallback = f" It is a fallback: {encoder['fallback']}." if encoder["fallback"] else ""
    notes = f"""### Use

```python
import spacy

nlp = spacy.load("{meta["lang"]}_{meta["name"]}")
doc = nlp("{EXAMPLE}")
print([(ent.text, ent.label_, ent._.confidence) for ent in doc.ents])
```

### Data and limits

Trained on {names} (seed {metrics["seed"]}), with the encoder {encoder["name"]}
({encoder["source"]}, version {encoder["version"]}).{fallback}{runtime}

On {tested}, seqeval by whitespace word: micro F1
{micro["f1-score"]:.3f} (95 % bootstrap interval {low:.3f} to {high:.3f}), macro F1
{macro["f1-score"]:.3f}. The accuracy above is spaCy's, by token, on the same queries. The pipeline
reads short English requests for music; other texts are outside of what it was measured on."""
    labels = ", ".join(sorted(test["spacy"]["ents_per_type"] or {}))
    return {
        **meta,
        "description": f"Entities in requests for music: {labels} (WoA: song, album, film score)",
        "author": "The en_music_ner authors",
        "license": "MIT",
        "sources": [
            {"name": f"{encoder['name']} (encoder, {licence})"},
            *({"name": Path(file["path"]).name} for file in trained),
        ],
        "performance": {key: value for key, value in test["spacy"].items() if value is not None},
        "encoder": encoder,
        "data": metrics["data"],
        "notes": notes,
    }


def factories_of(model: Path) -> list[str]:
    """RETURNS (list[str]): The factories of a saved pipeline's components."""
    config = util.load_config(model / "config.cfg", interpolate=False)
    return [config["components"][name]["factory"] for name in config["nlp"]["pipeline"]]


def code_of(model: Path) -> list[Path]:
    """RETURNS (list[Path]): The files of code that a saved pipeline needs, as its package does."""
    modules = [module for name in factories_of(model) for module in CODE.get(name, ())]
    return [Path(module.__file__) for module in modules]


def prepare(
    model: Path, folder: Path, meta: dict[str, Any], encoder_name: str, licence: str, text: Path
) -> None:
    """Copy a trained pipeline with its meta, its licences, and no paths of this machine.

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
    metrics_path: Path = typer.Argument(..., help="What evaluate measured", exists=True),
    encoders_path: Path = typer.Argument(..., help="What is known of each encoder", exists=True),
    output: Path = typer.Argument(..., help="Folder for the packages"),
    name: str = typer.Option(..., help="Name of the package, without its language"),
    version: str = typer.Option(..., help="Version of the package"),
    licence_path: Path = typer.Option(Path("LICENSE"), help="Licence file", exists=True),
) -> None:
    """Package the trained pipeline as an installable wheel."""
    language = srsly.read_json(model / "meta.json")["lang"]
    if not name.isidentifier() or name.startswith(f"{language}_"):
        msg.fail(
            f"A package cannot be called '{language}_{name}'",
            f"Set vars.name to letters, digits and _, without {language}_ before them.",
            exits=1,
        )
    metrics = srsly.read_json(metrics_path)
    encoder_name = metrics["encoder"]["name"]
    known = srsly.read_json(encoders_path).get(encoder_name, {})
    licence = known.get("licence", "see the encoder's own model card")
    meta = {**srsly.read_json(model / "meta.json"), "name": name, "version": version}
    meta["requirements"] = [r for name in factories_of(model) for r in REQUIREMENTS.get(name, ())]
    package_name = f"{meta['lang']}_{name}-{version}"
    with tempfile.TemporaryDirectory() as temporary:
        prepared = Path(temporary) / "model"
        meta = describe(meta, metrics, licence)
        prepare(model, prepared, meta, encoder_name, licence, licence_path)
        package(
            prepared,
            Path(temporary),
            code_paths=code_of(model),
            create_sdist=False,
            require_parent=True,
            silent=False,
        )
        built = Path(temporary) / package_name
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(built)]
        built_log = subprocess.run(build, capture_output=True, text=True, check=False)
        if built_log.returncode:
            msg.fail("The wheel was not built", built_log.stdout + built_log.stderr, exits=1)
        with written_whole(output / package_name) as path:
            shutil.copytree(built, path, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    (wheel,) = (output / package_name / "dist").glob("*.whl")
    msg.good(f"Wheel: {wheel} ({wheel.stat().st_size / 1e6:.0f} MB)")


if __name__ == "__main__":
    typer.run(main)
