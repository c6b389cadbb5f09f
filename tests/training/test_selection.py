"""Which requests are worth annotating next."""

import json

import pytest
import spacy

from music_ner.pipeline.marginal_ner import ScoredSpan
from music_ner.training.selection import Candidate, candidates, choose, expected_f1
from scripts import select

ARTIST = ("Artist",)


def pool(*rows):
    """RETURNS: Candidates of these texts and expected F1s, all of one kind unless one is given."""
    return [Candidate(n, text, (*kind,), f1) for n, (text, f1, *kind) in enumerate(rows)]


def texts(chosen):
    return [candidate.text for candidate, _ in chosen]


@pytest.mark.parametrize(
    ("probabilities", "f1"),
    [([], 1.0), ([1.0], 1.0), ([0.5], 2 / 3), ([0.2], 0.8), ([0.2, 0.2], 0.64), ([0.9, 0.1], 0.9)],
)
def test_expected_f1(probabilities, f1):
    spans = [ScoredSpan(n, n + 1, "Artist", p) for n, p in enumerate(probabilities)]
    assert expected_f1(spans, 0.35) == pytest.approx(f1)


def test_the_most_doubtful_are_chosen():
    rows = pool(("sade", 0.9), ("korn", 0.2), ("halo", 0.5))
    assert texts(choose(rows, 2, 0.0, 0)) == ["korn", "halo"]


def test_near_duplicates_are_left_out():
    rows = pool(("play sade now", 0.1), ("Play sade  now!", 0.2), ("now play sade", 0.3))
    rows += [Candidate(3, "korn", (), 0.9)]
    assert texts(choose(rows, 4, 0.0, 0)) == ["play sade now", "korn"]


def test_each_kind_has_its_share():
    rows = pool(*((f"a{n}", 0.1) for n in range(5)), *((f"b{n}", 0.9, "WoA") for n in range(5)))
    kinds = [candidate.kind for candidate, _ in choose(rows, 4, 0.0, 0)]
    assert sorted(kinds) == [(), (), ("WoA",), ("WoA",)]


def test_a_share_is_drawn_at_random_with_the_seed():
    rows = pool(*((f"a{n}", n / 100) for n in range(40)))
    chosen = choose(rows, 8, 0.5, 1)
    assert [at_random for _, at_random in chosen] == [True] * 4 + [False] * 4
    assert chosen == choose(rows, 8, 0.5, 1) != choose(rows, 8, 0.5, 2)


def test_a_pipeline_is_sure_of_what_it_has_learnt(tiny_model):
    nlp = spacy.load(tiny_model)
    known, odd = candidates(nlp, ["dark ambient for the attic", "radioheads weightless korn korn"])
    assert known.expected_f1 > odd.expected_f1
    assert known.kind == ()
    with pytest.raises(ValueError, match="no marginal_ner"):
        candidates(spacy.blank("en"), ["a"])


def test_the_command_writes_what_to_annotate(tiny_model, tmp_path, capsys):
    requests = tmp_path / "requests.txt"
    requests.write_text("more like sade\nupbeat funk for cooking\n\nmore like korn and sade\n")
    output = tmp_path / "selected.jsonl"
    select.main(tiny_model, requests, output, 2, 0.5, "doccano", 0)
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert [record["chosen"] for record in records] == ["at random", "as doubtful"]
    assert all("label" in record for record in records)
    assert "2 of 3 requests, 1 drawn at random" in " ".join(capsys.readouterr().out.split())
