"""The whole project, as its users run it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import srsly

from music_ner.data.corpora import SPLITS
from tests.conftest import ROOT
from tests.environments import make_environment, run_python
from tests.fixtures import QUERIES

pytestmark = pytest.mark.slow

NAME = "en_tiny_ner"
WHEELS = "packages/wheels"
WHEEL = f"{WHEELS}/{NAME}-0.0.1-py3-none-any.whl"
QUERY = (
    "music similar to morphie robocobra quartet | featuring elements like saxophone prominent bass"
)
LOAD_WITHOUT_NETWORK = """
import socket, sys

def refuse(*_):
    raise OSError("this test allows no network")

socket.socket.connect = socket.getaddrinfo = refuse
import spacy

nlp = spacy.load(sys.argv[1])
doc = nlp(sys.argv[2])
print(nlp.pipe_names, doc.text == sys.argv[2], [ent.label_ for ent in doc.ents])
"""


def run_project(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "spacy", "project", "run", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def copy_project(folder: Path) -> Path:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in filter(lambda name: (ROOT / name).exists(), tracked):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def project(tiny_bert, tmp_path_factory):
    """A copy of the project with few queries, in which `all` has run, and what it printed."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    shutil.rmtree(folder / "assets" / "sample")
    lines = [f"{line} number {number}" for number in range(8) for line in QUERIES]
    (folder / "assets" / "sample").mkdir()
    (folder / "assets" / "sample" / "queries.txt").write_text("\n".join(lines), encoding="utf8")
    variables = ["--vars.transformer", str(tiny_bert)]
    variables += ["--vars.name", "tiny_ner", "--vars.version", "0.0.1"]
    yield folder, variables, run_project(folder, "all", ".", *variables)
    uninstall = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", NAME]
    subprocess.run(uninstall, check=True)


def test_all_ends_with_scores_wheel_and_page(project):
    folder, _, result = project
    assert result.returncode == 0, result.stdout + result.stderr
    ending = result.stdout[result.stdout.index("summary") :]
    assert "micro avg" in ending
    assert "spoken command" in ending
    assert f"{NAME}-0.0.1-py3-none-any.whl" in ending
    assert "training/displacy.html" in ending
    assert (folder / WHEEL).is_file()
    metrics = srsly.read_json(folder / "metrics" / "scores.json")
    assert metrics["encoder"]["name"] == "tiny-bert"
    assert metrics["test"]["queries"] == 4
    rates = srsly.read_json(folder / "metrics" / "behaviour.json")["rates"]
    capabilities = {path.stem for path in (folder / "assets" / "behaviour").glob("*.txt")}
    assert set(rates) == capabilities | {"all"}


def test_a_second_run_does_nothing_again(project):
    folder, variables, _ = project
    again = run_project(folder, "all", ".", *variables)
    assert again.returncode == 0
    skipped = {line.split("'")[1] for line in again.stdout.splitlines() if "Skipping" in line}
    made = {
        "sample",
        "convert",
        "configure",
        "train",
        "calibrate",
        "evaluate",
        "capabilities",
        "package",
        "visualize",
    }
    assert skipped == made
    assert "is installed" in again.stdout


def test_fast_makes_a_second_package(project):
    folder, variables, _ = project
    fast = f"{NAME}_fast"
    try:
        result = run_project(folder, "fast", ".", *variables)
        assert result.returncode == 0, result.stdout + result.stderr
        assert f'spacy.load("{fast}") works' in result.stdout
    finally:
        uninstall = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", fast]
        subprocess.run(uninstall, check=True)
    wheel = folder / WHEELS / f"{fast}-0.0.1-py3-none-any.whl"
    assert wheel.stat().st_size < (folder / WHEEL).stat().st_size
    assert srsly.read_json(folder / "metrics" / "fast" / "scores.json")["test"]["queries"] == 4
    assert srsly.read_json(folder / "metrics" / "fast" / "behaviour.json")["rates"]["all"]["tests"]


@pytest.mark.parametrize("command", ["package", "fast"])
def test_a_name_that_is_left_out_does_not_rename_the_pipeline(project, command):
    folder, _, _ = project
    before = sorted((folder / WHEELS).iterdir())
    result = run_project(folder, command, ".")
    assert result.returncode != 0
    assert "Add --vars.name tiny_ner --vars.version 0.0.1." in " ".join(result.stdout.split())
    assert sorted((folder / WHEELS).iterdir()) == before


def test_a_change_of_the_data_makes_convert_stale(project):
    folder, variables, _ = project
    own = folder / "own.bio"
    blocks = [f"play\tO\nlush{n}\tB-Artist\n\nlofi{n}\tO\n" for n in range(20)]
    own.write_text("\n".join(blocks), encoding="utf8")
    variables = [*variables, "--vars.csv", "", "--vars.bio", "own.bio"]
    for expected in (40, 41):
        assert run_project(folder, "sources", ".", *variables).returncode == 0
        assert run_project(folder, "convert", ".", *variables).returncode == 0
        splits = srsly.read_json(folder / "corpus" / "summary.json")["splits"]
        assert sum(splits[name]["queries"] for name in SPLITS) == expected
        own.write_text(own.read_text(encoding="utf8") + "\nsad\tO\nsongs\tO\n", encoding="utf8")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (["--vars.bio", "nowhere.bio"], "nowhere.bio does not exist"),
        (["--vars.bio", "", "--vars.csv", ""], "all empty"),
    ],
)
def test_wrong_vars_end_the_run_with_a_remedy(project, variables, message):
    folder, _, _ = project
    result = run_project(folder, "sources", ".", *variables)
    assert result.returncode != 0
    assert message in " ".join(result.stdout.split())


def test_bio_files_and_a_fixed_test_set_are_taken_from_vars(project, musicreconer):
    folder, _, _ = project
    paths = [musicreconer / f"dataset{n}" / "ground-truth.bio" for n in (1, 2, 3)]
    variables = ["--vars.csv", "", "--vars.bio", f"{paths[0]},{paths[1]}"]
    variables += ["--vars.test_bio", str(paths[2])]
    for command in ("sources", "convert"):
        assert run_project(folder, command, ".", *variables).returncode == 0
    splits = srsly.read_json(folder / "corpus" / "summary.json")["splits"]
    assert [splits[name]["queries"] for name in SPLITS] == [1080, 120, 600]


def test_the_wheels_work_without_the_projects_folder_and_network(project, tmp_path):
    folder, _, _ = project
    (library,) = (folder / WHEELS).glob("music_ner-*.whl")
    environment = make_environment(tmp_path / "site", wheels=(folder / WHEEL, library))
    result = run_python(environment, LOAD_WITHOUT_NETWORK, NAME, QUERY)
    assert result.returncode == 0, result.stderr
    assert (
        "['transformer', 'catalogue', 'ner', 'entity_confidence', 'linker'] True" in result.stdout
    )


def test_assets_say_what_could_not_be_downloaded(tmp_path):
    shutil.copy(ROOT / "project.yml", tmp_path / "project.yml")
    nowhere = "http://127.0.0.1:9"
    result = subprocess.run(
        [sys.executable, "-m", "spacy", "project", "assets", str(tmp_path), "--extra"],
        env={**os.environ, "HTTPS_PROXY": nowhere, "https_proxy": nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "music_ner.csv" in "".join((result.stdout + result.stderr).split())
    assert not (tmp_path / "assets" / "cookbook" / "music_ner.csv").exists()


def test_the_docs_show_the_commands_of_project_yml(tmp_path):
    ours, made = ROOT / "docs" / "commands.md", tmp_path / "commands.md"
    shutil.copy(ours, made)
    document = [sys.executable, "-m", "spacy", "project", "document", str(ROOT)]
    subprocess.run([*document, "--no-emoji", "--output", made], check=True)
    tables = [
        [line for line in path.read_text(encoding="utf8").splitlines() if line.startswith("|")]
        for path in (ours, made)
    ]
    assert tables[0] == tables[1]
