"""The meta of a packaged pipeline, from which spaCy writes its model card."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any


def number(value: float | None) -> str:
    """RETURNS (str): A score with three decimals; a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """RETURNS (str): A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def kinds_table(sources: dict[str, dict[str, Any]]) -> str:
    """RETURNS (str): A table of the scores of each source of test queries (see `evaluate`)."""
    header = ("source", "queries", "micro F1", "macro F1", "calibration error", "AUROC")
    columns = ("micro_f1", "macro_f1", "ece", "auroc")
    rows = (
        (name, str(row["queries"]), *(number(row[column]) for column in columns))
        for name, row in sources.items()
    )
    return table(header, rows)


def behaviour_table(rates: dict[str, dict[str, Any]]) -> str:
    """RETURNS (str): A table of the pass rates of the behaviour tests."""
    rows = (
        (name.replace("_", " "), str(row["tests"]), f"{row['passed']:.0%}")
        for name, row in rates.items()
    )
    return table(("capability", "tests", "passed"), rows)


def describe(
    meta: dict[str, Any],
    metrics: dict[str, Any],
    rates: dict[str, dict[str, Any]],
    licence: str,
    card: Template,
) -> dict[str, Any]:
    """Complete the meta of a pipeline.

    meta (dict[str, Any]): The meta of the trained pipeline.
    metrics (dict[str, Any]): What `evaluate` measured.
    rates (dict[str, dict[str, Any]]): The pass rates of the behaviour tests.
    licence (str): Licence of the encoder.
    card (Template): The notes of the model card.
    RETURNS (dict[str, Any]): The meta with description, licence, sources, encoder, data, scores
        and notes.
    """
    encoder, test, data = metrics["encoder"], metrics["test"], metrics["data"]
    trained = [f for kind, files in data.items() if not kind.startswith("test_") for f in files]
    tested = [f for kind in ("test_bio", "test_data") for f in data.get(kind, ())]
    test_names = ", ".join(Path(file["path"]).name for file in tested)
    low, high = test["f1_interval"]
    runtime = ""
    if fast := meta.get("fast"):
        runtime = (
            f" Its transformer runs in ONNX Runtime in {fast['precision']}. The pipeline that it "
            f"was converted from finds the same entities in {fast['agreement']:.1%} of "
            f"{fast['queries']} queries."
        )
    notes = card.substitute(
        package=f"{meta['lang']}_{meta['name']}",
        trained=", ".join(Path(file["path"]).name for file in trained),
        seed=metrics["seed"],
        encoder=encoder["name"],
        source=encoder["source"],
        encoder_version=encoder["version"],
        fallback=f" It is a fallback: {encoder['fallback']}." if encoder["fallback"] else "",
        runtime=runtime,
        tested=f"the {test['queries']} test queries" + (f" of {test_names}" if test_names else ""),
        micro=f"{test['default']['micro avg']['f1-score']:.3f}",
        macro=f"{test['default']['macro avg']['f1-score']:.3f}",
        by_token=number(test["spacy"].get("ents_f")),
        low=f"{low:.3f}",
        high=f"{high:.3f}",
        kinds=kinds_table(test["sources"]),
        tests=rates["all"]["tests"],
        behaviour=behaviour_table(rates),
    )
    labels = ", ".join(sorted(test["spacy"]["ents_per_type"] or {}))
    return {
        **meta,
        "description": f"Entities in requests for music: {labels} (WoA: song, album, film score)",
        "author": "The en_music_ner authors",
        "license": "MIT",
        "sources": [
            {"name": f"{encoder['name']} (encoder, {licence})"},
            *({"name": Path(file["path"]).name} for file in trained),
        ],
        "performance": {key: value for key, value in test["spacy"].items() if value is not None},
        "encoder": encoder,
        "data": metrics["data"],
        "behaviour": {name: row["passed"] for name, row in rates.items()},
        "notes": notes,
    }
