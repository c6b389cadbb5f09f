"""CSV files with character offsets."""

import csv
import io
import re

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from music_ner.data.offsets_csv import read_csv, write_csv
from music_ner.data.query import AMBIGUOUS, Query, Span, normalize_query
from music_ner.files import UnreadableFileError
from tests.data.readings import marked, rejections

NLP = spacy.blank("en")
HEADER = "id,text,start_offset,end_offset,label\n"
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def read_rows(tmp_path):
    """Read a CSV file of these rows: text below the header, or all the file's bytes."""

    def read(rows: str | bytes):
        content = rows if isinstance(rows, bytes) else (HEADER + rows).encode()
        (tmp_path / "ann.csv").write_bytes(content)
        return read_csv(tmp_path / "ann.csv", NLP.make_doc)

    return read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for hypothesis, which runs one test many times."""
    return tmp_path_factory.mktemp("formats")


def test_rows_with_one_id_are_the_spans_of_one_query_in_text_order(read_rows):
    reading = read_rows(
        "7,halo by sade,8,12,Artist\n9,calm korn,5,9,Artist\n7,halo by sade,0,4,WoA"
    )
    assert marked(reading) == [
        ("halo by sade", [("halo", "WoA"), ("sade", "Artist")]),
        ("calm korn", [("korn", "Artist")]),
    ]
    assert [query.id for query in reading.queries] == ["ann.csv:7", "ann.csv:9"]
    assert all(query.complete for query in reading.queries)


@pytest.mark.parametrize(
    ("written", "label", "certainty"),
    [
        ("Artist", "Artist", ""),
        ("Artist_known", "Artist", "known"),
        ("WoA_deduced", "WoA", "deduced"),
        ("Artist_or_WoA", AMBIGUOUS, ""),
        ("Artist_or_WoA_known", AMBIGUOUS, "known"),
        ("Artist_or_WoA_deduced", AMBIGUOUS, "deduced"),
    ],
)
def test_the_suffix_of_a_label_becomes_the_spans_certainty(read_rows, written, label, certainty):
    (query,) = read_rows(f"1,more sade,5,9,{written}").queries
    assert query.spans == (Span(5, 9, label, certainty, "ann"),)


def test_the_annotators_spans_are_kept_beside_the_entities(read_rows):
    (query,) = read_rows("1,more sade,5,9,Artist_known").queries
    assert query.annotations == query.spans == (Span(5, 9, "Artist", "known", "ann"),)


def test_a_pipe_becomes_a_comma_and_offsets_move_along(read_rows):
    reading = read_rows("1,sade|korn  or |abba,5,9,Artist\n1,sade|korn  or |abba,15,19,Artist")
    assert marked(reading) == [("sade, korn or , abba", [("korn", "Artist"), ("abba", "Artist")])]
    assert reading.counts["trimmed"] == reading.counts["grown"] == 0


def test_the_space_behind_a_comma_is_no_part_of_a_span(read_rows):
    reading = read_rows("1,sade| now,0,5,Artist")
    assert marked(reading) == [("sade, now", [("sade,", "Artist")])]
    assert reading.counts["grown"] == reading.counts["trimmed"] == 0


def test_spaces_at_the_edges_of_a_span_are_trimmed_and_counted(read_rows):
    reading = read_rows("1,more sade please,4,10,Artist\n2,more sade,5,9,Artist")
    assert marked(reading)[0] == ("more sade please", [("sade", "Artist")])
    assert reading.counts["trimmed"] == 1


@pytest.mark.parametrize(("start", "end"), [(5, 8), (6, 9), (6, 8)])
def test_a_span_that_cuts_a_word_grows_to_it_and_is_counted(read_rows, start, end):
    reading = read_rows(f"1,more sade please,{start},{end},Artist\n2,more sade,5,9,Artist")
    assert marked(reading)[0] == ("more sade please", [("sade", "Artist")])
    assert reading.counts["grown"] == 1
    assert reading.rejected == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,more sade,-1,4,Artist", "the span -1 to 4 .*text \\(0 to 9\\)"),
        ("1,more sade,5,12,Artist", "the span 5 to 12 .*text \\(0 to 9\\)"),
        ("1,more sade,0,-5,Artist", "the span 0 to -5 .*text \\(0 to 9\\)"),
        ("1,more sade,9,12,Artist", "the span 9 to 12 .*text \\(0 to 9\\)"),
        ("1,more sade,5,5,Artist", "the span 5 to 5 .*no text"),
        ("1,more sade,9,5,Artist", "the span 9 to 5 .*no text"),
        ("1,more sade,9,10,Artist", "the span 9 to 10 .*no text"),
        ("1,more sade,10,11,Artist", "the span 10 to 11 .*text \\(0 to 9\\)"),
        ("1,more sade,4,5,Artist", "the span 4 to 5 .*no text"),
        ("1,more sade,five,9,Artist", "start_offset 'five' is not a whole number"),
        ("1,more sade,5,9.5,Artist", "end_offset '9.5' is not a whole number"),
        ("1,more sade,5,1e1,Artist", "end_offset '1e1' is not a whole number"),
        ("1,more sade,5,inf,Artist", "end_offset 'inf' is not a whole number"),
        ("1,more sade,5,9,Artist=WoA", "'Artist=WoA' is no label"),
        (",more sade,5,9,Artist", "no value for id"),
        ("1,,5,9,Artist", "no value for text"),
        ("1,  ,0,1,Artist", "no value for text"),
        ("1,more sade,5,9", "no value for label"),
        ("1,more sade,,,Artist", "no value for start_offset, end_offset"),
        ("1,more, sade,6,10,Artist", "more fields than columns: put quotes around a text"),
        ("1,more, a, b, sade,6,10,Artist", "more fields than columns"),
        ("1,more sade,5,9,Artist,,WoA", "more fields than columns"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_reason(read_rows, tmp_path, row, reason):
    reading = read_rows(f"2,calm korn,5,9,Artist\n{row}\n3,halo,0,4,WoA\n")
    assert marked(reading) == [("calm korn", [("korn", "Artist")]), ("halo", [("halo", "WoA")])]
    ((number, given_reason),) = rejections(reading)
    assert number == 3
    assert re.match(reason, given_reason)
    assert reading.rejected[0]["file"] == str(tmp_path / "ann.csv")


def test_a_rejected_row_is_kept_as_it_was_written(read_rows):
    reading = read_rows('1,"more, sade",5,99,Artist_known\n2,a, b, c,0,1,WoA')
    assert [list(item["content"].values()) for item in reading.rejected] == [
        ["1", "more, sade", "5", "99", "Artist_known"],
        ["2", "a", " b", " c", "0", "1,WoA"],
    ]


@pytest.mark.parametrize("digits", [20, 400, 5000])
def test_an_offset_of_any_length_is_out_of_the_text(read_rows, digits):
    reading = read_rows(f"1,more sade,5,{'9' * digits},Artist")
    ((_, reason),) = rejections(reading)
    assert re.search(r"text \(0 to 9\)", reason)


@pytest.mark.parametrize("offsets", ["5.0,9.", " 5, 9 ", "+5,009"])
def test_offsets_as_spreadsheets_write_them_are_read(read_rows, offsets):
    assert marked(read_rows(f"1,more sade,{offsets},Artist")) == [
        ("more sade", [("sade", "Artist")])
    ]


@pytest.mark.parametrize("tail", [",", ",,", ",,,"])
def test_empty_fields_behind_the_last_column_do_no_harm(read_rows, tail):
    assert marked(read_rows(f"1,more sade,5,9,Artist{tail}\n")) == [
        ("more sade", [("sade", "Artist")])
    ]


def test_of_two_overlapping_spans_the_later_is_rejected(read_rows):
    reading = read_rows("1,more sade adu,5,13,Artist\n1,more sade adu,10,13,WoA")
    assert marked(reading) == [("more sade adu", [("sade adu", "Artist")])]
    ((number, reason),) = rejections(reading)
    assert number == 3
    assert "overlaps that of row 2" in reason


@pytest.mark.parametrize(
    ("text", "spans", "token"),
    [
        ("sade&korn", [(0, 4), (5, 9)], "sade&korn"),
        ("more sade;korn", [(5, 9), (10, 14)], "sade;korn"),
        ("sade&korn&abba", [(0, 4), (5, 9), (10, 14)], "sade&korn&abba"),
        ("nina simone+abba", [(0, 11), (12, 16)], "simone+abba"),
        ("more sade", [(5, 7), (7, 9)], "sade"),
        ("abba+nina simone", [(5, 16), (0, 4)], "abba+nina"),
        ("sade&korn", [(0, 4), (5, 9), (0, 4)], "sade&korn"),
        ("sade|abba&korn", [(5, 9), (10, 14)], "abba&korn"),
    ],
)
@pytest.mark.parametrize("label", ["Artist", "WoA"])
def test_names_that_share_a_token_are_rejected_and_counted(read_rows, text, spans, token, label):
    labels = ["Artist", *[label] * len(spans)]
    rows = [f"1,{text},{start},{end},{labels[n]}" for n, (start, end) in enumerate(spans)]
    reading = read_rows("\n".join([*rows, "2,more sade,5,9,Artist"]))
    assert marked(reading) == [("more sade", [("sade", "Artist")])]
    assert [number for number, _ in rejections(reading)] == list(range(2, 2 + len(spans)))
    assert all(f"token '{token}'" in reason for _, reason in rejections(reading))
    assert reading.counts["glued"] == len(spans)


def test_other_spans_of_a_query_in_which_names_share_a_token_are_kept(read_rows):
    rows = ["1,halo by sade&korn,0,4,WoA", "1,halo by sade&korn,8,12,Artist"]
    reading = read_rows("\n".join([*rows, "1,halo by sade&korn,13,17,Artist"]))
    assert marked(reading) == [("halo by sade&korn", [("halo", "WoA")])]
    assert not reading.queries[0].complete


def test_one_name_marked_twice_in_a_token_is_a_duplicate(read_rows):
    reading = read_rows("1,more sade,5,9,Artist\n1,more sade,5,8,Artist")
    assert marked(reading) == [("more sade", [("sade", "Artist")])]
    assert reading.counts["duplicates"] == 1
    assert reading.counts["glued"] == 0


@pytest.mark.parametrize("row", ["2,calm piano,,,", '2,calm piano, ,"", ', "2,calm  piano ,,,"])
def test_a_row_that_marks_nothing_is_a_query_without_entities(read_rows, row):
    reading = read_rows(f"1,more sade,5,9,Artist\n{row}\n3,halo,0,4,WoA\n")
    assert marked(reading) == [
        ("more sade", [("sade", "Artist")]),
        ("calm piano", []),
        ("halo", [("halo", "WoA")]),
    ]
    assert reading.rejected == []
    assert all(query.complete for query in reading.queries)
    assert [query.id for query in reading.queries] == ["ann.csv:1", "ann.csv:2", "ann.csv:3"]
    counts = {name: reading.counts[name] for name in ("rows", "spans", "without_entities")}
    assert counts == {"rows": 3, "spans": 2, "without_entities": 1}


def test_a_second_row_that_marks_nothing_in_a_text_is_a_duplicate(read_rows):
    reading = read_rows("1,calm piano,,,\n1,calm piano,,,\n2, calm  piano,,,")
    assert marked(reading) == [("calm piano", [])]
    assert reading.counts["duplicates"] == 2


@pytest.mark.parametrize(
    "other",
    [
        "1,more sade,5,9,Artist",
        "2,more  sade,6,10,Artist",
        "1,more sade,5,99,Artist",
        '1,"more" sade,5,9,Artist',
        "1,more, sade,5,9,Artist",
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_row_that_marks_nothing_is_rejected_beside_one_that_does(read_rows, other, order):
    reading = read_rows("\n".join(["1,more sade,,,", other][::order]) + "\n3,calm,,,")
    first, second = (2, 3)[::order]
    reasons = dict(rejections(reading))
    assert re.match(f"row {second} .*: keep one of them", reasons[first])
    assert not any(query.complete for query in reading.queries[:-1])
    assert reading.queries[-1].text == "calm"


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ("1,calm piano", "start_offset, end_offset, label"),
        ("1,calm piano,,", "start_offset, end_offset, label"),
        ("1,calm piano,0,4,", "label"),
        ("1,calm piano,,,WoA", "start_offset, end_offset"),
        (",calm piano,,,", "id"),
        ("1,,,,", "text"),
    ],
)
def test_a_row_that_ends_early_or_lacks_a_part_does_not_mark_nothing(read_rows, row, missing):
    reading = read_rows(row)
    assert reading.queries == []
    ((_, reason),) = rejections(reading)
    assert reason.startswith(f"no value for {missing}")


@pytest.mark.parametrize("end", [10, 11])
def test_an_end_behind_the_text_by_a_line_break_is_trimmed_and_counted(read_rows, end):
    reading = read_rows(f"1,more sade,5,{end},Artist\n2,halo,0,4,WoA")
    assert marked(reading) == [("more sade", [("sade", "Artist")]), ("halo", [("halo", "WoA")])]
    assert reading.queries[0].complete
    assert reading.counts["trimmed"] == 1


@pytest.mark.parametrize("label", ["Artist ", " Artist", "Artist\t", "Artist_known "])
def test_spaces_beside_a_label_are_no_part_of_it(read_rows, label):
    assert marked(read_rows(f"1,more sade,5,9,{label}")) == [("more sade", [("sade", "Artist")])]


def test_spaces_beside_the_names_of_columns_are_no_part_of_them(read_rows):
    reading = read_rows(b"id, text,start_offset ,end_offset,label \n1,more sade,5,9,Artist\n")
    assert marked(reading) == [("more sade", [("sade", "Artist")])]


@pytest.mark.parametrize(
    ("row", "unit"),
    [
        ("1,🎸🎸 songs by sade please,14,18,Artist", "UTF-16"),
        ("1,👩\u200d🎤👩\u200d🎤 U2 or so,11,13,Artist", "UTF-16"),
        ("1,🎸 sade,3,7,Artist", "UTF-16"),  # would be clamped
        ("1,🎸🎸🎸🎸 sade,9,13,Artist", "UTF-16"),  # out of the text
        ("1,🎸 songs by sade please,14,18,Artist", "UTF-8"),
        ("1,beyoncé and sade please,13,17,Artist", "UTF-8"),
        ("1,beyoncé and sadé,13,18,Artist", "UTF-8"),
    ],
)
def test_offsets_that_count_code_units_or_bytes_are_rejected(read_rows, row, unit):
    reading = read_rows(f"2,calm korn,5,9,Artist\n{row}\n")
    assert marked(reading) == [("calm korn", [("korn", "Artist")])]
    ((number, reason),) = rejections(reading)
    assert number == 3
    assert re.match(f"the offsets count {unit}.*: count characters", reason)


def test_offsets_that_may_count_code_units_are_rejected_where_most_of_the_file_do(read_rows):
    both = "1,🎸🎸 a b c,5,6,Artist\n"  # b, or a
    assert rejections(read_rows(both)) == []
    units = "2,🎸 more sade,8,12,Artist\n3,🎸 calm halo now,8,12,WoA\n4,halo,0,4,WoA\n"
    reading = read_rows(both + units)
    assert marked(reading) == [("halo", [("halo", "WoA")])]
    assert [number for number, _ in rejections(reading)] == [2, 3, 4]


def test_offsets_of_characters_are_read_where_a_row_beside_them_counts_code_units(read_rows):
    characters = "1,🎸 more sade,7,11,Artist\n2,🎸 calm halo,7,11,WoA\n3,🎸🎸 a b c,5,6,WoA\n"
    reading = read_rows(characters + "4,🎸 calm halo now,8,12,WoA\n")
    assert [number for number, _ in rejections(reading)] == [5]
    assert len(reading.queries) == 3


def test_spans_side_by_side_do_not_overlap(read_rows):
    reading = read_rows("1,sade korn,0,5,Artist\n1,sade korn,4,9,Artist")
    assert marked(reading) == [("sade korn", [("sade", "Artist"), ("korn", "Artist")])]


def test_spans_that_touch_do_not_overlap(read_rows):
    reading = read_rows("1,sade/korn,0,5,Artist\n1,sade/korn,5,9,Artist")
    assert marked(reading) == [("sade/korn", [("sade/", "Artist"), ("korn", "Artist")])]


def test_a_span_that_is_there_already_is_a_duplicate(read_rows):
    reading = read_rows("1,more sade,5,9,Artist\n1,more sade,5,9,Artist\n1,more sade,4,9,Artist")
    assert marked(reading) == [("more sade", [("sade", "Artist")])]
    assert reading.rejected == []
    assert reading.counts["duplicates"] == 2
    assert reading.queries[0].complete


def test_all_rows_of_an_id_that_stands_for_different_texts_are_rejected(read_rows):
    reading = read_rows("1,more sade,5,9,Artist\n2,halo,0,4,WoA\n1,more korn,5,9,Artist")
    assert marked(reading) == [("halo", [("halo", "WoA")])]
    assert [number for number, _ in rejections(reading)] == [2, 4]
    assert all("id 1 stands for 2 different texts" in reason for _, reason in rejections(reading))


@pytest.mark.parametrize("faulty", ["1,,0,4,WoA", "1,sade, please,0,4,Artist"])
def test_a_row_whose_text_is_not_known_leaves_the_other_rows_of_its_id_alone(read_rows, faulty):
    reading = read_rows(f'1,"sade, please",0,4,Artist\n{faulty}')
    assert marked(reading) == [("sade, please", [("sade", "Artist")])]
    assert [number for number, _ in rejections(reading)] == [3]


@pytest.mark.parametrize("text", ["halo by sade", " halo  by sade", "halo|by sade"])
def test_rows_of_one_text_are_spans_of_one_query_whatever_their_ids(read_rows, text):
    start = text.index("sade")
    rows = f"7,{text},{start},{start + 4},Artist\n3,more sade,5,9,Artist\n"
    halo = text.index("halo")
    reading = read_rows(rows + f"9,{text},{halo},{halo + 4},WoA")
    both = [("halo", "WoA"), ("sade", "Artist")]
    assert [spans for _, spans in marked(reading)] == [both, [("sade", "Artist")]]
    assert [query.id for query in reading.queries] == ["ann.csv:7", "ann.csv:3"]
    assert all(query.complete for query in reading.queries)
    assert reading.counts["spans"] == 3


@pytest.mark.parametrize("query_id", ["1", "2", ""])
def test_a_rejected_row_makes_its_text_incomplete_whatever_its_id(read_rows, query_id):
    rows = f"1,halo by sade,0,4,WoA\n{query_id},halo by sade,8,99,Artist\n3,more sade,5,9,Artist"
    assert [query.complete for query in read_rows(rows).queries] == [False, True]


def test_a_query_with_a_rejected_row_is_incomplete(read_rows):
    reading = read_rows("1,halo by sade,0,4,WoA\n1,halo by sade,8,99,Artist\n2,halo,0,4,WoA")
    assert [query.complete for query in reading.queries] == [False, True]


def test_a_query_of_which_every_row_is_rejected_is_left_out(read_rows):
    assert read_rows("1,halo,0,9,WoA\n1,halo,0,4,=").queries == []


@pytest.mark.parametrize("text", ["NA", "null", "nan", "None", "N/A", "true", "1", "1.50", "-"])
def test_a_text_is_a_text_and_no_missing_value(read_rows, text):
    reading = read_rows(f"{text},{text},0,{len(text)},WoA")
    assert marked(reading) == [(text, [(text, "WoA")])]
    assert reading.queries[0].id == f"ann.csv:{text}"


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_data(read_rows):
    rows = (HEADER + "1,more sade,5,9,Artist\n2,halo,0,9,WoA\n").replace("\n", "\r\n").encode()
    reading = read_rows(BOM + rows)
    assert marked(reading) == [("more sade", [("sade", "Artist")])]
    assert reading.rejected[0]["row"] == 3
    assert reading.rejected[0]["content"]["label"] == "WoA"


@pytest.mark.parametrize(
    ("quoted", "start", "text"),
    [
        ('"calm, like sade"', 11, "calm, like sade"),
        ('"calm\nlike sade"', 10, "calm like sade"),
        ('"at 5, 9,\nlike, sade"', 15, "at 5, 9, like, sade"),
        ('"calm\r\n\r\nlike sade"', 13, "calm like sade"),
        ('"a ""real"" sade"', 9, 'a "real" sade'),
        ('a 7" of sade', 8, 'a 7" of sade'),
    ],
)
def test_quoted_commas_newlines_and_quotes_are_part_of_the_text(read_rows, quoted, start, text):
    reading = read_rows(f"1,{quoted},{start},{start + 4},Artist\n")
    assert marked(reading) == [(text, [("sade", "Artist")])]


def test_blank_lines_are_no_rows_but_are_counted_in_row_numbers(read_rows):
    reading = read_rows("\n1,halo,0,9,WoA\n\n   \n,,,,\n2,halo,0,8,WoA\n\n")
    assert [number for number, _ in rejections(reading)] == [3, 7]
    assert reading.counts["rows"] == 2


def test_row_numbers_are_right_where_blank_lines_stand_above_the_header(read_rows):
    reading = read_rows(b"\n \n" + HEADER.encode() + b"1,halo,0,9,WoA\n2,halo,0,4,WoA\n")
    assert [number for number, _ in rejections(reading)] == [4]
    assert marked(reading) == [("halo", [("halo", "WoA")])]


def test_a_record_with_a_newline_counts_as_one_row(read_rows):
    reading = read_rows('1,"slow\nhalo",5,9,WoA\n2,halo,0,9,WoA\n')
    assert [number for number, _ in rejections(reading)] == [3]


def test_columns_may_stand_in_any_order_beside_others(read_rows):
    reading = read_rows(
        b"label,note,text,end_offset,id,start_offset\nArtist,odd one,more sade,9,1,5\n"
    )
    assert marked(reading) == [("more sade", [("sade", "Artist")])]


@pytest.mark.parametrize("word", ["bbno$", "r&b", "🎸", "beyoncé", "ren\u0301", "sa\u200bde"])
def test_odd_words_are_read_from_csv_as_they_are(read_rows, word):
    reading = read_rows(f"1,mehr {word} now,5,{5 + len(word)},Artist")
    assert marked(reading) == [(f"mehr {word} now", [(word, "Artist")])]
    assert reading.counts["grown"] == 0


def test_a_file_with_no_rows_holds_no_queries(read_rows):
    reading = read_rows("")
    assert reading.queries == reading.rejected == []
    assert reading.counts["rows"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param((HEADER + "1,beyoncé,0,7,Artist").encode("latin1"), "UTF-8", id="latin-1"),
        pytest.param((HEADER + "1,sade,0,4,Artist").encode("utf16"), "UTF-8", id="utf-16"),
        pytest.param(b"id,text,label\n1,sade,Artist", "column start_offset, end", id="column"),
        pytest.param(HEADER.replace(",", ";").encode(), "no column id, text", id="semicolons"),
        pytest.param(b"", "not a CSV file", id="empty"),
        pytest.param(BOM, "not a CSV file", id="only a BOM"),
        pytest.param(b"\n\n", "not a CSV file", id="blank"),
        pytest.param(
            b"id,text,text" + HEADER[7:].encode(), "several columns text", id="column twice"
        ),
        pytest.param(b'"id"s,' + HEADER[3:].encode(), "not a CSV file", id="stray quote"),
    ],
)
def test_a_file_that_is_no_such_csv_is_an_error_that_names_the_file(read_rows, content, message):
    with pytest.raises(UnreadableFileError, match=rf"ann\.csv: .*{message}"):
        read_rows(content)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,more sade,5,9,Artist\n2,"halo,0,4,WoA\n3,more korn,5,9,Artist\n', 3),
        ('1,"sade,0,4,Artist\n', 2),
        ('1,sade,0,4,"Artist', 2),
        ('1,"sade\nlive",0,4,Artist\n\n2,"halo', 5),
        ('1,"halo,0,4,WoA\n2,more sade,5,9,Artist\n3,"more, sade",6,10,Artist\n', 2),
        ('1,"slow\n"halo" live",6,10,WoA\n2,more sade,5,9,Artist\n', 2),
        ('"1\n', 2),
        # closed by the stray quote of another row
        ('1,"halo, slow,0,4,WoA\n2,more sade,5,9,Artist\n3,more korn",5,9,Artist\n', 2),
        ('1,"halo,0,4,WoA\n2,more sade",5,9,Artist\n', 2),
        ('1,"slow,,,\n2,calm rain",,,\n3,more sade,5,9,Artist\n', 2),
    ],
)
def test_a_quote_that_is_not_closed_is_an_error_that_names_its_line(read_rows, rows, line):
    with pytest.raises(UnreadableFileError, match=rf"ann\.csv, line {line}: a quote.*: Close"):
        read_rows(rows)


@pytest.mark.parametrize(
    "row",
    [
        r'1,"more \"sade\" live",6,10,Artist',
        '1,"more" sade,5,9,Artist',
        '1,more sade,5,9,"Artist"s',
        '"1"1,more sade,5,9,Artist',
    ],
)
def test_a_row_with_a_stray_quote_is_rejected_as_it_was_written(read_rows, row):
    reading = read_rows(f"2,calm korn,5,9,Artist\n{row}\n3,halo,0,4,WoA\n")
    assert marked(reading) == [("calm korn", [("korn", "Artist")]), ("halo", [("halo", "WoA")])]
    ((number, reason),) = rejections(reading)
    assert number == 3
    assert re.match("not CSV .*: .*double the quotes inside", reason)
    assert reading.rejected[0]["content"] == row
    assert reading.counts["rows"] == 3


def test_a_row_with_a_stray_quote_makes_the_text_of_its_id_incomplete(read_rows):
    rows = '1,halo by sade,0,4,WoA\n1,"halo" by sade,8,12,Artist\n2,more sade,5,9,Artist'
    assert [query.complete for query in read_rows(rows).queries] == [False, True]


@pytest.mark.parametrize("length", [131_073, 300_000])
def test_a_text_may_be_long(read_rows, length):
    text = "la " * (length // 3)
    reading = read_rows(f"1,sade {text},0,4,Artist\n2,halo,0,4,WoA\n")
    assert [spans for _, spans in marked(reading)] == [[("sade", "Artist")], [("halo", "WoA")]]


def test_a_text_of_more_characters_than_spacy_reads_is_rejected(read_rows):
    reading = read_rows(f"1,sade {'la ' * 400_000},0,4,Artist\n2,halo,0,4,WoA\n")
    assert marked(reading) == [("halo", [("halo", "WoA")])]
    ((number, reason),) = rejections(reading)
    assert number == 2
    assert reason.startswith("the text has 1200004 characters")


def test_bytes_that_are_not_utf8_are_found_far_down_in_the_file(read_rows):
    rows = "1,sade,0,4,Artist\n" * 20_000 + "2,beyoncé,0,7,Artist\n"
    with pytest.raises(UnreadableFileError, match="UTF-8"):
        read_rows((HEADER + rows).encode("latin1"))


CELLS = st.one_of(
    st.sampled_from(["", " ", "NA", "Artist", "WoA_known", "Artist_or_WoA", "Song", "x,y", "\n"]),
    st.integers(-2, 14).map(str),
    st.text(alphabet='ab |,"\n\r\u2028é', max_size=6),
)
GOOD_ROWS = st.tuples(
    st.sampled_from("123"),
    st.sampled_from(["sade|korn abba", "  halo ", "like r&b"]),
    st.integers(0, 9).map(str),
    st.integers(3, 14).map(str),
    st.sampled_from(["Artist", "WoA_known", "Artist_or_WoA_deduced"]),
)
EMPTY_ROWS = st.tuples(
    st.sampled_from("123"), st.sampled_from(["sade|korn abba", "calm"]), *[st.just("")] * 3
)
ROWS = st.lists(
    st.one_of(GOOD_ROWS, EMPTY_ROWS, st.lists(CELLS, min_size=1, max_size=8)), max_size=12
)


@settings(deadline=None)
@given(rows=ROWS)
def test_every_row_is_a_span_a_query_without_entities_a_duplicate_or_rejected(folder, rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    (folder / "ann.csv").write_bytes((HEADER + file.getvalue()).encode())
    reading = read_csv(folder / "ann.csv", NLP.make_doc)
    counts = reading.counts
    assert counts["rows"] == sum(any(cell.strip() for cell in row) for row in rows)
    kinds = ("spans", "without_entities", "duplicates", "rejected")
    assert counts["rows"] == sum(counts[kind] for kind in kinds)
    assert counts["rejected"] == len(reading.rejected)
    assert counts["spans"] == sum(len(query.spans) for query in reading.queries)
    for item in reading.rejected:
        cells = list(item["content"].values())[:5]
        assert cells == [*map(str, rows[item["row"] - 2])][:5]
        assert item["reason"]


@settings(deadline=None)
@given(rows=ROWS)
def test_spans_that_are_read_are_whole_words_in_order_without_overlaps(folder, rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    (folder / "ann.csv").write_bytes((HEADER + file.getvalue()).encode())
    for query in read_csv(folder / "ann.csv", NLP.make_doc).queries:
        end = 0
        for span in query.spans:
            assert end <= span.start < span.end <= len(query.text)
            end = span.end
            tokens = NLP.make_doc(query.text).char_span(span.start, span.end)
            assert tokens is not None and tokens.text.strip()


@settings(deadline=None)
@given(
    # no lone \r: queries come from lines of text, which hold none
    text=st.text(alphabet='ab é🎸|,"\n\t\u2028\u0085', max_size=12),
    label=st.sampled_from(["Artist", "WoA", AMBIGUOUS]),
)
def test_csv_that_is_written_reads_back_to_the_same_spans(folder, text, label):
    query = Query("1", f"sade {text}", (Span(0, 4, label, "known", "ann"),))
    write_csv(folder / "ann.csv", [query])
    reading = read_csv(folder / "ann.csv", NLP.make_doc)
    assert reading.rejected == []
    assert reading.queries[0].text == normalize_query(query).text
    assert reading.queries[0].spans == normalize_query(query).spans


def test_a_suffix_is_written_with_its_label(tmp_path):
    spans = (Span(0, 4, "WoA", "known"), Span(8, 12, AMBIGUOUS, "deduced"), Span(13, 16, "Artist"))
    write_csv(tmp_path / "ann.csv", [Query("1", "halo by sade adu", spans)])
    assert (tmp_path / "ann.csv").read_text() == HEADER + (
        "1,halo by sade adu,0,4,WoA_known\n"
        "1,halo by sade adu,8,12,Artist_or_WoA_deduced\n"
        "1,halo by sade adu,13,16,Artist\n"
    )


def test_the_cookbooks_csv_has_427_rows_on_226_queries_of_which_17_are_trimmed(cookbook):
    reading = read_csv(cookbook / "music_ner.csv", NLP.make_doc)
    assert reading.counts["rows"] == 427
    assert reading.counts["trimmed"] == 17
    assert len(reading.queries) == 226
    assert {span.label for query in reading.queries for span in query.spans} == {
        "Artist",
        "WoA",
        AMBIGUOUS,
    }
