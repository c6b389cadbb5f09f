import pytest

from music_ner.evaluation.kept import keep
from scripts.compare import main

GOLD = {"start": 5, "end": 9, "label": "Artist"}


def rows(*found):
    """RETURNS (list[dict]): Rows of queries with one gold entity each, which is found or not."""
    return [
        {
            "id": f"posts:{number}",
            "text": "like sade",
            "gold": [GOLD | {"kind": "right" if is_found else "missed"}],
            "predicted": [GOLD | {"kind": "right", "confidence": 0.9}] * is_found,
        }
        for number, is_found in enumerate(found)
    ]


@pytest.fixture
def metrics(tmp_path):
    """A folder with three evaluations."""
    for number, found in enumerate([(False,) * 4, (True, False) * 2, (True,) * 5], start=1):
        keep(tmp_path, f"en_tiny-{number}-ab", {"time": f"2026-01-0{number}"}, rows(*found))
    return tmp_path


def shown(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_the_last_two_are_compared(metrics, capsys):
    main(metrics, first="", second="", seed=0)
    out = shown(capsys)
    assert "first: en_tiny-2-ab second: en_tiny-3-ab" in out
    assert "all 4 4 0.667 1.000 +0.333" in out
    assert "2 of 4 queries have other entities" in out
    assert "1 queries are left out" in out


def test_others_are_chosen_by_the_beginning_of_their_names(metrics, capsys):
    main(metrics, first="en_tiny-3", second="en_tiny-1", seed=0)
    out = shown(capsys)
    assert "first: en_tiny-3-ab second: en_tiny-1-ab" in out
    assert "all 4 4 1.000 0.000 -1.000 -1.000 to -1.000" in out


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("en_other", "", "en_other: no such evaluations"),
        ("", "en_tiny", "en_tiny: 3 such evaluations"),
        ("en_tiny-3", "en_tiny-3", "en_tiny-3: no such evaluations"),
    ],
)
def test_an_unclear_name_ends_the_command_with_the_names_there_are(
    metrics, first, second, message, capsys
):
    with pytest.raises(SystemExit) as error:
        main(metrics, first=first, second=second, seed=0)
    assert error.value.code == 1
    said = " ".join(capsys.readouterr().err.split())
    assert message in said
    assert "en_tiny-1-ab" in said


def test_a_single_evaluation_ends_the_command(tmp_path, capsys):
    keep(tmp_path, "en_tiny-1-ab", {"time": "2026-01-01"}, rows(True))
    with pytest.raises(SystemExit):
        main(tmp_path, first="", second="", seed=0)
    assert "Two evaluated pipelines are needed" in capsys.readouterr().err
