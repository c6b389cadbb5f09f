"""What the benchmark reads of the root project: its config, its encoder and its names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from thinc.api import Config
from wasabi import msg

from music_ner.training.config import settings_of


@dataclass(frozen=True)
class Inputs:
    """What systems start from.

    encoder (dict[str, Any]): The encoder, as the root's command `encoder` writes it.
    config (Config): The config with every hyperparameter, not interpolated.
    settings (dict[str, Any]): Values to set in the config for this encoder, by dotted name.
    names (list[Path]): The files of names of the config.
    alternatives (Path): Its file of words that are swapped in training.
    """

    encoder: dict[str, Any]
    config: Config
    settings: dict[str, Any]
    names: list[Path]
    alternatives: Path


def read_inputs(root: Path) -> Inputs:
    """Read the root project.

    root (Path): Its folder.
    RETURNS (Inputs): Config, encoder and names. A missing file ends the command with a message.
    """
    encoder_path = root / "training" / "encoder.json"
    if not encoder_path.is_file():
        remedy = f"Run `python -m spacy project run encoder {root}`."
        msg.fail(f"There is no file {encoder_path}", remedy, exits=1)
    encoder = srsly.read_json(encoder_path)
    config = util.load_config(root / "configs" / "config.cfg", interpolate=False)
    names = [root / name for name in config["paths"]["names"]]
    alternatives = root / config["paths"]["alternatives"]
    settings = settings_of(encoder, root / "configs" / "encoders.json", "")
    settings |= {
        "paths.names": [str(path) for path in names],
        "paths.alternatives": str(alternatives),
    }
    return Inputs(encoder, config, settings, names, alternatives)
