"""Find the entities in millions of texts, on one machine or many; see docs/bulk.md."""

import json
import shlex
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import typer
from wasabi import msg

from music_ner.bulk import engine
from music_ner.bulk.core import counts_of
from music_ner.bulk.inputs import Columns
from music_ner.bulk.manifest import begin_or_continue, code_facts, model_facts, model_folder, plan
from music_ner.bulk.report import Progress, show, summary_of
from music_ner.bulk.shards import Shard
from music_ner.bulk.storage import (
    Place,
    absolute,
    contains,
    names_in,
    place_of,
    remove_temporary,
    write_whole,
)
from music_ner.command import fail, run_command

SUMMARY = "_summary.json"
READS_AT_ONCE = 16
INTERRUPTED = 130


def sum_of(output: Place, shards: list[Shard]) -> Counter:
    """RETURNS (Counter): The sums of what finished shards counted."""
    total: Counter = Counter()
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        for counts in pool.map(lambda shard: counts_of(output, shard.name), shards):
            total.update(counts)
    return total


def this_command() -> str:
    """RETURNS (str): The command that was given, to be given again."""
    return shlex.join([sys.executable, "-m", "music_ner.bulk", *sys.argv[1:]])


def main(
    input_address: str = typer.Argument(
        ..., metavar="INPUT", help="Parquet, CSV or JSONL: a file, folder or pattern, or s3://..."
    ),
    output_address: str = typer.Argument(
        ..., metavar="OUTPUT", help="Folder to write Parquet files to, or s3://..."
    ),
    model: str = typer.Option(..., help="Trained pipeline: a path, or an installed package"),
    text_column: str = typer.Option("text", help="Column or key of the texts"),
    id_column: str = typer.Option("id", help="Column or key of the ids"),
    shard_rows: int = typer.Option(
        10_000, min=1, help="Rows that a process reads at a time; each shard is one output file"
    ),
    workers: int = typer.Option(None, min=1, help="Processes; without it, one per core"),
    address: str = typer.Option(None, help="Ray cluster to join; without it, Ray starts here"),
) -> None:
    """Find the entities in the texts of files. Interrupted, the same command continues."""
    start = time.monotonic()
    source, output = place_of(input_address), place_of(output_address)
    columns = Columns(text_column, id_column)
    inside = f"{output_address} is inside the input"
    if contains(source, [output.path]):
        fail(inside, "Name a folder outside of it.")
    folder = model_folder(model)
    planned = plan(source, columns, shard_rows)
    if contains(output, planned.files):
        fail(inside, "Name a folder that the pattern does not match.")
    if planned.ignored:
        msg.warn(
            f"{len(planned.ignored)} files of other formats are not read",
            f"The first is {planned.ignored[0]}.",
        )
    facts = {"model": model_facts(folder), "code": code_facts()}
    was_begun = begin_or_continue(output, {**facts, "input": planned.facts})
    finished = names_in(output) if was_begun else set()
    done = [shard for shard in planned.shards if shard.name in finished]
    missing = [shard for shard in planned.shards if shard.name not in finished]
    counts = sum_of(output, done)
    total, before = sum(shard.rows for shard in planned.shards), counts["rows"]
    msg.info(
        f"{total:,} rows in {len(planned.files):,} files and {len(planned.shards):,} shards; "
        f"{before:,} rows are done"
    )
    if missing:
        progress = Progress(total, before)
        job = engine.Job(
            str(folder) if Path(model).is_dir() else model,
            absolute(input_address),
            absolute(output_address),
            columns,
            planned.id_type,
            facts,
        )
        try:
            with engine.cluster(address, workers) as size:
                for counted in engine.run(job, missing, planned.files, size):
                    counts.update(counted)
                    progress.add(counted["rows"])
        except KeyboardInterrupt:
            progress.close()
            msg.warn(f"Stopped: {counts['rows']:,} of {total:,} rows are done. To continue:")
            typer.echo(this_command())  # in one line, to be copied
            raise SystemExit(INTERRUPTED) from None
        except ConnectionError as error:
            fail(
                f"{address}: {error}",
                "Check the address, and that RAY_AUTH_MODE and the token are those of the cluster.",
            )
        progress.close()
        absent = {shard.name for shard in planned.shards} - names_in(output)
        if absent:
            fail(
                f"{output_address} lacks {len(absent)} files that were written, such as "
                f"{min(absent)}",
                "Name an output that all machines share.",
            )
    summary = summary_of(
        counts,
        len(planned.shards),
        counts["rows"] - before,
        time.monotonic() - start,
        len(planned.ignored),
    )
    data = json.dumps(summary, indent=2, ensure_ascii=False).encode("utf8")
    write_whole(output, SUMMARY, lambda stream: stream.write(data))
    remove_temporary(output)
    show(summary)
    msg.good(f"Entities: {output_address}")


if __name__ == "__main__":
    run_command(main)
