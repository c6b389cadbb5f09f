"""Shards on many processes and machines, with Ray Data.

Ray starts a process for each core, hands a shard to each that is free, and restarts processes whose
machine has died. A shard may run twice; both times it writes the same bytes to the same name.
"""

import json
import logging
import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

# Read when Ray is imported. Ray logs errors of its own that the job survives.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import pyarrow as pa
import ray
import ray.data
import spacy
from spacy.language import Language

from music_ner.bulk.core import process
from music_ner.bulk.inputs import Columns
from music_ner.bulk.manifest import code_facts, differences, model_facts, model_folder
from music_ner.bulk.shards import Shard
from music_ner.bulk.storage import Place, place_of
from music_ner.files import UnreadableFileError

OBJECT_STORE = 100_000_000
"""Bytes. Only the descriptions and counts of shards go through it."""


class Job(NamedTuple):
    """What each process has to know.

    model (str): A folder or an installed package, the same on each machine.
    input (str): The address of the input.
    output (str): The address of the output folder.
    columns (Columns): The columns of texts and ids.
    id_type (pa.DataType): The type of ids.
    facts (dict[str, Any]): `model` and `code` of the manifest.
    """

    model: str
    input: str
    output: str
    columns: Columns
    id_type: pa.DataType
    facts: dict[str, Any]


class Worker:
    """A process with a pipeline of its own, which processes one shard after another.

    job (Job): The job.
    """

    def __init__(self, job: Job):
        self._job = job
        self._files = place_of(job.input).files
        self._output = place_of(job.output)

    @cached_property
    def _nlp(self) -> Language:
        """The pipeline. It is loaded with the first shard, since Ray repeats a failing constructor.

        RAISES (UnreadableFileError): If it cannot be loaded here, or if the pipeline or the code
            is not what the job was begun with.
        """
        model, host = self._job.model, socket.gethostname()
        facts = {"model": model_facts(model_folder(model)), "code": code_facts()}
        if differing := [*differences(self._job.facts, facts)]:
            raise UnreadableFileError(
                f"{host} has something else than the job was begun with. {'; '.join(differing)}",
                "Install the same packages and the same pipeline on each machine.",
            )
        try:
            return spacy.load(model)
        except (ImportError, KeyError, OSError, ValueError) as error:
            raise UnreadableFileError(
                f"{model}: cannot load this pipeline on {host} ({error})",
                "Install what it needs, such as music-ner[fast].",
            ) from error

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): The `counts` of the shard (see `process`); or its `problem` and
        what to do about it, since Ray would bury an exception under its own."""
        job, shard = self._job, Shard(*row["shard"])
        file = Place(self._files, row["path"])
        counts, problem = Counter(), None
        try:
            counts = process(self._nlp, file, job.columns, shard, self._output, job.id_type)
        except UnreadableFileError as error:
            problem = error.args
        except OSError as error:
            problem = (
                f"{socket.gethostname()}: {error}",
                "Then run the command again to continue.",
            )
        return {"counts": json.dumps(counts), "problem": json.dumps(problem)}


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[int]:
    """Start Ray on this machine, or join a cluster.

    address (str | None): Of a cluster, as `ray start --head` prints it; None to start Ray here.
    workers (int | None): Processes; None for one per core.
    YIELDS (int): The number of processes.
    """
    options: dict[str, Any] = {"address": address}
    if address is None:
        os.environ["OMP_NUM_THREADS"] = "1"
        options = {
            "address": "local",
            "num_cpus": workers,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE,
        }
    ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield workers or int(ray.cluster_resources()["CPU"])
    finally:
        ray.shutdown()


def run(job: Job, shards: list[Shard], files: list[str], workers: int) -> Iterator[Counter]:
    """Process shards in a cluster.

    job (Job): The job.
    shards (list[Shard]): The shards to process, at least one.
    files (list[str]): The paths of the input's files.
    workers (int): Processes. Each holds one pipeline and uses one thread.
    YIELDS (Counter): The counts of each shard as soon as its output is written, in any order.
    RAISES (UnreadableFileError): If a process cannot continue.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    rows = [{"shard": [*shard], "path": files[shard.file]} for shard in shards]
    pool = ray.data.ActorPoolStrategy(
        size=min(workers, len(shards)), max_tasks_in_flight_per_actor=1
    )
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        Worker, fn_constructor_args=(job,), compute=pool, num_cpus=1
    )
    for row in done.iter_rows():
        if problem := json.loads(row["problem"]):
            raise UnreadableFileError(*problem)
        yield Counter(json.loads(row["counts"]))
