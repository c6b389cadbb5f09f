import json

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import predict as module
from scripts.predict import PIECE, main, pieces, predict

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
    (result,) = predict(nlp, [text])
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
    assert list(predict(ruler, [text])) == [
        {
            "text": text,
            "entities": [
                {
                    "start": 1,
                    "end": 14,
                    "label": "WoA",
                    "text": "ok \t computer",
                    "confidence": None,
                },
                {
                    "start": 15,
                    "end": 24,
                    "label": "Artist",
                    "text": "radiohead",
                    "confidence": None,
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
    (result,) = predict(ruler, ["".join(parts)])
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
            yield f"radiohead {taken}"

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
    results = predict(ruler if nlp == "ruler" else spacy.load(tiny_model), texts)
    assert [result["text"] for result in results] == texts


def test_lone_surrogates_are_replaced_and_move_nothing(ruler):
    results = list(predict(ruler, ["\ud83d radiohead \udcff", "\udfff"]))
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
    results = list(predict(ruler, texts))
    assert [result["text"] for result in results] == texts
    assert [len(result["entities"]) for result in results] == [1, 0, 1]


def test_a_trained_pipeline_reads_texts_longer_than_its_window(tiny_model):
    text = "songs like karma police by radioheads " * 300
    (result,) = predict(spacy.load(tiny_model), [text])
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
        patch.setattr(module, "PIECE", size)
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
        patch.setattr(module, "PIECE", size)
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
    monkeypatch.setattr(module, "PIECE", 15)
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
    (result,) = predict(nlp, [text])
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


def test_a_folder_is_no_output(run_script, ruler_path, tmp_path):
    (tmp_path / "kept.txt").touch()
    process = run_script("predict", ruler_path, "radiohead", "--output", tmp_path)
    assert process.returncode == 2
    assert (tmp_path / "kept.txt").exists()
