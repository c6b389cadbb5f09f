from importlib.metadata import version

import pytest
import spacy
import srsly

from scripts.evaluate import main

SOURCES = {"csv": [], "bio": [{"path": "queries.bio", "sha256": "0f"}], "test_bio": []}


def micro(result, mode="default"):
    return result[mode]["micro avg"]


@pytest.fixture
def files(tmp_path):
    """What the command reads beside pipeline and corpora, and where it writes."""

    def write(fallback):
        encoder = {"name": "tiny-bert", "source": "folder", "fallback": fallback}
        srsly.write_json(tmp_path / "encoder.json", encoder)
        srsly.write_json(tmp_path / "sources.json", SOURCES)
        return [tmp_path / name for name in ("encoder.json", "sources.json", "new/scores.json")]

    return write


def test_the_command_writes_scores_and_where_they_come_from(tiny_model, tiny_corpus, files, capsys):
    encoder, sources, output = files(fallback=None)
    main(tiny_model, tiny_corpus, encoder, sources, output, seed=3, gpu_id=-1)
    metrics = srsly.read_json(output)
    assert metrics["encoder"]["name"] == "tiny-bert"
    assert metrics["data"] == SOURCES
    assert metrics["seed"] == 3
    assert metrics["versions"]["spacy"] == version("spacy")
    assert metrics["versions"]["torch"] == version("torch")
    assert metrics["time"].startswith("20")
    assert micro(metrics["dev"])["f1-score"] == micro(metrics["test"])["f1-score"] == 1.0
    printed = capsys.readouterr().out
    assert "dev: 20 queries" in printed
    assert "test: 20 queries" in printed
    assert "fallback" not in printed


def test_confidences_are_scored_on_test_alone(tiny_model, tiny_corpus, files, capsys):
    encoder, sources, output = files(fallback=None)
    main(tiny_model, tiny_corpus, encoder, sources, output, seed=3, gpu_id=-1)
    metrics = srsly.read_json(output)
    scores = {"queries", "entities", "micro_f1", "macro_f1"}
    assert "confidence" not in metrics["dev"]
    assert "confidence" in metrics["test"]
    assert {name: set(row) for name, row in metrics["dev"]["sources"].items()} == {
        "posts": scores,
        "searches": scores,
    }
    assert {name: set(row) for name, row in metrics["test"]["sources"].items()} == {
        "posts": scores | {"ece", "auroc"},
        "searches": scores | {"ece", "auroc"},
    }
    dev, test = ("".join(part.split()) for part in capsys.readouterr().out.split("test: 20"))
    assert "posts10101.0001.000--" in dev
    assert "posts10101.0001.0000." in test
    assert "searches10101.0001.000--" in dev
    assert "searches10101.0001.0000." in test


def test_the_command_says_aloud_that_the_encoder_is_a_fallback(tiny_corpus, files, capsys):
    encoder, sources, output = files(fallback="the Hub did not answer")
    model = output.parent.parent / "blank"
    spacy.blank("en").to_disk(model)
    main(model, tiny_corpus, encoder, sources, output, seed=0, gpu_id=-1)
    printed = " ".join(capsys.readouterr().out.split())
    assert "Measured with the fallback encoder tiny-bert" in printed
    assert "the Hub did not answer" in printed
    assert srsly.read_json(output)["encoder"]["fallback"] == "the Hub did not answer"
