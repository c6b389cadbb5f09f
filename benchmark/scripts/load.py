"""The HTTP service under load, on this machine: speed, memory, and a worker that is killed."""

import asyncio
import os
import platform
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import srsly
import typer
from wasabi import msg

from music_ner.command import fail, run_command

from .load_client import HOST, Connection, Sample, as_fast_as_possible, at_rate
from .reporting import write_report
from .texts import evenly, read_texts

N_QUERIES = 1_000
PIPE = """
import json, sys, time
import spacy

nlp = spacy.load(sys.argv[1])
texts = json.load(sys.stdin)
[*nlp.pipe(texts)]
times = []
for _ in range(3):
    start = time.perf_counter()
    docs = [*nlp.pipe(texts)]
    times.append(time.perf_counter() - start)
spans = [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in docs]
print(json.dumps({"seconds": sorted(times)[1], "spans": spans}))
"""
CLIENTS = (1, 8, 64)
SECONDS_TO_START = 300
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Service(NamedTuple):
    """A service that runs.

    port (int): Its port on this machine.
    pid (int): The process of the supervisor.
    """

    port: int
    pid: int

    def workers(self) -> list[int]:
        """RETURNS (list[int]): The worker processes, those that use the most memory first."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("utf8")
        # One of the children is multiprocessing's resource tracker, which is small.
        return sorted(map(int, children.split()), key=resident, reverse=True)


def resident(pid: int) -> float:
    """RETURNS (float): The resident memory of a process in MB; 0 of one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf8")
    except FileNotFoundError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


@contextmanager
def serve(model: str, workers: int) -> Iterator[Service]:
    """Run the service.

    model (str): An installed package, or a folder.
    workers (int): How many processes.
    YIELDS (Service): The service, when it answers.
    """
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
    command = [sys.executable, "-m", "music_ner.service", "--model", model, "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        asyncio.run(until_ready(port, process))
        yield Service(port, process.pid)
    finally:
        process.terminate()
        process.wait()


async def until_ready(port: int, process: subprocess.Popen) -> None:
    """Wait until all workers have had time to start; end the command if the service has ended."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        if process.poll() is not None:
            fail("The service did not start", f"Try {' '.join(process.args)}.")
        try:
            await asyncio.wait_for(Connection(port).ask(""), SECONDS_TO_START)
        except (OSError, EOFError, asyncio.TimeoutError):
            await asyncio.sleep(0.2)
        else:
            await asyncio.sleep(2)  # the other workers
            return
    fail(f"The service did not start within {SECONDS_TO_START} seconds")


def run_pipe(model: str, texts: list[str]) -> tuple[float, list[list[tuple]]]:
    """Read texts with `nlp.pipe` in a process of its own.

    model (str): An installed package, or a folder.
    texts (list[str]): The texts.
    RETURNS (tuple[float, list[list[tuple]]]): Texts per second, the median of three runs; and the
        entities of each text.
    """
    piped = subprocess.run(
        [sys.executable, "-c", PIPE, model],
        input=srsly.json_dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    if piped.returncode:
        fail(f"{model}: nlp.pipe failed", piped.stderr[-500:])
    found = srsly.json_loads(piped.stdout.splitlines()[-1])
    spans = [[tuple(span) for span in of_text] for of_text in found["spans"]]
    return len(texts) / found["seconds"], spans


def quantiles(samples: list[Sample]) -> dict[str, float]:
    """RETURNS (dict[str, float]): p50, p95 and p99 of the answers' time in milliseconds."""
    times = [1000 * sample.seconds for sample in samples if sample.spans is not None]
    if len(times) < 2:
        return {}
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50 ms": cuts[49], "p95 ms": cuts[94], "p99 ms": cuts[98]}


def faults(samples: list[Sample], expected: dict[str, list[tuple]]) -> dict[str, int]:
    """RETURNS (dict[str, int]): How many requests had an error, and how many a wrong answer."""
    return {
        "errors": sum(sample.spans is None for sample in samples),
        "wrong": sum(
            sample.spans is not None and sample.spans != expected[sample.text] for sample in samples
        ),
    }


def speed(
    model: str, expected: dict[str, list[tuple]], workers: int, seconds: float
) -> list[dict[str, object]]:
    """Measure throughput and latency of a service.

    model (str): The pipeline.
    expected (dict[str, list[tuple]]): The texts, and the entities of each.
    workers (int): Worker processes.
    seconds (float): How long each measurement takes.
    RETURNS (list[dict[str, object]]): A row for each number of clients, and one for the most
        clients at half of the load that they reached.
    """
    rows = []
    with serve(model, workers) as service:
        warm_up = islice(cycle(expected), 200)
        asyncio.run(as_fast_as_possible(service.port, warm_up, 8, seconds))
        for clients in CLIENTS:
            texts = cycle(expected)
            samples, took = asyncio.run(as_fast_as_possible(service.port, texts, clients, seconds))
            rate = sum(sample.spans is not None for sample in samples) / took
            row = {"workers": workers, "clients": str(clients), "queries/s": rate}
            rows.append({**row, **quantiles(samples), **faults(samples, expected)})
        samples = asyncio.run(at_rate(service.port, texts, clients, seconds, rate / 2))
        row = {"workers": workers, "clients": f"{clients}, half the load"}
        answered = {"queries/s": len(samples) / seconds}
        rows.append({**row, **answered, **quantiles(samples), **faults(samples, expected)})
    return rows


def distinct(texts: list[str], count: int) -> Iterator[str]:
    """YIELDS (str): So many texts that differ, each with a word that is in no other."""
    chance = random.Random(0)
    for number, text in enumerate(islice(cycle(texts), count)):
        word = "".join(chance.choices(LETTERS, k=8))
        yield f"{text} {word}{number}"


def memory(model: str, texts: list[str], counts: list[int], seconds: float) -> pd.DataFrame:
    """Measure the resident memory of a worker after many distinct requests.

    model (str): The pipeline.
    texts (list[str]): What the requests are made from.
    counts (list[int]): After how many requests to measure.
    seconds (float): How long it may take.
    RETURNS (pd.DataFrame): The memory in MB by the number of requests that were answered.
    """
    rows = []
    requests, sent = distinct(texts, max(counts)), 0
    end = time.monotonic() + seconds
    with serve(model, 1) as service:
        for count in counts:
            left = end - time.monotonic()
            part = islice(requests, count - sent)
            samples, _ = asyncio.run(as_fast_as_possible(service.port, part, 64, left))
            sent += len(samples)
            errors = sum(sample.spans is None for sample in samples)
            rows.append((f"{sent:,}", f"{resident(service.workers()[0]):.0f}", errors))
            if sent < count:
                msg.warn(f"Only {sent:,} of {count:,} requests in {seconds:.0f} seconds")
                break
    columns = ["requests", "memory MB", "errors"]
    return pd.DataFrame(rows, columns=columns).set_index("requests")


async def kill_under_load(
    service: Service, expected: dict[str, list[tuple]], seconds: float
) -> list[Sample]:
    """Kill a worker while clients send requests.

    service (Service): A service of two workers.
    expected (dict[str, list[tuple]]): The texts.
    seconds (float): How long the clients send.
    RETURNS (list[Sample]): The requests.
    """
    load = asyncio.create_task(as_fast_as_possible(service.port, cycle(expected), 8, seconds))
    await asyncio.sleep(seconds / 3)
    os.kill(service.workers()[0], signal.SIGKILL)
    samples, _ = await load
    return samples


def main(
    model: str = typer.Argument(..., help="Trained pipeline: a folder, or an installed package"),
    corpus: Path = typer.Argument(..., help="Corpus to take texts from", exists=True),
    output: Path = typer.Argument(..., help="Markdown file to write"),
    seconds: float = typer.Option(20.0, min=1, max=120, help="Seconds of each measurement"),
    requests: int = typer.Option(
        200_000, min=20, max=200_000, help="Distinct requests for the memory"
    ),
    memory_seconds: float = typer.Option(900.0, min=1, max=1800, help="Seconds for the memory"),
) -> None:
    """Measure the service on this machine. Do not run anything else meanwhile."""
    texts = list(dict.fromkeys(evenly(read_texts(corpus), N_QUERIES)))
    model = str(Path(model).resolve()) if Path(model).is_dir() else model
    msg.text("nlp.pipe")
    before, spans = run_pipe(model, texts)
    expected = dict(zip(texts, spans, strict=True))
    rows = []
    for workers in (1, 2):
        msg.text(f"Service, workers: {workers}")
        rows += speed(model, expected, workers, seconds)
    after, _ = run_pipe(model, texts)
    pipe = (before + after) / 2
    frame = pd.DataFrame(rows)
    frame.insert(3, "of nlp.pipe", frame["queries/s"] / pipe)
    templates = {"queries/s": "{:.0f}", "of nlp.pipe": "{:.0%}"}
    for column in frame.columns[2:]:
        template = templates.get(column, "{:.1f}" if column.endswith(" ms") else "{}")
        frame[column] = frame[column].map(template.format)
    msg.text("A worker is killed")
    with serve(model, 2) as service:
        samples = asyncio.run(kill_under_load(service, expected, max(seconds, 10.0)))
        n_workers = sum(resident(pid) > 50 for pid in service.workers())
    killed = faults(samples, expected)
    msg.text("Memory")
    used = memory(model, texts, [requests // 20, requests], memory_seconds)
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf8"))
    notes = [
        f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. {len(texts)} queries of {corpus.name}, one in each request; "
        f"{seconds:g} seconds each. Clients and service share the machine.",
        f"`nlp.pipe` in one process: {before:.0f} queries/s before, {after:.0f} after.",
        f"A worker of two was killed under the load of 8 clients: {len(samples):,} requests, "
        f"{killed['errors']} errors that the client saw, {killed['wrong']} wrong answers, "
        f"{n_workers} workers afterwards.",
    ]
    table = frame.set_index("workers")
    write_report(output, notes, {"Speed": [table], "Memory of a worker": [used]})


if __name__ == "__main__":
    run_command(main)
