"""The commands on tiny data: what they write, and what they refuse."""

import shutil

import pytest
import srsly
from spacy import util

from music_ner.data.bio import read_bio, write_bio
from music_ner.data.marked import parse
from music_ner.data.query import normalize_query
from scripts import cookbook, folds, systems
from tests.fixtures import QUERIES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """A root project with little training, and three small BIO files."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(root, folder, dirs_exist_ok=True)
    path = folder / "configs" / "config.cfg"
    config = util.load_config(path, interpolate=False)
    config["schedule"]["epochs"] = 10
    config.to_disk(path, interpolate=False)
    for part in "abc":
        lines = [f"{line} {part}{n}" for n in range(4) for line in QUERIES]
        write_bio(folder / f"{part}.bio", [normalize_query(parse(line, "")) for line in lines])
    return folder


def run(command, project, output, **options):
    """RETURNS (str): What a command writes."""
    command.main(**{"root": project, **options}, runs=project / "runs", output=project / output)
    return (project / output).read_text(encoding="utf8")


def run_folds(project, output="folds.md", **options):
    files = ",".join(str(project / f"{part}.bio") for part in "abc")
    defaults = {"folds": files, "train_bio": "", "new_names": "", "settings": None, "seeds": 1}
    return run(folds, project, output, **{**defaults, **options})


def test_folds_compares_systems_and_changes(project):
    (project / "new.csv").write_text("artist,work\nKorn,\n", encoding="utf8")
    text = run_folds(project, new_names=str(project / "new.csv"))
    titles = ["Strict F1 by system", "Macro F1 by fold", "The trained pipeline, changed"]
    assert all(f"## {title}" in text for title in titles)
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()]
    for name in ("token classification", "fast (int8)", "no names", "new names only"):
        assert name in rows
    assert "encoder tiny-bert" in text
    assert "seeds 0;" in text
    assert (project / "folds.png").read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_comparison_continues(project):
    first = run_folds(project)
    trained = sorted((project / "runs").glob("*/training.json"))
    times = {path: path.stat().st_mtime_ns for path in trained}
    trained[0].unlink()
    assert run_folds(project) == first
    assert {p: p.stat().st_mtime_ns for p in trained[1:]} == {p: times[p] for p in trained[1:]}


def test_settings_are_compared_on_inner_folds(project):
    srsly.write_json(project / "variants.json", {"short": {"schedule.epochs": 1}})
    text = run_folds(project, "ablation.md", settings=project / "variants.json")
    assert "| system | b (not a) | c (not b) | a (not c) |" in text
    assert "| short |" in text
    assert "token classification" not in text


def test_the_cookbook_is_tested_once_by_each_system(project):
    queries = [query for part in "abc" for query in read_bio(project / f"{part}.bio").queries]
    made = cookbook.write_folds(queries, 5, project / "folds")
    tested = [query.text for fold in made for query in read_bio(fold.test).queries]
    assert sorted(tested) == sorted(query.text for query in queries)
    for fold in made:
        trained = {query.text for path in fold.train for query in read_bio(path).queries}
        assert len(trained) == len(queries) - len(read_bio(fold.test).queries)
    write_bio(project / "cookbook.bio", queries)
    options = {"cookbook": project / "cookbook.bio", "train_bio": "", "n_folds": 2, "seed": 0}
    text = run(cookbook, project, "cookbook.md", **options)
    assert "60 queries in 2 folds" in text
    for name in (cookbook.NOTEBOOK, systems.OURS):
        assert f"| {name} | " in text


def test_a_file_that_cannot_be_read_ends_the_command(project, capsys):
    (project / "latin.bio").write_bytes("caf\xe9\tO\n".encode("latin1"))
    with pytest.raises(SystemExit) as error:
        run_folds(project, train_bio=str(project / "latin.bio"))
    assert error.value.code == 1
    assert "Save the file as UTF-8" in " ".join(capsys.readouterr().out.split())


def test_a_missing_file_ends_the_command(project, capsys):
    with pytest.raises(SystemExit) as error:
        run_folds(project, train_bio="no.bio")
    assert error.value.code == 1
    assert "There is no file no.bio" in capsys.readouterr().out


def test_a_root_without_an_encoder_ends_the_command(project, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        run_folds(project, root=tmp_path)
    assert error.value.code == 1
    assert "spacy project run encoder" in " ".join(capsys.readouterr().out.split())
