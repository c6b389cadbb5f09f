"""What the transformer reads of a doc."""

import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy import registry
from spacy.tokens import Doc
from spacy.vocab import Vocab
from spacy_transformers.span_getters import get_strided_spans

from music_ner.pipeline.normalization import normalize
from music_ner.pipeline.span_getters import as_read
from tests.pipeline.test_tokenizer import NLP, TEXTS_OF_WORDS

VOCAB = Vocab()


def strided(window, stride):
    return registry.span_getters.get("music_ner.strided_spans.v1")(window=window, stride=stride)


def bounds(windows):
    return [[(span.start, span.end) for span in of_doc] for of_doc in windows]


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), max_size=3), st.integers(1, 12), st.integers(1, 12))
def test_windows_are_those_of_spacy_transformers(lengths, window, stride):
    docs = [Doc(VOCAB, words=["word"] * length) for length in lengths]
    ours = strided(window, stride)(docs)
    assert bounds(ours) == bounds(get_strided_spans(docs, window, stride))


@settings(deadline=None)
@given(st.lists(TEXTS_OF_WORDS, max_size=3), st.integers(1, 6), st.integers(1, 6))
def test_windows_of_texts_with_separators_are_those_of_their_docs(texts, window, stride):
    docs = [NLP(text) for text in texts]
    ours = strided(window, stride)(docs)
    assert bounds(ours) == bounds(get_strided_spans(docs, window, stride))
    for doc, windows in zip(docs, ours, strict=True):
        for span in windows:
            read = [token.text for token in doc[span.start : span.end]]
            assert [token.text for token in span] == [text.replace("|", ",") for text in read]


@settings(deadline=None)
@given(TEXTS_OF_WORDS)
def test_the_transformer_reads_the_words_and_commas_of_the_normalized_text(text):
    read = as_read(NLP(text)).text
    assert "|" not in read
    assert read.split() == normalize(text)[0].split()


def test_a_doc_without_separators_is_read_as_it_is():
    doc = spacy.blank("en")("sade, korn")
    assert as_read(doc) is doc
