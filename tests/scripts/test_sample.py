import pytest
import spacy

from scripts import sample
from music_ner.data.query import Query, Span, normalize_query
from music_ner.data.bio import read_bio
from music_ner.data.offsets_csv import read_csv
from tests.conftest import ROOT

FOLDER = ROOT / "assets" / "sample"


@pytest.fixture(scope="module")
def queries():
    return sample.read(sorted(FOLDER.glob("*.txt")))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The CSV and the BIO file of the sample data."""
    folder = tmp_path_factory.mktemp("sample")
    sample.main(FOLDER, folder / "queries.csv", folder / "queries.bio")
    return folder


def test_marks_become_spans_of_the_text_without_marks():
    query = sample.parse("more like [yellow](WoA) by [cold play](Artist) | live", "7")
    assert query == Query(
        "7",
        "more like yellow by cold play | live",
        (Span(10, 16, "WoA", "known"), Span(20, 29, "Artist", "known")),
    )


def test_a_query_without_marks_has_no_spans():
    assert sample.parse("rain (soft) for sleeping", "1") == Query("1", "rain (soft) for sleeping")


def test_marks_may_stand_side_by_side_at_the_edges():
    query = sample.parse("[sade](Artist)[halo](WoA)", "1")
    assert query.text == "sadehalo"
    assert [span[:3] for span in query.spans] == [(0, 4, "Artist"), (4, 8, "WoA")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[halo ](WoA) on repeat", "'halo ' has a space at its edge"),
        ("play [ halo](WoA)", "' halo' has a space at its edge"),
        ("play [halo](Song)", "'[' marks no entity"),
        ("play [halo](woa)", "'[' marks no entity"),
        ("play [halo] (WoA)", "'[' marks no entity"),
        ("play [](WoA)", "'[' marks no entity"),
        ("play [halo(WoA)", "'[' marks no entity"),
        ("play halo](WoA)", "']' marks no entity"),
        ("[the [halo](WoA) song](WoA)", "not nested"),
    ],
)
def test_a_faulty_mark_is_an_error_that_says_what_is_wrong(line, message):
    with pytest.raises(ValueError) as error:
        sample.parse(line, "1")
    assert message in str(error.value)


def test_ids_count_on_over_files_and_blank_lines_are_passed_over(tmp_path):
    (tmp_path / "a.txt").write_text("calm piano\n\n  \n loud drums \n")
    (tmp_path / "b.txt").write_text("[sade](Artist)")
    queries = sample.read([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert [(query.id, query.text) for query in queries] == [
        ("1", "calm piano"),
        ("2", "loud drums"),
        ("3", "sade"),
    ]


def test_a_faulty_line_ends_the_command_and_is_named(tmp_path, capsys):
    (tmp_path / "marks.txt").write_text("calm piano\n\nplay [halo](Song)\n")
    with pytest.raises(SystemExit) as stop:
        sample.read([tmp_path / "marks.txt"])
    assert stop.value.code == 1
    assert "marks.txt,line3:'['marksnoentity" in "".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "line", ["[sade](Artist)[halo](WoA)", "play [time](WoA)-[pink floyd](Artist)"]
)
def test_two_entities_in_one_word_end_the_command_since_bio_has_one_tag_a_word(
    tmp_path, capsys, line
):
    (tmp_path / "marks.txt").write_text(f"[sade](Artist) [halo](WoA)\n{line}\n")
    with pytest.raises(SystemExit) as stop:
        sample.read([tmp_path / "marks.txt"])
    assert stop.value.code == 1
    said = "".join(capsys.readouterr().out.split())
    assert "marks.txt,line2:twoentitiesshareaword" in said


def test_a_pipe_parts_words_as_it_does_in_bio(tmp_path):
    (tmp_path / "marks.txt").write_text("[sade](Artist)|[halo](WoA)\n")
    (query,) = sample.read([tmp_path / "marks.txt"])
    assert normalize_query(query).text == "sade, halo"


def test_a_byte_order_mark_is_no_part_of_the_first_query(tmp_path):
    (tmp_path / "marks.txt").write_text("[sade](Artist)", encoding="utf-8-sig")
    assert [query.text for query in sample.read([tmp_path / "marks.txt"])] == ["sade"]


def test_a_file_that_is_not_utf8_ends_the_command_and_is_named(tmp_path, capsys):
    (tmp_path / "marks.txt").write_text("[beyoncé](Artist)", encoding="cp1252")
    with pytest.raises(SystemExit) as stop:
        sample.read([tmp_path / "marks.txt"])
    assert stop.value.code == 1
    said = "".join(capsys.readouterr().out.split())
    assert "marks.txt:'utf-8'codeccan'tdecode" in said
    assert "SavethefileasUTF-8" in said


def test_a_folder_without_queries_ends_the_command(tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(SystemExit) as stop:
        sample.main(tmp_path, tmp_path / "queries.csv", tmp_path / "queries.bio")
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


def test_the_bio_of_the_sample_reads_back_to_the_same_spans(queries, written):
    reading = read_bio(written / "queries.bio")
    normal = [normalize_query(query) for query in queries]
    assert reading.rejected == []
    assert reading.counts["repaired"] == 0
    assert [(query.text, [span[:3] for span in query.spans]) for query in reading.queries] == [
        (query.text, [span[:3] for span in query.spans]) for query in normal
    ]
