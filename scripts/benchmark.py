"""Compare the pipeline with token classification by Hugging Face, over several seeds."""

import hashlib
import json
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import srsly
import torch
import typer
from seqeval.metrics.sequence_labeling import get_entities
from spacy import util
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from spacy.training.loop import DIR_MODEL_BEST
from thinc.api import Config
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)
from wasabi import MarkdownRenderer, msg

from scripts.annotations import LABELS, word_offsets, word_tags
from scripts.configure import configure
from scripts.convert import convert
from scripts.evaluate import evaluate
from scripts.metrics import comparable_tags, entity_spans, scores
from scripts.output import written_whole

PIPELINE = "en_music_ner"
PEER = "token classification"
PEER_LEARNING_RATES = (2e-5, 5e-5, 1e-4, 2e-4)
PEER_EPOCHS = 7
TAGS = ("O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI"))
IGNORED = -100
Splits = dict[str, list[Doc]]


def run_pipeline(
    splits: Splits, seed: int, encoder: dict[str, Any], config: Config, settings: dict[str, Any]
) -> dict[str, Any]:
    """Train and score the spaCy pipeline.

    splits (Splits): Docs of train, dev and test.
    seed (int): Seed of training.
    encoder (dict[str, Any]): What `encoder` found.
    config (Config): The config with every hyperparameter.
    settings (dict[str, Any]): What this encoder needs, by dotted name.
    RETURNS (dict[str, Any]): `learning_rate`, and the scores on `dev` and `test`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpora = {name: folder / f"{name}.spacy" for name in ("train", "dev")}
        for name, path in corpora.items():
            DocBin(docs=splits[name]).to_disk(path)
        complete = configure(config, encoder, settings, corpora, len(splits["train"]), seed)
        complete.to_disk(folder / "config.cfg", interpolate=False)
        train(folder / "config.cfg", folder / "model")
        nlp = spacy.load(folder / "model" / DIR_MODEL_BEST)
    rate = complete["training"]["optimizer"]["learn_rate"]["initial_rate"]
    results = {name: evaluate(nlp, splits[name], seed) for name in ("dev", "test")}
    return {"learning_rate": rate, **results}


def run_peer(splits: Splits, seed: int, encoder: dict[str, Any]) -> dict[str, Any]:
    """Fine-tune and score AutoModelForTokenClassification, at the learning rate best on dev.

    Batches of 16 queries, weight decay 0.01, linear decay, 7 epochs; every word piece is trained
    on its word's tag, and a word's tag is read off its first piece.

    splits (Splits): Docs of train, dev and test.
    seed (int): Seed of training.
    encoder (dict[str, Any]): What `encoder` found.
    RETURNS (dict[str, Any]): `learning_rate`, and the scores on `dev` and `test`.
    """
    candidates = []
    for rate in PEER_LEARNING_RATES:
        trainer, tokenizer = _fine_tune(splits["train"], seed, encoder["path"], rate)
        results = {
            name: _score_peer(trainer, tokenizer, splits[name], seed) for name in ("dev", "test")
        }
        candidates.append({"learning_rate": rate, **results})
    return max(candidates, key=lambda result: result["dev"]["default"]["micro avg"]["f1-score"])


def _encode(docs: list[Doc], tokenizer) -> list[dict[str, list[int]]]:
    encoded = []
    for doc in docs:
        words = word_offsets(doc.text)
        pieces = tokenizer([doc.text[a:b] for a, b in words], is_split_into_words=True)
        unknown = {token.idx for token in doc if token.ent_iob == 0}
        ids = [
            IGNORED if unknown.intersection(range(*word)) else TAGS.index(tag)
            for tag, word in zip(word_tags(doc.text, entity_spans(doc)), words, strict=True)
        ]
        labels = [IGNORED if word is None else ids[word] for word in pieces.word_ids()]
        encoded.append({**pieces, "labels": labels})
    return encoded


def _fine_tune(docs: list[Doc], seed: int, path: str, rate: float):
    tokenizer = AutoTokenizer.from_pretrained(path)
    with tempfile.TemporaryDirectory() as temporary:
        arguments = TrainingArguments(
            output_dir=temporary,
            learning_rate=rate,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=16,
            num_train_epochs=PEER_EPOCHS,
            weight_decay=0.01,
            save_strategy="no",
            report_to=[],
            seed=seed,
            disable_tqdm=True,
        )
        torch.manual_seed(seed)
        trainer = Trainer(
            model=AutoModelForTokenClassification.from_pretrained(path, num_labels=len(TAGS)),
            args=arguments,
            train_dataset=_encode(docs, tokenizer),
            data_collator=DataCollatorForTokenClassification(tokenizer),
        )
        trainer.train()
    return trainer, tokenizer


def _score_peer(trainer: Trainer, tokenizer, docs: list[Doc], seed: int) -> dict[str, Any]:
    logits = trainer.predict(_encode(docs, tokenizer)).predictions
    pairs = []
    for doc, row in zip(docs, logits, strict=True):
        words = word_offsets(doc.text)
        word_ids = tokenizer([doc.text[a:b] for a, b in words], is_split_into_words=True).word_ids()
        # A tokenizer may leave nothing of a word, such as a zero-width space.
        tags = [
            TAGS[int(np.argmax(row[word_ids.index(word)]))] if word in word_ids else "O"
            for word in range(len(words))
        ]
        spans = [
            (words[first][0], words[last][1], label) for label, first, last in get_entities(tags)
        ]
        pairs.append(comparable_tags(doc, spans))
    gold_tags, predicted_tags = zip(*pairs, strict=True)
    return scores(gold_tags, predicted_tags, seed)


def summarize(results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Average the test scores of each system over its seeds.

    results (dict[str, list[dict[str, Any]]]): The runs of each system.
    RETURNS (list[dict[str, Any]]): For each system its learning rates, and mean and standard
        deviation of micro, macro and per-label F1.
    """
    rows = []
    for system, runs in results.items():
        row: dict[str, Any] = {"system": system, "seeds": len(runs)}
        row["learning_rates"] = sorted({run["learning_rate"] for run in runs})
        for name in ("micro avg", "macro avg", *LABELS):
            values = [run["test"]["default"].get(name, {}).get("f1-score", 0.0) for run in runs]
            sd = statistics.stdev(values) if len(values) > 1 else 0.0
            row[name] = {"mean": statistics.mean(values), "sd": sd, "values": values}
        rows.append(row)
    return rows


def to_markdown(rows: list[dict[str, Any]], description: str) -> str:
    """Lay the averaged scores out as a Markdown table."""
    markdown = MarkdownRenderer()
    names = ("micro avg", "macro avg", *LABELS)
    cells = [
        (
            row["system"],
            ", ".join(f"{rate:g}" for rate in row["learning_rates"]),
            *(f"{row[name]['mean']:.3f} ± {row[name]['sd']:.3f}" for name in names),
        )
        for row in rows
    ]
    header = ("system", "learning rate", "micro F1", "macro F1", *(f"{n} F1" for n in LABELS))
    markdown.add(description)
    markdown.add(markdown.table(cells, header))
    return markdown.text


def main(
    config_path: Path = typer.Argument(..., help="Config with every hyperparameter", exists=True),
    encoders_path: Path = typer.Argument(..., help="What is known of each encoder", exists=True),
    encoder_path: Path = typer.Argument(..., help="The encoder to start from", exists=True),
    sources_path: Path = typer.Argument(..., help="The data to train and test on", exists=True),
    output: Path = typer.Argument(..., help="Folder for the results"),
    seeds: int = typer.Option(5, help="How many seeds, counted from 0"),
) -> None:
    """Compare the pipeline with Hugging Face's token classification on the same splits."""
    encoder, sources = srsly.read_json(encoder_path), srsly.read_json(sources_path)
    config = util.load_config(config_path, interpolate=False)
    settings = srsly.read_json(encoders_path).get(encoder["name"], {}).get("settings", {})
    systems: dict[str, Callable[[Splits, int], dict[str, Any]]] = {
        PIPELINE: partial(run_pipeline, encoder=encoder, config=config, settings=settings),
        PEER: partial(run_peer, encoder=encoder),
    }
    ours = [config.to_str(interpolate=False), settings]
    setup = json.dumps([sources, encoder["version"], *ours, PEER_LEARNING_RATES, PEER_EPOCHS])
    runs_folder = output / "runs" / hashlib.sha256(setup.encode()).hexdigest()[:12]
    paths = {kind: [Path(file["path"]) for file in files] for kind, files in sources.items()}
    make_doc = spacy.blank("en").make_doc
    results: dict[str, list[dict[str, Any]]] = {system: [] for system in systems}
    for seed in range(seeds):
        splits, _, _ = convert(**paths, seed=seed, make_doc=make_doc)
        for system, run in systems.items():
            run_path = runs_folder / f"{system.replace(' ', '_')}-{seed}.json"
            if not run_path.exists():
                msg.divider(f"{system}, seed {seed} of 0 to {seeds - 1}")
                result = run(splits, seed)
                with written_whole(run_path) as path:
                    srsly.write_json(path, result)
            results[system].append(srsly.read_json(run_path))
            f1 = results[system][-1]["test"]["default"]["micro avg"]["f1-score"]
            msg.good(f"{system}, seed {seed}: test micro F1 {f1:.3f}")
    rows = summarize(results)
    files = ", ".join(file["path"] for kind in sources.values() for file in kind)
    description = (
        f"Test F1, mean ± standard deviation over {seeds} seeds (each its own split); "
        f"encoder {encoder['name']}; data {files}."
    )
    text = to_markdown(rows, description)
    with written_whole(output / "benchmark.json") as path:
        document = {"encoder": encoder, "data": sources, "systems": rows, "runs": results}
        srsly.write_json(path, document)
    with written_whole(output / "benchmark.md") as path:
        path.write_text(text + "\n", encoding="utf8")
    print(text)


if __name__ == "__main__":
    typer.run(main)
