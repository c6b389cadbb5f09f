"""The modules that a file of the project imports, transitively."""

import ast
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parent.parent
REGISTRIES = ("spacy", "thinc")
RUNTIME_GROUPS = ("factories", "architectures", "tokenizers", "span_getters")
TRAINING_GROUPS = (*RUNTIME_GROUPS, "augmenters", "readers", "callbacks", "misc", "optimizers")


def imported_names(path: Path) -> set[str]:
    """RETURNS (set[str]): The dotted names that a file imports, of modules and of their members."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def file_of(name: str) -> Path | None:
    """RETURNS (Path | None): The file of a module of this project."""
    path = ROOT.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def files_of(names: Iterable[str]) -> set[Path]:
    """RETURNS (set[Path]): The files of modules, and of the packages that they are in."""
    parts = [name.split(".") for name in names]
    prefixes = {".".join(p[:i]) for p in parts for i in range(1, len(p) + 1)}
    return {file for name in prefixes if (file := file_of(name))}


def imports_of(path: Path) -> set[Path]:
    """RETURNS (set[Path]): The file, and all files of the project that it imports, transitively."""
    found, pending = set(), {path}
    while pending:
        file = pending.pop()
        found.add(file)
        pending |= files_of(imported_names(file)) - found
    return found


def registered_files(groups: Iterable[str]) -> set[Path]:
    """RETURNS (set[Path]): What the library's entry points of these groups import."""
    modules = {
        entry_point.module
        for group in groups
        for library in REGISTRIES
        for entry_point in entry_points(group=f"{library}_{group}")
        if entry_point.module.startswith("music_ner.")
    }
    return {file for path in files_of(modules) for file in imports_of(path)}


def code_of(script: Path) -> set[Path]:
    """RETURNS (set[Path]): All files of the project that a command runs."""
    source = script.read_text(encoding="utf8")
    files = imports_of(script)
    if "spacy.cli.train.train" in imported_names(script):
        files |= registered_files(TRAINING_GROUPS)
    elif "spacy.load(" in source:
        files |= registered_files(RUNTIME_GROUPS)
    return files
