"""Progress of a job, and its summary."""

import time
from collections import Counter
from typing import Any

from tqdm import tqdm
from wasabi import msg

SECONDS_BETWEEN_LINES = 30


class Progress:
    """Shows rows, their share, rows per second and the time left: a bar on a terminal, lines in a
    log.

    total (int): The rows of the job.
    done (int): Those that were done before.
    """

    def __init__(self, total: int, done: int):
        self._bar = tqdm(total=total, initial=done, unit=" rows", disable=None, smoothing=0.05)
        self._total, self._done, self._before = total, done, done
        self._begun = self._shown = time.monotonic()

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        self._done += rows
        self._bar.update(rows)
        now = time.monotonic()
        if self._bar.disable and now - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = now
            msg.text(self.line(now - self._begun))

    def line(self, seconds: float) -> str:
        """RETURNS (str): The progress after a number of seconds."""
        rate = (self._done - self._before) / max(seconds, 1e-9)
        left = (self._total - self._done) / max(rate, 1e-9)
        return (
            f"{self._done:,} of {self._total:,} rows ({self._done / self._total:.0%}), "
            f"{rate:,.0f} rows/s, {tqdm.format_interval(left)} left"
        )

    def close(self) -> None:
        """Leave the line of the bar."""
        self._bar.close()


def summary_of(
    counts: Counter, shards: int, new_rows: int, seconds: float, ignored: int
) -> dict[str, Any]:
    """Summarize a finished job.

    counts (Counter): The sums of the counts of all shards (see `core.process`).
    shards (int): All shards.
    new_rows (int): The rows of this run.
    seconds (float): How long this run took.
    ignored (int): Files of the input that have another format.
    RETURNS (dict[str, Any]): What the summary file holds.
    """

    def counted(kind: str) -> dict[str, int]:
        keys = sorted(key for key in counts if key.startswith(f"{kind}:"))
        return {key.partition(":")[2]: counts[key] for key in keys}

    return {
        "rows": counts["rows"],
        "unreadable rows": counted("reason"),
        "entities": counted("label"),
        "shards": shards,
        "ignored files": ignored,
        "this run": {
            "rows": new_rows,
            "seconds": round(seconds, 1),
            "rows per second": round(new_rows / seconds, 1) if new_rows else 0.0,
        },
    }


def show(summary: dict[str, Any]) -> None:
    """Print a summary as a table."""
    rows = []
    for key, value in summary.items():
        if not isinstance(value, dict):
            rows.append((key, f"{value:,}"))
        else:
            rows += [(f"{key}: {name}", f"{number:,}") for name, number in value.items()]
    msg.table(rows, aligns=("l", "r"))
