from importlib.metadata import version
from pathlib import Path

import pytest
import spacy
import srsly

from music_ner.evaluation.kept import evaluations, read
from music_ner.files import remove
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
    main(tiny_model, tiny_corpus, encoder, sources, output, seed=3, gpu_id=-1, ready_made="")
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


def test_the_command_keeps_what_earlier_pipelines_predicted(tiny_model, tiny_corpus, files):
    encoder, sources, output = files(fallback=None)
    main(tiny_model, tiny_corpus, encoder, sources, output, seed=3, gpu_id=-1, ready_made="")
    blank = output.parent.parent / "blank"
    spacy.blank("en").to_disk(blank)
    main(blank, tiny_corpus, encoder, sources, output, seed=3, gpu_id=-1, ready_made="")
    found = [read(path) for path in evaluations(output.parent).values()]
    f1 = [scores["test"]["default"]["micro avg"]["f1-score"] for scores, _ in found]
    assert sorted(f1) == [0.0, 1.0]
    assert f1[[scores for scores, _ in found].index(srsly.read_json(output))] == 0.0
    rows = list(srsly.read_jsonl(output.with_name("predictions.jsonl")))
    assert [rows] == [
        kept for kept, score in zip([r for _, r in found], f1, strict=True) if not score
    ]
    assert len(rows) == 20


def test_confidences_are_scored_on_test_alone(tiny_model, tiny_corpus, files, capsys):
    encoder, sources, output = files(fallback=None)
    main(tiny_model, tiny_corpus, encoder, sources, output, seed=3, gpu_id=-1, ready_made="")
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
    main(model, tiny_corpus, encoder, sources, output, seed=0, gpu_id=-1, ready_made="")
    printed = " ".join(capsys.readouterr().out.split())
    assert "Measured with the fallback encoder tiny-bert" in printed
    assert "the Hub did not answer" in printed
    assert srsly.read_json(output)["encoder"]["fallback"] == "the Hub did not answer"


@pytest.fixture
def ready_made(tiny_model, tmp_path):
    """A pipeline that finds nothing, or the tiny one, trained on a file of this hash."""

    def make(sha256, knows_all):
        nlp = spacy.load(tiny_model) if knows_all else spacy.blank("en")
        nlp.meta["name"], nlp.meta["version"] = "ready", "1.2.3"
        nlp.meta["data"] = {"bio": [{"path": "sample.bio", "sha256": sha256}], "test_bio": []}
        nlp.to_disk(tmp_path / "ready")
        return str(tmp_path / "ready")

    return make


@pytest.mark.parametrize("knows_all", [True, False])
def test_the_ready_made_pipeline_is_scored_on_the_same_queries(
    ready_made, tiny_model, tiny_corpus, files, capsys, tmp_path, knows_all
):
    encoder, sources, output = files(fallback=None)
    model = tmp_path / "model"
    (spacy.blank("en") if knows_all else spacy.load(tiny_model)).to_disk(model)
    ready = ready_made("aa", knows_all)
    main(model, tiny_corpus, encoder, sources, output, seed=0, gpu_id=-1, ready_made=ready)
    metrics = srsly.read_json(output)
    assert metrics["ready_made"]["package"] == "en_ready"
    assert metrics["ready_made"]["version"] == "1.2.3"
    assert micro(metrics["ready_made"]["test"])["f1-score"] == knows_all
    assert micro(metrics["test"])["f1-score"] == 1 - knows_all
    printed = " ".join(capsys.readouterr().out.split())
    assert f"en_ready 1.2.3 on the same queries: micro F1 {float(knows_all):.3f}" in printed
    assert ("--vars.train_bio assets/queries.bio" in printed) == knows_all


@pytest.mark.parametrize("kind", ["csv", "bio", "test_bio"])
@pytest.mark.parametrize(
    "same", [{"path": "own", "sha256": "0f"}, {"path": "sample.bio", "sha256": "changed"}]
)
def test_a_ready_made_pipeline_that_was_trained_on_the_files_is_not_compared(
    ready_made, tiny_model, tiny_corpus, files, kind, same
):
    encoder, sources, output = files(fallback=None)
    own = {"csv": [], "bio": [], "train_bio": [], "test_bio": []}
    srsly.write_json(sources, own | {kind: [same]})
    ready = ready_made("0f", True)
    main(tiny_model, tiny_corpus, encoder, sources, output, seed=0, gpu_id=-1, ready_made=ready)
    assert "ready_made" not in srsly.read_json(output)


def test_a_ready_made_pipeline_that_was_trained_on_the_supplement_is_compared(
    ready_made, tiny_model, tiny_corpus, files
):
    encoder, sources, output = files(fallback=None)
    supplement = [{"path": "sample.bio", "sha256": "aa"}]
    srsly.write_json(sources, SOURCES | {"train_bio": supplement})
    ready = ready_made("aa", True)
    main(tiny_model, tiny_corpus, encoder, sources, output, seed=0, gpu_id=-1, ready_made=ready)
    assert "ready_made" in srsly.read_json(output)


@pytest.mark.parametrize("broken", [True, False])
def test_without_a_ready_made_pipeline_that_loads_nothing_is_compared(
    ready_made, tiny_model, tiny_corpus, files, capsys, broken
):
    encoder, sources, output = files(fallback=None)
    ready = Path(ready_made("aa", False))
    if broken:
        (ready / "config.cfg").write_text("[nlp]", encoding="utf8")
    else:
        remove(ready)
    arguments = (tiny_model, tiny_corpus, encoder, sources, output)
    main(*arguments, seed=0, gpu_id=-1, ready_made=str(ready))
    assert "ready_made" not in srsly.read_json(output)
    said = " ".join(capsys.readouterr().out.split())
    assert ("is not compared" in said) == broken
