import re
import unicodedata

import pytest
import spacy
from hypothesis import assume, example, given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from music_ner.data.query import AMBIGUOUS, Query, Span, move_spans, normalize_query, to_doc, trim, word_offsets, word_tags
from music_ner.data.writings import differences, query_key
from music_ner.pipeline.normalization import Edit, inverted, move, normalize, substitute

NLP = spacy.blank("en")

TEXTS = st.text(alphabet="aB7é🎸 \t\n\u00a0\u2028|,$&\u200b", max_size=25)
WORDS = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=6)


@st.composite
def marked_texts(draw, texts=TEXTS):
    """A text and a span in it whose edges are no white space."""
    text = draw(texts)
    edges = [i for i, char in enumerate(text) if not char.isspace()]
    assume(edges)
    first, last = sorted((draw(st.sampled_from(edges)), draw(st.sampled_from(edges))))
    return text, first, last + 1


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


def rewrite(text: str, edits: list[Edit], new: str) -> str:
    """Apply edits to a text, with what stands in the new text at their new offsets."""
    done, end = "", 0
    for edit in edits:
        done += text[end : edit.start] + new[edit.new_start : edit.new_end]
        end = edit.end
    return done + text[end:]


def without_white(text: str) -> str:
    return re.sub(r"\s", "", text)


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
    assert rewrite(new, inverted(edits), text) == text


@given(TEXTS)
def test_edits_that_are_turned_round_twice_are_what_they_were(text):
    _, edits = substitute(text, re.compile(r"\s+"), " ")
    assert inverted(inverted(edits)) == edits


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
    assert move(new_start, new_end, inverted(edits)) == (start, end)


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


def test_a_pipe_becomes_a_comma_and_offsets_move_along():
    query = Query("1", " more  like sade|korn | abba", (Span(17, 21, "Artist", "known", "ann"),))
    assert query.text[17:21] == "korn"
    normal = normalize_query(query)
    assert normal.text == "more like sade, korn , abba"
    assert normal.spans == (Span(16, 20, "Artist", "known", "ann"),)


@given(TEXTS)
def test_what_is_normal_has_no_pipes_and_only_single_spaces_and_stays_as_it_is(text):
    normal, _ = normalize(text)
    assert normal == " ".join(normal.split())
    assert "|" not in normal
    assert normalize(normal) == (normal, [[], [], []])
    assert without_white(normal) == without_white(text).replace("|", ",")


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
    back = [inverted(edits) for edits in reversed(steps)]
    (span,) = move_spans([Span(start, end, "WoA")], back)
    covered = without_white(original[span.start : span.end]).replace("|", ",")
    assert covered == without_white(text[start:end])


@given(marked_texts())
def test_a_span_that_is_carried_forth_and_back_covers_the_same_words(marked):
    text, start, end = marked
    _, steps = normalize(text)
    back = [inverted(edits) for edits in reversed(steps)]
    (span,) = move_spans([Span(start, end, "WoA")], [*steps, *back])
    assert without_white(text[span.start : span.end]) == without_white(text[start:end])


def test_a_moved_span_keeps_label_certainty_and_annotator():
    span = Span(2, 3, "WoA", "deduced", "ann")
    assert move_spans([span], [[Edit(0, 1, 0, 0)]]) == [Span(1, 2, "WoA", "deduced", "ann")]


@given(two_writings())
def test_a_word_is_found_again_in_another_writing_of_its_query(writings):
    text, other, offsets, other_offsets = writings
    edits = differences(text, other)
    for word, other_word in zip(offsets, other_offsets, strict=True):
        assert move(*word, edits) == other_word
        assert move(*other_word, inverted(edits)) == word


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
    ("span", "trimmed"),
    [((0, 4), (0, 4)), ((0, 5), (0, 4)), ((4, 10), (6, 10)), ((3, 7), (3, 7)), ((4, 6), (6, 6))],
)
def test_white_space_at_the_edges_of_a_span_is_trimmed(span, trimmed):
    assert trim(Span(*span, "WoA", "known"), "sade \nkorn") == Span(*trimmed, "WoA", "known")


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
