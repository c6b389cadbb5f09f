"""What is read of the root project."""

import pytest
import srsly
from conftest import ROOT
from scripts.inputs import read_inputs
from scripts.systems import pipeline


def test_files_that_the_config_names_are_found_from_any_folder(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inputs = read_inputs(root)
    assert inputs.names == [root / "names.jsonl"]
    assert inputs.settings == {
        "paths.names": [str(root / "names.jsonl")],
        "paths.alternatives": str(root / "alternatives.json"),
    }
    assert (root / "alternatives.json").is_file()


def test_the_config_itself_keeps_the_names_of_its_files(root):
    paths = read_inputs(root).config["paths"]
    assert paths["names"] == ["names.jsonl"]
    assert paths["alternatives"] == "alternatives.json"


@pytest.mark.parametrize("name", ["names.jsonl", "alternatives.json"])
def test_a_system_with_other_names_or_alternatives_has_another_recipe(root, name):
    before = pipeline("ours", read_inputs(root)).recipe
    content = (root / name).read_bytes()
    try:
        (root / name).write_bytes(content.replace(b"9", b"8").replace(b"Dummy", b"Third"))
        after = pipeline("ours", read_inputs(root)).recipe
    finally:
        (root / name).write_bytes(content)
    assert after != before
    assert pipeline("ours", read_inputs(root)).recipe == before


def test_commands_that_train_list_the_files_that_the_config_names():
    commands = srsly.read_yaml(ROOT / "benchmark" / "project.yml")["commands"]
    for command in commands:
        if "../configs/config.cfg" in command["deps"]:
            assert {"../assets/names.jsonl", "../assets/alternatives.json"} <= {*command["deps"]}
