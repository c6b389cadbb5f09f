"""Measures one system in a process of its own, which the command `speed` starts.

It runs in the environment that it measures, so it needs nothing of this project, and imports a
system's libraries only where it measures that.
"""

import importlib
import json
import re
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

WARM_UP = 128
MEMORY = re.compile(r"VmHWM:\s+(\d+) kB")
Job = dict[str, Any]
Read = Callable[[], Any]


class Reader(NamedTuple):
    """A system that is loaded.

    many (Callable[[list[str], int | None], Read]): Takes texts and a batch size, and gives what
        then reads them.
    one (Callable[[str], Read]): The same for a single text.
    """

    many: Callable[[list[str], int | None], Read]
    one: Callable[[str], Read]


class System(NamedTuple):
    """What to measure.

    modules (tuple[str, ...]): What a user imports.
    load (Callable[[Job], Reader]): Loads it.
    """

    modules: tuple[str, ...]
    load: Callable[[Job], Reader]


def hugging_face(job: Job) -> Reader:
    """RETURNS (Reader): The pipeline of Hugging Face with the model in the folder `source`."""
    from transformers import pipeline

    find = pipeline(
        "token-classification", job["source"], aggregation_strategy="simple", device="cpu"
    )
    return Reader(
        lambda texts, batch_size: partial(find, texts, batch_size=batch_size),
        lambda text: partial(find, text),
    )


def stock(job: Job) -> Reader:
    """RETURNS (Reader): The installed pipeline `source`; its threads are PyTorch's."""
    return _spacy_reader(job["source"], {})


def fast(job: Job) -> Reader:
    """RETURNS (Reader): The installed pipeline `source`, which has an `onnx_encoder`."""
    return _spacy_reader(job["source"], {"components.onnx_encoder.threads": job["threads"]})


def _spacy_reader(name: str, config: dict[str, Any]) -> Reader:
    import spacy

    nlp = spacy.load(name, config=config)
    # Batches are the pipeline's own affair.
    return Reader(
        lambda texts, _: lambda: deque(nlp.pipe(texts), maxlen=0), lambda text: partial(nlp, text)
    )


def bare_encoder(job: Job) -> Reader:
    """RETURNS (Reader): The graph in the folder `source`, which reads what is encoded already."""
    import onnxruntime
    from tokenizers import Tokenizer

    folder = Path(job["source"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.add_session_config_entry(
        "optimization.enable_gelu_approximation", str(int(job["approximate_gelu"]))
    )
    session = onnxruntime.InferenceSession(
        folder / "encoder.onnx", options, providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(job["max_pieces"])

    def many(texts: list[str], batch_size: int) -> Read:
        sequences = sorted((e.ids for e in tokenizer.encode_batch(texts)), key=len)
        starts = range(0, len(sequences), batch_size)
        batches = [padded(sequences[start : start + batch_size]) for start in starts]
        return lambda: deque((session.run(None, batch) for batch in batches), maxlen=0)

    return Reader(many, lambda text: many([text], 1))


def padded(sequences: list[list[int]]) -> dict[str, Any]:
    """Make a batch.

    sequences (list[list[int]]): Numbers of word pieces.
    RETURNS (dict[str, Any]): `input_ids` and `attention_mask`, np.ndarray of sequences x pieces.
    """
    import numpy as np

    width = max(map(len, sequences))
    rests = [width - len(ids) for ids in sequences]
    ids = [ids + [0] * rest for ids, rest in zip(sequences, rests, strict=True)]
    mask = [[1] * (width - rest) + [0] * rest for rest in rests]
    return {"input_ids": np.array(ids), "attention_mask": np.array(mask)}


SYSTEMS = {
    "Hugging Face": System(("transformers.pipelines",), hugging_face),
    "stock": System(("spacy",), stock),
    "fast": System(("spacy",), fast),
    "bare encoder": System(("onnxruntime", "tokenizers", "numpy"), bare_encoder),
}


def seconds(read: Read) -> float:
    """RETURNS (float): How long it takes."""
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def peak_memory() -> int:
    """RETURNS (int): The most memory that this process has held, in bytes (Linux alone)."""
    # ru_maxrss of getrusage counts what the process held that started this one.
    return 1024 * int(MEMORY.search(Path("/proc/self/status").read_text(encoding="utf8"))[1])


def measure(job: Job) -> dict[str, Any]:
    """Import, load and time a system.

    job (Job): `system`, one of SYSTEMS; its `source`; `threads`; `texts` by their kind;
        `batch_sizes` to try, by the kind of texts; how many single `calls` to time on the first
        kind; `max_pieces`, the most word pieces of a text that the bare encoder reads, and
        `approximate_gelu`, whether it may approximate GELU.
    RETURNS (dict[str, Any]): Seconds of `import` and `load`; `rates` by the kind of texts, in texts
        a second for each batch size; `p50` and `p99` of single calls in seconds; peak `memory` in
        bytes.
    """
    system = SYSTEMS[job["system"]]
    start = time.perf_counter()
    for module in system.modules:
        importlib.import_module(module)
    imported = time.perf_counter()
    reader = system.load(job)
    loaded = time.perf_counter()
    rates: dict[str, list[float]] = {}
    for kind, texts in job["texts"].items():
        rates[kind] = []
        for batch_size in job["batch_sizes"][kind]:
            reader.many(texts[:WARM_UP], batch_size)()
            rates[kind].append(len(texts) / seconds(reader.many(texts, batch_size)))
    called = next(iter(job["texts"].values()))[: job["calls"]]
    for text in called[:WARM_UP]:
        reader.one(text)()
    times = [seconds(reader.one(text)) for text in called]
    percentiles = statistics.quantiles(times, n=100, method="inclusive")
    return {
        "import": imported - start,
        "load": loaded - imported,
        "rates": rates,
        "p50": percentiles[49],
        "p99": percentiles[98],
        "memory": peak_memory(),
    }


def main(job_path: str, result_path: str) -> None:
    """Do the job in one JSON file, and write the result to another."""
    result = measure(json.loads(Path(job_path).read_text(encoding="utf8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf8")


if __name__ == "__main__":
    main(*sys.argv[1:])
