"""Metrics in Prometheus's format, and structured logs that hold no texts of users."""

import json
import logging
import os
import traceback
from datetime import datetime, timezone
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the folder that the metrics of all workers are in; prometheus_client
reads it when it is imported."""
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LOGGER = logging.getLogger("music_ner.service")


class Metrics:
    """What a worker counts; `exposition` adds up all workers."""

    def __init__(self):
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "music_ner_requests", "Requests", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "music_ner_request_seconds",
            "Time to answer",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.texts = Counter("music_ner_texts", "Texts processed", registry=registry)
        self.entities = Counter(
            "music_ner_entities", "Entities found", ["label"], registry=registry
        )
        self.batches = Histogram(
            "music_ner_batch_texts",
            "Texts that the pipeline reads at a time",
            buckets=TEXTS,
            registry=registry,
        )
        self.uploads = Counter("music_ner_uploads", "Catalogues uploaded", registry=registry)

        # Looking up labels takes longer than counting.
        self._requests_of = lru_cache(maxsize=None)(self.requests.labels)
        self._seconds_of = lru_cache(maxsize=None)(self.seconds.labels)

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count a request.

        route (str): The path of the route, of which there are few.
        status (int): The status of the answer.
        seconds (float): How long it took.
        """
        self._requests_of(route, status).inc()
        self._seconds_of(route).observe(seconds)

    def exposition(self) -> bytes:
        """RETURNS (bytes): The metrics of all workers in Prometheus's text format."""
        registry = self._registry
        if SHARED_METRICS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)


class JsonFormatter(logging.Formatter):
    """Formats a log record as a line of JSON.

    Of an exception it gives the type and the places, not the message, which may hold a text. Where
    the record has a dictionary as `fields`, its items are added.
    """

    def format(self, record: logging.LogRecord) -> str:
        """RETURNS (str): A line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "pid": record.process,
            "message": record.getMessage().partition("\n")[0],
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["places"] = [
                f"{frame.filename}:{frame.lineno}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line)


LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("uvicorn", LOGGER.name)
    },
}
"""For `logging.config.dictConfig`. Of uvicorn's loggers the one for access stays silent: it logs
the paths as clients send them."""
