"""What corpora and pipelines were made of, and whether a command contradicts it."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import srsly

SECTION = "provenance"
"""Section of a pipeline's config that says what it was trained on."""
SUMMARY = "summary.json"
"""File beside corpora that says what they were made of, under `data` and `seed`."""
UNNAMED = "pipeline"
"""spaCy's name for a pipeline that was given none."""


def of_corpora(folder: Path) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The `data` and `seed` that corpora were made of, if known."""
    path = folder / SUMMARY
    summary = srsly.read_json(path) if path.is_file() else {}
    return {key: summary[key] for key in ("data", "seed") if key in summary}


def of_encoder(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What tells an encoder from others, of what `encoder` found."""
    return {key: encoder[key] for key in ("requested", "name", "version") if key in encoder}


def contradictions(
    config: Mapping[str, Any],
    data: Mapping[str, list[dict[str, str]]] | None = None,
    seed: int | None = None,
    encoder: Mapping[str, Any] | None = None,
) -> Iterator[tuple[str, str]]:
    """Compare what a pipeline was trained with to what a command says.

    config (Mapping[str, Any]): The pipeline's config; what it does not hold is not compared.
    data (Mapping[str, list[dict[str, str]]] | None): `path` and `sha256` of files by their kind.
    seed (int | None): The seed.
    encoder (Mapping[str, Any] | None): What `encoder` found.
    YIELDS (tuple[str, str]): How the pipeline was trained and not as the command says, and what to
        do about it.
    """
    trained = config.get(SECTION, {})
    for kind, files in (data or {}).items():
        known = trained.get("data", {}).get(kind)
        if known is not None and _hashes(known) != _hashes(files):
            yield (
                f"trained with other files as vars.{kind}: "
                f"{_paths(known) or 'none'}, not {_paths(files) or 'none'}",
                f"Run `sources` and `convert` with {_option(kind, _paths(known))} and the other "
                "variables of training, or train again.",
            )
    if seed is not None and trained.get("seed", seed) != seed:
        problem = f"trained with seed {trained['seed']}, not {seed}"
        yield problem, f"Add {_option('seed', trained['seed'])}, or train again."
    known = trained.get("encoder", {})
    if encoder and known and known.get("version") != encoder.get("version"):
        yield (
            f"trained from {known['name']}, not from {encoder['name']}",
            f"Run `encoder` with {_option('transformer', known['requested'])}, or train again.",
        )


def other_name(meta: Mapping[str, Any], name: str, version: str) -> tuple[str, str] | None:
    """Compare a pipeline's name and version to those that a command gives it.

    meta (Mapping[str, Any]): The pipeline's meta.
    name (str): A name.
    version (str): A version.
    RETURNS (tuple[str, str] | None): How the pipeline is called and not as the command says, and
        what to do about it.
    """
    if meta["name"] == UNNAMED or (meta["name"], meta["version"]) == (name, version):
        return None
    return (
        f"called {meta['name']} {meta['version']}, not {name} {version}",
        f"Add {_option('name', meta['name'])} {_option('version', meta['version'])}. To give it "
        "another name, run `all` with that name and the other variables of training: it is not "
        "trained again.",
    )


def _hashes(files: Iterable[Mapping[str, str]]) -> list[str]:
    return [file["sha256"] for file in files]


def _paths(files: Iterable[Mapping[str, str]]) -> str:
    return ",".join(file["path"] for file in files)


def _option(name: str, value: object) -> str:
    return f"--vars.{name} {shlex.quote(str(value))}"
