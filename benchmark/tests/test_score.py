"""Scoring the predictions of any system."""

import pytest
import srsly
from scripts.score import main

GOLD = """\
songs\tO
by\tO
karma\tB-Artist
police\tI-Artist

like\tO
halo\tB-WoA

dark\tO
ambient\tO
"""


@pytest.fixture
def score(tmp_path, capsys):
    """Score predictions; RETURNS the exit code and what the command printed."""
    (tmp_path / "gold.bio").write_text(GOLD, encoding="utf8")

    def run(predictions):
        path = tmp_path / "predictions.bio"
        if isinstance(predictions, bytes):
            path = path.with_suffix(".jsonl")
            path.write_bytes(predictions)
        elif isinstance(predictions, str):
            path.write_text(predictions, encoding="utf8")
        else:
            path = path.with_suffix(".jsonl")
            srsly.write_jsonl(path, predictions)
        code = 0
        try:
            main(tmp_path / "gold.bio", path, seed=0)
        except SystemExit as error:
            code = error.code
        return code, " ".join(capsys.readouterr().out.split())

    return run


def record(text, *entities):
    return {"text": text, "entities": [*entities]}


def entity(start, end, label):
    return {"start": start, "end": end, "label": label, "confidence": 0.9}


PERFECT = [
    record("dark ambient"),
    record("songs by karma police", entity(9, 21, "Artist")),
    record("like halo", [5, 9, "WoA"]),
]


def test_gold_itself_scores_one(score):
    code, said = score(GOLD)
    assert code == 0
    assert "| micro avg | 1.000 | 1.000 | 1.000 | 2 |" in said
    assert "| WoA | 1.000 | 1.000 | 1.000 | 1 |" in said
    assert "3 queries; micro F1, 95 % interval" in said


def test_jsonl_in_any_order_is_scored_like_bio(score):
    assert score(PERFECT) == score(GOLD)


def test_a_byte_order_mark_and_blank_lines_are_no_records(score):
    lines = [srsly.json_dumps(item) for item in PERFECT]
    assert score(b"\xef\xbb\xbf" + "\r\n\n".join(lines).encode()) == score(GOLD)


@pytest.mark.parametrize("line", [b"[1]", b"{", b'{"text": "a\xff"}'])
def test_a_line_that_cannot_be_read_is_named(score, line):
    code, said = score(b'\n{"text": "dark ambient", "entities": []}\n\n' + line)
    assert code == 1
    assert "predictions.jsonl, line 4:" in said


def test_wrong_bounds_labels_and_missing_entities_count(score):
    partly = [*PERFECT[:1], record("songs by karma police", [9, 14, "Artist"]), PERFECT[2]]
    code, said = score(partly)
    assert code == 0
    assert "| Artist | 0.000 | 0.000 | 0.000 | 1 |" in said
    assert "| macro avg | 0.500 | 0.500 | 0.500 | 2 |" in said


def test_texts_are_compared_as_the_pipeline_reads_them(score):
    predicted = [record("songs  by  karma police", [11, 23, "Artist"]), PERFECT[0], PERFECT[2]]
    assert score(predicted) == score(GOLD)


def test_gold_without_a_prediction_ends_the_command(score):
    code, said = score(PERFECT[:2])
    assert code == 1
    assert "1 gold queries have no prediction" in said
    assert "like halo" in said


def test_predictions_for_other_texts_are_named(score):
    code, said = score([*PERFECT, record("and more"), PERFECT[0]])
    assert code == 0
    assert "2 predictions are for texts not in" in said
    assert "and more" in said


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"text": "like halo"}, "KeyError('entities')"),
        (record("like halo", [5, 12, "WoA"]), "offsets 5 and 12 do not lie within the text"),
        (record("like halo", [5, 9, "Song"]), "unknown label Song: use Artist or WoA"),
        (record("like halo", [5, 9]), "ValueError"),
        ([1], "TypeError"),
    ],
)
def test_a_line_that_cannot_be_read_ends_the_command(score, line, message):
    code, said = score([*PERFECT[:2], line])
    assert code == 1
    assert "line 3" in said
    assert message in said


def test_bio_that_cannot_be_read_ends_the_command(score):
    code, said = score(GOLD.replace("B-WoA", "Q-WoA"))
    assert code == 1
    assert "unknown tag 'Q-WoA'" in said
