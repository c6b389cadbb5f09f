"""Kill bulk inference at random moments, continue it, and compare what it wrote."""

import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import typer
from wasabi import msg

from music_ner.command import run_command

from .bulk_jobs import ROOT, bulk_command, kill_all, parts_of, write_input

KINDS = ("driver", "actor", "raylet")
SECONDS_TO_END = 60
SECONDS_AFTER_END = 10


def process_of(driver: psutil.Process, kind: str) -> psutil.Process | None:
    """RETURNS (psutil.Process | None): A process of a kind, if there is one yet."""
    if kind == "driver":
        return driver
    title = {"actor": "MapWorker", "raylet": "raylet"}[kind]
    for child in driver.children(recursive=True):
        try:
            if title in child.name():
                return child
        except psutil.Error:
            continue
    return None


def kill_one(command: list[str], kind: str, seconds: float) -> str:
    """Start a command, and kill one of its processes some seconds later.

    command (list[str]): The command.
    kind (str): Which process to kill, one of KINDS.
    seconds (float): How long to wait.
    RETURNS (str): What was killed. All of the command's processes have ended.
    """
    with psutil.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        end = time.monotonic() + seconds
        family = [driver]
        while driver.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        if driver.poll() is not None:
            return "nothing, since it had ended"
        family += driver.children(recursive=True)
        victim = process_of(driver, kind) or driver
        name = kind if victim.pid != driver.pid else "driver"
        victim.kill()
        # Ray replaces an actor, and the job goes on. Without its raylet it may wait.
        try:
            driver.wait(SECONDS_TO_END)
        except psutil.TimeoutExpired:
            family += driver.children(recursive=True)
            driver.kill()
        kill_all(family[1:], SECONDS_AFTER_END)
        return name


def main(
    model: str = typer.Argument(..., help="Trained pipeline"),
    sample: Path = typer.Argument(..., help="Folder of the sample's marked queries", exists=True),
    runs: int = typer.Option(20, min=1, help="How often to kill"),
    rows: int = typer.Option(20_000, min=1, help="Rows of the job"),
    shard_rows: int = typer.Option(1_000, min=1, help="Rows of a shard"),
    seed: int = typer.Option(0, help="Seed of rows, moments and processes"),
) -> None:
    """Kill a process of a job at a random moment and continue the job; each run is a new job."""
    os.environ["OMP_NUM_THREADS"] = "1"
    model = str(Path(model).resolve()) if Path(model).is_dir() else model
    choose = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = folder / "rows.parquet"
        write_input(source, sample, rows, seed)
        options = ("--workers", 2, "--shard-rows", shard_rows)
        begun = time.monotonic()
        undisturbed = folder / "undisturbed"
        subprocess.run(bulk_command(source, undisturbed, model, *options), cwd=ROOT, check=True)
        length, expected = time.monotonic() - begun, parts_of(undisturbed)
        for number in range(1, runs + 1):
            output = folder / str(number)
            command = bulk_command(source, output, model, *options)
            kind, moment = choose.choice(KINDS), choose.uniform(0, length)
            killed = kill_one(command, kind, moment)
            kept = len(list(output.glob("part-*")))
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            if parts_of(output) != expected:
                msg.fail(f"Run {number}: other bytes after the end of {killed}", exits=1)
            msg.good(
                f"Run {number} of {runs}: killed {killed} after {moment:.0f} of {length:.0f} s, "
                f"{kept} of {len(expected) - 1} parts kept; the same bytes after continuing"
            )


if __name__ == "__main__":
    run_command(main)
