"""The encoder in ONNX Runtime gives tokens the vectors of the transformer it was made from."""

import pickle
import random
import shutil
from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab
from spacy_transformers.span_getters import get_strided_spans

from music_ner.pipeline import onnx_encoder
from music_ner.pipeline.onnx_encoder import batches_of, bounds_of_windows, windows_of

LONG = " ".join(["more like sade , bbno$ don't stop"] * 90)
VOCAB = Vocab()
TEXTS = ["songs like karma police by radioheads", "", "korn", LONG, " \t ", "café — ☕ sade"]


@pytest.fixture(scope="module")
def stock(tiny_model):
    return spacy.load(tiny_model)


@pytest.fixture(scope="module")
def fast(tiny_fast):
    return spacy.load(tiny_fast)


def vectors_for_ner(nlp, encoder, texts):
    """The vectors that the ner is given by the component that encodes."""
    docs = list(nlp.get_pipe(encoder).pipe(map(nlp.make_doc, texts), batch_size=64))
    return nlp.get_pipe("ner").model.get_ref("tok2vec").layers[0].predict(docs)


def encoded(nlp, texts):
    return nlp.get_pipe("onnx_encoder").predict([nlp.make_doc(text) for text in texts])


def assert_same_vectors(stock, fast, texts):
    of_stock = vectors_for_ner(stock, "transformer", texts)
    of_fast = vectors_for_ner(fast, "onnx_encoder", texts)
    for one, other in zip(of_stock, of_fast, strict=True):
        assert len(one) == len(other)
        assert one.ravel() == pytest.approx(other.ravel(), abs=1e-4)


def test_its_vectors_are_those_of_the_transformer(stock, fast):
    assert len(fast.make_doc(LONG)) > 600
    assert_same_vectors(stock, fast, TEXTS)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(codec="utf8"), max_size=60), min_size=1, max_size=5))
def test_its_vectors_are_those_of_the_transformer_for_any_text(stock, fast, texts):
    assert_same_vectors(stock, fast, [*texts, "korn"])


def test_word_pieces_beyond_what_the_transformer_reads_are_left_out_alike(stock, fast):
    texts = ["sade " + " ".join(["q" * 99] * 7) + " korn", " ".join(["karma police"] * 400)]
    tokenizer = fast.get_pipe("onnx_encoder").runtime.tokenizer
    assert len(tokenizer.encode(texts[0]).ids) > fast.get_pipe("onnx_encoder").max_pieces
    assert_same_vectors(stock, fast, texts)


@given(st.integers(0, 60), st.integers(1, 12), st.integers(1, 12))
def test_windows_are_those_of_the_transformer(n_tokens, window, stride):
    doc = Doc(VOCAB, words=["word"] * n_tokens)
    (expected,) = get_strided_spans([doc], window, stride)
    found = bounds_of_windows(n_tokens, window, stride)
    assert found == [(span.start, span.end) for span in expected]
    texts = [found.text for found in windows_of([doc], window, stride)]
    assert texts == [span.text for span in expected]


@given(
    st.lists(st.integers(1, 99), min_size=1, max_size=40), st.integers(1, 300), st.integers(0, 20)
)
def test_batches_hold_each_sequence_once_and_no_more_than_allowed(lengths, size, padding):
    lengths = np.array(lengths)
    batches = list(batches_of(lengths, size, padding))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * lengths[batch].max()
        assert len(batch) == 1 or padded <= size
        assert padded - lengths[batch].sum() <= padding
    # None could have gone into the batch before it.
    for batch, after in pairwise(batches):
        more = (len(batch) + 1) * lengths[after[0]]
        assert more > size or more - lengths[[*batch, after[0]]].sum() > padding


def test_what_is_read_at_once_is_bounded_whatever_the_batch(fast, monkeypatch):
    monkeypatch.setattr(onnx_encoder, "PIECES_AT_ONCE", 300)
    sizes = []

    def sized(lengths, *limits):
        for batch in batches_of(lengths, *limits):
            sizes.append(len(batch) * lengths[batch].max())
            yield batch

    monkeypatch.setattr(onnx_encoder, "batches_of", sized)
    whole = encoded(fast, [LONG, *TEXTS] * 3)
    assert len(sizes) > 5
    assert max(sizes) <= 300
    for one, other in zip(whole[:7], whole[7:14], strict=True):
        assert one.ravel() == pytest.approx(other.ravel(), abs=1e-5)


def test_what_is_pooled_at_once_is_bounded_whatever_the_batch(fast, monkeypatch):
    whole = encoded(fast, [LONG, *TEXTS])
    for at_once in (1, 7, 1000):
        monkeypatch.setattr(onnx_encoder, "TOKENS_AT_ONCE", at_once)
        for one, other in zip(encoded(fast, [LONG, *TEXTS]), whole, strict=True):
            assert np.array_equal(one, other)


def test_a_batch_and_single_calls_give_the_same(fast):
    for text, vectors in zip(TEXTS, encoded(fast, TEXTS), strict=True):
        (alone,) = encoded(fast, [text])
        assert alone.ravel() == pytest.approx(vectors.ravel(), abs=1e-5)
        assert fast(text).tensor.ravel() == pytest.approx(vectors.ravel(), abs=1e-5)


def entities(docs):
    return [[(e.start_char, e.end_char, e.label_, e._.confidence) for e in d.ents] for d in docs]


@pytest.mark.parametrize("threads", [1, 2])
def test_two_processes_give_the_same_as_one(tiny_fast, threads):
    fast = spacy.load(tiny_fast, config={"components.onnx_encoder.threads": threads})
    one = entities(fast.pipe(TEXTS * 2))
    assert any(one)
    two = entities(fast.pipe(TEXTS * 2, n_process=2, batch_size=3))
    assert two == one


def test_it_can_be_pickled_and_saved_as_bytes(fast, tiny_fast):
    component = fast.get_pipe("onnx_encoder")
    expected = encoded(fast, TEXTS)
    unpickled = pickle.loads(pickle.dumps(component))
    docs = [fast.make_doc(text) for text in TEXTS]
    for one, other in zip(expected, unpickled.predict(docs), strict=True):
        assert np.array_equal(one, other)
    copy = spacy.load(tiny_fast)
    copy.from_bytes(fast.to_bytes())
    for one, other in zip(expected, encoded(copy, TEXTS), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_set_by_the_config(tiny_fast, threads):
    nlp = spacy.load(tiny_fast, config={"components.onnx_encoder.threads": threads})
    session = nlp.get_pipe("onnx_encoder").runtime.session
    assert session.get_session_options().intra_op_num_threads == threads
    assert nlp.config["components"]["onnx_encoder"]["threads"] == threads


def test_gelu_is_approximated_by_the_config_alone(fast, tiny_fast):
    config = {"components.onnx_encoder.approximate_gelu": True}
    approximate = spacy.load(tiny_fast, config=config)
    for nlp in (approximate, pickle.loads(pickle.dumps(approximate))):
        for one, other in zip(encoded(fast, TEXTS), encoded(nlp, TEXTS), strict=True):
            assert one.ravel() == pytest.approx(other.ravel(), abs=0.01)
            assert not one.any() or not np.array_equal(one, other)


def test_without_the_encoder_the_ner_says_what_is_missing(fast):
    with (
        fast.select_pipes(disable="onnx_encoder"),
        pytest.raises(ValueError, match=r"vectors.*onnx_encoder"),
    ):
        fast("songs like karma police")


def test_without_a_transformer_it_says_so(fast):
    empty = fast.create_pipe(
        "onnx_encoder", config={"window": 8, "stride": 8, "max_pieces": 8, "width": 4}
    )
    with pytest.raises(ValueError, match="has no transformer"):
        empty(fast.make_doc("sade"))


@pytest.mark.parametrize("name", [*onnx_encoder.FILES, onnx_encoder.CHECKSUMS_FILE])
def test_a_damaged_file_is_refused_and_named(tiny_fast, tmp_path, name):
    shutil.copytree(tiny_fast, tmp_path / "fast")
    path = tmp_path / "fast" / "onnx_encoder" / name
    saved = path.read_bytes()
    for place in random.Random(0).sample(range(len(saved)), 20):
        path.write_bytes(
            saved[:place] + bytes([saved[place] ^ 1 << place % 8]) + saved[place + 1 :]
        )
        with pytest.raises(ValueError, match=r"does not match .*SHA256SUMS.*damaged.*again"):
            spacy.load(tmp_path / "fast")
    path.write_bytes(saved[:-3])
    with pytest.raises(ValueError, match=r"does not match .*SHA256SUMS.*damaged.*again"):
        spacy.load(tmp_path / "fast")
    path.write_bytes(saved)
    assert spacy.load(tmp_path / "fast")("more like sade").ents


def test_damaged_bytes_and_missing_checksums_are_refused(fast, tiny_fast, tmp_path):
    component = fast.get_pipe("onnx_encoder")
    saved = component.to_bytes()
    with pytest.raises(ValueError, match="onnx_encoder is damaged"):
        component.from_bytes(saved[:1000] + bytes([saved[1000] ^ 1]) + saved[1001:])
    shutil.copytree(tiny_fast, tmp_path / "fast")
    (tmp_path / "fast" / "onnx_encoder" / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match="damaged or missing"):
        spacy.load(tmp_path / "fast")


def test_an_error_goes_to_the_pipelines_handler(fast, monkeypatch):
    failed = []
    component = fast.get_pipe("onnx_encoder")
    monkeypatch.setattr(component, "stride", 0)
    component.set_error_handler(lambda name, pipe, docs, error: failed.extend(docs))
    assert list(component.pipe([fast.make_doc("sade")], batch_size=2)) == []
    assert len(failed) == 1
