"""The systems that `benchmark` compares: how each is trained, and what it then predicts."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import torch
import transformers
from seqeval.metrics.sequence_labeling import get_entities
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from spacy.training.loop import DIR_MODEL_LAST
from thinc.api import Config
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

from scripts import (
    augmentation,
    catalogue_tok2vec,
    marginal_ner,
    name_catalogue,
    training,
)
from scripts.adaptations import Adaptation, find_raw, hashes_of
from scripts.annotations import TAGS, word_offsets, word_tags
from scripts.comparison import UNCALIBRATED
from scripts.configure import CATALOGUE_NAMES, configure
from scripts.metrics import ConfidentSpan, EntitySpan, entity_spans
from scripts.sources import hashed

PEER_LEARNING_RATES = (2e-5, 5e-5, 1e-4, 2e-4)
PEER_EPOCHS = 7
SPAN_MARKER_RATE = 2e-4
SPAN_MARKER_EPOCHS = 4
SPAN_MARKER_MAX_PIECES = 64
BATCH_SIZE = 16
WEIGHT_DECAY = 0.01
IGNORED = -100
Splits = dict[str, list[Doc]]
Predict = Callable[[list[str]], list[list[EntitySpan]]]
Score = Callable[[list[str]], list[list[ConfidentSpan]]]


@dataclass(frozen=True)
class Trained:
    """A trained system.

    predict (Predict): Finds the entities in texts.
    score (dict[str, Score]): The ways in which it finds them with confidences, by name.
    """

    predict: Predict
    score: dict[str, Score] = field(default_factory=dict)


@dataclass(frozen=True)
class System:
    """One way to train one system.

    name (str): The system. Where several recipes bear one name, dev chooses among them.
    recipe (dict[str, Any]): All that the result depends on beside data and seed.
    train (Callable[[Splits, int, Path], Trained]): Trains on docs, with a seed, and saves the model
        in a folder.
    adaptations (dict[str, Adaptation]): What may be changed in a saved model, a pipeline, by name.
    """

    name: str
    recipe: dict[str, Any]
    train: Callable[[Splits, int, Path], Trained]
    adaptations: dict[str, Adaptation] = field(default_factory=dict)


def pipeline(
    name: str,
    encoder: dict[str, Any],
    config: Config,
    settings: dict[str, Any],
    adaptations: dict[str, Adaptation],
) -> System:
    """The spaCy pipeline of this project.

    name (str): What to call it.
    encoder (dict[str, Any]): What `encoder` found.
    config (Config): The config with every hyperparameter, not interpolated.
    settings (dict[str, Any]): Values to set in the config, by dotted name.
    adaptations (dict[str, Adaptation]): What may be changed in it once it is trained.
    """
    files = dict.fromkeys([*config["paths"]["names"], *settings.get(CATALOGUE_NAMES, ())])
    names = hashed(map(Path, files))
    modules = (augmentation, catalogue_tok2vec, marginal_ner, name_catalogue, training)
    code = hashes_of(modules)
    recipe = {
        "config": config.to_str(interpolate=False),
        "settings": settings,
        "files": [*code, *(file["sha256"] for file in names)],
    }
    train_it = partial(_train_pipeline, encoder, config, settings)
    return System(name, recipe, train_it, adaptations)


def _train_pipeline(
    encoder: dict[str, Any],
    config: Config,
    settings: dict[str, Any],
    splits: Splits,
    seed: int,
    model: Path,
) -> Trained:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpora = {name: folder / f"{name}.spacy" for name in ("train", "dev")}
        for name, path in corpora.items():
            DocBin(docs=splits[name], store_user_data=True).to_disk(path)
        complete = configure(config, encoder, settings, corpora, splits["train"], seed)
        complete.to_disk(folder / "config.cfg", interpolate=False)
        train(folder / "config.cfg", folder / "model")
        nlp = spacy.load(folder / "model" / DIR_MODEL_LAST)
    nlp.to_disk(model)
    has_probabilities = nlp.get_pipe("ner").threshold is not None
    score = {UNCALIBRATED: partial(find_raw, nlp)} if has_probabilities else {}
    return Trained(lambda texts: [entity_spans(doc) for doc in nlp.pipe(texts)], score)


def token_classification(encoder: dict[str, Any]) -> list[System]:
    """AutoModelForTokenClassification as the notebook fine-tunes it, at several learning rates.

    Batches of 16 queries, weight decay 0.01, linear decay, 7 epochs; every word piece is trained
    on its word's tag, and a word's tag is read off its first piece. Its confidences are those of
    Hugging Face's pipeline, which joins word pieces by itself: by the strategy "simple", which may
    cut words, and by "first", which reads words as here.

    encoder (dict[str, Any]): What `encoder` found.
    """
    return [
        System(
            "token classification",
            {"learning_rate": rate, "epochs": PEER_EPOCHS},
            partial(_train_token_classification, encoder["path"], rate),
        )
        for rate in PEER_LEARNING_RATES
    ]


def _train_token_classification(
    path: str, rate: float, splits: Splits, seed: int, model: Path
) -> Trained:
    tokenizer = AutoTokenizer.from_pretrained(path)
    with tempfile.TemporaryDirectory() as temporary:
        torch.manual_seed(seed)
        trainer = Trainer(
            model=AutoModelForTokenClassification.from_pretrained(
                path, id2label=dict(enumerate(TAGS))
            ),
            args=_arguments(temporary, rate, PEER_EPOCHS, seed),
            train_dataset=_encode(splits["train"], tokenizer),
            data_collator=DataCollatorForTokenClassification(tokenizer),
        )
        trainer.train()
    trainer.save_model(model)
    tokenizer.save_pretrained(model)
    score = {
        f"aggregation {strategy}": partial(_aggregate, trainer.model, tokenizer, strategy)
        for strategy in ("simple", "first")
    }
    return Trained(partial(_predict_tags, trainer, tokenizer), score)


def _aggregate(model, tokenizer, strategy: str, texts: list[str]) -> list[list[ConfidentSpan]]:
    find = transformers.pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=strategy
    )
    return [
        [(e["start"], e["end"], e["entity_group"], float(e["score"])) for e in found]
        for found in find(texts, batch_size=BATCH_SIZE)
    ]


def _arguments(folder: str, rate: float, epochs: int, seed: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        learning_rate=rate,
        per_device_train_batch_size=BATCH_SIZE,
        per_device_eval_batch_size=BATCH_SIZE,
        num_train_epochs=epochs,
        weight_decay=WEIGHT_DECAY,
        save_strategy="no",
        report_to=[],
        seed=seed,
        disable_tqdm=True,
    )


def _tag_ids(doc: Doc) -> list[int]:
    """The tag of each word between white space; IGNORED where gold does not know it."""
    unknown = {token.idx for token in doc if token.ent_iob == 0}
    tags = word_tags(doc.text, entity_spans(doc))
    return [
        IGNORED if unknown.intersection(range(*word)) else TAGS.index(tag)
        for tag, word in zip(tags, word_offsets(doc.text), strict=True)
    ]


def _words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_offsets(text)]


def _encode(docs: list[Doc], tokenizer) -> list[dict[str, list[int]]]:
    encoded = []
    for doc in docs:
        pieces = tokenizer(_words(doc.text), is_split_into_words=True)
        ids = _tag_ids(doc)
        labels = [IGNORED if word is None else ids[word] for word in pieces.word_ids()]
        encoded.append({**pieces, "labels": labels})
    return encoded


def _predict_tags(trainer: Trainer, tokenizer, texts: list[str]) -> list[list[EntitySpan]]:
    encoded = [tokenizer(_words(text), is_split_into_words=True) for text in texts]
    logits = trainer.predict([dict(pieces) for pieces in encoded]).predictions
    predicted = []
    for text, pieces, row in zip(texts, encoded, logits, strict=True):
        words, word_ids = word_offsets(text), pieces.word_ids()
        # A tokenizer may leave nothing of a word, such as a zero-width space.
        tags = [
            TAGS[int(np.argmax(row[word_ids.index(word)]))] if word in word_ids else "O"
            for word in range(len(words))
        ]
        predicted.append(
            [(words[first][0], words[last][1], label) for label, first, last in get_entities(tags)]
        )
    return predicted


def span_marker(encoder: dict[str, Any]) -> System:
    """SpanMarker (https://github.com/tomaarsen/SpanMarkerNER), which classifies every span.

    Spans of at most 8 words, learning rate 2e-4, 4 epochs, neither of them tuned; batches and decay
    as the peer above. Queries with words of unknown tag are not trained on.

    encoder (dict[str, Any]): What `encoder` found.
    """
    recipe = {"learning_rate": SPAN_MARKER_RATE, "epochs": SPAN_MARKER_EPOCHS}
    return System("SpanMarker", recipe, partial(_train_span_marker, encoder["path"]))


def _train_span_marker(path: str, splits: Splits, seed: int, model_path: Path) -> Trained:
    from datasets import Dataset
    from span_marker import SpanMarkerModel
    from span_marker import Trainer as SpanMarkerTrainer

    known = [(doc, ids) for doc in splits["train"] if IGNORED not in (ids := _tag_ids(doc))]
    rows = [{"tokens": _words(doc.text), "ner_tags": ids} for doc, ids in known]
    torch.manual_seed(seed)
    model = SpanMarkerModel.from_pretrained(
        path,
        labels=list(TAGS),
        model_max_length=SPAN_MARKER_MAX_PIECES,
        marker_max_length=SPAN_MARKER_MAX_PIECES,
        entity_max_length=8,
    )
    with tempfile.TemporaryDirectory() as temporary:
        trainer = SpanMarkerTrainer(
            model=model,
            args=_arguments(temporary, SPAN_MARKER_RATE, SPAN_MARKER_EPOCHS, seed),
            train_dataset=Dataset.from_list(rows),
        )
        trainer.train()
    model.save_pretrained(model_path)

    def predict(texts: list[str]) -> list[list[EntitySpan]]:
        predicted = []
        for text, found in zip(texts, model.predict([_words(t) for t in texts]), strict=True):
            words = word_offsets(text)
            predicted.append(
                [
                    (words[e["word_start_index"]][0], words[e["word_end_index"] - 1][1], e["label"])
                    for e in found
                ]
            )
        return predicted

    return Trained(predict)
