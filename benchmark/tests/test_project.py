"""The commands of project.yml and what the scripts import."""

import ast
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import srsly
from conftest import ROOT

import scripts

FOLDER = ROOT / "benchmark"
COMMANDS = srsly.read_yaml(FOLDER / "project.yml")["commands"]


def modules_of(path: Path) -> set[str]:
    """RETURNS (set[str]): The modules that a file names in its imports, as dotted names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = f"scripts.{node.module}" if node.level else node.module
            names |= {parent, *(f"{parent}.{alias.name}" for alias in node.names)}
    return names


def files_of(names) -> set[Path]:
    """RETURNS (set[Path]): The files of modules of the benchmark and of the library."""
    roots = {"scripts": FOLDER, "music_ner": ROOT}
    paths = {
        roots[name.split(".")[0]] / f"{name.replace('.', '/')}.py"
        for name in names
        if name.split(".")[0] in roots
    }
    return {path for path in paths if path.is_file()}


def imports_of(pending: set[Path]) -> set[Path]:
    """RETURNS (set[Path]): Files, and all that they import of benchmark and library."""
    found: set[Path] = set()
    while pending:
        path = pending.pop()
        found.add(path)
        pending |= files_of(modules_of(path)) - found
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command["name"])
def test_a_command_lists_every_file_that_it_imports(command):
    (script,) = command["script"]
    module = script.split("-m ")[1].split()[0]
    imported = imports_of(files_of({module}))
    if any("spacy.cli.train" in modules_of(path) for path in imported):
        registered = {
            entry_point.module
            for group in entry_points().groups
            if group.startswith(("spacy_", "thinc_"))
            for entry_point in entry_points(group=group)
        }
        imported |= imports_of(files_of(registered))
    listed = {(FOLDER / path).resolve() for path in command["deps"]}
    assert {path for path in imported if path.stat().st_size} <= listed


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command["name"])
def test_the_code_that_a_command_lists_exists(command):
    assert all((FOLDER / path).is_file() for path in command["deps"] if path.endswith(".py"))


def test_the_benchmark_imports_the_library_and_not_the_root_projects_scripts():
    assert Path(scripts.__file__).parent == FOLDER / "scripts"
    for path in (FOLDER / "scripts").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module.split(".")[0] != "scripts"
