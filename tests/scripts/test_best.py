"""The command that downloads the public data and trains on it."""

import subprocess
import sys

import srsly

from scripts.best import GOLD, arguments, missing
from tests.fixtures import ROOT


def test_the_files_are_assets_of_the_project():
    config = srsly.read_yaml(ROOT / "project.yml")
    lacking = dict(missing(config, ROOT / "tests"))
    assert set(lacking) == {*GOLD}
    assert all(url.startswith("https://") for url in lacking.values())


def test_the_variables_are_those_of_the_project():
    given = arguments("best", "1.0.0", "auto", 0, -1)
    names = {name.removeprefix("--vars.") for name in given[::2]}
    assert names <= {*srsly.read_yaml(ROOT / "project.yml")["vars"]}
    assert dict(zip(given[::2], given[1::2], strict=True))["--vars.bio"] == ",".join(GOLD)


def test_without_a_network_it_says_what_is_missing(tmp_path):
    # Nothing listens at this port.
    assets = [{"dest": path, "url": "http://127.0.0.1:9/x", "extra": True} for path in GOLD]
    srsly.write_yaml(tmp_path / "project.yml", {"assets": assets})
    command = [sys.executable, "-m", "scripts.best", "--version", "1.0.0"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert "3 files of public data are missing" in said
    assert all(path in said for path in GOLD)
