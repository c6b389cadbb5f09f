"""Pipelines of a catalogue alone."""

import pytest
import spacy
from spacy.training import Example

from tests.pipeline.catalogue.helpers import FREQUENCIES, NLP, QUERIES


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("catalogue")
    return nlp


@pytest.fixture
def initialized(nlp):
    nlp.config["initialize"]["components"]["catalogue"] = {"frequencies": FREQUENCIES}
    nlp.initialize(lambda: [Example(NLP.make_doc(doc.text), doc) for doc in QUERIES])
    return nlp
