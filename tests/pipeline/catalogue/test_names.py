"""The normal form of names."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from music_ner.pipeline.catalogue.files import read_name_records
from music_ner.pipeline.catalogue.names import (
    Name,
    digits_as_0,
    fold,
    spell,
    to_name,
    words_of,
)
from tests.conftest import ROOT
from tests.pipeline.catalogue.helpers import NLP

# What names and queries are made of, with all signs that have a rule of their own.
SIGNS = st.text("aBsé1'’´.!?*\"“&+$/-, |()\t\n\u0301\u00ad\u200bßŁ½™ガ", max_size=15)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Beyoncé", "beyonce"),
        ("MØ", "mo"),
        ("Röyksopp", "royksopp"),
        ("Røyksopp", "royksopp"),
        ("Łąki Łan", "laki lan"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Guns N' Roses", "guns n roses"),
        ("Destiny’s Child", "destinys child"),
        ("AC/DC", "ac dc"),
        ("P!nk", "pnk"),
        ("R.E.M.", "rem"),
        ("r.e.m", "rem"),
        ("T.N.T.", "tnt"),
        ("B*Witched", "bwitched"),
        ("Godspeed You! Black Emperor", "godspeed you black emperor"),
        ('The "Chirping" Crickets', "the chirping crickets"),
        ("wait...what", "wait what"),
        ("F**k", "f k"),
        ("no.1!?", "no 1"),
        ("Mr.Big", "mr big"),
        ("St.Vincent", "st vincent"),
        ("sade.anything else", "sade anything else"),
        ("will.i.am", "william"),
        ("...", ""),
        ("Jay-Z", "jay z"),
        ("Simon & Garfunkel", "simon and garfunkel"),
        ("R&B", "r and b"),
        ("Florence + the Machine", "florence and the machine"),
        ("1+1", "1 and 1"),
        ("+44", "and 44"),
        ("+", "and"),
        ("A$AP Rocky", "a$ap rocky"),
        ("bbno$", "bbno$"),
        ("$uicideboy$", "$uicideboy$"),
        ("$100 bills", "$100 bills"),
        ("5 $ bill", "5 $ bill"),
        ("sigur rós 🎵", "sigur ros"),
        ("(What's the Story) Morning Glory?", "whats the story morning glory"),
        ("пыль глотаю", "пыль глотаю"),
        ("米津玄師", "米津玄師"),
        ("हिन्दी", "हिन्दी"),
        ("soft\u00adhyphen", "softhyphen"),
        ("❤️", ""),
        ("  a \t b\n", "a b"),
    ],
)
def test_names_are_folded_to_words(written, folded):
    assert fold(written) == folded


def test_the_marks_of_kana_and_hangul_stay_in_whichever_form_they_are_written():
    for name in ("ガガ", "방탄소년단"):
        forms = {fold(unicodedata.normalize(form, name)) for form in ("NFC", "NFD")}
        assert len(forms) == 1
    assert fold("ガ") != fold("カ")


@settings(deadline=None)
@given(st.text())
def test_folding_a_folded_text_changes_nothing(text):
    assert fold(fold(text)) == fold(text)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf8")) | SIGNS)
def test_a_doc_is_folded_as_a_name_is(text):
    assert " ".join(words_of(NLP.make_doc(text)).texts) == fold(text)


@settings(deadline=None)
@given(SIGNS)
def test_the_words_of_a_doc_are_in_its_tokens(text):
    doc = NLP.make_doc(text)
    words = words_of(doc)
    for word, first, last, possessive, owned in zip(*words, strict=True):
        assert first <= last < len(doc)
        assert word.replace(" ", "") in fold(doc[first : last + 1].text).replace(" ", "")
        assert possessive == bool(re.search("['’´]s$", doc[last].text))
        assert owned == (first < last and possessive and len(doc[last]) == 2)
    assert words.first == sorted(words.first)
    assert words.last == sorted(words.last)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Guns N' Roses", "guns n roses"),
        ("Björk", "bjork"),
        ("AC/DC", "ac dc"),
        ("R.E.M.", "rem"),
        ("bbno$", "bbno$"),
        ("P!nk", "pnk"),
        ("+44", "+44"),
        ("!!!", "!!!"),
        ("( )", "( )"),
        ("Sigur Rós", "sigur ros"),
        ("Don’t  Stop…", "dont stop"),
        ("Don´t Stop", "dont stop"),
        ("Simon & Garfunkel", "simon & garfunkel"),
        ("Either/Or (Live)", "either or live"),
        ("Хаски", "хаски"),
        ("이방인", "이방인"),
        ("でも", "でも"),
    ],
)
def test_a_name_is_spelled_without_capitals_accents_and_punctuation(name, written):
    assert spell(name) == written


@pytest.mark.parametrize("name", ["Boards™", "𝐒𝐀𝐃𝐄"])
def test_signs_that_stand_for_capitals_leave_no_capitals(name):
    assert spell(name) == spell(name).lower()


@settings(deadline=None)
@given(st.text() | SIGNS)
def test_spelling_a_spelled_name_changes_nothing(name):
    assert spell(spell(name)) == spell(name)


@settings(deadline=None, max_examples=300)
@given(st.text() | SIGNS)
def test_a_spelled_name_has_the_normal_form_of_the_name(name):
    assert fold(spell(name)) == fold(name)


@pytest.mark.parametrize("name", ["AC/DC", "!!!", "Guns N' Roses", "Simon & Garfunkel", "Ágætis"])
def test_a_spelled_name_without_and_signs_is_in_its_normal_form(name):
    assert spell(name).replace("&", "and") == (fold(name) or name.lower())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("The Beatles", Name("beatles", True)),
        ("Beatles", Name("beatles", False)),
        ("The The", Name("the the", False)),
        ("The", Name("the", False)),
        ("Theremin", Name("theremin", False)),
        ("?", Name("", False)),
    ],
)
def test_a_leading_the_is_no_part_of_the_stored_name(given, name):
    assert to_name(given) == name


@pytest.mark.parametrize(
    ("word", "looked_up"),
    [
        ("1979", "0000"),
        ("90s", "00s"),
        ("f16", "f00"),
        ("7", "7"),
        ("mp3", "mp3"),
        ("1st", "1st"),
        ("a1b23", "a1b00"),
        ("love", "love"),
        ("", ""),
    ],
)
def test_numbers_of_several_digits_are_all_as_frequent(word, looked_up):
    assert digits_as_0(word) == looked_up


def test_names_are_found_in_the_form_in_which_augmentation_writes_them():
    names = [
        name
        for record in read_name_records(ROOT / "assets" / "names.jsonl")
        for name in (record.artist, *record.works)
    ]
    assert [name for name in names if to_name(spell(name)) != to_name(name)] == []
