"""Run the behaviour tests of a pipeline, by capability."""

from pathlib import Path
from typing import Any

import spacy
import srsly
import typer
from wasabi import msg
from weasel.util import get_checksum

from music_ner.command import run_command
from music_ner.evaluation.behaviour import KINDS, pass_rates, read_capabilities, run
from music_ner.files import UnreadableFileError, written_whole


def below(rates: dict[str, dict[str, Any]], overall: float, capability: float) -> list[str]:
    """RETURNS (list[str]): A message for each pass rate below its bound."""
    bounds = {name: overall if name == "all" else capability for name in rates}
    return [
        f"{name}: {row['passed']:.1%} of {row['tests']} tests passed, fewer than {bounds[name]:.0%}"
        for name, row in rates.items()
        if row["passed"] < bounds[name]
    ]


def show(rates: dict[str, dict[str, Any]]) -> None:
    """Print the pass rates as a table."""

    def percent(share: float | None) -> str:
        return "-" if share is None else f"{share:.0%}"

    rows = [
        (name.replace("_", " "), row["tests"], *(percent(row[key]) for key in (*KINDS, "passed")))
        for name, row in rates.items()
    ]
    header = ("capability", "tests", *KINDS, "passed")
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrr"))


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    folder: Path = typer.Argument(..., help="Folder of marked queries (*.txt)", exists=True),
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    overall: float = typer.Option(0.0, help="Share of all tests that must pass"),
    capability: float = typer.Option(0.0, help="Share of each capability's tests that must pass"),
) -> None:
    """Run the behaviour tests of a pipeline, and fail if too few pass."""
    try:
        capabilities = read_capabilities(folder)
    except UnreadableFileError as error:
        msg.fail(*error.args, exits=1)
    if not any(capabilities.values()):
        msg.fail(f"{folder}: no marked queries", "Put one query per line into .txt files.", exits=1)
    outcomes = run(spacy.load(model), capabilities)
    rates = pass_rates(outcomes)
    failed = [outcome._asdict() for outcome in outcomes if not outcome.passed]
    with written_whole(output_path) as path:
        srsly.write_json(path, {"checksum": get_checksum(model), "rates": rates, "failed": failed})
    show(rates)
    msg.info(f"{output_path} lists the {len(failed)} tests that failed")
    if messages := below(rates, overall, capability):
        msg.fail("Too few tests passed", "\n".join(messages), exits=1)
    msg.good(f"{rates['all']['passed']:.1%} of {rates['all']['tests']} tests passed")


if __name__ == "__main__":
    run_command(main)
