"""Find the entities in texts, and write them as JSONL with character offsets."""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

import spacy
import srsly
import typer
from spacy.language import Language
from tqdm import tqdm
from wasabi import msg

from music_ner.data.texts import STDIN, read_texts
from music_ner.files import UnreadableFileError, written_whole

PIECE = 10_000
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"
LEFT_OUT, DAMAGED = "left out", "damaged"


def predict(nlp: Language, texts: Iterable[str]) -> Iterator[dict]:
    """Find the entities in texts.

    Texts of more than PIECE characters are read in pieces, cut after white space where possible.

    nlp (Language): The trained pipeline.
    texts (Iterable[str]): Texts of any length, processed as a stream.
    YIELDS (dict): The original `text`, and its `entities` with `start` and `end` offset, `label`,
        `text` and `confidence` (None if no model set the entity). Lone surrogates, which are not
        text, are replaced by U+FFFD.
    """
    entities: list[dict] = []
    for doc, (text, offset) in nlp.pipe(_pieces_with_offsets(texts), as_tuples=True):
        entities += [
            {
                "start": offset + ent.start_char,
                "end": offset + ent.end_char,
                "label": ent.label_,
                "text": ent.text,
                "confidence": ent._.confidence,
            }
            for ent in doc.ents
        ]
        if offset + len(doc.text) == len(text):
            yield {"text": text, "entities": entities}
            entities = []


def is_sure(entity: dict, min_confidence: float) -> bool:
    """RETURNS (bool): Whether an entity has the confidence, or has none to compare."""
    return entity["confidence"] is None or entity["confidence"] >= min_confidence


def _pieces_with_offsets(texts: Iterable[str]) -> Iterator[tuple[str, tuple[str, int]]]:
    for text in texts:
        original = LONE_SURROGATE.sub(REPLACEMENT, text)
        for start, end in pieces(original):
            yield original[start:end], (original, start)


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text into pieces of at most PIECE characters, after white space where possible.

    text (str): Any text.
    YIELDS (tuple[int, int]): Start and end of each piece; an empty text is one piece.
    """
    start = 0
    while len(text) - start > PIECE:
        spaces = [m.end() for m in re.finditer(r"\s+", text[start : start + PIECE])]
        end = start + (spaces[-1] if spaces else PIECE)
        yield start, end
        start = end
    yield start, len(text)


def fail(problem: str, fix: str = "") -> None:
    """End the command with a message on stderr, since stdout is only for results."""
    with redirect_stdout(sys.stderr):
        msg.fail(problem, fix, exits=1)


def write_results(results: Iterable[dict], stream: TextIO, min_confidence: float) -> Counter:
    """Write results as JSON Lines.

    results (Iterable[dict]): See `predict`.
    stream (TextIO): Where to write.
    min_confidence (float): Entities of a lower confidence are left out.
    RETURNS (Counter): The number of entities by label, of those left out under LEFT_OUT, and of
        texts with replaced bytes under DAMAGED.
    """
    counts: Counter = Counter()
    for result in tqdm(results, desc="texts", unit="", disable=None):
        entities = [e for e in result["entities"] if is_sure(e, min_confidence)]
        counts[LEFT_OUT] += len(result["entities"]) - len(entities)
        counts[DAMAGED] += REPLACEMENT in result["text"]
        counts.update(entity["label"] for entity in entities)
        stream.write(srsly.json_dumps({**result, "entities": entities}) + "\n")
    stream.flush()
    return counts


def main(
    model: str = typer.Argument(..., help="Trained pipeline: a path, or an installed package"),
    texts: list[str] = typer.Argument(None, help="Texts to process, instead of --file"),
    file: Path = typer.Option(STDIN, help="txt, csv or jsonl file, - for stdin", allow_dash=True),
    output: Path = typer.Option(
        None, help="JSONL file to write; without it, stdout", dir_okay=False
    ),
    min_confidence: float = typer.Option(
        0.0, min=0.0, max=1.0, help="Leave out entities of a lower confidence"
    ),
) -> None:
    """Find the entities in texts, and write them as JSONL."""
    if texts and file != STDIN:
        fail("Texts and --file are both given", "Leave one out.")
    if file != STDIN and not file.is_file():
        fail(f"{file}: no such file", "Check the path.")
    try:
        nlp = spacy.load(model)
    except OSError as error:
        fail(
            f"{model}: cannot load this pipeline ({error})",
            "Give a folder or an installed package.",
        )
    results = predict(nlp, texts or read_texts(file))
    try:
        if output:
            with written_whole(output) as path, path.open("w", encoding="utf8") as stream:
                counts = write_results(results, stream, min_confidence)
        else:
            counts = write_results(results, sys.stdout, min_confidence)
    except UnreadableFileError as error:
        fail(*error.args)
    n_left_out, n_damaged = counts.pop(LEFT_OUT), counts.pop(DAMAGED)
    if n_damaged:
        with redirect_stdout(sys.stderr):
            msg.warn(f"{n_damaged} texts contain U+FFFD, which replaces what is not UTF-8")
    counted = ", ".join(f"{n} {label}" for label, n in sorted(counts.items())) or "no entities"
    left_out = f"; left out {n_left_out} of a lower confidence" if min_confidence else ""
    typer.echo(f"Found {counted}{left_out}", err=True)


if __name__ == "__main__":
    typer.run(main)
