"""What a job is: fingerprints of all that its output depends on."""

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import fs
from spacy import util

import music_ner
from music_ner.bulk.inputs import ENDINGS, Columns, InputFile, format_of, scan
from music_ner.bulk.shards import Shard
from music_ner.bulk.storage import Place, list_files, write_whole
from music_ner.files import UnreadableFileError

MANIFEST = "_manifest.json"
PACKAGES = (
    "spacy",
    "spacy-transformers",
    "thinc",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "transformers",
    "torch",
    "pyarrow",
)
"""What has a say in the bytes of the output."""
SCANS_AT_ONCE = 16
SHOWN = 5


class Plan(NamedTuple):
    """The input of a job, cut into shards.

    files (list[str]): The paths of the input's files.
    shards (list[Shard]): All shards in the order of the input.
    id_type (pa.DataType): The type of ids.
    facts (dict[str, Any]): What tells this input from others, for the manifest.
    ignored (list[str]): The paths of files of other formats, which are not read.
    """

    files: list[str]
    shards: list[Shard]
    id_type: pa.DataType
    facts: dict[str, Any]
    ignored: list[str]


def plan(place: Place, columns: Columns, shard_rows: int) -> Plan:
    """Scan the input and cut it into shards.

    place (Place): A file, a folder or a pattern.
    columns (Columns): The columns of texts and ids.
    shard_rows (int): Maximum rows of a shard.
    RETURNS (Plan): The same each time as long as the input stays the same.
    RAISES (UnreadableFileError): If there is nothing to read, or a file that cannot be read.
    """
    base, infos = list_files(place)
    paths = [info.path for info in infos if format_of(info.path)]
    ignored = [info.path for info in infos if not format_of(info.path)]
    if not paths:
        raise UnreadableFileError(
            f"{place.path}: no file of a known format", f"Known endings: {', '.join(ENDINGS)}"
        )

    def scan_path(path: str) -> InputFile:
        return scan(Place(place.files, path), columns, shard_rows)

    with ThreadPoolExecutor(SCANS_AT_ONCE) as pool:
        files = [*pool.map(scan_path, paths)]
    for path, file in zip(paths, files, strict=True):
        if file.id_type != files[0].id_type:
            raise UnreadableFileError(
                f"{path}: column {columns.id} is {file.id_type}, but {files[0].id_type} in "
                f"{paths[0]}",
                "Give ids of one type, or read the files in two jobs.",
            )
    shards = [(number, *shard) for number, file in enumerate(files) for shard in file.shards]
    facts = {
        "text column": columns.text,
        "id column": columns.id,
        "rows of a shard": shard_rows,
        "files": {
            path.removeprefix(base).lstrip("/"): {
                "size": file.size,
                "rows": file.rows,
                "fingerprint": file.fingerprint,
            }
            for path, file in zip(paths, files, strict=True)
        },
    }
    numbered = [Shard(number, *shard) for number, shard in enumerate(shards)]
    return Plan(paths, numbered, files[0].id_type, facts, ignored)


def model_folder(model: str) -> Path:
    """Find the files of a pipeline.

    model (str): A folder, or an installed package.
    RETURNS (Path): The folder with the pipeline's config.
    RAISES (UnreadableFileError): If there is no such pipeline.
    """
    folder = Path(model)
    if util.is_package(model):
        package = Path(importlib.import_module(model).__file__ or "").parent
        meta = util.get_model_meta(package)
        folder = package / f"{meta['lang']}_{meta['name']}-{meta['version']}"
    if not (folder / "config.cfg").is_file():
        raise UnreadableFileError(
            f"{model}: no trained pipeline", "Give a folder or an installed package."
        )
    return folder.absolute()


def model_facts(folder: Path) -> dict[str, Any]:
    """Say what a pipeline is.

    folder (Path): Its folder.
    RETURNS (dict[str, Any]): Its name and version, and a fingerprint of each of its files and
        components: its settings are in `config.cfg`, its catalogue in `catalogue`.
    """
    meta = util.get_model_meta(folder)
    parts = sorted(path for path in folder.iterdir() if path.name != "__pycache__")
    return {
        "name": f"{meta['lang']}_{meta['name']} {meta['version']}",
        **{path.name: _fingerprint(path) for path in parts},
    }


def code_facts() -> dict[str, str]:
    """RETURNS (dict[str, str]): The versions of libraries, and a fingerprint of this library."""
    versions = {"music-ner": music_ner.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    folder = Path(music_ner.__file__).parent
    of_code = [_fingerprint(folder / name, "*.py") for name in ("bulk", "pipeline")]
    return {**versions, "files of music-ner": sha256("".join(of_code).encode()).hexdigest()}


def _fingerprint(path: Path, pattern: str = "*") -> str:
    """RETURNS (str): SHA-256 of a file, or of the files of a folder with their names."""
    if path.is_file():
        return sha256(path.read_bytes()).hexdigest()
    digest = sha256()
    for file in sorted(path.rglob(pattern)):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(path)}\0".encode())
            digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def differences(known: Mapping[str, Any], now: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Compare two manifests.

    known (Mapping[str, Any]): What the job was begun with.
    now (Mapping[str, Any]): What it would be continued with.
    YIELDS (str): Each value that differs.

    >>> list(differences({"code": {"spacy": "3.8.11"}}, {"code": {"spacy": "3.8.18"}}))
    ['code, spacy: 3.8.11, now 3.8.18']
    """
    for key in dict.fromkeys([*known, *now]):
        name = f"{where}{key}"
        one, other = known.get(key), now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, f"{name}, ")
        elif one is None or other is None:
            yield f"{name}: {'new' if one is None else 'missing now'}"
        elif one != other:
            yield f"{name}: {_short(one)}, now {_short(other)}"


def _short(value: Any) -> str:
    """RETURNS (str): A value; of a fingerprint only the beginning."""
    text = str(value)
    return text if len(text) < sha256().digest_size * 2 else f"{text[:8]}…"


def begin_or_continue(output: Place, manifest: dict[str, Any]) -> bool:
    """Write the manifest of a new job, or check that a job is the one that was begun.

    output (Place): The output folder.
    manifest (dict[str, Any]): What the job is.
    RETURNS (bool): Whether the job was begun before.
    RAISES (UnreadableFileError): If the folder holds another job, or other files.
    """
    found = output.files.get_file_info(fs.FileSelector(output.path, allow_not_found=True))
    names = {info.base_name for info in found}
    if MANIFEST not in names:
        if others := sorted(name for name in names if not name.startswith(("_", "."))):
            raise UnreadableFileError(
                f"{output.path} holds other files: {_some(others)}", "Name an empty folder."
            )
        data = json.dumps(manifest, indent=2, ensure_ascii=False).encode("utf8")
        write_whole(output, MANIFEST, lambda stream: stream.write(data))
        return False
    with output.files.open_input_file((output / MANIFEST).path) as file:
        known = json.loads(file.read())
    if differing := [*differences(known, manifest)]:
        raise UnreadableFileError(
            f"{output.path} was begun with something else. {_some(differing)}",
            "Continue with what it was begun with, or name another output.",
        )
    return True


def _some(items: Sequence[str]) -> str:
    """RETURNS (str): The first items, and how many more there are."""
    more = f"; and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return "; ".join(items[:SHOWN]) + more
