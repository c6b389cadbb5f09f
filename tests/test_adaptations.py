import pytest
import spacy
import srsly

from scripts.adaptations import adaptations, names_brought


@pytest.fixture
def new_names(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("artist,work\nThe Korn,\nSade,Halo\n,Yellow\n", encoding="utf8")
    return path


@pytest.mark.parametrize(
    ("name", "trained", "new", "common"),
    [
        ("no names", False, False, False),
        ("names brought after training, no others", False, True, False),
        ("names of training and those brought after it", True, True, False),
        ("common words as works, no others", False, False, True),
        ("names of training, and common words as works", True, False, True),
    ],
)
def test_a_trained_pipeline_is_given_other_names(new_names, name, trained, new, common):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalogue").update(artists=["Portishead"])
    adaptations([new_names])[name].adapt(nlp)
    matches = nlp("portishead and korn with yellow")._.catalogue_matches
    expected = {
        ("portishead", "Artist", trained),
        ("korn", "Artist", new),
        ("yellow", "WoA", new or common),
        ("and", "WoA", common),
        ("with", "WoA", common),
    }
    words = ["portishead", "and", "korn", "with", "yellow"]
    found = {(words[match.start], match.label) for match in matches}
    assert found == {(word, label) for word, label, is_listed in expected if is_listed}


def test_without_new_names_there_is_nothing_to_bring():
    assert not [name for name in adaptations([]) if "brought" in name]


def test_other_new_names_are_another_input(new_names):
    before = adaptations([new_names])
    new_names.write_text("artist,work\nKorn,\n", encoding="utf8")
    after = adaptations([new_names])
    changed = [name for name in before if before[name].inputs != after[name].inputs]
    assert changed == [name for name in before if "brought" in name]


def test_what_training_knew_under_any_label_is_not_new(new_names, tmp_path):
    srsly.write_jsonl(tmp_path / "names.jsonl", [{"artist": "Coldplay", "works": ["yéllow"]}])
    names = names_brought([new_names], [tmp_path / "names.jsonl"])
    assert names == {("Artist", "korn"), ("Artist", "sade"), ("WoA", "halo")}
    srsly.write_jsonl(tmp_path / "names.jsonl", [{"artist": "Halo", "works": []}])
    names = names_brought([new_names], [tmp_path / "names.jsonl"])
    assert names == {("Artist", "korn"), ("Artist", "sade"), ("WoA", "yellow")}
