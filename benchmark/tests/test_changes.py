"""Pipelines with other names in their catalogue."""

import pytest
import spacy
import srsly
from scripts.changes import catalogue_changes, changes, unknown_names


@pytest.fixture
def new_names(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("artist,work\nThe Korn,\nSade,Halo\n,Yellow\n", encoding="utf8")
    return path


@pytest.mark.parametrize(
    ("name", "trained", "new", "common"),
    [
        ("no names", False, False, False),
        ("new names only", False, True, False),
        ("training and new names", True, True, False),
        ("common words as works only", False, False, True),
        ("training names, common words as works", True, False, True),
    ],
)
def test_a_pipeline_gets_other_names(new_names, name, trained, new, common):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalogue").add(artists=["Portishead"])
    catalogue_changes([new_names])[name](nlp)
    words = ["portishead", "and", "korn", "with", "yellow"]
    matches = nlp(" ".join(words))._.catalogue_matches
    expected = {
        ("portishead", "Artist", trained),
        ("korn", "Artist", new),
        ("yellow", "WoA", new or common),
        ("and", "WoA", common),
        ("with", "WoA", common),
    }
    found = {(words[match.start], match.label) for match in matches}
    assert found == {(word, label) for word, label, is_listed in expected if is_listed}


def test_without_new_names_there_are_none_to_add():
    assert not [name for name in changes([]) if "new" in name]


def test_other_new_names_are_another_input(new_names):
    before = changes([new_names])
    new_names.write_text("artist,work\nKorn,\n", encoding="utf8")
    after = changes([new_names])
    assert before["new names only"].inputs != after["new names only"].inputs
    assert before["fast (int8)"].inputs == after["fast (int8)"].inputs


def test_what_training_knew_under_any_label_is_not_new(new_names, tmp_path):
    names = tmp_path / "names.jsonl"
    srsly.write_jsonl(names, [{"artist": "Coldplay", "works": ["yéllow"]}])
    assert unknown_names([new_names], [names]) == {
        ("Artist", "korn"),
        ("Artist", "sade"),
        ("WoA", "halo"),
    }
    srsly.write_jsonl(names, [{"artist": "Halo", "works": []}])
    assert unknown_names([new_names], [names]) == {
        ("Artist", "korn"),
        ("Artist", "sade"),
        ("WoA", "yellow"),
    }
