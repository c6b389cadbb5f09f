from pathlib import Path

from music_ner.data.sources import paths_of


def test_names_are_separated_by_commas():
    assert paths_of(" a.csv, b c.csv ,,") == [Path("a.csv"), Path("b c.csv")]


def test_an_empty_list_names_no_files():
    assert paths_of("") == paths_of(" , ") == []
