"""Encoders of twelve layers, small and with random weights, with the settings of the base ones."""

import math
import string

import pytest
import srsly
import torch
from spacy import util
from spacy.tokens import DocBin
from spacy.training.corpus import Corpus
from spacy.training.initialize import init_nlp
from spacy.vocab import Vocab
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel, MPNetTokenizerFast

from music_ner.training.config import configure
from music_ner.training.optimizer import is_of_encoder
from tests.conftest import ROOT
from tests.fixtures import NO_AUGMENTATION

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
ENCODERS = srsly.read_json(ROOT / "configs" / "encoders.json")
N_STEPS = 40


@pytest.fixture(params=["bert-base-uncased", "all-mpnet-base-v2"])
def encoder(request, tiny_bert, tmp_path):
    """A small encoder with the architecture of a base one, and its name."""
    torch.manual_seed(0)
    folder = tmp_path / request.param
    if request.param == "bert-base-uncased":
        n_pieces = len((tiny_bert / "vocab.txt").read_text(encoding="utf8").splitlines())
        BertModel(BertConfig(vocab_size=n_pieces, **SIZES)).save_pretrained(folder)
        for path in tiny_bert.glob("*[tv]o*"):  # tokenizer and vocabulary
            (folder / path.name).write_bytes(path.read_bytes())
    else:
        characters = string.ascii_lowercase + string.punctuation
        pieces = [*characters, *(f"##{char}" for char in characters)]
        vocabulary = ["<s>", "<pad>", "</s>", "[UNK]", *dict.fromkeys(pieces), "<mask>"]
        path = tmp_path / "vocab.txt"
        path.write_text("\n".join(vocabulary), encoding="utf8")
        MPNetTokenizerFast(str(path), model_max_length=512).save_pretrained(folder)
        MPNetModel(MPNetConfig(vocab_size=len(vocabulary), **SIZES)).save_pretrained(folder)
    return {"name": request.param, "path": str(folder)}


@pytest.fixture
def configured(encoder, tiny_corpus):
    """The config of the encoder for the small corpus, in steps of one batch each."""
    config = util.load_config(ROOT / "configs" / "config.cfg", interpolate=False)
    corpora = {name: tiny_corpus / f"{name}.spacy" for name in ("train", "dev")}
    docs = list(DocBin().from_disk(corpora["train"]).get_docs(Vocab()))
    settings = {
        **ENCODERS[encoder["name"]]["settings"],
        "schedule.epochs": N_STEPS,
        "initialize.components.catalogue.names": [],
        **NO_AUGMENTATION,
    }
    return configure(config, encoder, settings, corpora, docs, 0)


def weights_of(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.slow
def test_loss_falls_and_gradients_reach_all_layers_of_a_base_encoder(configured, tiny_corpus):
    nlp = init_nlp(configured)
    examples = list(Corpus(tiny_corpus / "train.spacy")(nlp))
    encoder = nlp.get_pipe("transformer").model.transformer
    before = weights_of(encoder)
    optimizer = nlp.create_optimizer()
    largest, losses = 0.0, []
    for _ in range(N_STEPS):
        of_step = {}
        nlp.update(examples, sgd=optimizer, drop=0.1, losses=of_step, annotates=["catalogue"])
        largest = max(largest, optimizer.learn_rate)
        optimizer.step_schedules()
        losses.append(of_step["ner"])
    assert all(map(math.isfinite, losses))
    assert sum(losses[-3:]) < 0.8 * sum(losses[1:4])
    after = weights_of(encoder)
    assert all(bool(value.isfinite().all()) for value in after.values())
    still = {name for name, value in after.items() if torch.equal(value, before[name])}
    moving = {name for name in after if "pooler" not in name and "word_embeddings" not in name}
    # Attention ignores a constant added to all keys, so their biases get next to no gradient.
    assert {name for name in still & moving if "key" not in name and ".k." not in name} == set()
    assert still >= {"embeddings.word_embeddings.weight"}
    assert {is_of_encoder((0, name)) for name in after} == {True}
    layers = [node for node in nlp.get_pipe("ner").model.walk() if node.param_names]
    assert not any(is_of_encoder((0, name)) for node in layers for name in node.param_names)
    moved = max(float((after[name] - before[name]).abs().max()) for name in moving)
    # Adam's steps are about as long as the learning rate, which for the encoder is 3e-5 at most.
    assert moved < N_STEPS * 2 * largest * optimizer.encoder_scale
