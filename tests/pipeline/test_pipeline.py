"""The whole pipeline, stock and fast: how it reads texts, and where it runs."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from music_ner.pipeline.normalization import invert, move, normalize
from scripts.predict import predict
from tests.environments import TORCH, make_environment, run_python

pytestmark = pytest.mark.slow

NAMES = {"artists": ["Sade", "Radioheads"], "pairs": [("Korn", "Karma Police")]}
PHRASES = (
    "songs like karma police by radioheads",
    "more like sade",
    "less like korn",
    "something as calm as weightless",
    "upbeat",
)
GAPS = (" ", " ", "|", " | ", "||", "  ", "\t", "\n", " |\u00a0 ", "\r\n")
TEXTS = ["songs like karma police by radioheads", "", "more like sade|less like korn\n", "upbeat"]


@st.composite
def texts(draw):
    """A text of known phrases, with `|` and any white space between words and at the edges."""
    text = draw(st.sampled_from(("", *GAPS)))
    phrases = draw(st.lists(st.sampled_from(PHRASES), max_size=3))
    for word in " ".join(phrases).split():
        text += word + draw(st.sampled_from(GAPS))
    return text if draw(st.booleans()) else text.strip()


@pytest.fixture(scope="module", params=["tiny_model", "tiny_fast"])
def path(request):
    """The folder of a saved pipeline."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def nlp(path):
    """A pipeline whose catalogue has names."""
    nlp = spacy.load(path)
    nlp.get_pipe("catalogue").add(**NAMES)
    return nlp


def entities(doc):
    return [(ent.start_char, ent.end_char, ent.label_, ent._.confidence) for ent in doc.ents]


def assert_same(found, expected, abs=1e-3):
    assert [entity[:3] for entity in found] == [entity[:3] for entity in expected]
    confidences = [entity[3] for entity in expected]
    assert [entity[3] for entity in found] == pytest.approx(confidences, abs=abs)


def moved_back(doc, steps):
    """The entities of a normalized text, with offsets into the text as given."""
    found = []
    for start, end, *rest in entities(doc):
        for edits in reversed(steps):
            start, end = move(start, end, invert(edits))
        found.append((start, end, *rest))
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts())
def test_a_text_has_the_entities_of_its_normalized_form(nlp, text):
    doc = nlp(text)
    normalized, steps = normalize(text)
    assert doc.text == text
    # In which no entity holds the comma that stands for a bar.
    read = nlp.make_doc(normalized)
    words = [token.text for token in doc if not token.is_space]
    commas = [read[i : i + 1] for i, word in enumerate(words) if "|" in word]
    read.set_ents([], blocked=commas, default="missing")
    assert_same(entities(doc), moved_back(nlp(read), steps))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts())
def test_predict_finds_what_the_pipeline_finds(nlp, text):
    (result,) = predict(nlp, [{"text": text}])
    assert result["text"] == text
    found = [
        tuple(e[key] for key in ("start", "end", "label", "confidence")) for e in result["entities"]
    ]
    assert_same(found, entities(nlp(text)))


def test_separators_and_white_space_do_not_hide_entities(nlp):
    found = []
    for text in ("songs  like\tkarma \n police by radioheads", "more like sade|less like korn\n"):
        found += [(text[start:end], label) for start, end, label, _ in entities(nlp(text))]
    assert found == [
        ("karma \n police", "WoA"),
        ("radioheads", "Artist"),
        ("sade", "Artist"),
        ("korn", "Artist"),
    ]


@pytest.mark.parametrize("text", ["|", "||", " | ", "|\n|", "| | |", "\u200b|", "|,|"])
def test_separators_alone_are_no_entity(path, text):
    nlp = spacy.load(path, config={"components.ner.threshold": 0.0})
    assert nlp(text).ents == ()
    assert nlp(text).text == text
    assert [doc.ents for doc in nlp.pipe([text, "", text])] == [(), (), ()]


def test_it_works_after_pickling(path):
    nlp = spacy.load(path)
    again = pickle.loads(pickle.dumps(nlp))
    expected = [entities(nlp(text)) for text in TEXTS]
    assert any(expected)
    for text, of_text in zip(TEXTS, expected, strict=True):
        assert_same(entities(again(text)), of_text)


def test_eight_threads_find_what_one_finds(path):
    expected = [entities(doc) for doc in spacy.load(path).pipe(TEXTS, batch_size=1)] * 50
    assert any(expected)
    nlp = spacy.load(path)  # so that the first call is in threads too
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda text: entities(nlp(text)), TEXTS * 50))
    finally:
        sys.setswitchinterval(interval)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other, abs=1e-6)


def test_a_memory_zone_forgets_the_words_that_were_read(path):
    nlp = spacy.load(path)
    nlp.get_pipe("catalogue").add(**NAMES)
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    n_strings = len(nlp.vocab.strings)
    for i in range(3):
        with nlp.memory_zone():
            texts = [f"{text} zq{i}x{j} a|zq{i}y{j}" for j, text in enumerate(TEXTS)]
            docs = [*nlp.pipe(texts), nlp(f"sade zq{i}z")]
            assert all(ent.label_ in ("Artist", "WoA") for doc in docs for ent in doc.ents)
            assert len(nlp.vocab.strings) > n_strings
            assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
        assert len(nlp.vocab.strings) == n_strings
        assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    nlp("sade zq0x0")
    assert len(nlp.vocab.strings) > n_strings


FORK = """
import sys
import spacy
import torch

torch.set_num_threads(2)
nlp = spacy.load(sys.argv[1])
texts = ["songs like karma police by radioheads", "more like sade|less like korn"] * 50


def found(docs):
    return [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs]


alone = found(nlp.pipe(texts))  # starts the threads of PyTorch, which do not survive a fork
assert any(alone)
assert found(nlp.pipe(texts, n_process=2, batch_size=20)) == alone
"""


def test_two_processes_find_what_one_finds(path):
    # In a process of its own, which a deadlock cannot stop.
    forked = subprocess.run(
        [sys.executable, "-c", FORK, path],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert forked.returncode == 0, forked.stderr


# Where some libraries are not installed.
LOAD = """
import sys
import spacy

nlp = spacy.load(sys.argv[1])
docs = nlp.pipe(["songs like karma police by radioheads", "more like sade|less like korn"])
print([[(ent.text, ent.label_) for ent in doc.ents] for doc in docs])
print(sorted({"torch", "transformers", "spacy_transformers", "onnxruntime"} & set(sys.modules)))
"""
FOUND = [
    [("karma police", "WoA"), ("radioheads", "Artist")],
    [("sade", "Artist"), ("korn", "Artist")],
]


def test_a_saved_fast_pipeline_works_without_torch(tiny_fast, tmp_path):
    environment = make_environment(tmp_path / "site", without=(*TORCH, "onnx", "wordfreq"))
    run = run_python(environment, LOAD, tiny_fast)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [str(FOUND), "['onnxruntime']"]


def test_a_saved_stock_pipeline_works_without_onnx_runtime(tiny_model, tmp_path):
    environment = make_environment(tmp_path / "site", without=("onnxruntime", "onnx", "wordfreq"))
    run = run_python(environment, LOAD, tiny_model)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-2:] == [
        str(FOUND),
        "['spacy_transformers', 'torch', 'transformers']",
    ]


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_a_fast_pipeline_names_the_extra_that_is_missing(tiny_fast, tmp_path, missing):
    environment = make_environment(tmp_path / "site", without=(*TORCH, missing))
    run = run_python(environment, LOAD, tiny_fast)
    assert run.returncode != 0
    assert "pip install 'music-ner[fast]'" in run.stderr


@pytest.mark.parametrize("version", [1, 2])
def test_a_pipeline_of_an_earlier_version_says_what_to_do(tiny_model, tmp_path, version):
    nlp = spacy.load(tiny_model)
    config = nlp.config.copy()
    tok2vec = config["components"]["ner"]["model"]["tok2vec"]
    tok2vec["@architectures"] = f"music_ner.CatalogueTok2Vec.v{version}"
    del tok2vec["labels"]
    if version == 1:
        del tok2vec["gain"]
    nlp.to_disk(tmp_path / "old")
    config.to_disk(tmp_path / "old" / "config.cfg")
    with pytest.raises(ValueError, match=r"en_music_ner 0\.1 or 0\.2.*train and package it"):
        spacy.load(tmp_path / "old")
