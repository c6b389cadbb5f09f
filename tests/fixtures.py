"""Fixtures: a tiny BERT, a small annotated corpus, and a pipeline trained on both."""

import string
from pathlib import Path

import pytest
import spacy
import torch
from spacy import util
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from transformers import BertConfig, BertModel, BertTokenizerFast

from music_ner.data.marked import parse
from music_ner.data.query import normalize_query, to_doc
from music_ner.export.onnx import Precision, export_to_onnx
from music_ner.training.config import configure

ROOT = Path(__file__).parent.parent
NOISE = ("typos", "natural", "plain", "capitalized", "titled", "shouted", "emoji")
AUGMENTER = "corpora.train.augmenter.*"
NO_AUGMENTATION = {
    f"{AUGMENTER}.mentions.level": 0.0,
    f"{AUGMENTER}.alternatives.level": 0.0,
    **{f"{AUGMENTER}.noise.{kind}": 0.0 for kind in NOISE},
    f"{AUGMENTER}.lower.level": 0.0,
}
"""Settings that leave the queries of training as they are."""

QUERIES = """\
songs like [karma police](WoA) by [radioheads](Artist)
something as calm as [weightless](WoA)
dark ambient for the attic
more like [sade](Artist) | less like [korn](Artist)
upbeat funk for cooking
""".splitlines()


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """A folder with a BERT of random weights, two small layers, and a vocabulary of characters."""
    folder = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*characters, *(f"##{char}" for char in characters)]
    words = sorted({word for line in QUERIES for word in parse(line, "").text.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys([*pieces, *words])]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """A folder with the same few queries as train, dev and test corpus, of two sources."""
    folder = tmp_path_factory.mktemp("corpus")
    make_doc = spacy.blank("en").make_doc
    sources = ("posts", "searches") * 10
    lines = zip(QUERIES * 4, sources, strict=True)
    queries = [parse(line, f"{source}:{number}") for number, (line, source) in enumerate(lines)]
    docs = [to_doc(normalize_query(query), make_doc) for query in queries]
    for name in ("train", "dev", "test"):
        DocBin(docs=docs, store_user_data=True).to_disk(folder / f"{name}.spacy")
    return folder


@pytest.fixture(scope="session")
def tiny_config(tiny_bert, tiny_corpus, tmp_path_factory) -> Path:
    """A complete training config that makes the tiny BERT learn the small corpus by heart."""
    config = util.load_config(ROOT / "configs" / "config.cfg", interpolate=False)
    settings = {
        "schedule.epochs": 60,
        "training.batcher.size": 100,
        "training.optimizer.encoder_scale": 1.0,
        "training.optimizer.learn_rate.initial_rate": 0.005,
        "initialize.components.catalogue.names": [],
        **NO_AUGMENTATION,
    }
    corpora = {name: tiny_corpus / f"{name}.spacy" for name in ("train", "dev")}
    encoder = {"path": str(tiny_bert)}
    path = tmp_path_factory.mktemp("configs") / "config.cfg"
    docs = list(DocBin().from_disk(corpora["train"]).get_docs(Vocab()))
    configure(config, encoder, settings, corpora, docs, 0).to_disk(path, interpolate=False)
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_config, tmp_path_factory) -> Path:
    """The pipeline that `spacy train` makes of the tiny config."""
    folder = tmp_path_factory.mktemp("training")
    train(tiny_config, folder)
    return folder / "model-best"


@pytest.fixture(scope="session")
def tiny_fast(tiny_model, tmp_path_factory) -> Path:
    """The tiny pipeline, with its transformer in ONNX Runtime, in single precision."""
    nlp = spacy.load(tiny_model)
    export_to_onnx(nlp, Precision.fp32)
    folder = tmp_path_factory.mktemp("fast") / "model"
    nlp.to_disk(folder)
    return folder
