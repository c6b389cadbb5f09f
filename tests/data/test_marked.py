"""Queries in which entities are marked."""

import pytest

from music_ner.data.marked import parse, read
from music_ner.data.query import Query, Span, normalize_query
from music_ner.files import UnreadableFileError


def test_marks_become_spans_of_the_text_without_marks():
    query = parse("more like [yellow](WoA) by [cold play](Artist) | live", "7")
    assert query == Query(
        "7",
        "more like yellow by cold play | live",
        (Span(10, 16, "WoA", "known"), Span(20, 29, "Artist", "known")),
    )


def test_a_query_without_marks_has_no_spans():
    assert parse("rain (soft) for sleeping", "1") == Query("1", "rain (soft) for sleeping")


def test_marks_may_stand_side_by_side_at_the_edges():
    query = parse("[sade](Artist)[halo](WoA)", "1")
    assert query.text == "sadehalo"
    assert [span[:3] for span in query.spans] == [(0, 4, "Artist"), (4, 8, "WoA")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[halo ](WoA) on repeat", "'halo ' has a space at its edge"),
        ("play [ halo](WoA)", "' halo' has a space at its edge"),
        ("play [halo](Song)", "'[' does not mark an entity"),
        ("play [halo](woa)", "'[' does not mark an entity"),
        ("play [halo] (WoA)", "'[' does not mark an entity"),
        ("play [](WoA)", "'[' does not mark an entity"),
        ("play [halo(WoA)", "'[' does not mark an entity"),
        ("play halo](WoA)", "']' does not mark an entity"),
        ("[the [halo](WoA) song](WoA)", "without nesting"),
    ],
)
def test_a_faulty_mark_is_an_error_that_says_what_is_wrong(line, message):
    with pytest.raises(ValueError) as error:
        parse(line, "1")
    assert message in str(error.value)


def test_ids_name_the_kind_and_count_on_over_its_files(tmp_path):
    (tmp_path / "posts_a.txt").write_text("calm piano\n\n  \n loud drums \n")
    (tmp_path / "posts_b.txt").write_text("[sade](Artist)")
    (tmp_path / "searches.txt").write_text("rain sounds")
    queries = read(sorted(tmp_path.glob("*.txt")))
    assert [(query.id, query.text) for query in queries] == [
        ("posts:1", "calm piano"),
        ("posts:2", "loud drums"),
        ("posts:3", "sade"),
        ("searches:1", "rain sounds"),
    ]


def test_a_faulty_line_is_an_error_that_names_it(tmp_path):
    (tmp_path / "marks.txt").write_text("calm piano\n\nplay [halo](Song)\n")
    with pytest.raises(
        UnreadableFileError, match=r"marks\.txt, line 3: '\[' does not mark an entity"
    ) as stop:
        read([tmp_path / "marks.txt"])
    assert "[title](WoA)" in stop.value.args[1]


def test_a_pipe_parts_words_as_it_does_in_bio(tmp_path):
    (tmp_path / "marks.txt").write_text("[sade](Artist)|[halo](WoA)\n")
    (query,) = read([tmp_path / "marks.txt"])
    assert normalize_query(query).text == "sade, halo"


def test_a_byte_order_mark_is_no_part_of_the_first_query(tmp_path):
    (tmp_path / "marks.txt").write_text("[sade](Artist)", encoding="utf-8-sig")
    assert [query.text for query in read([tmp_path / "marks.txt"])] == ["sade"]


def test_a_file_that_is_not_utf8_is_an_error_that_names_it(tmp_path):
    (tmp_path / "marks.txt").write_text("[beyoncé](Artist)", encoding="cp1252")
    with pytest.raises(UnreadableFileError, match=r"marks\.txt: .*UTF-8"):
        read([tmp_path / "marks.txt"])


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_a_line_separator_inside_a_query_ends_no_line(tmp_path, separator):
    path = tmp_path / "posts.txt"
    path.write_text(f"like{separator}[sade](Artist)\r\n\ncalm\n", encoding="utf8")
    assert [(query.id, query.text) for query in read([path])] == [
        ("posts:1", f"like{separator}sade"),
        ("posts:2", "calm"),
    ]


@pytest.mark.parametrize("content", [b"\xef", b"\xef\xbb"])
def test_a_part_of_a_byte_order_mark_is_not_utf8(tmp_path, content):
    (tmp_path / "posts.txt").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"posts\.txt: .*UTF-8"):
        read([tmp_path / "posts.txt"])
