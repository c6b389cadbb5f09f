"""Texts to find entities in."""

import pytest

from music_ner.data.texts import read_records
from music_ner.files import UnreadableFileError


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.txt", b"muse\n\n  \r\nNA\nlast", ["muse", "", "  ", "NA", "last"]),
        ("a.txt", b"a\xffb\n\x00\x0c\x1c\n", ["a\ufffdb", "\x00\x0c\x1c"]),
        ("a.txt", "a\u2028b\x85c\n".encode(), ["a\u2028b\x85c"]),
        ("a.txt", b"\xef\xbb\xbfa\n\xef\xbb\xbfb\r\r\n", ["a", "\ufeffb\r"]),
        ("a.txt", b"", []),
        ("a.csv", b'id,text\n1,NA\n2,""\n3,"a, b"\n4,"a\nb"\n5\n', ["NA", "", "a, b", "a\nb", ""]),
        ("a.csv", b"text\nnull\nNone\nnan\n007\n", ["null", "None", "nan", "007"]),
        ("a.csv", b"\xef\xbb\xbftext\nb\xffk\n", ["b\ufffdk"]),
        ("a.csv", b"text\n", []),
        ("a.csv", b"text\nmore of sade\n\nmore of korn\n", ["more of sade", "", "more of korn"]),
        ("a.csv", b"text\rsade\rkorn", ["sade", "korn"]),
        (
            "a.csv",
            b'id,text\r\n1,say "hi" to sade\r\n2,"say ""hi""",\r\n',
            ['say "hi" to sade', 'say "hi"'],
        ),
        ("A.CSV", b"text,id\nsade,1\n", ["sade"]),
        ("A.JSONL", b'{"text": "sade"}', ["sade"]),
        ("a", b"sade,1\n", ["sade,1"]),
        ("a.jsonl", b'{"text": "NA"}\n\n{"text": "a\\nb", "id": 2}', ["NA", "", "a\nb"]),
        ("a.jsonl", b'{"text": ""}\n{"text": "a\xffb"}\n', ["", "a\ufffdb"]),
        ("a.jsonl", b'\xef\xbb\xbf{"text": "a"}\n\xef\xbb\xbf{"text": "b"}\n', ["a", "b"]),
        ("a.jsonl", b'{"text": null}\n{"text": 5}\n{"text": ["a"]}', [None, 5, ["a"]]),
        ("a.jsonl", b'{"text": "sade", "score": NaN, "id": 123456789012345678901}', ["sade"]),
    ],
)
def test_every_text_of_a_file_is_read(tmp_path, name, content, texts):
    path = tmp_path / name
    path.write_bytes(content)
    assert [record["text"] for record in read_records(path)] == texts


def test_a_csv_file_of_many_rows_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "".join(f"song {n}\n" for n in range(2_500)), encoding="utf8")
    assert list(read_records(path)) == [{"text": f"song {n}"} for n in range(2_500)]


def test_a_csv_file_may_hold_long_texts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"text\n{'la ' * 100_000}\n", encoding="utf8")
    assert list(read_records(path)) == [{"text": "la " * 100_000}]


@pytest.mark.parametrize(
    ("name", "content", "records"),
    [
        (
            "a.jsonl",
            '{"request_id": 7, "text": "sade", "user": {"name": null}}\n\n{"text": "", "n": 1.5}',
            [
                {"request_id": 7, "text": "sade", "user": {"name": None}},
                {"text": ""},
                {"text": "", "n": 1.5},
            ],
        ),
        (
            "a.csv",
            'id,text,,note\n1,sade,0,"a, b"\n2,korn\n\n3,,,,\n',
            [
                {"id": "1", "text": "sade", "": "0", "note": "a, b"},
                {"id": "2", "text": "korn", "": "", "note": ""},
                {"id": "", "text": "", "": "", "note": ""},
                {"id": "3", "text": "", "": "", "note": ""},
            ],
        ),
        ("a.txt", '{"text": "sade"}\n', [{"text": '{"text": "sade"}'}]),
    ],
)
def test_a_text_keeps_what_else_is_known_of_it(tmp_path, name, content, records):
    (tmp_path / name).write_text(content, encoding="utf8")
    assert list(read_records(tmp_path / name)) == records


UTF16 = "play korn\nplay sade\n"


@pytest.mark.parametrize("name", ["a.txt", "a", "a.csv", "a.jsonl"])
@pytest.mark.parametrize(
    "content",
    [
        *(UTF16.encode(code) for code in ("utf-16", "utf-16-le", "utf-16-be")),
        *(UTF16.encode(code) for code in ("utf-32", "utf-32-le", "utf-32-be")),
        "\ufeff歌".encode("utf-16-be"),
        "\ufeff歌".encode("utf-16-le"),
    ],
)
def test_utf16_is_not_read_as_utf8(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFileError, match="UTF-16"):
        list(read_records(tmp_path / name))


BAD_LINES = ["not json", '["text"]', '{"query": "a"}', "null", '"text"', '{"text', "[" * 100_000]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "query\nmuse\n", "a.csv: no column text"),
        ("a.csv", "query\n", "a.csv: no column text"),
        ("a.csv", "", "a.csv: no column text"),
        ("a.csv", "text,id,id\nmuse,1,2\n", "a.csv: several columns are called 'id'"),
        ("a.csv", "text,text\nmuse,abba\n", "a.csv: several columns are called 'text'"),
        ("a.csv", 'text\n"muse\n', "a.csv, line 2: not CSV"),
        ("a.csv", 'id,text\n1,"heroes" by bowie\n', "a.csv, line 2: not CSV"),
        ("a.csv", "text\nmuse, please\nabba\n", "a.csv, line 2: more fields than columns"),
        ("a.csv", "id,text\n1,muse\n2,muse, please\n", "a.csv, line 3: more fields than columns"),
        ("a.csv", "id,text\n" + "1,a\n" * 1_000 + "1,muse, please\n", "a.csv, line 1002: more"),
        ("a.json", '["muse"]', "a.json: '.json' files are not supported"),
        ("a.tsv", "text\nmuse\n", "a.tsv: '.tsv' files are not supported"),
        *(("a.jsonl", f'{{"text": "a"}}\n\n{line}\n', "a.jsonl, line 3:") for line in BAD_LINES),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf8")
    with pytest.raises(UnreadableFileError) as error:
        list(read_records(path))
    problem, fix = error.value.args
    assert message in problem
    assert fix
