"""A service with the tiny pipeline: in processes of its own, or in this one."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fastapi.testclient import TestClient

from music_ner.service.app import create_app
from music_ner.service.settings import Settings
from tests.environments import TORCH, make_environment

TOKEN = "secret"
SECONDS_TO_START = 120
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
CSV = {"Content-Type": "text/csv"}


class Running(NamedTuple):
    """A service in processes of its own.

    url (str): Where it answers.
    process (subprocess.Popen): The supervisor.
    log (Path): What it logs.
    """

    url: str
    process: subprocess.Popen
    log: Path


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> Path:
    """The installed libraries, without PyTorch."""
    return make_environment(tmp_path_factory.mktemp("service") / "site", without=TORCH)


@pytest.fixture(scope="session")
def start(environment, tiny_fast, tmp_path_factory):
    """Start a service on a free port: `with start("--workers", 2) as running`."""

    @contextmanager
    def run(*arguments, token: str = TOKEN, model: Path = tiny_fast) -> Iterator[Running]:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        command = [sys.executable, "-S", "-m", "music_ner.service", "--model", model]
        log = tmp_path_factory.mktemp("log") / "log.jsonl"
        with log.open("w") as stream:
            process = subprocess.Popen(
                [*map(str, command), "--port", str(port), *map(str, arguments)],
                env={"PYTHONPATH": str(environment), "MUSIC_NER_TOKEN": token},
                cwd=environment,
                stderr=stream,
            )
            running = Running(f"http://127.0.0.1:{port}", process, log)
            try:
                wait_until_ready(running)
                yield running
            finally:
                process.terminate()
                process.wait(60)

    return run


def wait_until_ready(running: Running) -> None:
    """Wait until the service answers; it is an error if it has ended."""
    for _ in range(SECONDS_TO_START * 10):
        assert running.process.poll() is None, running.log.read_text(encoding="utf8")
        try:
            httpx.get(f"{running.url}/ready", timeout=SECONDS_TO_START).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(running.log.read_text(encoding="utf8"))


@pytest.fixture(scope="session")
def running(start) -> Iterator[Running]:
    """A service of two workers, for tests that leave it as it is."""
    with start("--workers", 2) as running:
        yield running


@pytest.fixture
def settings(tiny_fast, tmp_path) -> Settings:
    """The settings of a service in this process."""
    return Settings(model=str(tiny_fast), state=tmp_path, token=TOKEN)


@pytest.fixture
def fresh(settings) -> Iterator[TestClient]:
    """A client of a service that no other test has used."""
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="session")
def client(tiny_fast, tmp_path_factory) -> Iterator[TestClient]:
    """A client of a service in this process, which tests share."""
    settings = Settings(model=str(tiny_fast), state=tmp_path_factory.mktemp("state"), token=TOKEN)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def limited(tiny_fast, tmp_path_factory) -> Iterator[TestClient]:
    """A client of a service that allows little."""
    state = tmp_path_factory.mktemp("state")
    limits = {"max_texts": 3, "max_length": 5, "max_body": 100, "max_waiting": 2}
    with TestClient(create_app(Settings(model=str(tiny_fast), state=state, **limits))) as client:
        yield client
