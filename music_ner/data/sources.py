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
    """RETURNS (list[dict[str, str]]): The `path` and `sha256` of each file or folder."""
    return [{"path": str(path), "sha256": _sha256(path)} for path in paths]


def _sha256(path: Path) -> str:
    """RETURNS (str): The hash of a file; of a folder, that of its files and their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = "".join(f"{_sha256(file)}  {file.relative_to(path)}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()
