"""Trials: one system, trained with one seed and tested on one fold. Finished ones are kept."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
import srsly
from wasabi import msg

from music_ner.data.corpora import convert
from music_ner.data.sources import hashed
from music_ner.files import remove, written_whole

from .data import Fold
from .inputs import Inputs
from .systems import Prediction, Splits, System, Variant

make_doc = spacy.blank("en").make_doc


@dataclass(frozen=True)
class Trial:
    """A finished trial.

    system (System): The system.
    fold (Fold): What it was trained and tested on.
    seed (int): Seed of the split and of training.
    folder (Path): Where the trial is kept.
    recipe (dict[str, Any]): What the saved model depends on.
    training (dict[str, Any]): What `System.train` returned, and the `seconds` it took.
    splits (Splits): The docs of train, dev and test.
    predictions (dict[str, list[list[Prediction]]]): The entities in each query of test, by the
        name of the variant.
    """

    system: System
    fold: Fold
    seed: int
    folder: Path
    recipe: dict[str, Any]
    training: dict[str, Any]
    splits: Splits
    predictions: dict[str, list[list[Prediction]]]


def run_trial(system: System, fold: Fold, inputs: Inputs, seed: int, runs: Path) -> Trial:
    """Train a system and predict with each of its variants, unless this was done before.

    system (System): The system.
    fold (Fold): What to train and test on.
    inputs (Inputs): The encoder.
    seed (int): Seed of the split and of training.
    runs (Path): Folder of finished trials. Each has a folder with the recipe, the saved model and
        the predictions. What was made with another recipe is made again.
    RETURNS (Trial): The finished trial.
    """
    folder = runs / slug(f"{system.name} {fold.name} seed {seed}")
    splits, recipe = prepare(system, fold, inputs, seed)

    def train() -> dict[str, Any]:
        msg.divider(f"{system.name}, {fold.name}, seed {seed}")
        start = time.perf_counter()
        with written_whole(folder / "model") as model:
            chosen = system.train(splits, seed, model)
        return {**chosen, "seconds": round(time.perf_counter() - start)}

    training = cached(folder / "training.json", recipe, train)
    trial = Trial(system, fold, seed, folder, recipe, training, splits, {})
    texts = [doc.text for doc in splits["test"]]
    for name, variant in system.variants.items():
        trial.predictions[name] = predict(trial, variant, texts, name)
    return trial


def prepare(system: System, fold: Fold, inputs: Inputs, seed: int) -> tuple[Splits, dict[str, Any]]:
    """Read a trial's data and describe the trial.

    system (System): The system.
    fold (Fold): What to train and test on.
    inputs (Inputs): The encoder.
    seed (int): Seed of the split.
    RETURNS (tuple[Splits, dict[str, Any]]): The docs of train, dev and test, and the recipe.
    """
    files = {"bio": fold.train, "train_bio": system.supplement, "test_bio": [fold.test]}
    splits, _, rejected = convert(csv=[], **files, seed=seed, make_doc=make_doc)
    for row in rejected:
        msg.warn(f"Not used: {row['content']}", f"{row['file']}: {row['reason']}")
    recipe = {
        "system": system.recipe,
        "encoder": {name: inputs.encoder[name] for name in ("name", "version")},
        "data": {kind: [file["sha256"] for file in hashed(paths)] for kind, paths in files.items()},
        "seed": seed,
    }
    return splits, recipe


def predict(trial: Trial, variant: Variant, texts: list[str], name: str) -> list[list[Prediction]]:
    """Predict with a variant of a trial's model, unless this was done before.

    trial (Trial): The trial.
    variant (Variant): The way to predict.
    texts (list[str]): The texts to read.
    name (str): The name to keep the predictions under.
    RETURNS (list[list[Prediction]]): The entities in each text.
    """
    recipe = {"training": trial.recipe, "inputs": variant.inputs, "texts": texts}
    path = trial.folder / "predictions" / f"{slug(name)}.json"
    found = cached(path, recipe, lambda: variant.load(trial.folder / "model")(texts))
    return [[tuple(entity) for entity in entities] for entities in found]


def cached(path: Path, recipe: Any, make: Callable[[], Any]) -> Any:
    """Read a result that was made with the same recipe, or make and keep it.

    path (Path): JSON file that holds the `recipe` and the `result`.
    recipe (Any): What the result depends on, as JSON.
    make (Callable[[], Any]): Makes the result.
    RETURNS (Any): The result.
    """
    recipe = json.loads(json.dumps(recipe))
    if path.exists():
        kept = srsly.read_json(path)
        if kept["recipe"] == recipe:
            return kept["result"]
        msg.warn(f"{path} was made with another recipe, so it is made again")
        remove(path)
    result = make()
    with written_whole(path) as temporary:
        srsly.write_json(temporary, {"recipe": recipe, "result": result}, indent=0)
    return result


def slug(name: str) -> str:
    """RETURNS (str): A name for a file: `a (b)` becomes `a_b`."""
    return "_".join(re.findall(r"[\w-]+", name))
