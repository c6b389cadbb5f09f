"""Measuring speed with tiny pipelines."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import spacy
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from transformers import pipeline

from music_ner.data.query import TAGS
from scripts import speed, speed_worker
from tests.fixtures import QUERIES

CONSTRAINTS = ROOT / "constraints.txt"
PYTHON = Path(sys.executable)


def job(system, source, **options):
    texts = {"queries": ["more like sade", "more like korn"], "paragraphs": ["funk. " * 600]}
    encoder = {"max_pieces": 512, "approximate_gelu": True, "config": {}}
    return {"system": system, "source": str(source), "threads": 1, **texts, **encoder, **options}


@pytest.mark.slow
@pytest.mark.parametrize("system", speed_worker.SYSTEMS)
def test_every_system_is_measured(system, tiny_model, tiny_fast, tmp_path):
    speed.save_token_classifier(spacy.load(tiny_model), tmp_path)
    sources = {
        "Hugging Face": tmp_path,
        "stock": tiny_model,
        "fast": tiny_fast,
        "bare encoder": tiny_fast / "onnx_encoder",
    }
    found = speed.run_worker(PYTHON, job(system, sources[system]))
    assert all(value > 0 for value in found.values())
    assert found["p50 ms"] <= found["p99 ms"]
    assert found["import and load s"] == pytest.approx(found["import s"] + found["load s"])


def test_a_system_that_cannot_be_measured_ends_the_command(capsys):
    with pytest.raises(SystemExit) as error:
        speed.run_worker(PYTHON, job("stock", "en_no_such_pipeline"))
    assert error.value.code == 1
    out = capsys.readouterr().out
    assert "stock could not be measured" in out
    assert "en_no_such_pipeline" in out


def test_memory_is_that_of_the_process_alone(tiny_fast):
    held = b"x" * 1_000_000_000
    found = speed.run_worker(PYTHON, job("bare encoder", tiny_fast / "onnx_encoder"))
    assert found["memory MB"] < len(held) / 1e6


def test_ratios_are_taken_within_rounds():
    systems = [*speed_worker.SYSTEMS]
    measures = {measure for measure, *_ in speed.RATIOS}
    rows = [
        {"round": n, "threads": threads, "system": system}
        | dict.fromkeys(measures, n * threads * (3.0 if system == "fast" else 1.0))
        for n in (1, 2, 4)
        for threads in (1, 2)
        for system in systems
    ]
    table = speed.ratios(pd.DataFrame(rows))
    assert list(table.columns) == [1, 2]
    assert table.loc["queries/s, fast / Hugging Face", 2] == "3 (3 to 3)"
    assert table.loc["import and load s, stock / fast", 1] == "0.333 (0.333 to 0.333)"


def test_the_peer_has_the_trained_weights_and_finds_nothing(tiny_model, tmp_path):
    nlp = spacy.load(tiny_model)
    speed.save_token_classifier(nlp, tmp_path)
    find = pipeline("token-classification", str(tmp_path), aggregation_strategy="simple")
    assert find(QUERIES) == [[] for _ in QUERIES]
    assert list(find.model.config.id2label.values()) == list(TAGS)
    trained = nlp.get_pipe("transformer").model.transformer.state_dict()
    for name, weights in find.model.base_model.state_dict().items():
        assert weights.equal(trained[name])


@given(st.lists(st.text("ab .", min_size=1)), st.integers(1, 20))
def test_paragraphs_hold_each_text_once_in_order(texts, words):
    assert ". ".join(speed.paragraphs_of(texts, words)) == ". ".join(texts)


@given(st.lists(st.integers(1, 12), min_size=1), st.integers(1, 20))
def test_paragraphs_have_at_least_the_words_asked_for(lengths, words):
    paragraphs = speed.paragraphs_of([" ".join(["word"] * length) for length in lengths], words)
    assert all(words <= len(p.split()) < words + 12 for p in paragraphs[:-1])
    assert 0 < len(paragraphs[-1].split()) < words + 12


def test_texts_are_taken_at_even_distances():
    assert speed.evenly([*"0123456789"], 3) == ["0", "3", "6"]
    assert speed.evenly([*"012"], 10) == ["0", "1", "2"]


@pytest.mark.slow
def test_an_environment_has_the_package_and_nothing_of_this_one(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[project]\nname = "en_small"\nversion = "1.2.3"\n'
        '[tool.setuptools]\npy-modules = ["en_small"]\n'
    )
    (package / "en_small.py").write_text("#" * 3_000_000)
    build = [PYTHON, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps"]
    subprocess.run([*build, package, "-w", tmp_path], check=True)
    python, size = speed.install("en_small", tmp_path, tmp_path / "made", CONSTRAINTS)
    assert 3 < size < 100
    code = "import en_small, importlib.util; print(importlib.util.find_spec('spacy'))"
    found = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "None"


def test_a_package_that_cannot_be_installed_ends_the_command(tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        speed.install("./no_such_package", tmp_path, tmp_path / "made", CONSTRAINTS)
    assert error.value.code == 1
    assert "could not be installed" in capsys.readouterr().out


@pytest.mark.parametrize("texts", [None, 1])
def test_a_corpus_without_texts_ends_the_command(texts, tmp_path, docs_of, capsys):
    path = tmp_path / "test.spacy"
    if texts is None:
        path.write_text("more like sade\n", encoding="utf8")
    else:
        spacy.tokens.DocBin(docs=docs_of(["like sade"])).to_disk(path)
    with pytest.raises(SystemExit) as error:
        speed.read_texts(path)
    assert error.value.code == 1
    assert "test.spacy" in capsys.readouterr().out
