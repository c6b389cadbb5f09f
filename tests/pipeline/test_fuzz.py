"""The whole pipeline, stock and fast, on any text.

The tests are short and the same in each run. To try 10,000 texts:

    python -m pytest tests/pipeline --hypothesis-profile thorough -k fuzz
"""

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from music_ner.pipeline.labels import LABELS
from tests.strategies import fuzz

pytestmark = pytest.mark.slow

THRESHOLD = 0.1  # so that there are many entities
NAMES = {
    "artists": ["Sade", "Radioheads", "U2", "日本", "R.E.M."],
    "pairs": [("Korn", "Karma Police"), ("Sade", "By Your Side"), ("AC/DC", "Back in Black")],
}
WORDS = ["songs", "like", "karma", "police", "by", "radioheads", "sade", "korn", "weightless"]
SIGNS = [*"|,;:/-–.…!?&+'’\"()[]{}#@*_~^=<>%$€", "...", "||", " | ", "'s", "n't", "🔥", "👩‍🎤", "❤️"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2028", "\u3000", "\x1c", "\u200b", "\ufeff"]
ODD = ["\x00", "\u0301", "\u202e", "\ufffd", "\u00ad", "ﬁ", "İ", "ß", "日本", "שלום", "\U0001f1eb"]
PIECES = st.sampled_from([*WORDS, *SIGNS, *SPACES, *ODD]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=8
)
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.tuples(
    st.sampled_from([*WORDS, *SIGNS, "a/", "sade|", "1 "]), st.integers(1, 300)
).map(lambda repeated: repeated[0] * repeated[1])


@pytest.fixture(scope="module", params=["tiny_model", "tiny_fast"])
def copies(request, tmp_path_factory):
    """A pipeline; and the same saved, pickled, and as bytes."""
    path = request.getfixturevalue(request.param)
    config = {"components.ner.threshold": THRESHOLD}
    nlp = spacy.load(path, config=config)
    nlp.get_pipe("catalogue").add(**NAMES)
    folder = tmp_path_factory.mktemp("saved") / "model"
    nlp.to_disk(folder)
    of_bytes = spacy.load(path, config=config).from_bytes(nlp.to_bytes())
    return nlp, [spacy.load(folder), pickle.loads(pickle.dumps(nlp)), of_bytes]


def entities(doc):
    return [(ent.start_char, ent.end_char, ent.label_, ent._.confidence) for ent in doc.ents]


def assert_true(doc, text):
    """What holds for the entities of any text."""
    assert doc.text == text
    found = entities(doc)
    for start, end, label, confidence in found:
        name = text[start:end]
        assert name == name.strip() != ""
        assert any(map(str.isalnum, name))
        assert "|" not in name
        assert label in LABELS
        assert 0 <= confidence <= 1
    assert [ent.text for ent in doc.ents] == [text[start:end] for start, end, *_ in found]
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    assert list(doc.spans["ents"]) == list(doc.ents)
    scores = doc.spans["ents"].attrs["scores"]
    assert scores.tolist() == pytest.approx([confidence for *_, confidence in found])
    assert len(doc._.catalogue) == len(doc)


def assert_same(found, expected, abs):
    """The same entities, but for those whose probabilities are too close to choose by."""
    confidences = [{entity[:3]: entity[3] for entity in entities} for entities in (found, expected)]
    for mine, theirs in (confidences, confidences[::-1]):
        for (start, end, label), confidence in mine.items():
            if (start, end, label) in theirs:
                assert confidence == pytest.approx(theirs[start, end, label], abs=abs)
            else:
                rivals = [theirs[e] for e in theirs if e[0] < end and start < e[1]]
                assert confidence in [pytest.approx(c, abs=abs) for c in (THRESHOLD, *rivals)]


@fuzz
@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(1, 5))
def test_entities_of_any_text_are_true_and_the_same_in_every_way(copies, texts, batch_size):
    nlp, others = copies
    docs = [nlp(text) for text in texts]
    for doc, text in zip(docs, texts, strict=True):
        assert_true(doc, text)
    expected = [entities(doc) for doc in docs]
    ways = [[entities(other(text)) for text in texts] for other in others]
    with ThreadPoolExecutor(8) as pool:
        ways.append(list(pool.map(lambda text: entities(nlp(text)), texts * 2))[: len(texts)])
    for found in ways:
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, abs=1e-6)
    for one, other in zip(nlp.pipe(texts, batch_size=batch_size), expected, strict=True):
        assert_same(entities(one), other, abs=1e-4)
