"""Names and versions that a package can have."""

import re
from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

# What setuptools keeps as it is in the name of a wheel, so that the package is found by its name.
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_LENGTH = 80
"""File names with the language, the version and `_fast` have to fit in 255 bytes."""


def naming_problems(language: str, name: str, version: str) -> Iterator[tuple[str, str]]:
    """Check the name and the version of a package.

    language (str): The pipeline's language, which the package's name begins with.
    name (str): The name without it.
    version (str): The version.
    YIELDS (tuple[str, str]): What is wrong, and what to do about it.

    >>> [problem for problem, _ in naming_problems("en", "MusicNER", "1.0 beta")]
    ["A package cannot be called 'en_MusicNER'", "A package cannot have the version '1.0 beta'"]
    """
    if not NAME.fullmatch(name) or name.startswith(f"{language}_") or len(name) > MAX_LENGTH:
        yield (
            f"A package cannot be called '{language}_{name}'",
            f"Set vars.name to letters a to z, digits and single _ between them, without "
            f"{language}_ before them, and no more than {MAX_LENGTH}.",
        )
    if (written := _as_in_file_names(version)) != version or len(version) > MAX_LENGTH:
        example = written if written and len(written) <= MAX_LENGTH else "1.0.0"
        yield f"A package cannot have the version '{version}'", f"Set vars.version to {example}."


def _as_in_file_names(version: str) -> str | None:
    """RETURNS (str | None): How a version is written in the name of a wheel (PEP 440)."""
    try:
        return str(Version(version))
    except InvalidVersion:
        return None
