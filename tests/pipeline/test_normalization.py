"""How the pipeline reads a text, and where its characters were before."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from music_ner.pipeline.normalization import Edit, invert, move, normalize, substitute
from tests.strategies import TEXTS, marked_texts, rewrite, without_white


def test_each_match_is_replaced_and_its_old_and_new_place_are_told():
    text, edits = substitute("a|b||c", re.compile(r"\|"), ", ")
    assert text == "a, b, , c"
    assert edits == [Edit(1, 2, 1, 3), Edit(3, 4, 4, 6), Edit(4, 5, 6, 8)]


def test_a_replacement_is_taken_literally():
    assert substitute("a|b", re.compile(r"(\|)"), r"\1\n")[0] == r"a\1\nb"


def test_nothing_is_edited_where_nothing_matches():
    assert substitute("calm piano", re.compile(r"\|"), ", ") == ("calm piano", [])


@given(TEXTS, st.sampled_from((r"\|", r"\s+", r"a|7", r"[^a]+")), st.text("xy", max_size=3))
def test_edits_of_a_substitution_lead_from_the_old_text_to_the_new_and_back(text, pattern, put):
    new, edits = substitute(text, re.compile(pattern), put)
    assert new == re.sub(pattern, put, text)
    assert rewrite(text, edits, new) == new
    assert rewrite(new, invert(edits), text) == text


@given(TEXTS)
def test_edits_that_are_turned_round_twice_are_what_they_were(text):
    _, edits = substitute(text, re.compile(r"\s+"), " ")
    assert invert(invert(edits)) == edits


@pytest.mark.parametrize(
    ("span", "edits", "moved"),
    [
        pytest.param((2, 4), [], (2, 4), id="no edit"),
        pytest.param((2, 4), [Edit(0, 1, 0, 3)], (4, 6), id="longer before it"),
        pytest.param((2, 4), [Edit(0, 2, 0, 1)], (1, 3), id="shorter up to its start"),
        pytest.param((2, 4), [Edit(4, 6, 4, 9)], (2, 4), id="behind it"),
        pytest.param((2, 6), [Edit(3, 4, 3, 6)], (2, 8), id="longer inside of it"),
        pytest.param((2, 6), [Edit(5, 6, 5, 5)], (2, 5), id="its last character goes"),
        pytest.param((2, 6), [Edit(1, 4, 1, 7)], (1, 9), id="its start is inside: moves outwards"),
        pytest.param((2, 6), [Edit(5, 8, 5, 9)], (2, 9), id="its end is inside: moves outwards"),
        pytest.param((2, 6), [Edit(2, 2, 2, 4)], (4, 8), id="something is put before it"),
        pytest.param((2, 6), [Edit(6, 6, 6, 8)], (2, 6), id="something is put behind it"),
        pytest.param((2, 6), [Edit(2, 6, 2, 2)], (2, 2), id="all of it goes"),
        pytest.param((4, 6), [Edit(0, 1, 0, 2), Edit(3, 4, 4, 4)], (4, 6), id="two edits"),
    ],
)
def test_a_span_moves_with_the_text(span, edits, moved):
    assert move(*span, edits) == moved


@given(marked_texts(), st.text("xy", max_size=3))
def test_a_span_keeps_its_text_where_a_substitution_does_not_touch_it(marked, put):
    text, start, end = marked
    assume(not re.search(r"\s", text[start:end]))
    new, edits = substitute(text, re.compile(r"\s+"), put)
    new_start, new_end = move(start, end, edits)
    assert new[new_start:new_end] == text[start:end]
    assert move(new_start, new_end, invert(edits)) == (start, end)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("funk|soul", "funk, soul"),
        ("funk | soul", "funk , soul"),
        ("funk||soul", "funk, , soul"),
        ("|funk|", ", funk,"),
        ("  slow \t\n jams\u00a0\u2028 ", "slow jams"),
        ("slow\tjams", "slow jams"),
        ("r&b for bbno$ fans", "r&b for bbno$ fans"),
        (" \n ", ""),
        ("", ""),
    ],
)
def test_a_pipe_becomes_a_comma_and_white_space_one_space(written, normal):
    assert normalize(written)[0] == normal


@given(TEXTS)
def test_what_is_normal_has_no_pipes_and_only_single_spaces_and_stays_as_it_is(text):
    normal, _ = normalize(text)
    assert normal == " ".join(normal.split())
    assert "|" not in normal
    assert normalize(normal) == (normal, [[], [], []])
    assert without_white(normal) == without_white(text).replace("|", ",")
