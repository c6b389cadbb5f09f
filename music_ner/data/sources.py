"""Lists of input files, and their hashes."""

import hashlib
from pathlib import Path


def paths_of(names: str) -> list[Path]:
    """Split a comma-separated list of paths.

    >>> [str(path) for path in paths_of("a.bio, b.bio")]
    ['a.bio', 'b.bio']
    """
    return [Path(name.strip()) for name in names.split(",") if name.strip()]


def hashed(paths: list[Path]) -> list[dict[str, str]]:
    """RETURNS (list[dict[str, str]]): The `path` and `sha256` of each file."""
    return [
        {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in paths
    ]
