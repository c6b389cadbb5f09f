"""Find the entities in texts, and write them as JSONL with character offsets."""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import spacy
import srsly
import typer
from spacy.language import Language
from tqdm import tqdm
from wasabi import msg

from music_ner.data.texts import STDIN, fail, read_texts
from music_ner.files import written_whole

PIECE = 10_000
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


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


def main(
    model: str = typer.Argument(..., help="Trained pipeline: a path, or an installed package"),
    texts: list[str] = typer.Argument(None, help="Texts; instead of --file"),
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
        fail(f"{file}: no such file")
    try:
        nlp = spacy.load(model)
    except OSError as error:
        fail(f"{model}: no pipeline to load ({error})", "Name a folder or an installed package.")
    found = predict(nlp, texts or read_texts(file))
    with written_whole(output) if output else nullcontext() as path:
        stream = path.open("w", encoding="utf8") if path else sys.stdout
        n_entities = Counter()
        n_unsure = n_damaged = 0
        for result in tqdm(found, desc="texts", unit="", disable=None):
            entities = [e for e in result["entities"] if is_sure(e, min_confidence)]
            n_unsure += len(result["entities"]) - len(entities)
            n_damaged += REPLACEMENT in result["text"]
            result["entities"] = entities
            stream.write(srsly.json_dumps(result) + "\n")
            n_entities.update(entity["label"] for entity in result["entities"])
        stream.flush()
        if path:
            stream.close()
    if n_damaged:
        with redirect_stdout(sys.stderr):
            msg.warn(f"{n_damaged} texts contain U+FFFD, which replaces what is not UTF-8")
    counted = ", ".join(f"{n} {label}" for label, n in sorted(n_entities.items())) or "no entities"
    left_out = f"; left out {n_unsure} of a lower confidence" if min_confidence else ""
    typer.echo(f"Found {counted}{left_out}", err=True)


if __name__ == "__main__":
    typer.run(main)
