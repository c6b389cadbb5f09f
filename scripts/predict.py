"""Find the entities in texts, and write them with character offsets."""

import re
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, TextIO

import spacy
import typer
from spacy.language import Language
from tqdm import tqdm
from wasabi import msg

from music_ner.command import fail, run_command
from music_ner.data.entities import find, is_sure
from music_ner.data.predictions import ENDINGS, FORMATS, has_text
from music_ner.data.texts import STDIN, read_records
from music_ner.files import UnreadableFileError, written_whole

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"
LEFT_OUT, DAMAGED, NO_TEXT, REPLACED = "left out", "damaged", "no text", "replaced"
BLANK = "blank"
WARNINGS = {
    DAMAGED: "contain U+FFFD, which replaces what is not UTF-8",
    NO_TEXT: "have something else than text under the key text, and no entities",
    BLANK: "hold nothing to annotate, and are left out",
    REPLACED: "had entities already, which those found replace",
}


def predict(nlp: Language, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Find the entities in texts.

    nlp (Language): The trained pipeline.
    records (Iterable[dict[str, Any]]): Records with texts of any length under the key `text`,
        processed as a stream (see `find`). What is no text has no entities.
    YIELDS (dict[str, Any]): The record with the original `text`, and its `entities` (see
        `entities_of`). Lone surrogates, which are not text, are replaced by U+FFFD.
    """
    waiting: deque[dict[str, Any]] = deque()

    def texts() -> Iterator[str]:
        for record in records:
            text = record["text"]
            if isinstance(text, str):
                record = {**record, "text": LONE_SURROGATE.sub(REPLACEMENT, text)}
            waiting.append(record)
            yield record["text"] if isinstance(text, str) else ""

    for entities in find(nlp, texts()):
        yield {**waiting.popleft(), "entities": entities}


def counted(records: Iterable[dict[str, Any]], counts: Counter) -> Iterator[dict[str, Any]]:
    """YIELDS (dict[str, Any]): The records; those that are not as expected are counted."""
    for record in records:
        counts[NO_TEXT] += not isinstance(record["text"], str)
        counts[REPLACED] += "entities" in record
        yield record


def chosen(
    results: Iterable[dict[str, Any]], min_confidence: float, with_blank: bool, counts: Counter
) -> Iterator[dict[str, Any]]:
    """Choose what to write of results.

    results (Iterable[dict[str, Any]]): See `predict`.
    min_confidence (float): Entities of a lower confidence are left out.
    with_blank (bool): Whether to keep results without a text.
    counts (Counter): Where to count entities by label, those left out under LEFT_OUT, texts with
        replaced bytes under DAMAGED, and results that are left out under BLANK.
    YIELDS (dict[str, Any]): The results to write.
    """
    for result in tqdm(results, desc="texts", unit="", disable=None):
        entities = [e for e in result["entities"] if is_sure(e, min_confidence)]
        counts[LEFT_OUT] += len(result["entities"]) - len(entities)
        counts[DAMAGED] += REPLACEMENT in repr(result)
        counts.update(entity["label"] for entity in entities)
        if with_blank or has_text(result):
            yield {**result, "entities": entities}
        else:
            counts[BLANK] += 1


def write_results(
    results: Iterable[dict[str, Any]],
    stream: TextIO,
    min_confidence: float,
    counts: Counter,
    format_name: str = "jsonl",
) -> None:
    """Write results.

    results (Iterable[dict[str, Any]]): See `predict`.
    stream (TextIO): Where to write.
    min_confidence (float): See `chosen`.
    counts (Counter): See `chosen`.
    format_name (str): One of FORMATS. Only JSONL has a place for what is no text.
    """
    kept = chosen(results, min_confidence, format_name == "jsonl", counts)
    stream.writelines(FORMATS[format_name](kept))
    stream.flush()


def main(
    model: str = typer.Argument(..., help="Trained pipeline: a path, or an installed package"),
    texts: list[str] = typer.Argument(None, help="Texts to process, instead of --file"),
    file: Path = typer.Option(STDIN, help="txt, csv or jsonl file, - for stdin", allow_dash=True),
    output: Path = typer.Option(None, help="File to write; without it, stdout", dir_okay=False),
    min_confidence: float = typer.Option(
        0.0, min=0.0, max=1.0, help="Leave out entities of a lower confidence"
    ),
    format_name: Annotated[
        str, typer.Option("--format", help=f"Format of the output: {', '.join(FORMATS)}")
    ] = "jsonl",
) -> None:
    """Find the entities in texts, and write them."""
    if texts and file != STDIN:
        fail("Texts and --file are both given", "Leave one out.")
    if file != STDIN and not file.is_file():
        fail(f"{file}: no such file", "Check the path.")
    if format_name not in FORMATS:
        fail(f"--format {format_name} is unknown", f"Choose one of {', '.join(FORMATS)}.")
    if output and output.suffix.lower() not in (endings := ENDINGS[format_name]):
        ending = endings[0]
        what = "JSON Lines" if ending == ".jsonl" else format_name
        fail(f"{output}: the output is {what}", f"Call it {output.with_suffix(ending)}.")
    try:
        nlp = spacy.load(model)
    except OSError as error:
        fail(
            f"{model}: cannot load this pipeline ({error})",
            "Give a folder or an installed package.",
        )
    records = [{"text": text} for text in texts] if texts else read_records(file)
    counts: Counter = Counter()
    results = predict(nlp, counted(records, counts))
    settings = (min_confidence, counts, format_name)
    try:
        if output:
            with written_whole(output) as path, path.open("w", encoding="utf8") as stream:
                write_results(results, stream, *settings)
        else:
            write_results(results, sys.stdout, *settings)
    except UnreadableFileError as error:
        fail(*error.args)
    with redirect_stdout(sys.stderr):
        for key, what in WARNINGS.items():
            if number := counts.pop(key, 0):
                msg.warn(f"{number} texts {what}")
    n_left_out = counts.pop(LEFT_OUT)
    labels = ", ".join(f"{n} {label}" for label, n in sorted(counts.items())) or "no entities"
    left_out = f"; left out {n_left_out} of a lower confidence" if min_confidence else ""
    typer.echo(f"Found {labels}{left_out}", err=True)


if __name__ == "__main__":
    run_command(main)
