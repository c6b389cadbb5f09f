"""Show what a run of the project made: the scores, the wheel and the displaCy page."""

from pathlib import Path

import srsly
import typer
from wasabi import msg

from music_ner.command import run_command


def main(
    metrics_path: Path = typer.Argument(..., help="JSON file written by evaluate", exists=True),
    behaviour_path: Path = typer.Argument(..., help="JSON file written by behaviour", exists=True),
    wheel: Path = typer.Argument(..., help="Wheel of the package", exists=True),
    page: Path = typer.Argument(..., help="displaCy page", exists=True),
) -> None:
    """Show the scores, and where the wheel and the displaCy page are."""
    metrics = srsly.read_json(metrics_path)
    model = metrics.get("model")
    if model and not wheel.name.startswith(f"en_{model['name']}-{model['version']}-"):
        fix = f"Add --vars.name {model['name']} --vars.version {model['version']}."
        msg.fail(f"{metrics_path} is not of {wheel.name}", fix, exits=1)
    encoder = metrics["encoder"]
    rows = []
    results = {split: metrics[split] for split in ("dev", "test")}
    if ready := metrics.get("ready_made"):
        results[f"test, by {ready['package']}"] = ready["test"]
    for split, result in results.items():
        for label, row in result["default"].items():
            scores = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1-score"))
            rows.append((split, label, *scores, row["support"]))
    msg.divider(f"Scores with {encoder['name']}, seed {metrics['seed']}")
    header = ("split", "", "precision", "recall", "F1", "support")
    msg.table(rows, header=header, divider=True, aligns=("l", "l", "r", "r", "r", "r"))
    rates = srsly.read_json(behaviour_path)["rates"]
    rows = [
        (name.replace("_", " "), row["tests"], f"{row['passed']:.0%}")
        for name, row in rates.items()
    ]
    msg.table(
        rows, header=("behaviour test", "number", "passed"), divider=True, aligns=("l", "r", "r")
    )
    if encoder["fallback"]:
        msg.warn(f"{encoder['name']} is a fallback", encoder["fallback"])
    msg.good(f"Wheel: {wheel}")
    msg.good(f"displaCy page: {page}")


if __name__ == "__main__":
    run_command(main)
