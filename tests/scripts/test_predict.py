import codecs
import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import spacy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from music_ner.data.texts import PIECE, pieces, read_records
from music_ner.files import UnreadableFileError
from scripts import predict as module
from scripts.predict import main, predict, write_results
from tests.conftest import ROOT

NAMES = {"radiohead": "Artist", "ok computer": "WoA"}


@pytest.fixture(scope="module")
def ruler():
    """A pipeline that finds two names wherever they stand as tokens."""
    tokenizer = {"@tokenizers": "music_ner.Tokenizer.v1"}
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": tokenizer}})
    # Between the words of a name there may be tokens of white space.
    space = {"IS_SPACE": True, "OP": "*"}
    patterns = [
        {"label": "Artist", "pattern": "radiohead"},
        {"label": "WoA", "pattern": [{"ORTH": "ok"}, space, {"ORTH": "computer"}]},
    ]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    return nlp


@pytest.fixture(scope="module")
def ruler_path(ruler, tmp_path_factory):
    path = tmp_path_factory.mktemp("pipelines") / "ruler"
    ruler.to_disk(path)
    return path


def found(nlp, text):
    (result,) = predict(nlp, [{"text": text}])
    return [(entity["start"], entity["end"], entity["label"]) for entity in result["entities"]]


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("more radiohead please", [(5, 14, "Artist")]),
        ("radiohead|ok computer", [(0, 9, "Artist"), (10, 21, "WoA")]),
        ("|radiohead||radiohead|", [(1, 10, "Artist"), (12, 21, "Artist")]),
        ("\t radiohead\t\tok  computer\n", [(2, 11, "Artist"), (13, 25, "WoA")]),
        ("ok\ncomputer\r\nradiohead", [(0, 11, "WoA"), (13, 22, "Artist")]),
        ("\u200b radiohead \u200b\ufeff  ok\u00a0computer", [(2, 11, "Artist"), (16, 27, "WoA")]),
        ("🎸  radiohead  🎸  radiohead", [(3, 12, "Artist"), (17, 26, "Artist")]),
        ("radiohead, (ok computer)!", [(0, 9, "Artist"), (12, 23, "WoA")]),
        ("ok|computer", []),
    ],
)
def test_offsets_refer_to_the_original_text(ruler, text, entities):
    assert found(ruler, text) == entities


def test_a_result_holds_the_original_text_and_what_each_entity_covers(ruler):
    text = " ok \t computer|radiohead"
    assert list(predict(ruler, [{"text": text}])) == [
        {
            "text": text,
            "entities": [
                {
                    "start": 1,
                    "end": 14,
                    "label": "WoA",
                    "text": "ok \t computer",
                    "confidence": None,
                    "id": None,
                    "link_confidence": None,
                    "candidates": [],
                },
                {
                    "start": 15,
                    "end": 24,
                    "label": "Artist",
                    "text": "radiohead",
                    "confidence": None,
                    "id": None,
                    "link_confidence": None,
                    "candidates": [],
                },
            ],
        }
    ]


WHITE = st.text(" \t\n\r\x0b\x1c\x85\u00a0\u2003\u2028", min_size=1, max_size=3)
SEPARATOR = st.tuples(st.sampled_from(("", "|", "||", " \u200b ", " 🎸 ")), WHITE).map("".join)
NAME = st.one_of(st.just("radiohead"), WHITE.map("ok{}computer".format))


@settings(deadline=None)
@given(st.lists(st.tuples(st.one_of(SEPARATOR, st.just("|")), NAME), max_size=5), SEPARATOR)
def test_names_are_found_between_any_separators(ruler, parts, rest):
    text, expected = "", []
    for separator, name in parts:
        start = len(text) + len(separator)
        text += separator + name
        expected.append((start, len(text), NAMES[" ".join(name.split())]))
    assert found(ruler, text + rest) == expected


PARTS = ("radiohead", "ok computer", "ok", " ", "|", "\t", "  ", "\n", "\u200b", "\u200d", "\ufeff")


@settings(deadline=None)
@given(st.lists(st.sampled_from((*PARTS, "\u00ad", "\x00", "\ud800", ",", "e\u0301", "ß"))))
def test_every_entity_covers_its_name_and_nothing_else(ruler, parts):
    (result,) = predict(ruler, [{"text": "".join(parts)}])
    for entity in result["entities"]:
        assert entity["text"] == result["text"][entity["start"] : entity["end"]]
        assert NAMES[" ".join(entity["text"].split())] == entity["label"]
        assert entity["text"] == entity["text"].strip()


@pytest.mark.parametrize("nlp", ["ruler", "tiny"])
def test_texts_are_taken_as_a_stream(nlp, ruler, tiny_model):
    taken = 0

    def many():
        nonlocal taken
        for taken in range(1, 2_000):
            yield {"text": f"radiohead {taken}"}

    results = predict(ruler if nlp == "ruler" else spacy.load(tiny_model), many())
    assert [next(results)["text"] for _ in range(3)] == [f"radiohead {n}" for n in (1, 2, 3)]
    assert taken < 200


ODD_TEXTS = [
    "",
    "   ",
    "\n",
    "|",
    "\x00\x01\x1b\x7f",
    "\u200b\u200d\ufeff",
    "🎸" * 50,
    "x" * (2 * PIECE + 1),
    "e" + "\u0301" * 500,
    "",
]


@pytest.mark.parametrize("nlp", ["ruler", "tiny"])
def test_every_text_has_its_result_in_its_place(nlp, ruler, tiny_model):
    texts = [text for n, odd in enumerate(ODD_TEXTS) for text in (odd, f"radiohead {n}")]
    records = [{"text": text} for text in texts]
    results = predict(ruler if nlp == "ruler" else spacy.load(tiny_model), records)
    assert [result["text"] for result in results] == texts


def test_lone_surrogates_are_replaced_and_move_nothing(ruler):
    results = list(predict(ruler, [{"text": "\ud83d radiohead \udcff"}, {"text": "\udfff"}]))
    assert [result["text"] for result in results] == ["\ufffd radiohead \ufffd", "\ufffd"]
    assert results[0]["entities"][0]["start"] == 2
    json.dumps(results, ensure_ascii=False).encode("utf8")


def test_names_anywhere_in_a_text_of_300000_characters_are_found(ruler):
    text = "radiohead " + "la " * 50_000 + "ok computer" + "\t\tla" * 37_500 + " radiohead"
    assert len(text) > 300_000
    middle = 10 + 150_000
    assert found(ruler, text) == [
        (0, 9, "Artist"),
        (middle, middle + 11, "WoA"),
        (len(text) - 9, len(text), "Artist"),
    ]


def test_a_long_text_is_one_result_among_others(ruler):
    texts = ["radiohead", "la " * PIECE, "ok computer"]
    results = list(predict(ruler, [{"text": text} for text in texts]))
    assert [result["text"] for result in results] == texts
    assert [len(result["entities"]) for result in results] == [1, 0, 1]


def test_a_trained_pipeline_reads_texts_longer_than_its_window(tiny_model):
    text = "songs like karma police by radioheads " * 300
    (result,) = predict(spacy.load(tiny_model), [{"text": text}])
    assert result["text"] == text
    covered = {entity["text"] for entity in result["entities"]}
    assert {"karma police", "radioheads"} <= covered


def test_a_trained_pipeline_sees_texts_as_in_training(tiny_model):
    nlp = spacy.load(tiny_model)
    assert found(nlp, "more like  sade|less like korn\n") == [
        (11, 15, "Artist"),
        (26, 30, "Artist"),
    ]


TEXT = st.text("ab |\n\u200b")


@settings(deadline=None)
@given(TEXT, st.integers(1, 9))
def test_pieces_lie_end_to_end_and_none_is_too_long(text, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("music_ner.data.texts.PIECE", size)
        offsets = list(pieces(text))
    assert [start for start, _ in offsets] == [0, *(end for _, end in offsets[:-1])]
    assert offsets[-1][1] == len(text)
    assert all(end - start <= size for start, end in offsets)
    assert "".join(text[start:end] for start, end in offsets) == text
    assert all(start < end for start, end in offsets) or text == ""


@settings(deadline=None)
@given(TEXT, st.integers(1, 9))
def test_a_piece_ends_behind_white_space_if_it_holds_any(text, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("music_ner.data.texts.PIECE", size)
        *before, _ = (text[start:end] for start, end in pieces(text))
    for piece in before:
        assert piece[-1].isspace() or not any(char.isspace() for char in piece)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("", [0]),
        ("a" * PIECE, [PIECE]),
        ("a" * (PIECE + 1), [PIECE, 1]),
        ("a" * 9_000 + " " + "b" * 2_000, [9_001, 2_000]),
    ],
)
def test_a_text_is_cut_where_it_is_longer_than_a_piece(text, lengths):
    assert [end - start for start, end in pieces(text)] == lengths


def test_no_name_is_cut_where_white_space_allows(ruler, monkeypatch):
    monkeypatch.setattr("music_ner.data.texts.PIECE", 15)
    text = "radiohead  " * 5
    assert found(ruler, text) == [(n, n + 9, "Artist") for n in range(0, 55, 11)]


def test_a_missing_file_ends_the_command(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main("unread", None, tmp_path / "missing.txt", None, 0.0)
    assert ended.value.code == 1
    assert "nosuchfile" in "".join(capsys.readouterr().err.split())


def test_a_file_that_cannot_be_read_ends_the_command(ruler_path, tmp_path, capsys):
    (tmp_path / "texts.jsonl").write_text('{"text": "radiohead"}\nbroken\n', encoding="utf8")
    with pytest.raises(SystemExit) as ended:
        main(str(ruler_path), None, tmp_path / "texts.jsonl", None, 0.0)
    assert ended.value.code == 1
    printed = capsys.readouterr()
    assert "texts.jsonl,line2:notJSON" in "".join(printed.err.split())
    assert "JSON" not in printed.out


def test_a_missing_pipeline_ends_the_command(run_script, tmp_path):
    process = run_script("predict", tmp_path / "missing", "radiohead")
    assert process.returncode == 1
    assert "missing:cannotloadthispipeline" in "".join(process.stderr.split())
    assert "Traceback" not in process.stderr


def test_texts_beside_a_file_end_the_command(tmp_path, capsys):
    (tmp_path / "texts.txt").touch()
    with pytest.raises(SystemExit) as ended:
        main("unread", ["radiohead"], tmp_path / "texts.txt", None, 0.0)
    assert ended.value.code == 1
    assert "Textsand--filearebothgiven" in "".join(capsys.readouterr().err.split())


def test_the_command_counts_the_texts_that_were_not_utf8(ruler_path, tmp_path, capsys):
    (tmp_path / "texts.txt").write_bytes(b"bj\xf6rk\nradiohead\nbeyonc\xe9\n")
    main(str(ruler_path), None, tmp_path / "texts.txt", None, 0.0)
    printed = capsys.readouterr()
    assert "2textscontainU+FFFD" in "".join(printed.err.split())
    assert len(printed.out.splitlines()) == 3
    main(str(ruler_path), ["radiohead"], module.STDIN, None, 0.0)
    assert "U+FFFD" not in capsys.readouterr().err


def test_the_command_writes_one_line_of_json_for_each_text(ruler_path, capsys):
    main(str(ruler_path), ["radiohead", "", "björk\n|ok computer"], module.STDIN, None, 0.0)
    printed = capsys.readouterr()
    results = [json.loads(line) for line in printed.out.split("\n")[:-1]]
    assert [result["text"] for result in results] == ["radiohead", "", "björk\n|ok computer"]
    assert [len(result["entities"]) for result in results] == [1, 0, 1]
    assert "Found 1 Artist, 1 WoA" in printed.err


def test_the_command_says_if_it_found_nothing(ruler_path, capsys):
    main(str(ruler_path), ["rain"], module.STDIN, None, 0.0)
    assert "Found no entities" in capsys.readouterr().err


def test_entities_have_the_confidence_that_the_pipeline_gives(tiny_model):
    nlp = spacy.load(tiny_model)
    text = "songs like  karma police by radioheads"
    (result,) = predict(nlp, [{"text": text}])
    expected = [ent._.confidence for ent in nlp("songs like karma police by radioheads").ents]
    assert [entity["confidence"] for entity in result["entities"]] == pytest.approx(expected)
    assert [entity["text"] for entity in result["entities"]] == ["karma police", "radioheads"]


def test_the_command_leaves_unsure_entities_out_and_counts_them(tiny_model, tmp_path, capsys):
    nlp = spacy.load(tiny_model)
    half = {"kind": "logistic", "weights": {"WoA": 1.0, "Artist": -1.0}}
    nlp.get_pipe("entity_confidence").calibration = half
    nlp.add_pipe("entity_ruler", before="ner").add_patterns([{"label": "WoA", "pattern": "songs"}])
    nlp.to_disk(tmp_path / "model")
    texts = ["songs like karma police by radioheads"]
    main(str(tmp_path / "model"), texts, module.STDIN, None, 0.5)
    printed = capsys.readouterr()
    entities = json.loads(printed.out)["entities"]
    assert [entity["text"] for entity in entities] == ["songs", "karma police"]
    assert entities[0]["confidence"] is None
    assert entities[1]["confidence"] == pytest.approx(0.731, abs=1e-3)
    assert "Found 2 WoA; left out 1 of a lower confidence" in printed.err
    main(str(tmp_path / "model"), texts, module.STDIN, None, 0.0)
    assert "left out" not in capsys.readouterr().err


def test_the_command_writes_to_a_file_instead_of_stdout(ruler_path, tmp_path, capsys):
    texts, output = tmp_path / "texts.txt", tmp_path / "new" / "found.jsonl"
    texts.write_text("björk\nradiohead\n", encoding="utf8")
    main(str(ruler_path), None, texts, output, 0.0)
    lines = output.read_text(encoding="utf8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["björk", "radiohead"]
    assert capsys.readouterr().out == ""


def test_an_output_is_written_whole_or_stays_as_it_was(ruler_path, tmp_path):
    texts, output = tmp_path / "texts.jsonl", tmp_path / "found.jsonl"
    texts.write_text('{"text": "radiohead"}\nbroken\n', encoding="utf8")
    output.write_text("before", encoding="utf8")
    with pytest.raises(SystemExit):
        main(str(ruler_path), None, texts, output, 0.0)
    assert output.read_text(encoding="utf8") == "before"
    assert sorted(tmp_path.iterdir()) == [output, texts]


def test_the_command_reads_stdin_and_keeps_stdout_to_results(run_script, ruler_path):
    process = run_script(
        "predict", ruler_path, input="\n radiohead\udcff\r\nok computer", errors="surrogateescape"
    )
    results = [json.loads(line) for line in process.stdout.splitlines()]
    assert [result["text"] for result in results] == ["", " radiohead\ufffd", "ok computer"]
    assert "Found 1 Artist, 1 WoA" in process.stderr
    assert process.returncode == 0


@pytest.mark.parametrize("name", ["found.parquet", "found.csv", "found.json", "found.jsonl.gz"])
def test_an_output_is_not_called_what_it_is_not(tmp_path, capsys, name):
    with pytest.raises(SystemExit) as ended:
        main("unread", ["radiohead"], module.STDIN, tmp_path / name, 0.0)
    assert ended.value.code == 1
    said = "".join(capsys.readouterr().err.split())
    assert "theoutputisJSONLines" in said
    assert ".jsonl." in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["found", "found.JSONL"])
def test_an_output_may_have_no_ending(ruler_path, tmp_path, name):
    main(str(ruler_path), ["radiohead"], module.STDIN, tmp_path / name, 0.0)
    assert json.loads((tmp_path / name).read_text())["text"] == "radiohead"


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("x" * 300 + ".jsonl", errno.ENAMETOOLONG),
        ("kept.txt/found.jsonl", errno.ENOTDIR),
        ("/proc/found.jsonl", errno.ENOENT),
        ("/dev/full", errno.ENOSPC),
    ],
)
def test_an_output_that_cannot_be_written_ends_the_command(
    run_script, ruler_path, tmp_path, output, code
):
    (tmp_path / "kept.txt").touch()
    process = run_script("predict", ruler_path, "radiohead", "--output", tmp_path / output)
    assert process.returncode == 1
    assert "".join(os.strerror(code).split()) in "".join(process.stderr.split())
    assert "Traceback" not in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_in_a_folder_that_is_read_only_ends_the_command(run_script, ruler_path, tmp_path):
    tmp_path.chmod(0o555)
    process = run_script("predict", ruler_path, "radiohead", "--output", tmp_path / "found.jsonl")
    assert process.returncode == 1
    assert "Permissiondenied" in "".join(process.stderr.split())
    assert "Traceback" not in process.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_command_that_is_told_to_end_leaves_its_folder_as_it_was(ruler_path, tmp_path, number):
    output = tmp_path / "found.jsonl"
    output.write_text("before", encoding="utf8")
    command = [sys.executable, "-m", "scripts.predict", ruler_path, "--output", output]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # A child ignores what this process does, such as SIGINT under `make test &` and SIGHUP under
    # nohup.
    before = signal.signal(number, lambda *_: None)
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        signal.signal(number, before)
        while len(list(tmp_path.iterdir())) == 1:  # it waits for texts after it made a folder
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        process.wait(timeout=300)
        assert process.returncode not in (0, -number)
        assert "Traceback" not in process.stderr.read()
    assert output.read_text(encoding="utf8") == "before"
    assert list(tmp_path.iterdir()) == [output]


def test_what_else_a_record_holds_is_in_its_result(ruler_path, tmp_path, capsys):
    records = [
        {"request_id": 123456789012345678901, "text": "radiohead"},
        {"text": "ok computer", "user": {"name": "björk\ud800", "tags": [None, 1.25]}, "": True},
    ]
    (tmp_path / "texts.jsonl").write_text(
        "".join(json.dumps(record) + "\n" for record in records), encoding="utf8"
    )
    main(str(ruler_path), None, tmp_path / "texts.jsonl", None, 0.0)
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(result.pop("entities")) for result in results] == [1, 1]
    assert results == records


def test_the_columns_of_a_csv_are_in_its_results(ruler_path, tmp_path, capsys):
    (tmp_path / "texts.csv").write_text("id,text\n007,radiohead\n", encoding="utf8")
    main(str(ruler_path), None, tmp_path / "texts.csv", None, 0.0)
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["id", "text", "entities"]
    assert result["id"] == "007"


def test_a_record_without_text_is_counted_and_has_no_entities(ruler_path, tmp_path, capsys):
    content = '{"text": null, "id": 1}\n{"text": "radiohead"}\n{"text": 1989}\n'
    (tmp_path / "texts.jsonl").write_text(content, encoding="utf8")
    main(str(ruler_path), None, tmp_path / "texts.jsonl", tmp_path / "found.jsonl", 0.0)
    lines = (tmp_path / "found.jsonl").read_text(encoding="utf8").splitlines()
    results = [json.loads(line) for line in lines]
    assert [result["text"] for result in results] == [None, "radiohead", 1989]
    assert [len(result["entities"]) for result in results] == [0, 1, 0]
    assert "2textshavesomethingelsethantext" in "".join(capsys.readouterr().err.split())


def test_entities_that_a_record_had_are_replaced_and_counted(ruler_path, tmp_path, capsys):
    content = '{"text": "rain", "entities": [[0, 4, "WoA"]]}\n'
    (tmp_path / "texts.jsonl").write_text(content, encoding="utf8")
    main(str(ruler_path), None, tmp_path / "texts.jsonl", None, 0.0)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["entities"] == []
    assert "1textshadentitiesalready" in "".join(printed.err.split())


def test_utf16_ends_the_command(run_script, ruler_path, tmp_path):
    (tmp_path / "texts.txt").write_bytes("play korn\n".encode("utf-16"))
    with (tmp_path / "texts.txt").open("rb") as stdin:
        process = run_script("predict", ruler_path, stdin=stdin)
    assert process.returncode == 1
    assert "SaveitasUTF-8" in "".join(process.stderr.split())
    assert process.stdout == ""


def test_unseen_words_take_no_memory_after_their_batch(ruler):
    list(predict(ruler, [{"text": "radiohead"}]))
    before = len(ruler.vocab.strings)
    records = [{"text": f"radiohead {n}x{n * n}y"} for n in range(1_000)]
    assert all(len(result["entities"]) == 1 for result in predict(ruler, records))
    assert len(ruler.vocab.strings) == before


def test_results_are_those_of_the_pipeline(tiny_model):
    texts = [f"songs like  karma police{n % 7} by radioheads | sade {n % 5}" for n in range(200)]
    nlp = spacy.load(tiny_model)
    expected = [
        [(ent.start_char, ent.end_char, ent.label_, ent._.confidence) for ent in doc.ents]
        for doc in nlp.pipe(texts)
    ]
    keys = ("start", "end", "label", "confidence")
    found = [
        [tuple(entity[key] for key in keys) for entity in result["entities"]]
        for result in predict(spacy.load(tiny_model), [{"text": text} for text in texts])
    ]
    assert found == expected


# Arbitrary files

TEXTUAL = ("radiohead", "ok computer", "ö🎸\u200b", "text", "id,text\n", "text\n", "entities")
JSON_PARTS = ('{"text": "', '"}\n', '{"text": null}\n', '{"text": ["a"], "id": 1}\n', "\\ud83d")
SIGNS = ("\n", "\r\n", "\r", "\u2028", *",\"'| {}[:0", "NaN", "1e400", "\\u0000")
RAW = (b"\0", b"\xff", b"\x80", b"[" * 2_000, b"1" * 5_000, "a\n".encode("utf-16-le"))
BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
FRAGMENTS = (*(part.encode() for part in (*TEXTUAL, *JSON_PARTS, *SIGNS)), *RAW, *BOMS)
NOISE = st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=3))
WORDS = st.one_of(st.sampled_from(TEXTUAL), st.text(max_size=5))
VALUES = st.one_of(WORDS, st.none(), st.integers(), st.floats(), st.lists(WORDS, max_size=2))
OTHERS = {"id": VALUES, "entities": VALUES, "": VALUES}
LINES = {
    ".txt": WORDS,
    ".csv": st.tuples(WORDS, WORDS).map(lambda fields: '"{}",{}'.format(*fields)),
    ".jsonl": st.fixed_dictionaries({"text": VALUES}, optional=OTHERS).map(json.dumps),
}


@st.composite
def files(draw) -> tuple[bytes, str]:
    """The content of a file and its ending: lines of its format, and others."""
    ending = draw(st.sampled_from(sorted(LINES)))
    line = LINES[ending].map(lambda text: f"{text}\n".encode("utf8", errors="surrogatepass"))
    header = b"id,text\n" if ending == ".csv" and draw(st.booleans()) else b""
    parts = draw(st.lists(line if draw(st.booleans()) else st.one_of(line, NOISE), max_size=12))
    return header + b"".join(parts), ending


def records_of(content: bytes, ending: str) -> list[dict]:
    """RETURNS (list[dict]): What a file holds, by the rules of its format and nothing else."""
    if ending == ".csv":
        text = content.decode("utf-8-sig", errors="replace")
        columns, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [dict(zip(columns, row + [""] * len(columns), strict=False)) for row in rows]
    lines = content.removeprefix(codecs.BOM_UTF8).decode("utf8", errors="replace").split("\n")
    lines = [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
    if ending == ".txt":
        return [{"text": line} for line in lines]
    lines = [line.removeprefix("\ufeff") for line in lines]
    return [json.loads(line) if line.strip() else {"text": ""} for line in lines]


@settings(deadline=None, derandomize=True)
@given(files())
@example((b'{"text": "radiohead \\ud800", "id": "\\udfff"}', ".jsonl"))
@example((b'text\n"radiohead\nok computer"\n"', ".csv"))
def test_of_any_file_nothing_is_lost_or_the_place_and_the_fix_are_named(
    ruler, tmp_path_factory, file
):
    content, ending = file
    path = tmp_path_factory.getbasetemp() / f"fuzz{ending}"
    path.write_bytes(content)
    stream = io.StringIO()
    try:
        write_results(predict(ruler, read_records(path)), stream, 0.0, Counter())
    except UnreadableFileError as error:
        problem, fix = error.args
        assert str(path) in problem
        assert fix
        return
    given_records = records_of(content, ending)
    lines = stream.getvalue().split("\n")
    assert len(lines) == len(given_records) + 1
    for line, record in zip(lines, given_records, strict=False):
        result = json.loads(line)
        text, entities = result["text"], result.pop("entities")
        if isinstance(text, str):
            record["text"] = module.LONE_SURROGATE.sub("\ufffd", record["text"])
        record.pop("entities", None)
        assert repr(result) == repr(record)
        end = 0
        for entity in entities:
            assert end <= entity["start"] < entity["end"] <= len(text)
            assert entity["text"] == text[entity["start"] : entity["end"]]
            assert NAMES[" ".join(entity["text"].split())] == entity["label"]
            end = entity["end"]


def test_a_folder_is_no_output(run_script, ruler_path, tmp_path):
    (tmp_path / "kept.txt").touch()
    process = run_script("predict", ruler_path, "radiohead", "--output", tmp_path)
    assert process.returncode == 2
    assert (tmp_path / "kept.txt").exists()
