"""BIO files."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from music_ner.data.bio import read_bio, write_bio
from music_ner.data.marked import parse
from music_ner.data.query import Query, Span
from music_ner.files import UnreadableFileError
from tests.data.readings import marked, rejections


@pytest.fixture
def read_words(tmp_path):
    """Read a BIO file of this content."""

    def read(content: str | bytes):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "gold.bio").write_bytes(content)
        return read_bio(tmp_path / "gold.bio")

    return read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for hypothesis, which runs one test many times."""
    return tmp_path_factory.mktemp("formats")


def test_words_and_tags_become_queries_with_entities(read_words):
    reading = read_words("halo\tB-WoA\nby\tO\nsade\tB-Artist\nadu\tI-Artist\n\ncalm\tO\npiano\tO\n")
    assert marked(reading) == [
        ("halo by sade adu", [("halo", "WoA"), ("sade adu", "Artist")]),
        ("calm piano", []),
    ]
    assert [query.id for query in reading.queries] == ["gold.bio:1", "gold.bio:6"]
    assert reading.counts["lines"] == reading.counts["words"] == 6


def test_two_b_tags_in_a_row_are_two_entities(read_words):
    assert marked(read_words("sade\tB-Artist\nkorn\tB-Artist\n")) == [
        ("sade korn", [("sade", "Artist"), ("korn", "Artist")])
    ]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("like\tO\nsade\tB-Artist", id="no final newline"),
        pytest.param("like\tO\nsade\tB-Artist\n\n \n\n", id="blank lines at the end"),
        pytest.param("\n\nlike\tO\nsade\tB-Artist\n", id="blank lines at the start"),
        pytest.param("like\tO\r\nsade\tB-Artist\r\n\r\n", id="CRLF"),
        pytest.param("\ufefflike\tO\nsade\tB-Artist\n", id="BOM"),
        pytest.param("like O\nsade  B-Artist \n", id="spaces for the tab"),
        pytest.param(" like \t O\nsade\tB-Artist  \n", id="spaces beside the tab"),
    ],
)
def test_the_way_a_file_is_laid_out_does_not_matter(read_words, content):
    reading = read_words(content)
    assert marked(reading) == [("like sade", [("sade", "Artist")])]
    assert reading.rejected == []


def test_a_space_at_the_edge_of_a_word_is_no_part_of_the_entity(read_words):
    (query,) = read_words("like\tO\nsade \tB-Artist\nnow\tO\n").queries
    assert query == Query("gold.bio:1", "like sade now", (Span(5, 9, "Artist"),))


def test_several_blank_lines_separate_queries_once(read_words):
    assert marked(read_words("a\tO\n\n\n \t\nb\tO\n")) == [("a", []), ("b", [])]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("O I-WoA I-WoA", [("b c", "WoA")]),
        ("I-WoA O O", [("a", "WoA")]),
        ("B-Artist I-WoA I-WoA", [("a", "Artist"), ("b c", "WoA")]),
    ],
)
def test_an_i_tag_that_continues_nothing_starts_an_entity_and_is_counted(read_words, tags, spans):
    lines = [f"{word}\t{tag}\n" for word, tag in zip("abc", tags.split(), strict=True)]
    reading = read_words("".join(lines))
    assert marked(reading) == [("a b c", spans)]
    assert reading.counts["repaired"] == 1


def test_an_i_tag_does_not_continue_an_entity_of_the_query_before(read_words):
    reading = read_words("a\tB-WoA\n\nb\tI-WoA\n")
    assert marked(reading) == [("a", [("a", "WoA")]), ("b", [("b", "WoA")])]
    assert reading.counts["repaired"] == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("sade\tB-", "unknown tag 'B-'"),
        ("sade\tb-artist", "unknown tag 'b-artist'"),
        ("sade\tArtist", "unknown tag 'Artist'"),
        ("sade\tX-Artist", "unknown tag 'X-Artist'"),
        ("sade\t", "unknown tag ''"),
        ("sade", "not a word and a tag"),
        ("\tO", "not a word and a tag"),
        ("sade\tNN\tO", "not a word and a tag"),
        ("sade adu O", "not a word and a tag"),
    ],
)
def test_a_query_with_a_line_that_cannot_be_read_is_rejected(read_words, tmp_path, line, reason):
    reading = read_words(f"calm\tO\n\nmore\tO\n{line}\nplease\tO\n\nkorn\tB-Artist\n")
    assert marked(reading) == [("calm", []), ("korn", [("korn", "Artist")])]
    ((number, given_reason),) = rejections(reading)
    assert number == 4
    assert given_reason.startswith(reason)
    assert reading.rejected[0]["file"] == str(tmp_path / "gold.bio")
    assert reading.rejected[0]["content"] == line
    assert reading.counts["rejected_queries"] == reading.counts["rejected"] == 1
    assert reading.counts["words"] == 2


def test_every_faulty_line_of_a_query_is_named(read_words):
    reading = read_words("more\tX\nsade\tO\nplease\n")
    assert [number for number, _ in rejections(reading)] == [1, 3]
    assert {item["query"] for item in reading.rejected} == {"more sade please"}
    assert reading.counts["rejected_queries"] == 1


@pytest.mark.parametrize(
    "word",
    ["bbno$", "r&b", "🎸", "👩‍🎤", "beyoncé", "ren\u0301", "sa\u200bde", "\u200b", '"', "a,b", "#"],
)
def test_odd_words_are_read_from_bio_as_they_are(read_words, word):
    reading = read_words(f"more\tO\n{word}\tB-Artist\nnow\tO\n")
    assert marked(reading) == [(f"more {word} now", [(word, "Artist")])]


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\x1c", "\u00a0"])
def test_a_line_separator_inside_a_word_ends_no_line_and_becomes_a_space(read_words, separator):
    reading = read_words(f"more\tO\nsa{separator}de\tB-Artist\n")
    assert marked(reading) == [("more sa de", [("sa de", "Artist")])]


def test_a_pipe_in_bio_becomes_a_comma(read_words):
    reading = read_words("sade|korn\tB-Artist\n|\tO\nhalo\tB-WoA\n")
    assert marked(reading) == [("sade, korn , halo", [("sade, korn", "Artist"), ("halo", "WoA")])]


def test_the_space_behind_a_comma_is_no_part_of_the_entity(read_words):
    (query,) = read_words("sade|\tB-Artist\nnow\tO\n").queries
    assert query == Query("gold.bio:1", "sade, now", (Span(0, 5, "Artist"),))


def test_bio_that_is_not_utf8_is_an_error_that_names_the_file(read_words):
    with pytest.raises(UnreadableFileError, match=r"gold\.bio: .*UTF-8"):
        read_words("beyoncé\tB-Artist\n".encode("latin1"))


@pytest.mark.parametrize("content", [b"\xef", b"\xef\xbb"])
def test_a_part_of_a_byte_order_mark_is_not_utf8(read_words, content):
    with pytest.raises(UnreadableFileError, match=r"gold\.bio: .*UTF-8"):
        read_words(content)


def test_an_empty_bio_file_holds_no_queries(read_words):
    assert read_words("").queries == []


TAGS = st.lists(
    st.tuples(
        st.text(alphabet="ab$&é🎸\u200b,", min_size=1, max_size=4),
        st.sampled_from(["O", "B-Artist", "B-WoA"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(sentences=st.lists(TAGS, min_size=1, max_size=4))
def test_bio_that_is_written_reads_back_to_the_same_queries(folder, sentences):
    lines = ["".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences]
    (folder / "a.bio").write_text("\n".join(lines), encoding="utf8")
    queries = read_bio(folder / "a.bio").queries
    write_bio(folder / "b.bio", queries)
    assert read_bio(folder / "b.bio").queries == queries
    without_ids = [replace(query, id="") for query in queries]
    write_bio(folder / "b.bio", without_ids)
    assert (folder / "b.bio").read_text(encoding="utf8") == "\n".join(lines)


def test_a_comment_gives_a_query_its_id(read_words):
    reading = read_words("# sent_id = posts:3\nmore\tO\nsade\tB-Artist\n\ncalm\tO\n")
    assert [query.id for query in reading.queries] == ["posts:3", "gold.bio:5"]
    assert [query.source for query in reading.queries] == ["posts", "gold.bio"]
    assert [query.text for query in reading.queries] == ["more sade", "calm"]
    assert reading.rejected == []
    assert reading.counts["words"] == 3


def test_a_comment_without_words_is_no_query(read_words):
    reading = read_words("# sent_id = posts:1\n\n# sent_id = posts:2\ncalm\tO\n")
    assert [(query.id, query.text) for query in reading.queries] == [("posts:2", "calm")]
    assert reading.rejected == []


@pytest.mark.parametrize(
    "line", ["-DOCSTART-\tO", "-DOCSTART- -X- -X- O", "-DOCSTART-", "-DOCSTART- O\r"]
)
@pytest.mark.parametrize("blank", ["\n", ""])
def test_the_line_that_starts_a_document_is_no_query(read_words, line, blank):
    reading = read_words(f"{line}\n{blank}more\tO\nsade\tB-Artist\n\n{line}\n{blank}calm\tO\n")
    assert marked(reading) == [("more sade", [("sade", "Artist")]), ("calm", [])]
    assert reading.rejected == []
    assert reading.counts["lines"] == 3


def test_a_query_of_more_characters_than_spacy_reads_is_rejected(read_words):
    reading = read_words(f"sade\tB-Artist\n{'la' * 600_000}\tO\n\nhalo\tB-WoA\n")
    assert marked(reading) == [("halo", [("halo", "WoA")])]
    ((number, reason),) = rejections(reading)
    assert number == 1
    assert reason.startswith("the query has 1200005 characters")


def test_a_comment_inside_a_query_is_rejected(read_words):
    reading = read_words("more\tO\n# sent_id = posts:3\nsade\tB-Artist\n")
    assert rejections(reading) == [(2, "not a word and a tag: separate the two by one tab")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[Sade](Artist)'s best", "Sade 's best"),
        ("play [Halo](WoA).", "play Halo ."),
        ('"[Halo](WoA)", by [Sade](Artist)?', '" Halo ", by Sade ?'),
        ("[sade](Artist)/[korn](Artist)", "sade / korn"),
        ("[sade](Artist)[halo](WoA)", "sade halo"),
        ("[Panic!](Artist) and [R.E.M.](Artist)", "Panic! and R.E.M."),
    ],
)
def test_a_word_is_cut_at_the_edges_of_entities(tmp_path, line, words):
    query = parse(line, "posts:1")
    write_bio(tmp_path / "a.bio", [query])
    (back,) = read_bio(tmp_path / "a.bio").queries
    assert back.text == words
    assert [(back.text[s.start : s.end], s.label) for s in back.spans] == [
        (query.text[s.start : s.end], s.label) for s in query.spans
    ]


def test_the_cookbooks_bio_has_599_queries(cookbook):
    reading = read_bio(cookbook / "music_ner_bio.bio")
    assert len(reading.queries) == 599
    assert reading.rejected == []
