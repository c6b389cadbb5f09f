"""Scoring a trained pipeline on gold that it was not trained on."""

import sys

import pytest
import spacy

from music_ner.command import run_command
from scripts.evaluate import COLUMNS, main, row_of

GOLD = "songs\tO\nby\tO\nsade\tB-Artist\n\nlike\tO\nhalo\tB-WoA\n\ndark\tO\nambient\tO\n"


@pytest.fixture
def gold(tmp_path):
    path = tmp_path / "gold.bio"
    path.write_text(GOLD, encoding="utf8")
    return path


def test_a_row_holds_the_scores_of_what_the_pipeline_finds(tiny_model, docs_of):
    nlp = spacy.load(tiny_model)
    row = row_of(nlp, docs_of(["songs by [sade](Artist)", "like [halo](WoA)"]), 0)
    assert tuple(row) == COLUMNS
    assert all(0 <= row[name] <= 1 for name in ("micro", "macro", "Artist", "WoA"))


def test_perfect_predictions_score_one(tiny_model, docs_of):
    nlp = spacy.load(tiny_model)
    found = list(nlp.pipe(["songs by sade", "like halo", "more like korn and sade"]))
    assert any(doc.ents for doc in found)
    assert row_of(nlp, found, 0)["micro"] == 1.0


def test_a_pipeline_is_scored_with_and_without_names(tiny_model, gold, capsys):
    main(tiny_model, f"{gold}, {gold}", seed=0)
    out = capsys.readouterr().out
    assert all(name in out for name in (*COLUMNS, "| pipeline", "with an empty catalogue"))
    assert "6 queries" in out


@pytest.mark.parametrize(("content", "message"), [(None, "Check the path"), ("a\tO\n", "entities")])
def test_gold_that_cannot_be_used_ends_the_command(
    tiny_model, gold, content, message, capsys, monkeypatch
):
    gold.unlink() if content is None else gold.write_text(content)
    monkeypatch.setattr(sys, "argv", ["evaluate", str(tiny_model), str(gold)])
    with pytest.raises(SystemExit) as error:
        run_command(main)
    assert error.value.code == 1
    printed = capsys.readouterr()
    assert message in printed.out + printed.err
