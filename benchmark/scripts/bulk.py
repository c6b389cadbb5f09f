"""Rows per second and memory of bulk inference: of its core, of Ray, and of `nlp.pipe`."""

import os
import platform
import re
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import typer
from wasabi import msg

from music_ner.command import run_command

from .bulk_jobs import Measured, bulk_command, measure, write_input
from .reporting import write_report

WORKER = Path(__file__).with_name("bulk_worker.py")


def core_command(*arguments: object) -> list[str]:
    """RETURNS (list[str]): A command for `bulk_worker`."""
    return [sys.executable, str(WORKER), *map(str, arguments)]


def both(commands: list[list[str]]) -> list[str]:
    """RETURNS (list[str]): A command that runs others at the same time, and fails if one fails."""
    code = (
        "import subprocess, sys\n"
        f"started = [subprocess.Popen(command) for command in {commands!r}]\n"
        "sys.exit(max(process.wait() for process in started))"
    )
    return [sys.executable, "-c", code]


def systems(model: str, source: Path, output: Path, shard_rows: int) -> dict[str, list[str]]:
    """RETURNS (dict[str, list[str]]): What is measured, by name."""
    options = ["--shard-rows", shard_rows]
    halves = [
        core_command("core", model, source, output, *options, "--part", part, "--parts", 2)
        for part in (0, 1)
    ]
    return {
        "core, 1 process": core_command("core", model, source, output, *options),
        "core, 2 processes": both(halves),
        "Ray, 2 actors": bulk_command(source, output, model, "--workers", 2, *options),
        "nlp.pipe, 2 processes": core_command("pipe", model, source, output, "--parts", 2),
    }


def row_of(rows: int, name: str, found: Measured) -> dict[str, object]:
    """RETURNS (dict[str, object]): A row of the report."""
    return {
        "system": name,
        "rows": f"{rows:,}",
        "seconds": f"{found.seconds:.1f}",
        "rows/s": f"{rows / found.seconds:.0f}",
        "largest process MB": f"{found.largest:.0f}",
        "all processes MB": f"{found.together:.0f}",
    }


def main(
    model: str = typer.Argument(..., help="Trained pipeline"),
    sample: Path = typer.Argument(..., help="Folder of the sample's marked queries", exists=True),
    output: Path = typer.Argument(..., help="Markdown file to write"),
    rows: int = typer.Option(200_000, min=1, help="Rows that all systems read"),
    growth: str = typer.Option("10000,100000,1000000", help="Rows that Ray reads in turn"),
    shard_rows: int = typer.Option(50_000, min=1, help="Rows of a shard"),
    seed: int = typer.Option(0, help="Seed of the generated rows"),
) -> None:
    """Measure the systems in turn. Do not run anything else meanwhile."""
    os.environ["OMP_NUM_THREADS"] = "1"
    path = str(Path(model).resolve()) if Path(model).is_dir() else model
    compared, grown = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source, found = folder / "rows.parquet", folder / "found"
        write_input(source, sample, rows, seed)
        for name, command in systems(path, source, found, shard_rows).items():
            msg.text(f"{name}: {rows:,} rows")
            compared.append(row_of(rows, name, measure(command)))
            shutil.rmtree(found, ignore_errors=True)
        for count in map(int, growth.split(",")):
            write_input(source, sample, count, seed)
            name = "Ray, 2 actors"
            msg.text(f"{name}: {count:,} rows")
            command = bulk_command(source, found, path, "--workers", 2)
            grown.append(row_of(count, name, measure(command)))
            shutil.rmtree(found)
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf8"))
    notes = [
        f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, load average before the "
        f"report {os.getloadavg()[0]:.1f}. Python {platform.python_version()}, spaCy "
        f"{version('spacy')}, Ray {version('ray')}. Pipeline: {Path(model).name}. Rows made from "
        f"{sample.name} with seed {seed}; shards of {shard_rows:,} rows in the comparison, and of "
        "the default size in the growth. Times are those of whole commands, with the start of Ray "
        "and the loading of the pipeline. MB are millions of bytes: RSS of the largest process, "
        "and PSS of all together.",
    ]
    parts = {
        "Comparison": [pd.DataFrame(compared).set_index("system")],
        "Growth": [pd.DataFrame(grown).set_index("system")],
    }
    write_report(output, notes, parts)


if __name__ == "__main__":
    run_command(main)
