"""Measure how a catalogue and its linker scale: generated pairs with ids, built, saved and read."""

import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import spacy
import srsly
import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.files import written_whole
from music_ner.pipeline.catalogue.component import Catalogue, Entry
from music_ner.pipeline.linker.candidates import Mention, find

SYLLABLES = [c + v for c in "bcdfghjklmnprstvz" for v in "aeiou"]
WORKS_PER_ARTIST = 10
N_MENTIONS = 500


def names() -> Iterator[str]:
    """YIELDS (str): Names of two words of two syllables each, without end."""
    words = ["".join(pair) for pair in itertools.product(SYLLABLES, repeat=2)]
    random.Random(0).shuffle(words)
    for number in itertools.count():
        first, second = divmod(number, len(words))
        third = number // len(words) ** 2
        suffix = f" {words[third]}" if third else ""
        yield f"{words[second]} {words[(first + second) % len(words)]}{suffix}"


def pairs(n: int) -> Iterator[tuple[Entry, Entry]]:
    """YIELDS (tuple[Entry, Entry]): As many pairs: an artist has `WORKS_PER_ARTIST` works."""
    for number, name in enumerate(itertools.islice(names(), n)):
        artist = number // WORKS_PER_ARTIST
        if number % WORKS_PER_ARTIST == 0:
            artist_name = f"{name} band"
        yield Entry(artist_name, f"a{artist}"), Entry(name, f"w{number}")


def memory(field: str) -> float:
    """RETURNS (float): A field of this process's status, in GB."""
    status = Path("/proc/self/status").read_text(encoding="utf8")
    return int(re.search(rf"{field}:\s+(\d+)", status)[1]) / 2**20


def build(n: int, folder: Path) -> dict[str, float]:
    """Build a catalogue and save it.

    RETURNS (dict[str, float]): Wall-clock and CPU seconds, the most memory that the process had in
        GB, and the size of the saved files in GB.
    """
    catalogue = Catalogue("catalogue")
    start, start_cpu = time.perf_counter(), time.process_time()
    catalogue.replace(pairs=pairs(n))
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    catalogue.to_disk(folder)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 2**30
    return {
        "build_s": seconds,
        "build_cpu_s": cpu,
        "build_peak_gb": memory("VmHWM"),
        "saved_gb": size,
    }


def load(n: int, folder: Path) -> dict[str, float]:
    """Load a catalogue and link mentions, half of them with a letter left out.

    RETURNS (dict[str, float]): The seconds to load and the memory of the process's own that this
        took, in GB; and the milliseconds of the linker for a query of an artist and a work.
    """
    before = memory("RssAnon")
    start = time.perf_counter()
    index = Catalogue("catalogue").from_disk(folder).index
    seconds = time.perf_counter() - start
    own = memory("RssAnon") - before
    generator = random.Random(0)
    step = max(n // N_MENTIONS, 1)
    times, right = [], 0
    for number, (artist, work) in enumerate(itertools.islice(pairs(n), 0, None, step)):
        texts = [artist.name, work.name]
        if number % 2:
            places = [generator.randrange(1, len(text)) for text in texts]
            texts = [text[:p] + text[p + 1 :] for text, p in zip(texts, places, strict=True)]
        mentions = [Mention(text, label) for label, text in enumerate(texts)]
        start = time.process_time()
        found = find(index, mentions)
        times.append(1000 * (time.process_time() - start))
        ids = {index.entities.id_of(e) for candidates in found for e in candidates.entities}
        right += {artist.id, work.id} <= ids
    p50, p99 = np.percentile(times, (50, 99))
    return {
        "load_s": seconds,
        "load_own_gb": own,
        "linker_p50_ms": float(p50),
        "linker_p99_ms": float(p99),
        "found": right / len(times),
    }


def main(
    output: Path = typer.Argument(..., help="JSON file for the results"),
    sizes: str = typer.Option("100000,1000000", help="Numbers of pairs"),
    step: str = typer.Option("", help="Run only this step, in this process", hidden=True),
    folder: Path = typer.Option(None, help="Folder of the catalogue", hidden=True),
) -> None:
    """Build catalogues of generated pairs of several sizes, and link mentions to them."""
    spacy.util.logger.setLevel("ERROR")
    if step:
        print(json.dumps((build if step == "build" else load)(int(sizes), folder)))
        return
    results = []
    for size in sizes.split(","):
        result: dict[str, float] = {"pairs": int(size)}
        with tempfile.TemporaryDirectory() as temporary:
            for name in ("build", "load"):
                command = [sys.executable, "-m", "scripts.scale", str(output), "--sizes", size]
                command += ["--step", name, "--folder", temporary]
                run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                result |= json.loads(run.stdout.splitlines()[-1])
        results.append(result)
        msg.info(", ".join(f"{key} {value:.3g}" for key, value in result.items()))
    with written_whole(output) as path:
        srsly.write_json(path, results)
    msg.good(f"{output}")


if __name__ == "__main__":
    run_command(main)
