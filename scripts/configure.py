"""Complete the training config: encoder, its settings, corpora, seed, length of training."""

from pathlib import Path

import srsly
import typer
from spacy import util
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from wasabi import msg

from music_ner import provenance
from music_ner.command import run_command
from music_ner.data.sources import hashed, paths_of
from music_ner.files import written_whole
from music_ner.pipeline.labels import LABELS
from music_ner.training.config import configure, settings_of

FEW_STEPS = 500
"""A quarter of the steps on the sample data. Below it, scores fall quickly."""


def main(
    config_path: Path = typer.Argument(..., help="Config with every hyperparameter", exists=True),
    encoders_path: Path = typer.Argument(
        ..., help="JSON file with the settings of each encoder", exists=True
    ),
    encoder_path: Path = typer.Argument(..., help="JSON file written by encoder", exists=True),
    corpus: Path = typer.Argument(..., help="Folder of the corpora", exists=True),
    output_path: Path = typer.Argument(..., help="Config to write"),
    catalogue: str = typer.Option("", help="Files of names to train the catalogue with, JSONL"),
    seed: int = typer.Option(0, help="Seed of training"),
) -> None:
    """Complete the training config."""
    encoder = srsly.read_json(encoder_path)
    settings = settings_of(encoder, encoders_path, catalogue)
    corpora = {name: corpus / f"{name}.spacy" for name in ("train", "dev")}
    docs = list(DocBin().from_disk(corpora["train"]).get_docs(Vocab()))
    config = util.load_config(config_path, interpolate=False)
    made = provenance.of_corpora(corpus)
    summary_path = corpus / provenance.SUMMARY
    summary = srsly.read_json(summary_path) if summary_path.is_file() else {}
    labels = summary.get("labels", LABELS)
    config = configure(config, encoder, settings, corpora, docs, seed, labels)
    if made.get("seed", seed) != seed:
        fix = f"Run `convert` with --vars.seed {seed} too, or this with {made['seed']}."
        msg.fail(f"{corpus} was split with seed {made['seed']}, not {seed}", fix, exits=1)
    data = {**made.get("data", {}), "catalogue": hashed(paths_of(catalogue))}
    config[provenance.SECTION] = {
        "data": data,
        "encoder": provenance.of_encoder(encoder),
        "seed": seed,
    }
    with written_whole(output_path) as path:
        config.to_disk(path, interpolate=False)
    steps = config["training"]["max_steps"]
    if steps < FEW_STEPS:
        msg.warn(
            f"{steps} steps are few: {len(docs)} queries",
            "Train on the sample data too (--vars.train_bio assets/queries.bio), or annotate more.",
        )
    optimizer = config["training"]["optimizer"]
    rate = optimizer["learn_rate"]["initial_rate"]
    msg.good(
        f"{output_path}: {encoder['name']}, learning rate {rate:g} and "
        f"{rate * optimizer.get('encoder_scale', 1):g} for the encoder, "
        f"{steps} steps in {config['schedule']['epochs']} epochs"
    )


if __name__ == "__main__":
    run_command(main)
