"""What the matches of a catalogue tell about each token."""

import numpy as np
import pytest

from music_ner.pipeline.catalogue.features import FEATURES, N_FEATURES
from music_ner.pipeline.labels import LABELS
from tests.pipeline.catalogue.helpers import feature, features


def test_features_tell_position_length_partner_and_ambiguity(nlp):
    nlp.get_pipe("catalogue").add(
        artists=["Love"], works=["Love"], pairs=[("Rage Against the Machine", "Wake Up")]
    )
    doc = nlp("love wake up by rage against the machine")
    assert [len(of_token) for of_token in doc._.catalogue] == [N_FEATURES] * len(doc)
    positions = {
        name: [
            (label, i) for label in LABELS for i in range(len(doc)) if feature(doc, i, label, name)
        ]
        for name in FEATURES
    }
    rage = [("Artist", i) for i in range(4, 8)]
    wake = [("WoA", 1), ("WoA", 2)]
    assert positions["begin"] == [("Artist", 4), ("WoA", 1)]
    assert positions["inside"] == [("Artist", 5), ("Artist", 6)]
    assert positions["last"] == [("Artist", 7), ("WoA", 2)]
    assert positions["unit"] == [("Artist", 0), ("WoA", 0)]
    assert positions["partner"] == positions["n_pairs"] == rage + wake
    assert positions["shared"] == [("Artist", 0), ("WoA", 0)]
    assert feature(doc, 5, "Artist", "length") == pytest.approx(4 / 6)
    assert not any(doc._.catalogue[3])


def test_features_can_be_had_without_some_of_the_matches(nlp):
    names = {"artists": ["Love"], "works": ["Love"], "pairs": [("Korn", "Wake Up")]}
    nlp.get_pipe("catalogue").add(**names)
    doc = nlp("love wake up by korn")
    labels = [match.label for match in doc._.catalogue_matches]
    assert labels == ["Artist", "Artist", "WoA", "WoA"]
    assert np.array_equal(doc._.catalogue_without([]), features(doc))
    assert not doc._.catalogue_without([1, 2, 3, 4]).any()
    nlp.get_pipe("catalogue").clear()
    nlp.get_pipe("catalogue").add(works=["Love", "Wake Up"])
    assert np.array_equal(doc._.catalogue_without([1, 2]), features(nlp(doc.text)))


def test_the_pairs_of_a_match_that_is_left_out_do_not_count(nlp):
    nlp.get_pipe("catalogue").add(pairs=[("Sade", "Paradise"), ("Sade", "Wake Up")])
    doc = nlp("paradise by sade")
    nlp.get_pipe("catalogue").clear()
    nlp.get_pipe("catalogue").add(pairs=[("Sade", "Wake Up")])
    assert np.array_equal(doc._.catalogue_without([2]), features(nlp(doc.text)))


def test_the_number_of_pairs_grows_slowly_to_one(nlp):
    for n, value in ((1, 0.2018), (2, 0.3199), (15, 0.8074), (30, 1.0), (500, 1.0)):
        nlp.get_pipe("catalogue").clear()
        nlp.get_pipe("catalogue").add(pairs=[("Sade", f"Song {i}") for i in range(n)])
        assert feature(nlp("sade"), 0, "Artist", "n_pairs") == pytest.approx(value, abs=1e-4)
        assert feature(nlp("song 0"), 0, "WoA", "n_pairs") == pytest.approx(0.2018, abs=1e-4)


def test_long_names_have_the_same_length(nlp):
    nlp.get_pipe("catalogue").add(works=["a b c d e f", "g h i j k l m n"])
    doc = nlp("a b c d e f g h i j k l m n")
    assert {feature(doc, i, "WoA", "length") for i in range(len(doc))} == {1.0}


@pytest.mark.parametrize("text", ["", "  ", "nothing here", "?!"])
def test_docs_without_a_match_have_features_of_zero(nlp, text):
    for names in ([], ["Sade"]):
        nlp.get_pipe("catalogue").add(artists=names)
        doc = nlp(text)
        assert features(doc).shape == (len(doc), N_FEATURES)
        assert not features(doc).any()
        assert doc._.catalogue_matches == []


def test_a_long_doc_is_searched_to_its_end(nlp):
    nlp.get_pipe("catalogue").add(pairs=[("Sade", "Paradise")], works=["like"])
    doc = nlp(" ".join(["something like this"] * 2000 + ["sade paradise"]))
    assert feature(doc, len(doc) - 2, "Artist", "partner") == 1
    assert feature(doc, len(doc) - 1, "WoA", "unit") == 1
    assert len(doc._.catalogue_matches) == 2002
