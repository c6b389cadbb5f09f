"""What several annotators say of one query."""

from hypothesis import given
from hypothesis import strategies as st

from music_ner.data.annotators import combine, pair_agreement
from music_ner.data.query import Query, Span

TEXT = "by sade adu now"
ARTIST, LONG, WORK = (3, 7, "Artist"), (3, 11, "Artist"), (3, 7, "WoA")


def said(*annotations, text=TEXT):
    """RETURNS: A query for each annotator, ann, bob and so on, with these spans."""
    names = ("ann", "bob", "cat", "dan")
    made = []
    for name, spans in zip(names, annotations, strict=False):
        marked = tuple(Span(*span, "", name) for span in spans)
        made.append(Query("q:1", text, marked, marked, True, (name,)))
    return made


def decided(*annotations):
    """RETURNS: Text and label of the spans of the query that is made of these annotations."""
    ((query,), _) = combine(said(*annotations))
    return [(query.text[s.start : s.end], s.label) for s in query.spans]


def test_what_more_than_half_say_is_gold():
    assert decided([ARTIST], [ARTIST], [LONG]) == [("sade", "Artist")]
    assert decided([ARTIST], [ARTIST], []) == [("sade", "Artist")]
    assert decided([ARTIST], [], []) == []


def test_where_nobody_has_a_majority_it_is_missing():
    assert decided([ARTIST], []) == [("sade", "Artist_or_WoA")]
    assert decided([ARTIST], [WORK]) == [("sade", "Artist_or_WoA")]
    assert decided([ARTIST], [WORK], [LONG]) == [("sade", "Artist_or_WoA")]
    assert decided([ARTIST], [LONG]) == [("sade adu", "Artist_or_WoA")]


def test_the_annotations_are_kept_beside_gold():
    ((query,), _) = combine(said([ARTIST], [WORK]))
    assert query.annotators == ("ann", "bob")
    assert [(span.label, span.annotator) for span in query.annotations] == [
        ("Artist", "ann"),
        ("WoA", "bob"),
    ]


def test_one_annotator_alone_is_gold():
    ((query,), several) = combine(said([ARTIST]))
    assert query.spans[0][:3] == ARTIST
    assert (query.annotations, several) == ((), [])


def test_each_pair_of_annotators_is_scored():
    _, several = combine(said([ARTIST], [ARTIST], [WORK]))
    assert pair_agreement(several) == {
        "ann and bob": {"queries": 1, "f1": 1.0},
        "ann and cat": {"queries": 1, "f1": 0.0},
        "bob and cat": {"queries": 1, "f1": 0.0},
    }


SPANS = st.sampled_from([[], [ARTIST], [LONG], [WORK], [(0, 2, "WoA"), ARTIST], [(8, 15, "WoA")]])


@given(st.lists(SPANS, min_size=1, max_size=4))
def test_entities_do_not_overlap_and_each_is_somebodys(annotations):
    ((query,), _) = combine(said(*annotations))
    ends = [0, *(span.end for span in query.spans)]
    assert all(end <= span.start for end, span in zip(ends, query.spans, strict=False))
    marked = {span for spans in annotations for span in spans}
    assert {s[:3] for s in query.spans if s.label != "Artist_or_WoA"} <= marked
