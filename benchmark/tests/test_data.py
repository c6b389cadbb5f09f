"""Folds, and queries as they were written."""

import pytest
from conftest import public_data
from scripts.data import Fold, as_written, make_folds

from music_ner.data.bio import read_bio
from music_ner.data.query import to_doc, word_tags
from music_ner.evaluation.scores import entity_spans


@pytest.fixture
def files(tmp_path):
    """Three BIO files."""
    paths = [tmp_path / f"{name}.bio" for name in "abc"]
    for path in paths:
        path.write_text("like\tO\nsade\tB-Artist\n", encoding="utf8")
    return paths


def test_each_file_is_tested_by_systems_trained_on_the_others(files):
    a, b, c = files
    assert make_folds(files) == [Fold("a", [b, c], a), Fold("b", [a, c], b), Fold("c", [a, b], c)]


def test_an_inner_fold_leaves_the_folds_own_test_file_out(files):
    a, b, c = files
    assert make_folds(files, inner=True) == [
        Fold("b (not a)", [c], b),
        Fold("c (not b)", [a], c),
        Fold("a (not c)", [b], a),
    ]


def test_files_with_the_same_name_are_told_apart_by_their_folders(tmp_path):
    paths = [tmp_path / folder / "gold.bio" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.touch()
    assert [fold.name for fold in make_folds(paths)] == ["one", "two"]


@pytest.mark.parametrize(
    ("names", "inner", "message"),
    [
        ("a", False, "1 files, but 2 are needed"),
        ("ab", True, "2 files, but 3 are needed"),
        ("ax", False, "There is no file"),
        ("aa", False, "Two folds have the same name"),
    ],
)
def test_files_that_make_no_folds_end_the_command(files, names, inner, message, capsys):
    with pytest.raises(SystemExit) as error:
        make_folds([files[0].with_name(f"{name}.bio") for name in names], inner)
    assert error.value.code == 1
    assert message in " ".join(capsys.readouterr().out.split())


@pytest.fixture
def originals(tmp_path):
    """Write the originals of queries; RETURNS the path of their BIO file."""

    def write(*rows, header="preprocessed,original"):
        lines = [header, *(f'"{one}","{other}"' for one, other in rows)]
        (tmp_path / "queries.csv").write_text("\n".join(lines), encoding="utf8")
        return tmp_path / "gold.bio"

    return write


def test_gold_is_moved_to_what_was_written(docs_of, originals):
    docs = docs_of(["ccrs travelin band", "songs like [kid a](WoA) by [radioheads](Artist)"])
    written = "Songs like 'Kid A' by Radiohead's?"
    test = originals(("songs like kid a by radioheads", written))
    ((number, doc),) = as_written(docs, test).items()
    assert number == 1
    assert word_tags(doc.text, entity_spans(doc)) == ["O", "O", "B-WoA", "I-WoA", "O", "B-Artist"]


def test_two_names_without_a_space_between_are_both_kept(docs_of, originals):
    docs = docs_of(["[erase me](WoA) [kid cudi](Artist)"])
    (doc,) = as_written(docs, originals(("erase me kid cudi", "Erase Me-Kid Cudi"))).values()
    assert [ent.text for ent in doc.ents] == ["Erase Me", "Kid Cudi"]


def test_a_query_whose_original_lacks_an_entity_is_left_out(docs_of, originals):
    test = originals(("like kid a", "like that one"))
    assert as_written(docs_of(["like [kid a](WoA)"]), test) == {}


def test_without_originals_there_is_nothing_to_test(docs_of, tmp_path):
    assert as_written(docs_of(["like [kid a](WoA)"]), tmp_path / "gold.bio") == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,original\n1,like kid a\n", "it lacks the column preprocessed"),
        (b"id,text,start_offset,end_offset,label\n1,like kid a,5,10,WoA\n", "it lacks the column"),
        (b"", "No columns to parse"),
        (b"\n\n", "No columns to parse"),
        (b'preprocessed,original\nlike kid a,"like Kid A\n', "EOF inside string"),
        (b"preprocessed,original\nlike kid a,Like,Kid A\n1,2,3,4,5\n", "Error tokenizing"),
        (b"preprocessed,original\nlike kid a,like Kid \xe1\n", "codec can't decode"),
        (None, "Is a directory"),
    ],
)
def test_another_queries_csv_is_not_used_and_the_command_says_so(
    docs_of, tmp_path, capsys, content, message
):
    path = tmp_path / "queries.csv"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert as_written(docs_of(["like [kid a](WoA)"]), tmp_path / "gold.bio") == {}
    said = " ".join(capsys.readouterr().out.split())
    assert "is not used:" in said
    assert message in said


def test_a_queries_csv_of_which_no_query_is_tested_is_no_error(docs_of, originals):
    test = originals(("like that one", "Like That One"))
    assert as_written(docs_of(["like [kid a](WoA)"]), test) == {}


def test_nearly_all_originals_of_musicreconer_hold_the_entities(make_doc):
    path = public_data("musicreconer") / "dataset1" / "ground-truth.bio"
    docs = [to_doc(query, make_doc) for query in read_bio(path).queries]
    assert len(as_written(docs, path)) >= 0.99 * len(docs)
