"""How commands end early, and what they say of their variables."""

import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import srsly
from weasel.util import load_project_config, split_command

from music_ner.command import doubts, interrupt
from tests.conftest import ROOT

PROJECT = """
title: "A project"
vars:
  name: "x"
  gpu_id: -1
  version: "0.1.0"
commands:
  - name: "check"
    script:
      - 'python -m scripts.check en --name "${vars.name}" --version "${vars.version}"'
    no_skip: true
"""
KNOWN = {"name", "gpu_id", "version"}


@pytest.fixture
def run_project(tmp_path):
    """Run the command `check` of a small project by weasel, as users do."""
    (tmp_path / "project.yml").write_text(PROJECT, encoding="utf8")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    (tmp_path / "music_ner").symlink_to(ROOT / "music_ner")

    def run(*variables, **environment):
        command = [sys.executable, "-m", "weasel", "run", "check", str(tmp_path), *variables]
        environment = {**os.environ, **environment}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    return run


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="the system tells no command lines")
@pytest.mark.parametrize(
    ("variables", "environment", "doubt"),
    [
        (["--vars.nmae", "y"], {}, "Do you mean vars.name?"),
        (["--vars.nmae=y"], {}, "vars.nmae is unknown"),
        ([], {"WEASEL_CONFIG_OVERRIDES": "--vars.nmae 'y z'"}, "vars.nmae is unknown"),
        (["--vars.version", "1.10"], {}, "vars.version: 1.10 is read as the number 1.1"),
        (["--vars.name", "y", "--vars.gpu_id", "-1", "--vars.version=1.0"], {}, None),
    ],
)
def test_a_command_warns_of_variables_that_weasel_takes_and_drops(
    run_project, variables, environment, doubt
):
    result = run_project(*variables, **environment)
    said = " ".join(result.stderr.split())
    assert result.returncode == 0, said
    assert (doubt in said) if doubt else ("vars." not in said)


@pytest.mark.parametrize(
    ("arguments", "doubted"),
    [
        (["run", "all", ".", "--vars.name", "y"], []),
        (["--vars.gpu-id", "0"], ["vars.gpu-id is unknown"]),
        (["--vars.gpu-id=0"], []),
        (["--vars.xyz", "0"], ["vars.xyz is unknown"]),
        (["--vars.name"], []),
        (["--vars.name", "--vars.nam"], ["vars.nam is unknown"]),
        (["--vars.name", "007"], ["vars.name: 007 is read as the number 7"]),
        (["--vars.version=1e3"], ["vars.version: 1e3 is read as the number 1000.0"]),
        (["--vars.version", "1.0"], []),
        (["--vars.name", "true", "--vars.gpu_id", "3"], []),
        ([], []),
    ],
)
def test_doubtful_variables_are_found(arguments, doubted):
    found = list(doubts(arguments, KNOWN))
    assert len(found) == len(doubted)
    for (problem, fix), expected in zip(found, doubted, strict=True):
        assert problem.startswith(expected)
        assert fix


ODD_PATH = "my music/it's (ours) & `theirs`; #1.bio"


@pytest.mark.parametrize("folder", [ROOT, ROOT / "benchmark"], ids=lambda folder: folder.name)
def test_paths_with_spaces_and_apostrophes_reach_the_commands(folder):
    known = srsly.read_yaml(folder / "project.yml")["vars"]
    config = load_project_config(folder, overrides={f"vars.{name}": ODD_PATH for name in known})
    default = load_project_config(folder)
    for command, expected in zip(config["commands"], default["commands"], strict=True):
        for line, default_line in zip(command["script"], expected["script"], strict=True):
            arguments = split_command(line)
            assert len(arguments) == len(split_command(default_line))
            with_paths = [argument for argument in arguments if "music/" in argument]
            assert all(ODD_PATH in argument for argument in with_paths)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sample", ["assets/sample", "{folder}/queries.csv", "{folder}/queries.bio"]),
        ("library", [".", "{folder}"]),
    ],
)
def test_a_full_disk_ends_a_command_and_leaves_nothing(run_script, tmp_path, name, arguments):
    # A limit on the size of files has the same effect as a full disk.
    process = run_script(
        name,
        *(argument.format(folder=tmp_path / "new") for argument in arguments),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000)),
    )
    assert process.returncode == 1
    said = process.stdout + process.stderr
    assert "Filetoolarge" in "".join(said.split())
    assert not re.search(r"^Traceback", process.stderr, re.MULTILINE)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_folder_that_is_a_file_ends_a_command(run_script, tmp_path):
    (tmp_path / "file").touch()
    process = run_script("sample", "assets/sample", tmp_path / "file/a.csv", tmp_path / "a.bio")
    assert process.returncode == 1
    assert "Afilestandswhereafolder" in "".join(process.stderr.split())
    assert "Traceback" not in process.stderr


def test_an_alarm_does_not_interrupt_what_clears_up_after_an_interrupt():
    cleared = False
    try:
        with pytest.raises(KeyboardInterrupt):
            try:
                interrupt(signal.SIGTERM)
            finally:
                interrupt(signal.SIGALRM)
                cleared = True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert cleared
