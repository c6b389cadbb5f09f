"""The systems that are compared: how each is trained, and how it predicts."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import torch
import transformers
from seqeval.metrics.sequence_labeling import get_entities
from spacy.cli.train import train as train_spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.loop import DIR_MODEL_LAST
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

import music_ner
from music_ner.data.corpora import to_docbin
from music_ner.data.query import TAGS, word_offsets, word_tags
from music_ner.data.sources import hashed
from music_ner.evaluation.calibration import calibrate, raw_spans
from music_ner.evaluation.scores import comparable_tags, entity_spans, span_f1
from music_ner.training.config import configure

from .inputs import Inputs

OURS = "en_music_ner"
AS_TRAINED = "as trained"
UNCALIBRATED = "uncalibrated"
NOTEBOOK_RATE = 2e-5
TUNED_RATES = (2e-5, 5e-5, 1e-4, 2e-4)
EPOCHS = 7
BATCH_SIZE = 16
WEIGHT_DECAY = 0.01
IGNORED = -100

Splits = dict[str, list[Doc]]
Prediction = tuple[int, int, str, float | None]
"""Start offset, end offset, label and confidence of an entity; None without a confidence."""
Predict = Callable[[list[str]], list[list[Prediction]]]


@dataclass(frozen=True)
class Variant:
    """One way to predict with a trained model.

    load (Callable[[Path], Predict]): Loads the saved model.
    inputs (list[Any]): What the predictions depend on in addition to the model, as JSON.
    """

    load: Callable[[Path], Predict]
    inputs: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class System:
    """A system that can be trained.

    name (str): The name in the tables.
    recipe (dict[str, Any]): Everything that training depends on in addition to data and seed.
    train (Callable[[Splits, int, Path], dict[str, Any]]): Trains with a seed and saves the model in
        a folder. Returns what is worth knowing of the training, such as the learning rate.
    variants (dict[str, Variant]): The ways to predict, by name; the first is AS_TRAINED.
    supplement (list[Path]): BIO files that this system is trained on too.
    """

    name: str
    recipe: dict[str, Any]
    train: Callable[[Splits, int, Path], dict[str, Any]]
    variants: dict[str, Variant]
    supplement: list[Path] = field(default_factory=list)


def pipeline(
    name: str,
    inputs: Inputs,
    settings: dict[str, Any] | None = None,
    changes: dict[str, Variant] | None = None,
    supplement: list[Path] | None = None,
) -> System:
    """The spaCy pipeline of this project.

    name (str): The name in the tables.
    inputs (Inputs): Config and encoder.
    settings (dict[str, Any] | None): Values to set in the config, by dotted name.
    changes (dict[str, Variant] | None): Ways to change the trained pipeline.
    supplement (list[Path] | None): BIO files to train on too.
    RETURNS (System): The system.
    """
    all_settings = inputs.settings | (settings or {})

    def train(splits: Splits, seed: int, model: Path) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            corpora = {split: folder / f"{split}.spacy" for split in ("train", "dev")}
            for split, path in corpora.items():
                to_docbin(splits[split]).to_disk(path)
            complete = configure(
                inputs.config, inputs.encoder, all_settings, corpora, splits["train"], seed
            )
            complete.to_disk(folder / "config.cfg", interpolate=False)
            train_spacy(folder / "config.cfg", folder / "model")
            nlp = spacy.load(folder / "model" / DIR_MODEL_LAST)
        if has_probabilities(nlp):
            calibrate(nlp, splits["dev"], seed)
        nlp.to_disk(model)
        return {}

    recipe = {
        "config": inputs.config.to_str(interpolate=False),
        "settings": settings or {},
        "names": [file["sha256"] for file in hashed(inputs.names)],
        "alternatives": [file["sha256"] for file in hashed([inputs.alternatives])],
        "music_ner": music_ner.__version__,
    }
    variants = {AS_TRAINED: Variant(load_pipeline), UNCALIBRATED: Variant(load_uncalibrated)}
    return System(name, recipe, train, variants | (changes or {}), supplement or [])


def has_probabilities(nlp: Language) -> bool:
    """RETURNS (bool): Whether the ner gives probabilities; with spaCy's decoding it does not."""
    return nlp.get_pipe("ner").threshold is not None


def load_pipeline(model: Path, change: Callable[[Language], Any] | None = None) -> Predict:
    """Load a saved pipeline.

    model (Path): The saved pipeline.
    change (Callable[[Language], Any] | None): Changes the pipeline after it is loaded.
    RETURNS (Predict): Finds entities with their calibrated confidence.
    """
    nlp = spacy.load(model)
    if change is not None:
        change(nlp)
    return lambda texts: [
        [(ent.start_char, ent.end_char, ent.label_, ent._.confidence) for ent in doc.ents]
        for doc in nlp.pipe(texts)
    ]


def load_uncalibrated(model: Path) -> Predict:
    """RETURNS (Predict): Finds entities with the ner's own probabilities if it gives any."""
    nlp = spacy.load(model)
    if not has_probabilities(nlp):
        return load_pipeline(model)
    return lambda texts: [raw_spans(doc) for doc in nlp.pipe(texts)]


def token_classification(
    name: str, inputs: Inputs, learning_rates: tuple[float, ...], epochs: int = EPOCHS
) -> System:
    """Token classification with Hugging Face, as the notebook fine-tunes it.

    Batches of 16 queries, weight decay 0.01, linear decay, 7 epochs. Every word piece is trained on
    the tag of its word, and the first piece decides the tag of a word.

    name (str): The name in the tables.
    inputs (Inputs): The encoder.
    learning_rates (tuple[float, ...]): Of several, micro F1 on dev chooses one. With a single one
        there is nothing to choose, so dev is trained on too.
    epochs (int): How many epochs to train.
    RETURNS (System): The system.
    """

    def train(splits: Splits, seed: int, model: Path) -> dict[str, Any]:
        path = inputs.encoder["path"]
        tokenizer = AutoTokenizer.from_pretrained(path)
        docs = splits["train"] + (splits["dev"] if len(learning_rates) == 1 else [])
        tuned = {
            rate: _fine_tune(path, tokenizer, docs, rate, epochs, seed) for rate in learning_rates
        }
        on_dev = {
            rate: _micro_f1(splits["dev"], _predict_words(classifier, tokenizer))
            for rate, classifier in tuned.items()
        }
        best = max(on_dev, key=on_dev.__getitem__)
        tuned[best].save_pretrained(model)
        tokenizer.save_pretrained(model)
        return {"learning_rate": best}

    recipe = {
        "learning_rates": learning_rates,
        "epochs": epochs,
        "batch_size": BATCH_SIZE,
        "weight_decay": WEIGHT_DECAY,
    }
    variants = {
        AS_TRAINED: Variant(load_classifier),
        "aggregation simple": Variant(lambda model: load_aggregated(model, "simple")),
        "aggregation first": Variant(lambda model: load_aggregated(model, "first")),
    }
    return System(name, recipe, train, variants)


def _fine_tune(
    path: str,
    tokenizer: PreTrainedTokenizerBase,
    docs: list[Doc],
    rate: float,
    epochs: int,
    seed: int,
) -> PreTrainedModel:
    torch.manual_seed(seed)
    model = AutoModelForTokenClassification.from_pretrained(path, id2label=dict(enumerate(TAGS)))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            learning_rate=rate,
            per_device_train_batch_size=BATCH_SIZE,
            num_train_epochs=epochs,
            weight_decay=WEIGHT_DECAY,
            save_strategy="no",
            report_to=[],
            seed=seed,
            disable_tqdm=True,
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=[encode(doc, tokenizer) for doc in docs],
            data_collator=DataCollatorForTokenClassification(tokenizer),
        ).train()
    return model


def encode(doc: Doc, tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """Split the words of a query into word pieces, each with the tag of its word.

    doc (Doc): The query with its gold entities.
    tokenizer (PreTrainedTokenizerBase): The encoder's tokenizer.
    RETURNS (dict[str, list[int]]): `input_ids`, `attention_mask` and `labels`. Special tokens, and
        the words whose tag gold does not know, have the label IGNORED.
    """
    words = word_offsets(doc.text)
    unknown = {token.idx for token in doc if token.ent_iob == 0}
    tags = [
        IGNORED if unknown.intersection(range(*word)) else TAGS.index(tag)
        for word, tag in zip(words, word_tags(doc.text, entity_spans(doc)), strict=True)
    ]
    pieces = tokenizer([doc.text[slice(*word)] for word in words], is_split_into_words=True)
    labels = [IGNORED if word is None else tags[word] for word in pieces.word_ids()]
    return {**pieces, "labels": labels}


def load_classifier(model: Path) -> Predict:
    """RETURNS (Predict): Finds entities by the tag of each word's first piece."""
    classifier = AutoModelForTokenClassification.from_pretrained(model)
    return _predict_words(classifier, AutoTokenizer.from_pretrained(model))


def _predict_words(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Predict:
    model.eval()

    def find(text: str) -> list[Prediction]:
        words = word_offsets(text)
        split = [text[slice(*word)] for word in words]
        pieces = tokenizer(split, is_split_into_words=True, return_tensors="pt", truncation=True)
        with torch.inference_mode():
            best = model(**pieces.to(model.device)).logits[0].argmax(-1).cpu().numpy()
        # A tokenizer may leave nothing of a word, such as a zero-width space.
        tags = np.full(len(words), TAGS.index("O"))
        for word, tag in reversed([*zip(pieces.word_ids(), best, strict=True)]):
            if word is not None:
                tags[word] = tag
        return [
            (words[first][0], words[last][1], label, None)
            for label, first, last in get_entities([TAGS[tag] for tag in tags])
        ]

    return lambda texts: [find(text) if text.strip() else [] for text in texts]


def load_aggregated(model: Path, strategy: str) -> Predict:
    """Load Hugging Face's pipeline, which joins word pieces by itself and gives confidences.

    model (Path): The saved classifier.
    strategy (str): `simple`, which may cut words, or `first`, which reads whole words.
    RETURNS (Predict): Finds entities with their confidence.
    """
    find = transformers.pipeline(
        "token-classification", model=str(model), aggregation_strategy=strategy
    )
    return lambda texts: [
        [(e["start"], e["end"], e["entity_group"], float(e["score"])) for e in entities]
        for entities in find(texts, batch_size=BATCH_SIZE)
    ]


def _micro_f1(docs: list[Doc], predict: Predict) -> float:
    found = predict([doc.text for doc in docs])
    pairs = [comparable_tags(d, [f[:3] for f in fs]) for d, fs in zip(docs, found, strict=True)]
    return span_f1(*zip(*pairs, strict=True))
