"""Find the entities in texts, and write them as JSONL with offsets in the original texts."""

import csv
import json
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

from scripts import registered  # noqa: F401 (for spacy.load)
from scripts.annotations import Span, inverted, move_spans, normalize
from scripts.output import written_whole

STDIN = Path("-")
PIECE = 10_000
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"
csv.field_size_limit(2**31 - 1)  # texts may be of any length


def predict(nlp: Language, texts: Iterable[str]) -> Iterator[dict]:
    """Find the entities in texts.

    The pipeline reads each text normalized, as in training; offsets are carried back. Texts of
    more than PIECE characters are read in pieces, cut where white space allows.

    nlp (Language): The trained pipeline.
    texts (Iterable[str]): Texts, of any length; taken and answered as a stream.
    YIELDS (dict): The original `text`, and its `entities` with `start` and `end` offset, `label`,
        `text` and `confidence` (None where no model set the entity). Lone surrogates, which are no
        text, are replaced by U+FFFD.
    """
    entities: list[dict] = []
    for doc, (original, offset, steps, is_last) in nlp.pipe(_normalized(texts), as_tuples=True):
        spans = [Span(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        moved = move_spans(spans, [inverted(edits) for edits in reversed(steps)])
        for ent, span in zip(doc.ents, moved, strict=True):
            start, end = offset + span.start, offset + span.end
            entities.append(
                {
                    "start": start,
                    "end": end,
                    "label": span.label,
                    "text": original[start:end],
                    "confidence": ent._.confidence,
                }
            )
        if is_last:
            yield {"text": original, "entities": entities}
            entities = []


def is_sure(entity: dict, min_confidence: float) -> bool:
    """RETURNS (bool): Whether an entity has at least some confidence, or needs none."""
    return entity["confidence"] is None or entity["confidence"] >= min_confidence


def _normalized(texts: Iterable[str]) -> Iterator[tuple[str, tuple[str, int, list, bool]]]:
    for text in texts:
        original = LONE_SURROGATE.sub(REPLACEMENT, text)
        for start, end in pieces(original):
            piece, steps = normalize(original[start:end])
            yield piece, (original, start, steps, end == len(original))


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text into pieces of at most PIECE characters, behind white space where there is any.

    text (str): Any text.
    YIELDS (tuple[int, int]): Start and end of each piece, end to end; one piece of an empty text.
    """
    start = 0
    while len(text) - start > PIECE:
        spaces = [m.end() for m in re.finditer(r"\s+", text[start : start + PIECE])]
        end = start + (spaces[-1] if spaces else PIECE)
        yield start, end
        start = end
    yield start, len(text)


def read_texts(path: Path) -> Iterator[str]:
    """Read texts, one by one. What is not UTF-8 is replaced by U+FFFD.

    path (Path): A .csv or .jsonl file with the column or key `text`; a .txt file, one without
        ending, or `-` for stdin, holds one text a line.
    YIELDS (str): Each text, empty ones and those of blank lines included.
    """
    if path == STDIN:
        yield from _lines(sys.stdin.buffer)
        return
    ending = path.suffix.lower()
    if ending == ".csv":
        yield from _csv_texts(path)
    elif ending in (".jsonl", ".txt", ""):
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), start=1):
                yield _jsonl_text(line, path, number) if ending == ".jsonl" else line
    else:
        _fail(
            f"{path}: '{ending}' files are not read",
            "Save it as .txt (a text a line), .csv (column text) or .jsonl (key text).",
        )


def _lines(file: Iterable[bytes]) -> Iterator[str]:
    for line in file:
        yield line.decode("utf-8-sig", errors="replace").rstrip("\r\n")


def _csv_texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            columns = next(rows, [])
            if "text" not in columns:
                _fail(f"{path}: no column text", "Name one in the first row.")
            place = columns.index("text")
            for row in rows:
                if any(row[len(columns) :]):
                    _fail(
                        f"{path}, line {rows.line_num}: more fields than columns",
                        "Put quotes around a text that holds commas.",
                    )
                yield row[place] if place < len(row) else ""
        except csv.Error as error:
            _fail(
                f"{path}, line {rows.line_num}: not CSV ({error})",
                "Put quotes around a text that holds quotes, and double those inside.",
            )


def _jsonl_text(line: str, path: Path, number: int) -> str:
    if not line.strip():
        return ""
    try:
        record = json.loads(line)
    except ValueError as error:
        _fail(f"{path}, line {number}: not JSON ({error})", f"Mend the line: {line[:80]}")
    match record:
        case {"text": str(text)}:
            return text
    _fail(
        f"{path}, line {number}: not a JSON object with a text under the key text",
        f"Mend the line: {line[:80]}",
    )


def _fail(title: str, text: str = "") -> None:
    # stdout is for results alone, and wasabi prints there.
    with redirect_stdout(sys.stderr):
        msg.fail(title, text, exits=1)


def main(
    model: str = typer.Argument(..., help="Trained pipeline: a path, or an installed package"),
    texts: list[str] = typer.Argument(None, help="Texts; instead of --file"),
    file: Path = typer.Option(STDIN, help="txt, csv or jsonl file, - for stdin", allow_dash=True),
    output: Path = typer.Option(
        None, help="JSONL file to write; without it, stdout", dir_okay=False
    ),
    min_confidence: float = typer.Option(
        0.0, min=0.0, max=1.0, help="Leave entities of a lower confidence out"
    ),
) -> None:
    """Find the entities in texts, and write them as JSONL."""
    if texts and file != STDIN:
        _fail("Texts and --file are both given", "Leave one out.")
    if file != STDIN and not file.is_file():
        _fail(f"{file}: no such file")
    try:
        nlp = spacy.load(model)
    except OSError as error:
        _fail(f"{model}: no pipeline to load ({error})", "Name a folder or an installed package.")
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
            msg.warn(f"{n_damaged} texts hold U+FFFD, which stands for what is not UTF-8")
    counted = ", ".join(f"{n} {label}" for label, n in sorted(n_entities.items())) or "no entities"
    left_out = f"; left out {n_unsure} of a lower confidence" if min_confidence else ""
    typer.echo(f"Found {counted}{left_out}", err=True)


if __name__ == "__main__":
    typer.run(main)
