"""The annotated query, and the docs made of it."""

import pytest
import spacy
from hypothesis import example, given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from music_ner.data.query import (
    AMBIGUOUS,
    Query,
    Span,
    move_spans,
    normalize_query,
    to_doc,
    trim,
    word_offsets,
    word_tags,
)
from music_ner.pipeline.normalization import Edit, invert, normalize
from tests.strategies import TEXTS, marked_texts, without_white

NLP = spacy.blank("en")


def test_a_pipe_becomes_a_comma_and_offsets_move_along():
    query = Query("1", " more  like sade|korn | abba", (Span(17, 21, "Artist", "known", "ann"),))
    assert query.text[17:21] == "korn"
    normal = normalize_query(query)
    assert normal.text == "more like sade, korn , abba"
    assert normal.spans == (Span(16, 20, "Artist", "known", "ann"),)


@given(marked_texts())
@example(("sade|  korn", 0, 5))
@example(("\n|korn ", 1, 6))
def test_a_span_covers_the_same_words_after_normalizing(marked):
    text, start, end = marked
    query = normalize_query(Query("1", text, (Span(start, end, "WoA"),)))
    (span,) = query.spans
    covered = query.text[span.start : span.end]
    assert without_white(covered) == without_white(text[start:end]).replace("|", ",")


@given(TEXTS, st.data())
def test_a_span_of_the_normal_text_covers_the_same_words_when_carried_back(original, data):
    # what predict does: the pipeline's spans are offsets in the normal text
    text, steps = normalize(original)
    _, start, end = data.draw(marked_texts(texts=st.just(text)))
    back = [invert(edits) for edits in reversed(steps)]
    (span,) = move_spans([Span(start, end, "WoA")], back)
    covered = without_white(original[span.start : span.end]).replace("|", ",")
    assert covered == without_white(text[start:end])


@given(marked_texts())
def test_a_span_that_is_carried_forth_and_back_covers_the_same_words(marked):
    text, start, end = marked
    _, steps = normalize(text)
    back = [invert(edits) for edits in reversed(steps)]
    (span,) = move_spans([Span(start, end, "WoA")], [*steps, *back])
    assert without_white(text[span.start : span.end]) == without_white(text[start:end])


def test_a_moved_span_keeps_label_certainty_and_annotator():
    span = Span(2, 3, "WoA", "deduced", "ann")
    assert move_spans([span], [[Edit(0, 1, 0, 0)]]) == [Span(1, 2, "WoA", "deduced", "ann")]


@pytest.mark.parametrize(
    ("span", "trimmed"),
    [((0, 4), (0, 4)), ((0, 5), (0, 4)), ((4, 10), (6, 10)), ((3, 7), (3, 7)), ((4, 6), (6, 6))],
)
def test_white_space_at_the_edges_of_a_span_is_trimmed(span, trimmed):
    assert trim(Span(*span, "WoA", "known"), "sade \nkorn") == Span(*trimmed, "WoA", "known")


def test_words_are_what_stands_between_white_space():
    assert word_offsets(" r&b  bbno$, 🎸 ") == [(1, 4), (6, 12), (13, 14)]


@pytest.mark.parametrize(
    ("spans", "tags"),
    [
        ([], "O O O O"),
        ([(5, 14, "Artist")], "O B-Artist I-Artist O"),
        ([(6, 8, "Artist")], "O B-Artist O O"),
        ([(15, 19, "WoA"), (5, 9, "Artist")], "O B-Artist O B-WoA"),
        ([(5, 9, "Artist"), (10, 14, "Artist")], "O B-Artist B-Artist O"),
        ([(0, 7, "WoA"), (7, 14, "Artist")], "B-WoA I-WoA B-Artist O"),
        ([(7, 14, "Artist"), (0, 7, "WoA")], "B-WoA I-WoA B-Artist O"),
        ([(4, 5, "WoA")], "O O O O"),
    ],
)
def test_words_are_tagged_by_the_entity_that_covers_them(spans, tags):
    assert word_tags("like sade adu live", spans) == tags.split()


def test_entities_are_tokens_of_the_doc_and_all_else_is_outside():
    query = Query("q1", "more like sade adu", (Span(10, 18, "Artist"),))
    doc = to_doc(query, NLP.make_doc)
    assert doc.text == query.text
    assert doc.user_data["id"] == "q1"
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("sade adu", "Artist")]
    assert [token.ent_iob_ for token in doc] == ["O", "O", "B", "I"]


def test_an_ambiguous_span_becomes_missing_tokens():
    spans = (Span(5, 9, "Artist"), Span(13, 17, AMBIGUOUS))
    doc = to_doc(Query("1", "like sade or halo", spans), NLP.make_doc)
    assert [token.ent_iob_ for token in doc] == ["O", "B", "O", ""]
    assert [ent.label_ for ent in doc.ents] == ["Artist"]


def test_all_outside_the_spans_of_an_incomplete_query_is_missing():
    spans = (Span(5, 9, "Artist"), Span(13, 17, AMBIGUOUS))
    doc = to_doc(Query("1", "like sade or halo", spans, complete=False), NLP.make_doc)
    assert [token.ent_iob for token in doc] == [0, 3, 0, 0]


def test_annotators_spans_survive_a_docbin_with_who_marked_them_and_how_sure():
    layer = (Span(5, 9, "WoA", "known", "ann"), Span(5, 12, AMBIGUOUS, "deduced", "bea"))
    query = Query("q1", "like sade bw", (Span(5, 9, "Artist"),), layer)
    data = DocBin(docs=[to_doc(query, NLP.make_doc)], store_user_data=True).to_bytes()
    (doc,) = DocBin(store_user_data=True).from_bytes(data).get_docs(spacy.blank("en").vocab)
    group = doc.spans["annotator"]
    assert [(span.text, span.label_) for span in group] == [
        ("sade", "WoA"),
        ("sade bw", AMBIGUOUS),
    ]
    assert group.attrs == {"annotator": ["ann", "bea"], "certainty": ["known", "deduced"]}
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("sade", "Artist")]
    assert doc.user_data["id"] == "q1"


def test_missing_tokens_survive_a_docbin():
    query = Query("1", "like sade or halo", (Span(13, 17, AMBIGUOUS),))
    data = DocBin(docs=[to_doc(query, NLP.make_doc)]).to_bytes()
    (doc,) = DocBin().from_bytes(data).get_docs(NLP.vocab)
    assert [token.ent_iob for token in doc] == [2, 2, 2, 0]


def test_a_query_without_annotators_has_an_empty_layer():
    doc = to_doc(Query("1", "calm piano"), NLP.make_doc)
    assert len(doc.spans["annotator"]) == 0
