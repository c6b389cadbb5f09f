"""What the trained pipeline must get right; skipped before `spacy project run all`."""

import pytest
import spacy

from music_ner.data.marked import read
from tests.conftest import ROOT

MODEL = ROOT / "training" / "model-best"
REPORTED = read([ROOT / "assets" / "behaviour" / "reported.txt"])

pytestmark = pytest.mark.skipif(not MODEL.is_dir(), reason="training/model-best is not trained yet")


@pytest.fixture(scope="module")
def nlp():
    return spacy.load(MODEL)


@pytest.mark.parametrize("query", REPORTED, ids=[query.text for query in REPORTED])
def test_requests_that_users_reported_come_out_right(query, nlp):
    found = [(ent.start_char, ent.end_char, ent.label_) for ent in nlp(query.text).ents]
    assert found == [(span.start, span.end, span.label) for span in query.spans]
