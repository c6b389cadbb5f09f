"""Start the service: `python -m music_ner.service`."""

import os
import tempfile
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from multiprocessing import get_context
from pathlib import Path

import typer
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from music_ner.command import fail
from music_ner.service.monitoring import LOG_CONFIG, SHARED_METRICS
from music_ner.service.settings import Settings
from music_ner.service.workers import add_names, application

TOKEN = "MUSIC_NER_TOKEN"
"""Environment variable with the token that allows uploads."""
SECONDS_TO_REACT = 15


def is_installed(package: str) -> bool:
    """RETURNS (bool): Whether a package is installed."""
    try:
        distribution(package)
    except (PackageNotFoundError, ValueError):  # ValueError of an empty name
        return False
    return True


def serve(settings: Settings, host: str, port: int, workers: int) -> bool:
    """Run worker processes until the service is told to end. Those that die are replaced.

    settings (Settings): The settings.
    host (str): The address to listen on.
    port (int): The port to listen on.
    workers (int): How many processes.
    RETURNS (bool): Whether the workers could start.
    """
    config = uvicorn.Config(
        partial(application, settings),
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=LOG_CONFIG,
        access_log=False,
        server_header=False,
        # Twice: once to read the request, once to answer it.
        timeout_graceful_shutdown=round(2 * settings.timeout) + 1,
        timeout_worker_healthcheck=SECONDS_TO_REACT,
    )
    supervisor = Multiprocess(config, sockets=[config.bind_socket()])
    supervisor.run()
    return all(process.exitcode != STARTUP_FAILURE for process in supervisor.processes)


def main(
    model: str = typer.Option("en_music_ner_fast", help="An installed package, or a folder"),
    host: str = typer.Option("127.0.0.1", help="Address to listen on"),
    port: int = typer.Option(8000, min=0, max=65535, help="Port to listen on"),
    workers: int = typer.Option(1, min=1, help="Number of processes"),
    catalogue: Path = typer.Option(
        None, help="CSV or JSON file of names to add to the catalogue", exists=True, dir_okay=False
    ),
    metrics: Path = typer.Option(Settings.metrics, help="Folder that evaluate writes to"),
    max_texts: int = typer.Option(Settings.max_texts, min=1, help="Texts of a request"),
    max_length: int = typer.Option(Settings.max_length, min=1, help="Characters of a text"),
    max_body: int = typer.Option(Settings.max_body, min=1, help="Bytes of a request"),
    max_upload: int = typer.Option(Settings.max_upload, min=1, help="Bytes of a catalogue"),
    max_waiting: int = typer.Option(Settings.max_waiting, min=1, help="Texts that may wait"),
    timeout: float = typer.Option(Settings.timeout, min=0.1, help="Seconds for a request"),
) -> None:
    """Serve a pipeline over HTTP, with a page to try it."""
    if not Path(model).is_dir() and not is_installed(model):
        fix = "Name an installed package or a folder. `spacy project run fast` installs one."
        fail(f"{model}: no such pipeline", fix)
    if max_texts > max_waiting:
        fail(f"{max_texts} texts of a request, but {max_waiting} may wait", "Raise --max-waiting.")
    with tempfile.TemporaryDirectory(prefix="music-ner-") as folder:
        shared_metrics = Path(folder) / "metrics"
        shared_metrics.mkdir()
        os.environ[SHARED_METRICS] = str(shared_metrics)
        settings = Settings(
            model=model,
            state=Path(folder),
            metrics=metrics,
            token=os.environ.get(TOKEN, ""),
            max_texts=max_texts,
            max_length=max_length,
            max_body=max_body,
            max_upload=max_upload,
            max_waiting=max_waiting,
            timeout=timeout,
        )
        if catalogue:
            # In a process of its own: the supervisor keeps no pipeline in memory.
            process = get_context("spawn").Process(target=add_names, args=(settings, catalogue))
            process.start()
            process.join()
            if process.exitcode:
                raise typer.Exit(1)
        if not serve(settings, host, port, workers):
            raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
