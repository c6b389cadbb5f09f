"""Two writings of one query."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music_ner.data.writings import differences, query_key
from music_ner.pipeline.normalization import invert, move
from tests.strategies import rewrite

WORDS = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=6)


@st.composite
def two_writings(draw):
    """Twice the same words in other case, with other spaces, punctuation and accents.

    RETURNS (tuple[str, str, list, list]): The two texts, and the offsets of each word in them.
    """
    words, texts, offsets = draw(WORDS), [], []
    for _ in range(2):
        text, places = "", []
        for word in words:
            word = draw(st.sampled_from((str, str.upper, str.title)))(word)
            word = draw(st.sampled_from((word, word.replace("a", "á"))))
            places.append((len(text), len(text) + len(word)))
            text += word + draw(st.sampled_from((" ", "  ", "-", ", ", " | ", "", "! ")))
        texts.append(text)
        offsets.append(places)
    return *texts, *offsets


@given(two_writings())
def test_a_word_is_found_again_in_another_writing_of_its_query(writings):
    text, other, offsets, other_offsets = writings
    edits = differences(text, other)
    for word, other_word in zip(offsets, other_offsets, strict=True):
        assert move(*word, edits) == other_word
        assert move(*other_word, invert(edits)) == word


@given(two_writings())
def test_differences_turn_one_writing_into_the_other_but_for_case_and_accents(writings):
    text, other, *_ = writings
    made = rewrite(text, differences(text, other), other)

    def plain(written):
        decomposed = unicodedata.normalize("NFKD", written)
        return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()

    assert plain(made) == plain(other)


def test_one_letter_that_others_write_as_two_is_found_again():
    edits = differences("songs like ß a", "SONGS LIKE SS-A")
    start, end = move(11, 12, edits)
    assert query_key("SONGS LIKE SS-A"[start:end]) == query_key("ß")


def test_a_text_does_not_differ_from_itself():
    assert differences("sade, korn", "sade, korn") == []


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("More Like SADE", "more like sade"),
        ("hip  hop", "hip-hop"),
        ("songs like halo?!", "songs like halo"),
        ("beyoncé", "beyonce"),
        ("beyonce\u0301", "BEYONCÉ"),
        ("sa\u200bde", "sade"),
        ("sade | korn", "sade , korn"),
        ("große", "GROSSE"),
        ("９ to ⑤", "9 to 5"),
    ],
)
def test_case_accents_spaces_and_punctuation_make_no_other_query(text, other):
    assert query_key(text) == query_key(other)


@pytest.mark.parametrize(
    ("text", "other"),
    [("blink 182", "blink 183"), ("🎸", "🎹"), ("!!!", "???"), ("夜", "朝"), ("💃", "")],
)
def test_other_letters_make_another_query(text, other):
    assert query_key(text) != query_key(other)
