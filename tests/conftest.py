"""Fixtures that all tests share; those that train a tiny pipeline are in fixtures.py."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.fixtures import (  # noqa: F401
    ROOT,
    tiny_bert,
    tiny_config,
    tiny_corpus,
    tiny_fast,
    tiny_model,
)
from tests.packages import meta, metrics  # noqa: F401

# Before pytest reads --hypothesis-profile (see tests/strategies.py).
settings.register_profile("fuzz", max_examples=10_000)

PUBLIC_DATA = (ROOT / "assets", ROOT.parent / "shared" / "data")
SLOW_FIXTURES = {"of_spacy", "run_script", "tiny_fast", "tiny_model", "trained"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that train a pipeline or run a command in its own process as slow."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


def public_data(name: str) -> Path:
    """RETURNS (Path): A folder of public data; the test is skipped if it is nowhere."""
    for folder in PUBLIC_DATA:
        if (folder / name).is_dir():
            return folder / name
    pytest.skip(f"{name}: not in {' or '.join(map(str, PUBLIC_DATA))}; see `assets --extra`")


@pytest.fixture(scope="session")
def run_script():
    """Run a command of the project as project.yml does: `run_script("convert", "a", "b")`."""

    def run(name: str, *arguments, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", f"scripts.{name}", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)

    return run


@pytest.fixture
def cookbook() -> Path:
    """The cookbook's files."""
    return public_data("cookbook")


@pytest.fixture
def musicreconer() -> Path:
    """The parts of MusicRecoNER."""
    return public_data("musicreconer")


@pytest.fixture
def voice() -> Path:
    """Spoken commands of SNIPS."""
    return public_data("voice")
