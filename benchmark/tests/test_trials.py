"""Training a tiny system, keeping what it found, and reading it again."""

from dataclasses import replace

import pytest
import spacy
import srsly
from scripts.changes import changes
from scripts.data import Fold
from scripts.inputs import read_inputs
from scripts.systems import (
    AS_TRAINED,
    IGNORED,
    UNCALIBRATED,
    encode,
    pipeline,
    token_classification,
)
from scripts.trials import run_trial
from transformers import AutoTokenizer

from music_ner.data.bio import read_bio, write_bio
from music_ner.data.marked import parse
from music_ner.data.query import AMBIGUOUS, Query, Span, normalize_query, to_doc
from music_ner.evaluation.scores import entity_spans
from tests.fixtures import QUERIES

O, B_ARTIST, I_ARTIST, B_WOA, I_WOA = range(5)  # noqa: E741


@pytest.fixture
def inputs(root):
    """The tiny encoder and a config that makes it learn the small queries by heart."""
    return read_inputs(root)


@pytest.fixture
def fold(tmp_path) -> Fold:
    """The small queries to train on, and the same with another ending to test on."""
    endings = {"train": ["for the attic", "as calm", "cooking", "upbeat"], "test": ["dark ambient"]}
    for name, some in endings.items():
        lines = [f"{line} {ending}" for ending in some for line in QUERIES]
        write_bio(tmp_path / f"{name}.bio", [normalize_query(parse(line, "")) for line in lines])
    return Fold("small", [tmp_path / "train.bio"], tmp_path / "test.bio")


def classifier(inputs, rates=(1e-2,), epochs=25):
    return token_classification("classifier", inputs, rates, epochs)


def gold(trial):
    return [entity_spans(doc) for doc in trial.splits["test"]]


def spans(predictions):
    return [[entity[:3] for entity in entities] for entities in predictions]


def test_token_classification_learns(inputs, fold, tmp_path):
    trial = run_trial(classifier(inputs), fold, inputs, 0, tmp_path / "runs")
    assert spans(trial.predictions[AS_TRAINED]) == gold(trial)
    untrained = classifier(inputs, rates=(1e-9,), epochs=1)
    trial = run_trial(untrained, fold, inputs, 0, tmp_path / "runs")
    assert spans(trial.predictions[AS_TRAINED]) != gold(trial)


def test_the_learning_rate_is_chosen_on_dev(inputs, fold, tmp_path):
    system = classifier(inputs, rates=(1e-9, 1e-2))
    trial = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    assert trial.training["learning_rate"] == 1e-2


def test_hugging_faces_aggregation_gives_confidences(inputs, fold, tmp_path):
    trial = run_trial(classifier(inputs), fold, inputs, 0, tmp_path / "runs")
    first = trial.predictions["aggregation first"]
    assert spans(first) == gold(trial)
    assert all(0.5 < entity[3] <= 1 for entities in first for entity in entities)


def test_a_word_that_the_tokenizer_drops_is_not_an_entity(inputs, fold, tmp_path):
    query = parse("like \u200b [korn](Artist)", "1")
    write_bio(fold.test, [query])
    trial = run_trial(classifier(inputs), fold, inputs, 0, tmp_path / "runs")
    assert all(start >= 7 for start, *_ in trial.predictions[AS_TRAINED][0])


def test_the_pipeline_learns_and_is_calibrated(inputs, fold, tmp_path):
    system = pipeline("ours", inputs, changes=changes([]))
    trial = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    assert spans(trial.predictions[AS_TRAINED]) == gold(trial)
    assert spans(trial.predictions[UNCALIBRATED]) == gold(trial)
    assert spans(trial.predictions["fast (int8)"]) == gold(trial)
    assert all(0 < e[3] <= 1 for es in trial.predictions[AS_TRAINED] for e in es)
    nlp = spacy.load(trial.folder / "model")
    texts = [doc.text for doc in trial.splits["test"]]
    assert [entity_spans(doc) for doc in nlp.pipe(texts)] == gold(trial)


def test_a_pipeline_with_spacys_decoding_has_no_confidences(inputs, fold, tmp_path):
    system = pipeline("greedy", inputs, settings={"components.ner.threshold": None})
    trial = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    found = trial.predictions[AS_TRAINED]
    assert spans(found) == gold(trial)
    assert {entity[3] for entities in found for entity in entities} == {None}


def test_a_finished_trial_is_not_run_again(inputs, fold, tmp_path):
    system = classifier(inputs, epochs=1)
    first = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    written = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    second = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    assert second.predictions == first.predictions
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == written


def test_another_seed_is_another_trial(inputs, fold, tmp_path):
    system = classifier(inputs, epochs=1)
    folders = {run_trial(system, fold, inputs, s, tmp_path / "runs").folder for s in (0, 1)}
    assert len(folders) == 2


@pytest.mark.parametrize("what", ["recipe", "data", "encoder"])
def test_a_trial_with_another_recipe_is_run_again(inputs, fold, tmp_path, what, capsys):
    system = classifier(inputs, epochs=1)
    first = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    capsys.readouterr()
    if what == "recipe":
        system = classifier(inputs, rates=(1e-3,), epochs=1)
    elif what == "data":
        write_bio(fold.train[0], read_bio(fold.train[0]).queries[:-1])
    else:
        inputs = replace(inputs, encoder=inputs.encoder | {"version": "2"})
    second = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    assert "another recipe" in capsys.readouterr().out
    kept = srsly.read_json(second.folder / "training.json")["recipe"]
    assert kept == srsly.json_loads(srsly.json_dumps(second.recipe)) != first.recipe


def test_missing_predictions_are_made_with_the_kept_model(inputs, fold, tmp_path):
    system = classifier(inputs, epochs=1)
    first = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    kept = first.folder / "predictions" / "aggregation_first.json"
    trained = (first.folder / "training.json").stat().st_mtime_ns
    kept.unlink()
    second = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    assert kept.exists()
    assert (first.folder / "training.json").stat().st_mtime_ns == trained
    assert second.predictions == first.predictions


def test_a_supplement_is_trained_on_by_its_system_alone(inputs, fold, tmp_path):
    write_bio(tmp_path / "more.bio", [parse("hum [halo](WoA)", "")])
    inputs.config["schedule"]["epochs"] = 1
    system = pipeline("ours", inputs, supplement=[tmp_path / "more.bio"])
    trial = run_trial(system, fold, inputs, 0, tmp_path / "runs")
    assert "hum halo" in {doc.text for doc in trial.splits["train"]}
    trial = run_trial(classifier(inputs, epochs=1), fold, inputs, 0, tmp_path / "runs")
    assert "hum halo" not in {doc.text for doc in trial.splits["train"]}


def test_queries_that_are_not_used_are_named(inputs, fold, tmp_path, capsys):
    queries = read_bio(fold.train[0]).queries
    write_bio(fold.test, [*read_bio(fold.test).queries, queries[0]])
    run_trial(classifier(inputs, epochs=1), fold, inputs, 0, tmp_path / "runs")
    assert f"Not used: {queries[0].text}" in capsys.readouterr().out


@pytest.fixture
def encoded(tiny_bert):
    """Encode a query; RETURNS its word pieces and their labels, without the special tokens."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)

    def run(query: Query | str):
        query = parse(query, "1") if isinstance(query, str) else query
        result = encode(to_doc(query, spacy.blank("en").make_doc), tokenizer)
        pieces = tokenizer.convert_ids_to_tokens(result["input_ids"])
        assert (result["labels"][0], result["labels"][-1]) == (IGNORED, IGNORED)
        return " ".join(pieces[1:-1]), result["labels"][1:-1]

    return run


@pytest.mark.parametrize(
    ("query", "pieces", "labels"),
    [
        ("like [karma police](WoA)", "like karma police", [O, B_WOA, I_WOA]),
        ("by [abc](Artist)", "by a ##b ##c", [O, *[B_ARTIST] * 3]),
        ("by [bbno$](Artist)", "by b ##b ##n ##o $", [O, *[B_ARTIST] * 5]),
        ("[karma bbno$](Artist)", "karma b ##b ##n ##o $", [B_ARTIST, *[I_ARTIST] * 5]),
        ("r&b by [sade](Artist)", "r & b by sade", [O, O, O, O, B_ARTIST]),
        ("by [sade](Artist), funk", "by sade , funk", [O, B_ARTIST, B_ARTIST, O]),
    ],
)
def test_every_word_piece_has_the_tag_of_its_word(encoded, query, pieces, labels):
    assert encoded(query) == (pieces, labels)


def test_words_of_unknown_tag_are_not_trained_on(encoded):
    ambiguous = (Span(0, 4, "Artist"), Span(10, 14, AMBIGUOUS))
    assert encoded(Query("1", "sade like korn", ambiguous))[1] == [B_ARTIST, O, IGNORED]
    incomplete = Query("1", "sade like korn", (Span(0, 4, "Artist"),), complete=False)
    assert encoded(incomplete)[1] == [B_ARTIST, IGNORED, IGNORED]
    in_part = Query("1", "like korn, funk", (Span(5, 9, AMBIGUOUS),))
    assert encoded(in_part)[1] == [O, IGNORED, IGNORED, O]
