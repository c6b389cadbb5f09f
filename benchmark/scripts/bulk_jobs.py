"""Inputs for bulk inference, and processes that are measured or killed."""

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from music_ner.data.marked import read

ROWS_OF_GROUP = 100_000
SECONDS_BETWEEN_SAMPLES = 1.0
ROOT = Path(__file__).parent.parent.parent


def texts_of(sample: Path, count: int, seed: int) -> Iterator[str]:
    """Make requests from those of the sample, with two letters swapped in one word of each, so that
    new words keep coming.

    sample (Path): The folder of marked queries.
    count (int): How many requests to make.
    seed (int): The seed.
    YIELDS (str): The requests.
    """
    texts = [query.text for query in read(sorted(sample.glob("*.txt")))]
    choose = random.Random(seed)
    for _ in range(count):
        words = choose.choice(texts).split(" ")
        number = choose.randrange(len(words))
        word = words[number]
        if len(word) > 3:
            at = choose.randrange(len(word) - 1)
            words[number] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        yield " ".join(words)


def write_input(path: Path, sample: Path, count: int, seed: int) -> None:
    """Write requests as Parquet, with numbers as ids (see `texts_of`)."""
    texts = texts_of(sample, count, seed)
    with pq.ParquetWriter(path, pa.schema([("id", pa.int64()), ("text", pa.string())])) as writer:
        for start in range(0, count, ROWS_OF_GROUP):
            ids = [*range(start, min(start + ROWS_OF_GROUP, count))]
            writer.write_table(pa.table({"id": ids, "text": [next(texts) for _ in ids]}))


def bulk_command(source: Path, output: Path, model: str, *options: object) -> list[str]:
    """RETURNS (list[str]): A command for bulk inference."""
    command = [sys.executable, "-m", "music_ner.bulk", source, output, "--model", model, *options]
    return [str(argument) for argument in command]


def parts_of(output: Path) -> dict[str, bytes]:
    """RETURNS (dict[str, bytes]): The bytes of what a job wrote, except its summary."""
    files = [*output.glob("part-*.parquet"), *output.glob("_manifest.json")]
    return {path.name: path.read_bytes() for path in files}


class Measured(NamedTuple):
    """What a command took.

    seconds (float): From its start to its end.
    largest (float): The peak of the largest process (RSS), in MB.
    together (float): The peak of all processes (PSS, so that shared pages count once), in MB.
    """

    seconds: float
    largest: float
    together: float


def measure(command: list[str]) -> Measured:
    """RETURNS (Measured): What a command took. A failure ends this command with its message."""
    begun = time.monotonic()
    largest = together = 0.0
    with psutil.Popen(command, cwd=ROOT) as process:
        while process.poll() is None:
            sizes, shares = [0], [0]
            for one in [process, *process.children(recursive=True)]:
                try:
                    sizes.append(one.memory_info().rss)
                    shares.append(one.memory_full_info().pss)
                except psutil.Error:  # it has ended
                    continue
            largest, together = max(largest, max(sizes) / 1e6), max(together, sum(shares) / 1e6)
            time.sleep(SECONDS_BETWEEN_SAMPLES)
    if process.returncode:
        raise SystemExit(process.returncode)
    return Measured(time.monotonic() - begun, largest, together)


def kill_all(processes: list[psutil.Process], timeout: float) -> None:
    """Wait for processes to end, and kill those that have not after some seconds."""
    for process in psutil.wait_procs(processes, timeout)[1]:
        process.kill()
    psutil.wait_procs(processes, timeout)
