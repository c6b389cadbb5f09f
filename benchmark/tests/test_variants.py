"""The settings of variants.json."""

import random

import pytest
import spacy
import srsly
from conftest import ROOT
from spacy import registry, util
from spacy.training import Example
from thinc.api import Config

from music_ner.evaluation.scores import entity_spans

VARIANTS = srsly.read_json(ROOT / "benchmark" / "variants.json")
NLP = spacy.blank("en")
LINES = (
    "im into [karma police](WoA) by [radiohead](Artist)",
    "I don't like [Yellow](WoA)! Is it [Coldplay](Artist)'s best?",
)


@pytest.fixture
def config() -> Config:
    return util.load_config(ROOT / "configs" / "config.cfg", interpolate=False)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_changes_values_of_the_config(config, name):
    for path, value in VARIANTS[name].items():
        *blocks, key = path.split(".")
        block = config
        for part in blocks:
            block = block[part]
        assert block[key] != value


def test_queries_without_noise_pass_unchanged(config, docs_of):
    path = ROOT / "assets" / "alternatives.json"
    settings = VARIANTS["without noise"] | {"paths.alternatives": str(path)}
    config = Config().from_str(config.to_str(), overrides=settings)
    augmenter = config["corpora"]["train"]["augmenter"]
    del augmenter["*"]["mentions"]
    augment = registry.resolve({"augmenter": augmenter})["augmenter"]
    random.seed(0)
    for gold in docs_of(LINES * 100):
        (new,) = augment(NLP, Example(NLP.make_doc(gold.text), gold))
        assert new.reference.text == gold.text
        assert entity_spans(new.reference) == entity_spans(gold)
