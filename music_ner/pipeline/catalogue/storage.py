"""The saved form of an index: one file a part, which is mapped into memory when it is loaded.

A mapped file takes no memory of its own: processes that load the same folder share its pages.
"""

from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from marisa_trie import Trie

from music_ner.pipeline.catalogue.grams import Grams
from music_ner.pipeline.catalogue.index import Entities, NameIndex
from music_ner.pipeline.checksums import damage

BLOCK = 2**20
OF_NAMES = ("names.marisa", "listed.npy", "pairs.npy", "artist_pairs.npy", "work_pairs.npy")
OF_ENTITIES = (
    "ids.marisa",
    "written.marisa",
    "labels.npy",
    "name_of.npy",
    "written_of.npy",
    "popularity.npy",
    "named.npy",
    "links.npy",
    "n_links.npy",
    "gram_buckets.npy",
    "gram_offsets.npy",
    "gram_names.npy",
)


def parts_of(index: NameIndex) -> dict[str, Trie | np.ndarray]:
    """RETURNS (dict[str, Trie | np.ndarray]): The parts of an index, by name of the file."""
    parts = (index.names, index.listed, index.pairs, *index.n_pairs)
    of_names = dict(zip(OF_NAMES, parts, strict=True))
    if index.entities is None:
        return of_names
    *before, grams = (getattr(index.entities, field.name) for field in fields(Entities))
    return of_names | dict(zip(OF_ENTITIES, (*before, *grams), strict=True))


def index_of(parts: Mapping[str, Trie | np.ndarray], longest: int) -> NameIndex:
    """RETURNS (NameIndex): The index with these parts."""
    names, listed, pairs, *n_pairs = (parts[name] for name in OF_NAMES)
    entities = None
    if OF_ENTITIES[0] in parts:
        of_entities = [parts[name] for name in OF_ENTITIES]
        n_before = len(of_entities) - len(Grams._fields)
        entities = Entities(*of_entities[:n_before], Grams(*of_entities[n_before:]))
    return NameIndex(names, listed, pairs, tuple(n_pairs), longest, entities)


def to_saved(part: Trie | np.ndarray) -> bytes | np.ndarray:
    """RETURNS (bytes | np.ndarray): A part, as msgpack can write it."""
    return part.tobytes() if isinstance(part, Trie) else np.asarray(part)


def from_saved(part: bytes | np.ndarray) -> Trie | np.ndarray:
    """RETURNS (Trie | np.ndarray): The part that `to_saved` wrote."""
    return Trie().frombytes(part) if isinstance(part, bytes) else part


def write_parts(index: NameIndex, folder: Path) -> dict[str, str]:
    """Write the parts of an index to files.

    A file that is there is replaced, not changed, because this or another process may have mapped
    it.

    index (NameIndex): The index.
    folder (Path): The folder to write to.
    RETURNS (dict[str, str]): The checksum of each file, by its name.
    """
    checksums = {}
    for name, part in parts_of(index).items():
        unfinished = folder / f"{name}.unfinished"
        if isinstance(part, Trie):
            part.save(str(unfinished))
        else:
            with unfinished.open("wb") as file:
                np.save(file, part, allow_pickle=False)
        checksums[name] = _checksum(unfinished)
        unfinished.replace(folder / name)
    for name in {*OF_NAMES, *OF_ENTITIES} - {*checksums}:
        (folder / name).unlink(missing_ok=True)
    return checksums


def read_parts(folder: Path, checksums: Mapping[str, str]) -> dict[str, Trie | np.ndarray]:
    """Map the parts of an index into memory.

    folder (Path): The folder that `write_parts` wrote to.
    checksums (Mapping[str, str]): What it returned.
    RETURNS (dict[str, Trie | np.ndarray]): The parts.
    RAISES (ValueError): If a file is damaged or missing; the message names it.
    """
    parts: dict[str, Any] = {}
    for name, checksum in checksums.items():
        path = folder / name
        if not path.is_file() or _checksum(path) != checksum:
            raise ValueError(damage(str(path)))
        if path.suffix == ".npy":
            # A plain array is indexed faster than a memmap.
            parts[name] = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        else:
            parts[name] = Trie().mmap(str(path))
    return parts


def _checksum(path: Path) -> str:
    checksum = sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            checksum.update(block)
    return checksum.hexdigest()
