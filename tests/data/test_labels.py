"""Which labels are trained, and what those of the data are called."""

from collections import Counter

import pytest

from music_ner.data.labels import in_order, look_alikes, parse_labels, relabel
from music_ner.data.query import Query, Span

QUERY = Query(
    "q:1", "a b c d", tuple(Span(n, n + 1, name) for n, name in [(0, "Track"), (2, "Mood")])
)


def labels(text):
    """RETURNS: The labels of the query's spans, and the numbers of dropped and unknown ones."""
    query, dropped, unknown = relabel(QUERY, parse_labels(text))
    return [span.label for span in query.spans], len(dropped), len(unknown)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", (["Track", "Mood"], 0, 0)),
        ("Track=WoA", (["WoA", "Mood"], 0, 0)),
        ("Track=WoA,Mood", (["WoA", "Mood"], 0, 0)),
        (" Track = WoA , Mood= ", (["WoA"], 1, 0)),
        ("Track", (["Track", "Artist_or_WoA"], 0, 1)),
        ("Artist,Track=WoA", (["WoA", "Artist_or_WoA"], 0, 1)),
    ],
)
def test_labels_are_renamed_dropped_or_missing(text, found):
    assert labels(text) == found


@pytest.mark.parametrize("text", ["=WoA", 'a"b', "a=b=c", "bias", "Track=length"])
def test_what_is_no_label_is_refused(text):
    with pytest.raises(ValueError, match=r"is no label|maps nothing"):
        parse_labels(text)


def test_labels_are_shown_in_one_order():
    assert in_order(["Mood", "WoA", "Genre", "Artist_or_WoA", "Artist"]) == [
        "Artist",
        "WoA",
        "Genre",
        "Mood",
    ]


def test_a_rare_label_that_looks_like_a_frequent_one_is_found():
    counts = Counter({"Artist": 90, "artist": 2, "Aritst": 1, "WoA": 50, "Genre": 9})
    assert look_alikes(counts) == [("artist", "Artist"), ("Aritst", "Artist")]
