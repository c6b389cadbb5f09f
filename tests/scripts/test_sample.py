import pytest
import spacy

from music_ner.data.bio import read_bio
from music_ner.data.marked import read
from music_ner.data.offsets_csv import read_csv
from music_ner.data.query import normalize_query
from scripts.sample import main
from tests.conftest import ROOT

FOLDER = ROOT / "assets" / "sample"


@pytest.fixture(scope="module")
def queries():
    return read(sorted(FOLDER.glob("*.txt")))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The CSV and the BIO file of the sample data."""
    folder = tmp_path_factory.mktemp("sample")
    main(FOLDER, folder / "queries.csv", folder / "queries.bio")
    return folder


def test_a_faulty_line_ends_the_command_and_leaves_nothing(tmp_path, capsys):
    (tmp_path / "marks.txt").write_text("calm piano\n\nplay [halo](Song)\n")
    with pytest.raises(SystemExit) as stop:
        main(tmp_path, tmp_path / "queries.csv", tmp_path / "queries.bio")
    assert stop.value.code == 1
    assert "marks.txt,line3:" in "".join(capsys.readouterr().out.split())
    assert [path.name for path in tmp_path.iterdir()] == ["marks.txt"]


def test_a_folder_without_queries_ends_the_command(tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(SystemExit) as stop:
        main(tmp_path, tmp_path / "queries.csv", tmp_path / "queries.bio")
    assert stop.value.code == 1
    assert "nomarkedqueries" in "".join(capsys.readouterr().out.split())
    assert [path.name for path in tmp_path.iterdir()] == ["empty.txt"]


def test_the_sample_holds_both_labels_and_queries_without_entities(queries):
    assert {span.label for query in queries for span in query.spans} == {"Artist", "WoA"}
    assert any(not query.spans for query in queries)


def test_the_csv_of_the_sample_reads_back_to_the_same_spans(queries, written):
    reading = read_csv(written / "queries.csv", spacy.blank("en").make_doc)
    marked = [normalize_query(query) for query in queries if query.spans]
    assert reading.rejected == []
    assert reading.counts["trimmed"] == reading.counts["grown"] == 0
    assert [query.text for query in reading.queries] == [query.text for query in marked]
    assert [[span[:4] for span in query.spans] for query in reading.queries] == [
        [span[:4] for span in query.spans] for query in marked
    ]


def test_the_bio_of_the_sample_reads_back_to_the_same_entities(queries, written):
    def mentions(query):
        return [(query.text[span.start : span.end], span.label) for span in query.spans]

    reading = read_bio(written / "queries.bio")
    normal = [normalize_query(query) for query in queries]
    assert reading.rejected == []
    assert reading.counts["repaired"] == 0
    assert [
        (query.id, "".join(query.text.split()), mentions(query)) for query in reading.queries
    ] == [(query.id, "".join(query.text.split()), mentions(query)) for query in normal]
