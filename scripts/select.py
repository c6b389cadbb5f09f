"""Choose requests that are worth annotating, and write them with the entities found in them."""

from pathlib import Path

import spacy
import typer
from wasabi import msg

from music_ner.command import fail, run_command
from music_ner.data.entities import entities_of
from music_ner.data.predictions import FORMATS, has_text
from music_ner.data.texts import read_records
from music_ner.files import UnreadableFileError, written_whole
from music_ner.training.selection import candidates, choose


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    file: Path = typer.Argument(..., help="Requests without annotation: txt, csv, jsonl"),
    output: Path = typer.Argument(..., help="File to write"),
    n: int = typer.Option(100, min=1, help="How many requests to choose"),
    random_share: float = typer.Option(0.25, min=0, max=1, help="Share to draw at random"),
    format_name: str = typer.Option("jsonl", "--format", help=f"One of {', '.join(FORMATS)}"),
    seed: int = typer.Option(0, help="Seed of the drawing"),
) -> None:
    """Choose requests that are worth annotating."""
    if format_name not in FORMATS:
        fail(f"--format {format_name} is unknown", f"Choose one of {', '.join(FORMATS)}.")
    if not file.is_file():
        fail(f"{file}: no such file", "Set vars.input to a file of requests.")
    try:
        records = [record for record in read_records(file) if has_text(record)]
        nlp = spacy.load(model)
        pool = candidates(nlp, [record["text"] for record in records])
    except UnreadableFileError as error:
        fail(*error.args)
    except ValueError as error:
        fail(f"{model}: {error}")
    chosen = choose(pool, n, random_share, seed)
    docs = nlp.pipe(candidate.text for candidate, _ in chosen)
    results = [
        {
            **records[candidate.number],
            "entities": entities_of(doc),
            "chosen": "at random" if at_random else "as doubtful",
            "expected_f1": round(candidate.expected_f1, 4),
        }
        for (candidate, at_random), doc in zip(chosen, docs, strict=True)
    ]
    with written_whole(output) as path:
        path.write_text("".join(FORMATS[format_name](results)), encoding="utf8")
    if len(chosen) < n:
        msg.warn(f"{len(chosen)} requests are all that differ enough", "Give more requests.")
    n_random = sum(at_random for _, at_random in chosen)
    msg.good(f"{output}: {len(chosen)} of {len(records)} requests, {n_random} drawn at random")


if __name__ == "__main__":
    run_command(main)
