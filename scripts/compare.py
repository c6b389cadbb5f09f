"""Compare two pipelines that were evaluated on the same queries."""

from pathlib import Path

import typer
from wasabi import msg

from music_ner.command import fail, run_command
from music_ner.evaluation.comparison import DifferentQueriesError, compare, differ, pairs_of
from music_ner.evaluation.kept import evaluations, read


def choose(found: dict[str, Path], first: str, second: str) -> tuple[str, str]:
    """Choose the two evaluations to compare, or end the command with a message.

    found (dict[str, Path]): The evaluations, the oldest first.
    first (str): The name of one, or its beginning. Empty: the last one before `second`.
    second (str): The name of the other, or its beginning. Empty: the last one.
    RETURNS (tuple[str, str]): The two names.
    """
    names = list(found)
    known = f"There are: {', '.join(names) or 'none'}. `evaluate` makes them."
    second = _named(second, names, known) if second else next(reversed(names), "")
    others = [name for name in names if name != second]
    first = _named(first, others, known) if first else next(reversed(others), "")
    if not (first and second):
        fail("Two evaluated pipelines are needed", known)
    return first, second


def _named(start: str, names: list[str], known: str) -> str:
    matching = [name for name in names if name.startswith(start)]
    if start in matching:
        return start
    if len(matching) != 1:
        fail(f"{start}: {len(matching) or 'no'} such evaluations", known)
    return matching[0]


def number(value: float | None, template: str = "{:.3f}") -> str:
    """RETURNS (str): A number with three decimals; a dash for None."""
    return "-" if value is None else template.format(value)


def main(
    metrics: Path = typer.Argument(..., help="Folder that evaluate writes to", exists=True),
    first: str = typer.Option("", help="Name of an evaluation; empty: the last before the other"),
    second: str = typer.Option("", help="Name of an evaluation; empty: the last one"),
    seed: int = typer.Option(0, help="Seed of the bootstrap"),
) -> None:
    """Compare two pipelines: scores by kind, with a paired interval of the difference."""
    found = evaluations(metrics)
    names = choose(found, first, second)
    try:
        pairs, n_alone = pairs_of(*(read(found[name])[1] for name in names))
    except DifferentQueriesError as error:
        fail(str(error), "Evaluate both on the same test set.")
    msg.divider("Comparison")
    for title, name in zip(("first", "second"), names, strict=True):
        msg.text(f"{title}: {name}")
    rows = [
        (
            row["name"],
            row["queries"],
            row["entities"],
            *(number(row[key]) for key in ("first", "second")),
            number(row["difference"], "{:+.3f}"),
            " to ".join(number(row[key], "{:+.3f}") for key in ("low", "high")),
        )
        for row in compare(pairs, seed)
    ]
    header = ("", "queries", "entities", "F1 first", "F1 second", "difference", "95 % interval")
    msg.table(rows, header=header, divider=True, aligns=("l", *["r"] * 6))
    msg.info(f"{sum(map(differ, pairs))} of {len(pairs)} queries have other entities")
    if n_alone:
        msg.warn(f"{n_alone} queries are left out: only one of the two was evaluated on them")


if __name__ == "__main__":
    run_command(main)
