"""A pipeline exported to ONNX, and packaged, beside the one that it was made from."""

import subprocess
import sys
import zipfile
from email.parser import Parser

import pytest
import spacy
import srsly
import torch
from packaging.requirements import Requirement
from spacy.tokens import DocBin
from transformers import BertConfig, BertModel, BertTokenizerFast

from music_ner import __version__
from music_ner.evaluation.scores import entity_spans
from music_ner.export.onnx import Encoder, Precision, agreement, export_to_onnx, to_onnx
from scripts.export import main
from tests.conftest import ROOT
from tests.environments import TORCH, make_environment, run_python

TEXTS = ["songs like karma police by radioheads", "more like sade, less like korn", "", "upbeat"]
USE = f"""
import importlib.util, sys
for name in ("torch", "transformers", "spacy_transformers"):
    assert not importlib.util.find_spec(name)
import spacy
nlp = spacy.load(sys.argv[1])
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
    export_to_onnx(nlp, Precision(precision))
    fast = list(nlp.pipe(TEXTS))
    assert entities(fast) == entities(stock)
    assert any(entities(stock))
    assert confidences(fast) == pytest.approx(confidences(stock), abs=tolerance)


def test_int8_makes_a_pipeline_small_and_its_results_independent_of_the_batch(tiny_model):
    nlp = spacy.load(tiny_model)
    transformer = nlp.get_pipe("transformer").model.transformer
    sizes = {precision: len(to_onnx(transformer, precision)) for precision in Precision}
    assert sizes[Precision.int8] < sizes[Precision.fp32]
    export_to_onnx(nlp, Precision.int8)
    assert nlp.get_pipe_config("onnx_encoder")["approximate_gelu"]
    together = confidences(nlp.pipe(TEXTS))
    assert together == confidences(nlp(text) for text in TEXTS)


def test_a_pipeline_that_reads_other_spans_is_refused(tiny_model):
    nlp = spacy.load(tiny_model)
    spans = nlp.get_pipe_config("transformer")["model"]["get_spans"]
    spans["@span_getters"] = "spacy-transformers.doc_spans.v1"
    with pytest.raises(
        ValueError, match=r"doc_spans\.v1 cannot be exported: train with music_ner\.strided_spans"
    ):
        export_to_onnx(nlp, Precision.fp32)


@pytest.fixture
def run_main(tiny_model, tiny_corpus, tmp_path):
    def run():
        main(tiny_model, tiny_corpus / "test.spacy", tmp_path / "fast", Precision.int8)
        return tmp_path / "fast"

    return run


def test_the_command_says_how_often_both_find_the_same(run_main, tiny_corpus, capsys):
    folder = run_main()
    nlp = spacy.load(folder)
    assert nlp.pipe_names == ["onnx_encoder", "catalogue", "ner", "entity_confidence", "linker"]
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


@pytest.mark.slow
def test_bert_bases_shape_is_exported_too(tiny_bert):
    tokenizer = BertTokenizerFast.from_pretrained(tiny_bert)
    transformer = BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2))
    graph = to_onnx(transformer, Precision.int8)
    n_weights = 2 * (4 * 768**2 + 2 * 768 * 3072)
    assert n_weights < len(graph) < 1.5 * n_weights


@pytest.fixture(scope="module")
def packaged(tiny_model, tiny_corpus, tmp_path_factory):
    """The folder of wheels that the commands of project.yml make of the tiny pipeline."""
    folder = tmp_path_factory.mktemp("project")
    encoder = {"name": "tiny", "path": "tiny", "source": "folder", "version": "1", "fallback": None}
    srsly.write_json(folder / "encoder.json", encoder)
    srsly.write_json(
        folder / "sources.json", {"csv": [], "bio": [], "train_bio": [], "test_bio": []}
    )
    encoders = folder / "encoders.json"
    srsly.write_json(encoders, {})
    metrics = [folder / name for name in ("encoder.json", "sources.json", "scores.json")]
    rates = {"all": {"tests": 1, "passed": 1.0}}
    srsly.write_json(folder / "behaviour.json", {"rates": rates, "failed": []})
    card, packages = ROOT / "configs" / "model_card.md", folder / "packages"
    measured = [folder / name for name in ("scores.json", "behaviour.json")]
    named = ["--name", "tiny_fast", "--version", "0.0.1"]
    commands = [
        ["library", ROOT, folder / "packages" / "wheels"],
        ["export", tiny_model, tiny_corpus / "test.spacy", folder / "fast"],
        ["evaluate", folder / "fast", tiny_corpus, *metrics],
        ["package", folder / "fast", *measured, encoders, card, packages, *named],
    ]
    for name, *arguments in commands:
        command = [sys.executable, "-m", f"scripts.{name}", *map(str, arguments)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    return packages / "wheels"


def requirements_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    return [Requirement(line) for line in metadata.get_all("Requires-Dist")]


def test_the_package_requires_the_library_with_what_a_fast_pipeline_needs(packaged):
    package, library = sorted(packaged.iterdir())
    required = {requirement.name: requirement for requirement in requirements_of(package)}
    assert set(required) == {"music-ner", "spacy"}
    assert required["music-ner"].extras == {"fast"}
    assert required["music-ner"].specifier.contains(__version__, prereleases=True)
    of_library = requirements_of(library)
    always = {one.name for one in of_library if not one.marker}
    extra = [one for one in of_library if one.marker and one.marker.evaluate({"extra": "fast"})]
    fast = always | {one.name for one in extra}
    assert fast - always == {"onnxruntime", "tokenizers"}
    assert not {"torch", "transformers", "spacy-transformers", "onnx"} & fast


def test_the_wheels_work_together_in_an_environment_without_torch(packaged, tmp_path):
    wheels = sorted(packaged.iterdir())
    assert [wheel.name.partition("-")[0] for wheel in wheels] == ["en_tiny_fast", "music_ner"]
    environment = make_environment(tmp_path / "site", without=(*TORCH, "onnx"), wheels=wheels)
    result = run_python(environment, USE, "en_tiny_fast")
    assert result.returncode == 0, result.stderr
    found = [[("karma police", "WoA", True), ("radioheads", "Artist", True)]]
    found += [[("sade", "Artist", True), ("korn", "Artist", True)], [], []]
    pipes = ["onnx_encoder", "catalogue", "ner", "entity_confidence", "linker"]
    assert result.stdout.strip() == f"{pipes} {found}"
