"""Bulk inference on a cluster of two Ray nodes, with one node killed halfway."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import typer
from wasabi import msg

from music_ner.command import run_command

from .bulk_jobs import ROOT, bulk_command, kill_all, parts_of, write_input
from .bulk_worker import run_core

SECONDS_TO_END = 30


def free_port() -> int:
    """RETURNS (int): A port that nothing uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def node(*options: str) -> Iterator[list[psutil.Process]]:
    """Start a Ray node with one core.

    options (str): Options of `ray start`.
    YIELDS (list[psutil.Process]): Its processes, which are killed afterwards.
    """
    ray = Path(sys.executable).with_name("ray")
    command = [ray, "start", "--block", "--num-cpus=1", "--object-store-memory=100000000", *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = psutil.Popen(command, cwd=ROOT, **quiet)
    processes = [started]
    try:
        yield processes
    finally:
        processes += started.children(recursive=True) if started.is_running() else []
        for process in processes:
            if process.is_running():
                process.kill()
        kill_all(processes, SECONDS_TO_END)


def wait_for(port: int) -> None:
    """Wait until a port is open."""
    while socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.2)


def main(
    model: str = typer.Argument(..., help="Trained pipeline"),
    sample: Path = typer.Argument(..., help="Folder of the sample's marked queries", exists=True),
    rows: int = typer.Option(100_000, min=1, help="Rows of the job"),
    shard_rows: int = typer.Option(2_000, min=1, help="Rows of a shard"),
    seed: int = typer.Option(0, help="Seed of the generated rows"),
) -> None:
    """Start two nodes, run a job on both, kill one, and compare the output to that of the core."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", uuid4().hex
    model = str(Path(model).resolve()) if Path(model).is_dir() else model
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source, output, expected = (folder / name for name in ("rows.parquet", "out", "expected"))
        write_input(source, sample, rows, seed)
        run_core(model, source, expected, shard_rows)
        port = free_port()
        address = f"127.0.0.1:{port}"
        with node("--head", f"--port={port}", "--include-dashboard=false") as _:
            wait_for(port)
            with node(f"--address={address}") as second:
                command = bulk_command(source, output, model, "--shard-rows", shard_rows)
                time.sleep(SECONDS_TO_END)  # until the second node has joined
                job = subprocess.Popen([*command, "--address", address], cwd=ROOT)
                half = len(list(expected.glob("part-*"))) // 2
                while len(list(output.glob("part-*"))) < half:
                    if job.poll() is not None:
                        msg.fail("The job ended before a node was killed", exits=1)
                    time.sleep(0.1)
                family = [*second[0].children(recursive=True), second[0]]
                actors = sum("MapWorker" in process.name() for process in family)
                for process in family:
                    process.kill()
                msg.info(f"Killed the second node and {actors} actors on it, {half} parts are done")
                if job.wait():
                    msg.fail("The job did not finish", exits=1)

        found = {name: data for name, data in parts_of(output).items() if name != "_manifest.json"}
        if found != parts_of(expected):
            msg.fail("The output is not that of an undisturbed run", exits=1)
        msg.good(f"Finished: {len(found)} parts, the same bytes as those of the core")


if __name__ == "__main__":
    run_command(main)
