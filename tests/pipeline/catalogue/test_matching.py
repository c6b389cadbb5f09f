"""Which names a catalogue finds in a text, and where."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from music_ner.pipeline.catalogue.matching import Candidate, are_apart, choose
from music_ner.pipeline.catalogue.names import fold, spell, to_name
from music_ner.pipeline.labels import LABELS
from tests.pipeline.catalogue.helpers import NLP, catalogue_of, found

LETTERS = "abcdefghijklmnopqrstuvwxyzéüñøßçжяガ"
WORDS = st.text(LETTERS, min_size=1, max_size=8)
NAMES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
REWRITINGS = {
    "as it is": str,
    "upper case": str.upper,
    "title case": str.title,
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "accents": lambda name: "".join(
        f"{c}\u0301" if c.isascii() and c.isalpha() else c for c in name
    ),
    "without accents": lambda name: name.translate(str.maketrans("éüñøç", "eunoc")),
    "white space": lambda name: name.replace(" ", "   "),
    "hyphens": lambda name: name.replace(" ", " - "),
    "quotes": '"{}"'.format,
    "brackets": "({}),".format,
    "question": "{} ?".format,
    "the": "the {}".format,
}


@settings(deadline=None)
@given(NAMES, st.sampled_from(sorted(REWRITINGS)), st.booleans(), st.lists(WORDS, max_size=3))
def test_a_name_is_found_in_any_text_that_holds_it_as_words(name, way, given_with_the, around):
    key = fold(name)
    assume(not key.startswith("the "))
    component = catalogue_of(artists=[f"The {name}" if given_with_the else name])
    text = " ".join([*around, REWRITINGS[way](name), *around])
    folded = {fold(match) for match, _ in found(component, text)}
    assert key in {words.removeprefix("the ") for words in folded}


@settings(deadline=None)
@given(NAMES)
def test_a_name_is_found_before_a_possessive_s(name):
    component = catalogue_of(works=[name])
    for ending in ("'s", "’s", "'S"):
        doc = NLP.make_doc(f"zzz {name}{ending}")
        (match,) = component.find(doc)
        assert (match.start, match.end) == (1, len(doc) - 1)
        assert doc[match.end].text == ending


@settings(deadline=None)
@given(NAMES)
def test_a_name_is_found_with_a_possessive_s_that_has_no_apostrophe(name):
    assume(len(fold(name).split()[-1]) >= 3)
    doc = NLP.make_doc(f"zzz {name}s")
    (match,) = catalogue_of(works=[name]).find(doc)
    assert (match.start, match.end) == (1, len(doc))


def test_and_is_written_in_several_ways():
    texts = ["florence + the machine", "Florence & The Machine", "florence and the machine"]
    for name in texts:
        component = catalogue_of(artists=[name])
        assert [found(component, text) for text in texts] == [[(t, "Artist")] for t in texts]


def test_a_short_word_is_not_cut_at_its_s():
    component = catalogue_of(artists=["Ye", "U2"], works=["A"])
    assert found(component, "yes as u2s") == []
    assert found(component, "u2's and ye's") == [("u2", "Artist"), ("ye", "Artist")]


@pytest.mark.parametrize("apostrophe", "'’`´ʼ")
@pytest.mark.parametrize("name", ["U2", "a-ha", "Jay-Z", "AC/DC", "X", "Dr. Dre", "Sade"])
def test_a_possessive_s_with_an_apostrophe_blocks_no_match(name, apostrophe):
    ((match, _),) = found(catalogue_of(artists=[name]), f"{name.lower()}{apostrophe}s best songs")
    assert match.removesuffix(f"{apostrophe}s") == name.lower()
    if apostrophe in "'’":  # spaCy cuts a token there
        assert match == name.lower()


def test_an_apostrophe_in_a_name_is_no_possessive():
    component = catalogue_of(artists=["Destiny's Child", "Destiny"], works=["Love's"])
    assert found(component, "destiny's child") == [("destiny's child", "Artist")]
    assert found(component, "destiny's love's") == [("destiny", "Artist"), ("love's", "WoA")]


def test_an_exact_name_goes_before_one_with_a_possessive_s():
    component = catalogue_of(artists=["Beatle"], pairs=[("Beatles", "Help")])
    first, _ = component.find(NLP.make_doc("beatles help"))
    assert first.partner == 2


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("The Cure", "songs by the cure", "the cure"),
        ("The Cure", "songs by cure", "cure"),
        ("Cure", "songs by the cure", "cure"),
        ("The The", "songs by the the", "the the"),
        ("The", "songs by the", "the"),
    ],
)
def test_a_leading_the_belongs_to_the_match_if_the_name_was_given_with_it(name, text, match):
    assert found(catalogue_of(artists=[name]), text) == [(match, "Artist")]


def test_the_alone_is_not_taken_for_a_name_that_begins_with_it():
    component = catalogue_of(artists=["The The", "The Band"])
    assert found(component, "the") == []


@pytest.mark.parametrize("text", ["korniche", "popkorn", "unicorn", "kor n", "k-orn"])
def test_no_match_inside_of_a_word(text):
    assert found(catalogue_of(artists=["Korn"]), text) == []


def test_a_match_never_cuts_a_token():
    assert [token.text for token in NLP.make_doc("r&b")] == ["r&b"]
    assert found(catalogue_of(artists=["R", "B"]), "some r&b") == []
    assert found(catalogue_of(artists=["R & B"]), "some r&b") == [("r&b", "Artist")]


def test_a_match_covers_all_tokens_of_a_word_but_a_possessive_s():
    assert [token.text for token in NLP.make_doc("Radiohead's")] == ["Radiohead", "'s"]
    component = catalogue_of(artists=["Radiohead"])
    assert found(component, "Radiohead's best") == [("Radiohead", "Artist")]
    assert found(component, "radioheads best") == [("radioheads", "Artist")]
    assert found(catalogue_of(artists=["bbno$"]), "by bbno$ ?") == [("bbno$", "Artist")]
    assert found(catalogue_of(works=["Don't Panic"]), "dont panic") == [("dont panic", "WoA")]


MIXED = st.text("abs '’-/&$.,()the ", max_size=40)


@settings(deadline=None)
@given(MIXED, st.lists(st.text("abs &$", min_size=1, max_size=6), max_size=9))
def test_matches_are_whole_tokens_and_do_not_overlap(text, names):
    doc = NLP.make_doc(text)
    matches = catalogue_of(artists=names, works=names[::2]).find(doc)
    keys = {to_name(name).key for name in names}
    for match in matches:
        key = to_name(doc[match.start : match.end].text).key
        assert key in keys or key.removesuffix("s") in keys
        assert len(fold(doc[match.start : match.end].text).split()) == match.n_words
    for label in LABELS:
        spans = [(match.start, match.end) for match in matches if match.label == label]
        assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_the_longest_of_matches_that_overlap_is_chosen_for_each_label_apart():
    component = catalogue_of(artists=["Queen", "King"], works=["Dancing Queen", "Dancing"])
    assert found(component, "dancing queen king") == [
        ("queen", "Artist"),
        ("king", "Artist"),
        ("dancing queen", "WoA"),
    ]


def test_of_matches_as_long_the_one_in_a_pair_is_chosen_and_else_the_first():
    works = ["My Love", "Love Song"]
    text = "my love song sade"
    assert found(catalogue_of(works=works), text) == [("my love", "WoA")]
    component = catalogue_of(works=works, pairs=[("Sade", "Love Song")])
    assert found(component, text) == [("sade", "Artist"), ("love song", "WoA")]
    assert found(component, "my love song korn") == [("my love", "WoA")]
    component.add(works=["My Love Song"])
    assert found(component, text) == [("sade", "Artist"), ("my love song", "WoA")]


def test_each_artist_and_its_work_are_partners():
    pairs = [("Sade", "Smooth Operator"), ("Sade", "Paradise"), ("Korn", "Blind")]
    component = catalogue_of(pairs=pairs)
    doc = NLP.make_doc("sade smooth operator paradise blind")
    sade, smooth, paradise, blind = component.find(doc)
    assert (sade.partner, smooth.partner, paradise.partner, blind.partner) == (2, 1, 1, 0)


def test_a_name_is_no_partner_of_itself():
    component = catalogue_of(pairs=[("Weezer", "Weezer")])
    one, other = component.find(NLP.make_doc("weezer"))
    assert (one.partner, other.partner) == (0, 0)
    partners = [match.partner for match in component.find(NLP.make_doc("weezer weezer"))]
    assert 0 not in partners


def test_names_that_both_labels_list_are_shared():
    component = catalogue_of(artists=["Love", "Korn"], works=["Love"])
    love, korn, song = component.find(NLP.make_doc("love korn"))
    assert (love.shared, korn.shared, song.shared) == (True, False, True)
    assert (love.namesake, korn.namesake, song.namesake) == (3, 0, 1)


def test_a_shared_name_that_lost_to_a_longer_one_is_no_namesake():
    component = catalogue_of(artists=["Love"], works=["Love", "Love Song"])
    love, song = component.find(NLP.make_doc("love song"))
    assert (love.shared, love.namesake) == (True, 0)
    assert (song.shared, song.namesake) == (False, 0)


CANDIDATES = st.builds(
    lambda start, length, name: Candidate(start, start + length, name, False),
    st.integers(0, 8),
    st.integers(1, 4),
    st.integers(0, 3),
)


@given(st.sets(CANDIDATES, max_size=8), st.data())
def test_what_is_not_chosen_overlaps_something_as_long_that_is(candidates, data):
    linked = data.draw(st.sets(st.sampled_from(sorted(candidates)))) if candidates else set()
    chosen = choose(candidates, linked)
    assert set(chosen) <= candidates
    assert chosen == sorted(chosen)
    assert all(are_apart(one, other) for one, other in pairwise(chosen))

    def rank(candidate):
        return candidate.end - candidate.start, candidate in linked

    for candidate in candidates - set(chosen):
        rivals = [other for other in chosen if not are_apart(candidate, other)]
        assert max(map(rank, rivals)) >= rank(candidate)


@pytest.mark.parametrize("form", ["R.E.M.", "r.e.m", "r.e.m.", "REM", "rem", "R.E.M.'s"])
def test_an_abbreviation_is_found_however_its_stops_are_written(form):
    for name in ("R.E.M.", "REM", "r.e.m"):
        ((match, label),) = found(catalogue_of(artists=[name]), f"songs by {form} please")
        assert label == "Artist"
        assert match.rstrip(".") == form.removesuffix("'s").rstrip(".")


def test_a_name_is_found_in_the_form_in_which_it_is_spelled():
    for name in ("P!nk", "Guns N' Roses", "AC/DC", "Florence + The Machine", "A$AP Rocky"):
        component = catalogue_of(artists=[name])
        assert found(component, f"like {spell(name)}") == [(spell(name), "Artist")]
        assert found(component, f"like {name}") == [(name, "Artist")]
