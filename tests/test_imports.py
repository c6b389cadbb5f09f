"""What imports what: the dependencies of commands, and the directions between folders."""

import re
from graphlib import TopologicalSorter
from importlib.metadata import EntryPoint, distribution, packages_distributions, requires

import pytest
import spacy
import srsly
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from spacy import registry

from tests.imports import REGISTRIES, ROOT, code_of, imported_names, imports_of

PROJECT = srsly.read_yaml(ROOT / "project.yml")
LIBRARY = sorted((ROOT / "music_ner").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
BENCHMARK = sorted((ROOT / "benchmark").rglob("*.py"))


def script_of(command):
    """RETURNS (str | None): The module that a command of project.yml runs, if it is one of ours."""
    found = {name for line in command["script"] for name in re.findall(r"-m (scripts\.\w+)", line)}
    assert len(found) <= 1
    return next(iter(found), None)


SCRIPT_OF = {c["name"]: script for c in PROJECT["commands"] if (script := script_of(c))}


def path_of(file):
    return str(file.relative_to(ROOT))


def internal(file):
    """The names that a file imports of this repository."""
    return {
        name
        for name in imported_names(file)
        if name.partition(".")[0] in ("music_ner", "scripts", "benchmark", "tests")
    }


def part_of(name):
    """RETURNS (str): The part of the library that a module is in, such as `music_ner.pipeline`."""
    return ".".join(name.split(".")[:2])


# Commands


@pytest.mark.parametrize("name", SCRIPT_OF)
def test_deps_list_the_code_that_a_command_runs(name):
    (command,) = (command for command in PROJECT["commands"] if command["name"] == name)
    listed = [dep for dep in command["deps"] if dep.endswith(".py")]
    script = ROOT / f"{SCRIPT_OF[name].replace('.', '/')}.py"
    expected = sorted(path_of(file) for file in code_of(script))
    assert sorted(listed) == [path for path in expected if path != "scripts/__init__.py"]


def test_each_script_is_run_by_a_command():
    run = {f"{script.partition('.')[2]}.py" for script in SCRIPT_OF.values()}
    assert run == {path.name for path in SCRIPTS} - {"__init__.py"}


def test_deps_and_outputs_of_the_repository_exist():
    for command in PROJECT["commands"]:
        for dep in command.get("deps", ()):
            if dep.startswith(("music_ner/", "scripts/", "configs/")):
                assert (ROOT / dep).exists(), f"{command['name']}: {dep}"


# Extras


def requirements_of(requirement):
    """RETURNS (set[str]): The distributions that a requirement installs, transitively."""
    found, pending = set(), [Requirement(requirement)]
    while pending:
        current = pending.pop()
        for extra in current.extras or {""}:
            name = canonicalize_name(current.name)
            if (name, extra) in found:
                continue
            found.add((name, extra))
            pending += [
                needed
                for needed in map(Requirement, requires(name) or ())
                if needed.marker is None or needed.marker.evaluate({"extra": extra})
            ]
    return {name for name, _ in found}


@pytest.mark.parametrize("extra", ["bulk", "service"])
def test_an_extra_installs_what_its_command_imports(extra):
    imported = {
        name.partition(".")[0]
        for file in imports_of(ROOT / "music_ner" / extra / "__main__.py")
        for name in imported_names(file)
    }
    distributions = packages_distributions()
    needed = {
        canonicalize_name(distributions[name][0]) for name in imported if name in distributions
    }
    assert needed <= requirements_of(f"music-ner[{extra}]")


# Directions


@pytest.mark.parametrize("file", LIBRARY, ids=path_of)
def test_the_library_imports_nothing_but_itself(file):
    assert {name.partition(".")[0] for name in internal(file)} <= {"music_ner"}


@pytest.mark.parametrize("file", [f for f in LIBRARY if "pipeline" in f.parts[:-1]], ids=path_of)
def test_what_packages_need_imports_nothing_else_of_the_library(file):
    assert {part_of(name) for name in internal(file)} <= {"music_ner.pipeline"}


@pytest.mark.parametrize("file", SCRIPTS, ids=path_of)
def test_commands_import_the_library_and_no_other_command(file):
    assert {name.partition(".")[0] for name in internal(file)} <= {"music_ner"}


@pytest.mark.parametrize("file", BENCHMARK, ids=path_of)
def test_the_benchmark_imports_the_library_and_its_own_scripts(file):
    for name in internal(file):
        package, *modules = name.split(".")
        assert package != "benchmark"
        if package == "scripts" and modules:
            assert (ROOT / "benchmark" / "scripts" / f"{modules[0]}.py").is_file()


def test_parts_of_the_library_do_not_import_each_other_in_circles():
    graph = {}
    for file in LIBRARY:
        part = part_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
        graph.setdefault(part, set()).update(
            part_of(name) for name in internal(file) if name != "music_ner"
        )
    parts = {part: others - {part} for part, others in graph.items()}
    order = list(TopologicalSorter(parts).static_order())
    assert {"music_ner.pipeline", "music_ner.data", "music_ner.training"} <= set(order)


# Entry points

ENTRY_POINTS = [
    point
    for point in distribution("music-ner").entry_points
    if point.group.partition("_")[0] in REGISTRIES
]


def test_the_installed_entry_points_are_those_of_pyproject():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
    listed = {
        EntryPoint(name, value, group)
        for group, points in project["entry-points"].items()
        for name, value in points.items()
    }
    assert set(ENTRY_POINTS) == listed


@pytest.mark.parametrize("point", ENTRY_POINTS, ids=lambda point: f"{point.group}:{point.name}")
def test_spacy_finds_what_is_registered(point):
    if point.group == "spacy_factories":
        # spaCy reads the entry points of factories when it creates a pipeline.
        assert spacy.blank("en").get_factory_meta(point.name).factory == point.name
    else:
        _, _, kind = point.group.partition("_")
        found = getattr(registry, kind).get(point.name)
        assert found == point.load()
