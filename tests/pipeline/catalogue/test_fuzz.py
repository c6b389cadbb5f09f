"""A catalogue of any names, on any text. To try 10,000 of each, see tests/pipeline/test_fuzz.py."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from music_ner.pipeline.catalogue.component import LONGEST_NAME, Catalogue
from music_ner.pipeline.catalogue.names import fold, to_name
from music_ner.pipeline.labels import LABELS
from tests.pipeline.catalogue.helpers import NLP, catalogue_of
from tests.strategies import fuzz

WORDS = ["sade", "The", "the", "love", "By", "U2", "a-ha", "R.E.M.", "AC/DC", "日本", "Ke$ha"]
SIGNS = [
    *" .,!?*&+$|/-'’`\"()[]",
    "  ",
    "\t",
    "\n",
    "\u00a0",
    "\u200b",
    "\u0301",
    "\x00",
    "'s",
    "s",
]
PIECES = st.sampled_from([*WORDS, *SIGNS]) | st.text(max_size=4)  # surrogates too
ANY_NAMES = st.lists(PIECES, max_size=6).map("".join)
LISTS = st.lists(ANY_NAMES, max_size=6)


def is_listed(name):
    key = to_name(name).key
    return bool(key) and key.count(" ") < LONGEST_NAME


def assert_true(doc, matches, names):
    """What holds for the matches of any names in any text."""
    keys = {to_name(name).key for name in names}
    for number, match in enumerate(matches, start=1):
        assert 0 <= match.start < match.end <= len(doc)
        folded = fold(doc[match.start : match.end].text)
        forms = {folded, folded.removeprefix("the "), folded.removesuffix("s")}
        assert keys & {*forms, *(form.removesuffix("s") for form in forms)}
        for other in filter(None, (match.partner, match.namesake)):
            assert matches[other - 1].label != match.label
        if match.namesake:
            assert matches[match.namesake - 1].namesake == number
    for label in LABELS:
        spans = [(match.start, match.end) for match in matches if match.label == label]
        assert all(one[1] <= other[0] for one, other in pairwise(spans))


@fuzz
@given(LISTS, LISTS, st.lists(st.tuples(ANY_NAMES, ANY_NAMES), max_size=4), st.data())
def test_any_names_are_counted_and_found_the_same_in_every_way(artists, works, pairs, data):
    component = Catalogue("catalogue")
    counted = component.add(artists=artists, works=works, pairs=pairs)
    given_names = [*artists, *works, *(name for pair in pairs for name in pair)]
    listed = list(filter(is_listed, given_names))
    assert counted.taken == len(listed)
    assert counted.taken + counted.empty + counted.too_long == len(given_names)
    again = catalogue_of(artists=artists, pairs=pairs[1:])
    again.add(works=works, pairs=pairs[:1])
    assert again.to_bytes() == component.to_bytes()
    assert component.add(artists=artists, pairs=pairs).pairs == counted.pairs
    assert component.to_bytes() == again.to_bytes()

    names = [name.encode("utf8", "replace").decode("utf8") for name in listed]
    mixed = st.lists(st.sampled_from([*names, *WORDS, *SIGNS]), max_size=12).map(" ".join)
    texts = [*(f"songs by {name} please" for name in names), data.draw(mixed)]
    docs = [component(NLP.make_doc(text)) for text in texts]
    for doc in docs:
        assert_true(doc, doc._.catalogue_matches, given_names)
    for doc, name in zip(docs, names, strict=False):
        texts_of = [doc[m.start : m.end].text for m in doc._.catalogue_matches]
        assert any(to_name(name).key in fold(text) for text in texts_of)
    copies = [
        Catalogue("catalogue").from_bytes(component.to_bytes()),
        pickle.loads(pickle.dumps(component)),
    ]
    expected = [component.find(doc) for doc in docs]
    assert [doc._.catalogue_matches for doc in docs] == expected
    for copy in copies:
        assert [copy.find(NLP.make_doc(text)) for text in texts] == expected
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(component.find, docs * 3)) == expected * 3
    assert [doc._.catalogue_matches for doc in component.pipe(docs)] == expected
