"""A pipeline made fast, and packaged, beside the one that it was made from."""

import os
import subprocess
import sys

import pytest
import spacy
import srsly
import torch
from spacy.tokens import DocBin
from transformers import BertConfig, BertModel, BertTokenizerFast

from music_ner.export.onnx import Encoder, Precision, agreement, export, make_fast
from scripts.export import main
from music_ner.evaluation.scores import entity_spans
from tests.conftest import ROOT

TEXTS = ["songs like karma police by radioheads", "more like sade, less like korn", "", "upbeat"]
WITHOUT = ("torch", "transformers", "spacy_transformers")
USE = f"""
import importlib.util, sys
assert not any(importlib.util.find_spec(name) for name in {WITHOUT})
import spacy
nlp = spacy.load("en_tiny_fast")
docs = list(nlp.pipe({TEXTS!r}, n_process=2, batch_size=2))
print(nlp.pipe_names, [[(e.text, e.label_, e._.confidence > 0.5) for e in d.ents] for d in docs])
"""


def entities(docs):
    return [[(e.text, e.label_) for e in doc.ents] for doc in docs]


def confidences(docs):
    return [ent._.confidence for doc in docs for ent in doc.ents]


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("int8", 0.05)])
def test_it_finds_the_same_entities_with_the_same_confidences(tiny_model, precision, tolerance):
    nlp = spacy.load(tiny_model)
    nlp.get_pipe("entity_confidence").calibration = {
        "kind": "logistic",
        "weights": {"log_odds": 0.5},
    }
    stock = list(nlp.pipe(TEXTS))
    make_fast(nlp, Precision(precision))
    fast = list(nlp.pipe(TEXTS))
    assert entities(fast) == entities(stock)
    assert any(entities(stock))
    assert confidences(fast) == pytest.approx(confidences(stock), abs=tolerance)


def test_int8_makes_a_pipeline_small_and_its_results_independent_of_the_batch(tiny_model):
    nlp = spacy.load(tiny_model)
    transformer = nlp.get_pipe("transformer").model.transformer
    sizes = {precision: len(export(transformer, precision)) for precision in Precision}
    assert sizes[Precision.int8] < sizes[Precision.fp32]
    make_fast(nlp, Precision.int8)
    assert nlp.get_pipe_config("onnx_encoder")["approximate_gelu"]
    together = confidences(nlp.pipe(TEXTS))
    assert together == confidences(nlp(text) for text in TEXTS)


def test_a_pipeline_that_reads_other_spans_is_refused(tiny_model):
    nlp = spacy.load(tiny_model)
    spans = nlp.get_pipe_config("transformer")["model"]["get_spans"]
    spans["@span_getters"] = "spacy-transformers.doc_spans.v1"
    with pytest.raises(ValueError, match="use strided_spans"):
        make_fast(nlp, Precision.fp32)


@pytest.fixture
def run_main(tiny_model, tiny_corpus, tmp_path):
    def run():
        main(tiny_model, tiny_corpus / "test.spacy", tmp_path / "fast", Precision.int8)
        return tmp_path / "fast"

    return run


def test_the_command_says_how_often_both_find_the_same(run_main, tiny_corpus, capsys):
    folder = run_main()
    nlp = spacy.load(folder)
    assert nlp.pipe_names == ["onnx_encoder", "catalogue", "ner", "entity_confidence"]
    assert nlp.meta["fast"] == {"precision": "int8", "agreement": 1.0, "queries": 20}
    assert "the same entities in 100.0% of the 20 queries" in " ".join(
        capsys.readouterr().out.split()
    )
    gold = list(DocBin().from_disk(tiny_corpus / "test.spacy").get_docs(nlp.vocab))
    assert [entity_spans(nlp(doc.text)) for doc in gold] == [entity_spans(doc) for doc in gold]


def test_agreement_is_the_share_of_docs_with_just_the_same_entities(tiny_model):
    nlp = spacy.load(tiny_model)
    docs, others = (list(nlp.pipe(TEXTS)) for _ in range(2))
    assert agreement(docs, others) == 1.0
    others[0].ents = others[0].ents[:1]
    assert agreement(docs, others) == 0.75


def test_biases_are_folded_without_changing_a_vector(tiny_bert):
    transformer = BertModel.from_pretrained(tiny_bert).eval()
    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
        ids = torch.randint(len(transformer.embeddings.word_embeddings.weight), (2, 9))
        mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
        encoder = Encoder(transformer).eval()
        expected = transformer(ids, mask).last_hidden_state
        assert torch.allclose(encoder(ids, mask)[mask > 0], expected[mask > 0], atol=1e-5)
    without = [m.bias for m in encoder.modules() if isinstance(m, torch.nn.Linear)].count(None)
    assert without == 2 * transformer.config.num_hidden_layers


def test_bert_bases_shape_is_made_fast_too(tiny_bert):
    tokenizer = BertTokenizerFast.from_pretrained(tiny_bert)
    transformer = BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2))
    graph = export(transformer, Precision.int8)
    n_weights = 2 * (4 * 768**2 + 2 * 768 * 3072)
    assert n_weights < len(graph) < 1.5 * n_weights


@pytest.fixture(scope="module")
def packaged(tiny_model, tiny_corpus, tmp_path_factory):
    """The wheel that the commands of project.yml make of the tiny pipeline."""
    folder = tmp_path_factory.mktemp("project")
    encoder = {"name": "tiny", "path": "tiny", "source": "folder", "version": "1", "fallback": None}
    srsly.write_json(folder / "encoder.json", encoder)
    srsly.write_json(
        folder / "sources.json", {"csv": [], "bio": [], "train_bio": [], "test_bio": []}
    )
    encoders = folder / "encoders.json"
    srsly.write_json(encoders, {})
    metrics = [folder / name for name in ("encoder.json", "sources.json", "scores.json")]
    named = ["--name", "tiny_fast", "--version", "0.0.1"]
    commands = [
        ["fast", tiny_model, tiny_corpus / "test.spacy", folder / "fast"],
        ["evaluate", folder / "fast", tiny_corpus, *metrics],
        ["package", folder / "fast", folder / "scores.json", encoders, folder / "packages", *named],
    ]
    for name, *arguments in commands:
        command = [sys.executable, "-m", f"scripts.{name}", *map(str, arguments)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = (folder / "packages" / "en_tiny_fast-0.0.1" / "dist").iterdir()
    return wheel


def test_the_wheel_works_in_an_environment_without_torch(packaged, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", packaged]
    subprocess.run([*install, "-c", ROOT / "constraints.txt"], check=True)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        [python, "-W", "error::UserWarning", "-c", USE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = [[("karma police", "WoA", True), ("radioheads", "Artist", True)]]
    found += [[("sade", "Artist", True), ("korn", "Artist", True)], [], []]
    pipes = ["onnx_encoder", "catalogue", "ner", "entity_confidence"]
    assert result.stdout.strip() == f"{pipes} {found}"
