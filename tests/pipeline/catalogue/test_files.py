"""Files of names."""

import pytest

from music_ner.pipeline.catalogue.files import (
    NameRecord,
    Row,
    read_name_records,
    rows_of_csv,
    rows_of_records,
)
from tests.pipeline.catalogue.helpers import NLP, found


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_artists_are_read_with_their_works_in_order(tmp_path):
    path = write(
        tmp_path / "names.jsonl",
        '{"artist": "Björk", "works": ["Jóga", " Army of Me "]}\n\n  \n'
        '{"works": [], "artist": " Korn", "id": 7}',
    )
    records = [NameRecord("Björk", ("Jóga", "Army of Me")), NameRecord("Korn", ())]
    assert list(read_name_records(path)) == list(read_name_records(str(path))) == records


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_a_file_without_records_has_no_names(tmp_path, content):
    assert list(read_name_records(write(tmp_path / "names.jsonl", content))) == []


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_names(tmp_path):
    path = write(tmp_path / "names.jsonl", '\ufeff{"artist": "Korn", "works": ["Blind"]}\r\n')
    assert list(read_name_records(path)) == [NameRecord("Korn", ("Blind",))]


FAULTY_RECORDS = [
    '{"artist": "Sade"}',
    '{"works": ["Paradise"]}',
    '{"artist": 1, "works": []}',
    '{"artist": "Sade", "works": "Paradise"}',
    '{"artist": "Sade", "works": [1]}',
    '{"artist": "Sade", "works": [" "]}',
    '{"artist": " ", "works": ["Paradise"]}',
    '["Sade"]',
    '{"artist": ',
    "Sade",
    b'{"artist": "Beyonc\xe9", "works": []}',
]


@pytest.mark.parametrize("line", FAULTY_RECORDS)
def test_a_record_that_cannot_be_read_is_refused_with_its_line(tmp_path, line):
    line = line if isinstance(line, bytes) else line.encode()
    good = b'{"artist": "Korn", "works": []}\n'
    path = write(tmp_path / "names.jsonl", good + b"\n" + line + b"\n" + good)
    with pytest.raises(ValueError, match=r"names\.jsonl, line 3: .*Portishead"):
        list(read_name_records(path))


def test_rows_of_records_are_artists_and_then_pairs(tmp_path):
    one = write(tmp_path / "one.jsonl", '{"artist": "Sade", "works": ["Paradise", "Haunt Me"]}')
    two = write(tmp_path / "two.jsonl", '{"artist": "Korn", "works": []}')
    assert list(rows_of_records([one, two])) == [
        Row("Sade", None),
        Row("Sade", "Paradise"),
        Row("Sade", "Haunt Me"),
        Row("Korn", None),
    ]


def test_a_faulty_file_of_names_stops_the_initialization(nlp, tmp_path):
    path = write(tmp_path / "names.jsonl", '{"artist": "Korn", "works": []}\n["Sade"]')
    nlp.config["initialize"]["components"]["catalogue"] = {"names": [str(path)]}
    with pytest.raises(ValueError, match=r"names\.jsonl, line 2"):
        nlp.initialize()


def test_rows_of_a_csv_file_have_none_where_nothing_is_known(tmp_path):
    path = write(tmp_path / "names.csv", "artist,work\nSade,Paradise\n,Blind\nKorn,\n")
    assert list(rows_of_csv(path)) == [
        Row("Sade", "Paradise"),
        Row(None, "Blind"),
        Row("Korn", None),
    ]


def test_a_csv_file_gives_artists_works_and_pairs(nlp, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text(
        "\ufeffwork,id,artist\r\nParadise,1,Sade\r\n,2,Korn\r\n\r\n"
        '"Me, ""Myself"" & I",3,\r\n?,4,Sade\r\n',
        encoding="utf8",
    )
    counted = nlp.get_pipe("catalogue").from_csv(path)
    assert counted == (5, 1, 0, 2, 2, 1, 0)
    assert found(nlp.get_pipe("catalogue"), "me myself and i") == [("me myself and i", "WoA")]
    assert nlp.get_pipe("catalogue").from_csv(str(path)) == counted


def test_a_name_of_any_length_in_a_csv_file_is_counted(nlp, tmp_path):
    path = write(tmp_path / "names.csv", f"artist,work\nSade,{'la ' * 50_000}\nKorn,Blind\n")
    assert nlp.get_pipe("catalogue").from_csv(path) == (3, 0, 1, 2, 1, 1, 0)


def test_a_csv_file_may_have_ids_and_popularity(nlp, tmp_path):
    path = write(
        tmp_path / "names.csv",
        "artist,artist_id,work,work_id,popularity\n"
        "Sade,a1,,,9\nSade Adu,a1,,,\nSade,a1,Paradise,w1,2.5\nKorn,,Blind,w2,\n",
    )
    counted = nlp.get_pipe("catalogue").from_csv(path)
    assert counted.ids == 3
    assert {
        (entry.name, entry.id, entry.popularity) for entry in nlp.get_pipe("catalogue").entries()
    } == {
        ("Sade", "a1", 9),
        ("sade adu", "a1", 9),
        ("Paradise", "w1", 2.5),
        ("korn", "", 0),
        ("Blind", "w2", 0),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"artist,work,work_id\nSade,,w1\n", "row 2: 'w1' is the id of no work"),
        (b"artist,work,artist_id\n,Paradise,a1\n", "row 2: 'a1' is the id of no artist"),
        (b"artist,work,popularity\nSade,,many\n", "row 2: 'many' is not a popularity"),
        (b"artist,work,popularity\nSade,,-1\n", "row 2: '-1' is not a popularity"),
        (b"", "row 1: .*artist,work"),
        (b"artist,title\nSade,Paradise\n", "row 1: .*artist,work"),
        (b"Sade,Paradise\n", "row 1: .*artist,work"),
        (b"artist,work\nSade,Paradise\nKorn\n", "row 3: not as many fields"),
        (b"artist,work\nSade,Paradise, Lost\n", "row 2: not as many fields.*quotes"),
        (b"artist,work\nSade,Paradise\n,\n", "row 3: no artist and no work: fill"),
        (b'artist,work\nSade,"Paradise\n', "row 2: .*quotes have to be closed"),
        ("artist,work\nSadé,Paradise\n".encode("latin1"), "UTF-8"),
    ],
)
def test_a_csv_file_of_another_form_is_refused_whole(nlp, tmp_path, content, message):
    path = tmp_path / "names.csv"
    path.write_bytes(content)
    component = nlp.get_pipe("catalogue")
    component.add(artists=["Korn"])
    with pytest.raises(ValueError, match=f"names.csv.*{message}"):
        component.from_csv(path)
    assert len(component) == 1


def table(*rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


GID, NO, TIME = "8970d868-0723-483b-a75b-51088913d3d4", r"\N", "2020-01-01 00:00:00+00"


def gid(kind, number):
    return GID[:-4] + f"{kind}{number:03}"


def artist_row(number, name):
    dates = [NO] * 6
    return [number, gid("a", number), name, name, *dates, 1, NO, NO, "", 0, TIME, "f", NO, NO]


DUMP = {
    "artist": table(
        artist_row(7, "Sade"), artist_row(8, r"Back\\slash\tTab"), artist_row(9, "!!!")
    ),
    "artist_credit": table([1, "Sade", 1, 3, TIME, 0, GID], [2, "Korn & Sade", 2, 1, TIME, 0, GID]),
    "artist_alias": table([1, 7, "Sade Adu", NO, 0, TIME, NO, "Adu, Sade"], [2, 9, "???", NO]),
    "artist_credit_name": table(
        [1, 0, 7, "Sade", ""], [2, 0, 8, "Korn", " & "], [2, 1, 7, "S", ""]
    ),
    "release_group": table([1, gid("c", 1), "Stronger Than Pride", 1, 1, "", 0, TIME]),
    "recording": table(
        [1, gid("b", 1), "Paradise", 1, 216000, "", 0, TIME, "f"],
        [2, gid("b", 2), "Freak on a Leash", 2, NO, "live", 0, TIME, "f"],
        [3, gid("b", 3), NO, 1, NO, "", 0, TIME, "f"],
        [4, gid("b", 4), "Alone", NO, NO, "", 0, TIME, "f"],
    ),
}


@pytest.fixture
def dump(tmp_path):
    folder = tmp_path / "mbdump"
    folder.mkdir()
    for name, content in DUMP.items():
        (folder / name).write_text(content, encoding="utf8")
    return folder


def test_a_dump_of_musicbrainz_gives_artists_works_and_pairs(nlp, dump):
    component = nlp.get_pipe("catalogue")
    counted = component.from_musicbrainz(dump)
    # Taken are two artists and an alias, four as credits, and four works; one of each is empty.
    assert counted == (3 + 4 + 4, 3, 0, 4, 4, 3, 6)
    assert found(component, "back slash tab") == [("back slash tab", "Artist")]
    sade, pride, paradise = component.find(NLP.make_doc("paradise sade stronger than pride"))
    assert (sade.partner, pride.partner, paradise.partner) == (2, 1, 1)
    one, other = component.find(NLP.make_doc("korn and sade freak on a leash"))
    assert (one.partner, other.partner) == (2, 1)


def test_placeholders_of_a_dump_are_no_names_but_their_works_are_taken(nlp, dump):
    artists = ["[unknown]", "[no artist]", "Various Artists", "[Disney]", "[spunge] live", "Korn"]
    works = ["[untitled]", "[data track]", "[silence]", "Blind"]
    credits = ["[traditional]", "VARIOUS ARTISTS", " [unknown] ", "Korn"]
    files = {
        "artist": table(*(artist_row(i, name) for i, name in enumerate(artists))),
        "artist_credit": table(*([i, name] for i, name in enumerate(credits))),
        "artist_alias": table([1, 1, "[anonymous]"]),
        "artist_credit_name": "",
        "release_group": table(*([i, gid("c", i), name, 3] for i, name in enumerate(works))),
        "recording": table(*([i, gid("b", i), "Greensleeves", i] for i in range(len(credits)))),
    }
    for name, content in files.items():
        (dump / name).write_text(content, encoding="utf8")
    counted = nlp.get_pipe("catalogue").from_musicbrainz(dump)
    # Korn is given once, and as the credit of four release groups and one recording.
    assert counted == (2 + 5 + 1 + 4, 4 + 1 + 3 + 3, 0, 2, 2, 2, 7)
    for text in ("unknown", "various artists", "untitled", "silence", "traditional", "disney"):
        assert found(nlp.get_pipe("catalogue"), text) == []
    assert found(nlp.get_pipe("catalogue"), "greensleeves") == [("greensleeves", "WoA")]
    assert found(nlp.get_pipe("catalogue"), "spunge live") == [("spunge live", "Artist")]
    assert nlp.get_pipe("catalogue").add(artists=["[unknown]"]).taken == 1


def test_files_that_a_dump_lacks_are_named(nlp, dump):
    (dump / "artist").unlink()
    (dump / "recording").unlink()
    with pytest.raises(ValueError, match=r"mbdump: no artist, recording: take them out of"):
        nlp.get_pipe("catalogue").from_musicbrainz(dump)


@pytest.mark.parametrize(
    ("file", "row", "message"),
    [
        ("artist", b"9\tKorn\n", "artist, row 4: 2 columns, of 3 or more"),
        ("artist_alias", b"9\t99\tKorn\n", "artist_alias, row 3: artist has no 99"),
        ("artist_credit_name", b"9\t0\t99\tKorn\n", "artist_credit_name, row 4: artist has no 99"),
        ("artist_credit", b"9\n", "artist_credit, row 3: 1 columns, of 2 or more"),
        ("release_group", b"\n", "release_group, row 2: 1 columns, of 4 or more"),
        ("recording", b"5\tgid\tBlind\t77\n", "recording, row 5: artist_credit has no 77"),
        ("recording", b"5\tgid\tSad\xe9\t1\n", "recording: .*UTF-8"),
    ],
)
def test_a_dump_of_another_form_is_refused_whole(nlp, dump, file, row, message):
    with (dump / file).open("ab") as opened:
        opened.write(row)
    with pytest.raises(ValueError, match=f"mbdump.{message}"):
        nlp.get_pipe("catalogue").from_musicbrainz(dump)
    assert len(nlp.get_pipe("catalogue")) == 0
