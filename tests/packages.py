"""What a package of the tiny pipeline is described by."""

from string import Template

import pytest
import spacy
import srsly
from spacy.tokens import DocBin

from music_ner.evaluation.pipeline import evaluate
from music_ner.export.model_card import describe
from tests.fixtures import ROOT

CARD_PATH = ROOT / "configs" / "model_card.md"
CARD = Template(CARD_PATH.read_text(encoding="utf8"))


FALLBACK = "bert-base-uncased was out for lunch"
RATES = {
    "typed_search": {
        "tests": 8,
        "passed": 0.875,
        "minimum functionality": 1.0,
        "invariance": 0.75,
        "directional": None,
    },
    "possessive": {
        "tests": 4,
        "passed": 1.0,
        "minimum functionality": 1.0,
        "invariance": None,
        "directional": 1.0,
    },
    "all": {
        "tests": 12,
        "passed": 11 / 12,
        "minimum functionality": 1.0,
        "invariance": 0.75,
        "directional": 1.0,
    },
}
"""Pass rates as `behaviour` writes them."""


@pytest.fixture(scope="session")
def metrics(tiny_model, tiny_corpus, tiny_bert):
    """What `evaluate` would have written of the tiny model, as a fallback from data in a folder."""
    nlp = spacy.load(tiny_model)
    gold = DocBin().from_disk(tiny_corpus / "test.spacy").get_docs(nlp.vocab)
    return {
        "encoder": {
            "requested": str(tiny_bert),
            "name": "all-MiniLM-L6-v2",
            "path": str(tiny_bert),
            "source": "bundled",
            "version": "abc123",
            "fallback": FALLBACK,
        },
        "data": {
            "csv": [{"path": str(tiny_corpus / "marked.csv"), "sha256": "11"}],
            "bio": [{"path": str(tiny_corpus / "gold.bio"), "sha256": "22"}],
            "test_bio": [{"path": str(tiny_corpus / "test.bio"), "sha256": "33"}],
        },
        "seed": 5,
        "test": evaluate(nlp, gold, seed=5),
    }


@pytest.fixture(scope="session")
def meta(tiny_model, metrics):
    """The tiny model's meta, as the model card is written from it."""
    meta = srsly.read_json(tiny_model / "meta.json")
    named = {**meta, "name": "tiny_packaged", "version": "1.2.3"}
    return describe(named, metrics, RATES, "Apache-2.0", CARD)
