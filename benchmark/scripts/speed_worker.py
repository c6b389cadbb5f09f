"""Measures one system in a process of its own, which the command `speed` starts.

It runs in the environment that it measures, so it imports nothing of this project, and a system's
libraries only where their import is measured.
"""

import importlib
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

WARM_UP = 128
CALLS = 300
Job = dict[str, Any]
Prepare = Callable[[list[str], int | None], Callable[[], Any]]
"""Takes texts and a batch size; what it returns reads the texts."""


def load_hugging_face(job: Job) -> Prepare:
    """RETURNS (Prepare): Hugging Face's pipeline with the model in the folder `source`."""
    from transformers import pipeline

    find = pipeline(
        "token-classification", job["source"], aggregation_strategy="simple", device="cpu"
    )
    return lambda texts, batch_size: partial(find, texts, batch_size=batch_size)


def load_spacy(job: Job) -> Prepare:
    """RETURNS (Prepare): The installed pipeline `source`. It chooses batches by itself."""
    import spacy

    nlp = spacy.load(job["source"], config=job["config"])

    def prepare(texts: list[str], _) -> Callable[[], Any]:
        return partial(nlp, texts[0]) if len(texts) == 1 else lambda: [*nlp.pipe(texts)]

    return prepare


def load_encoder(job: Job) -> Prepare:
    """RETURNS (Prepare): ONNX Runtime with the graph in the folder `source`."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    folder = Path(job["source"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.add_session_config_entry(
        "optimization.enable_gelu_approximation", str(int(job["approximate_gelu"]))
    )
    session = onnxruntime.InferenceSession(folder / "encoder.onnx", options)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(job["max_pieces"])
    tokenizer.enable_padding()

    def prepare(texts: list[str], batch_size: int) -> Callable[[], Any]:
        texts = sorted(texts, key=len)
        batches = []
        for start in range(0, len(texts), batch_size):
            encoded = tokenizer.encode_batch(texts[start : start + batch_size])
            ids = np.array([text.ids for text in encoded])
            mask = np.array([text.attention_mask for text in encoded])
            batches.append({"input_ids": ids, "attention_mask": mask})
        return lambda: [session.run(None, batch) for batch in batches]

    return prepare


# What a user imports, what loads the system, and the batch sizes to try.
SYSTEMS = {
    "Hugging Face": (("transformers.pipelines",), load_hugging_face, (1, 8, 32)),
    "stock": (("spacy",), load_spacy, (None,)),
    "fast": (("spacy",), load_spacy, (None,)),
    "bare encoder": (("onnxruntime", "tokenizers", "numpy"), load_encoder, (8, 32, 128)),
}


def seconds(call: Callable[[], Any]) -> float:
    """RETURNS (float): How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(job: Job) -> dict[str, float]:
    """Import, load and time a system.

    job (Job): `system`, one of SYSTEMS; its `source`; `threads`; `queries` and `paragraphs`; and
        what the loader reads.
    RETURNS (dict[str, float]): The measures by name. Rates are those of the best batch size.
    """
    modules, load, batch_sizes = SYSTEMS[job["system"]]
    import_time = seconds(lambda: [importlib.import_module(name) for name in modules])
    start = time.perf_counter()
    prepare = load(job)
    load_time = time.perf_counter() - start
    rates = {}
    for kind in ("queries", "paragraphs"):
        texts = job[kind]
        times = []
        for batch_size in batch_sizes:
            prepare(texts[:WARM_UP], batch_size)()
            times.append(seconds(prepare(texts, batch_size)))
        rates[f"{kind}/s"] = len(texts) / min(times)
    calls = [1000 * seconds(prepare([text], 1)) for text in job["queries"][:CALLS]]
    percentiles = statistics.quantiles(calls, n=100, method="inclusive")
    # getrusage also counts the memory of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf8")
    return {
        **rates,
        "p50 ms": percentiles[49],
        "p99 ms": percentiles[98],
        "import s": import_time,
        "load s": load_time,
        "import and load s": import_time + load_time,
        "memory MB": int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6,
    }


if __name__ == "__main__":
    job_path, result_path = map(Path, sys.argv[1:])
    result_path.write_text(json.dumps(measure(json.loads(job_path.read_text("utf8")))), "utf8")
