"""Complete the training config: encoder, its settings, corpora, seed, number of steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy import registry
from spacy.tokens import Doc
from thinc.api import Config

from music_ner.data.sources import paths_of
from music_ner.pipeline.labels import LABELS
from music_ner.training.corpus import weighted

CATALOGUE_NAMES = "initialize.components.catalogue.names"


def configure(
    config: Config,
    encoder: dict[str, Any],
    settings: dict[str, Any],
    corpora: dict[str, Path],
    docs: list[Doc],
    seed: int,
    labels: Sequence[str] = LABELS,
) -> Config:
    """Complete a training config.

    The steps of the learning rate's schedule follow from `schedule.epochs`, `schedule.warmup` (a
    share of all steps), the batcher and the queries. Dev is scored once per epoch.

    config (Config): The config with every hyperparameter, not interpolated.
    encoder (dict[str, Any]): What `encoder` found.
    settings (dict[str, Any]): Values that this encoder needs, by dotted name.
    corpora (dict[str, Path]): Paths of the train and dev corpus.
    docs (list[Doc]): The training corpus.
    seed (int): Seed of initialization, order and dropout.
    labels (Sequence[str]): The labels of the data. If there are others than LABELS, the catalogue
        and the ner are told.
    RETURNS (Config): The complete config, for `spacy train`.
    """
    overrides = {
        "components.transformer.model.name": encoder["path"],
        "system.seed": seed,
        **{f"paths.{name}": str(path) for name, path in corpora.items()},
        **settings,
    }
    config = Config().from_str(config.to_str(), interpolate=False, overrides=overrides)
    if [*labels] != [*LABELS]:
        _set_labels(config, labels)
    schedule = config["schedule"]
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    corpus = weighted(docs, config["corpora"]["train"]["repeats"])
    epoch = sum(1 for _ in batcher(corpus))
    steps = schedule["epochs"] * epoch
    config["training"]["max_steps"] = steps
    config["training"]["eval_frequency"] = epoch
    learn_rate = config["training"]["optimizer"]["learn_rate"]
    learn_rate["total_steps"] = steps
    learn_rate["warmup_steps"] = max(1, round(schedule["warmup"] * steps))
    return config


def _set_labels(config: Config, labels: Sequence[str]) -> None:
    listed = [*LABELS, *(label for label in labels if label not in LABELS)]
    if "catalogue" in config["components"]:
        config["components"]["catalogue"]["labels"] = listed
        config["components"]["ner"]["model"]["tok2vec"]["labels"] = listed
    # spaCy looks for labels in the first 100 queries only, if training.max_epochs is -1.
    config["initialize"]["components"].setdefault("ner", {})["labels"] = [*labels]


def settings_of(encoder: dict[str, Any], encoders_path: Path, catalogue: str) -> dict[str, Any]:
    """Collect the settings that depend on the encoder and the names.

    encoder (dict[str, Any]): What `encoder` found.
    encoders_path (Path): JSON file of what is known of each encoder.
    catalogue (str): Files of names that the catalogue is trained with, comma-separated; if empty,
        those of the config.
    RETURNS (dict[str, Any]): Values by dotted name.
    """
    known = srsly.read_json(encoders_path).get(encoder["name"], {}).get("settings", {})
    names = [str(path) for path in paths_of(catalogue)]
    return known | ({CATALOGUE_NAMES: names} if names else {})
