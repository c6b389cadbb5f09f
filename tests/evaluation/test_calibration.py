import numpy as np
import pytest
import spacy
import srsly

from music_ner.data.query import Query, Span, to_doc
from music_ner.evaluation.calibration import (
    CANDIDATES,
    CalibrationSettings,
    Judged,
    calibrate,
    choose,
    judge,
    raw_spans,
)
from music_ner.pipeline.entity_confidence import calibrated
from scripts.calibrate import main

N = 3000
SETTINGS = CalibrationSettings(folds=5, prior=100, min_entities=15)


def judged(right_at, seed=0, n=N, labels=None):
    """Entities that are right with the probability `right_at(raw, is_work)`."""
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0.02, 0.98, n)
    is_work = rng.random(n) < 0.4
    features = {
        "log_odds": np.log(raw / (1 - raw)),
        "bias": np.ones(n),
        "length": np.log(rng.integers(1, 6, n)),
        "Artist": 1.0 - is_work,
        "WoA": is_work.astype(float),
    }
    return Judged(raw, features, rng.random(n) < right_at(raw, is_work), np.arange(n) // 2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_odds(raw):
    return np.log(raw / (1 - raw))


# What the true map is, and what should be chosen for it.
MAPS = {
    "none": lambda raw, is_work: raw,
    "temperature": lambda raw, is_work: sigmoid(0.4 * log_odds(raw)),
    "Platt": lambda raw, is_work: sigmoid(0.8 * log_odds(raw) - 1.5),
    "Platt by label": lambda raw, is_work: sigmoid(log_odds(raw) - 2.0 * is_work + 0.5),
    "isotonic": lambda raw, is_work: np.where(raw < 0.5, 0.2, 0.7),
}


@pytest.mark.parametrize("name", MAPS)
def test_the_chosen_map_gives_the_true_probabilities(name):
    data = judged(MAPS[name])
    chosen, means = choose(data, SETTINGS, seed=0)
    assert set(means) == set(CANDIDATES)
    found = calibrated(CANDIDATES[chosen](data, SETTINGS.prior), data.raw, data.features)
    true = MAPS[name](data.raw, data.features["WoA"])
    assert np.abs(found - true).mean() < 0.04


@pytest.mark.parametrize("name", ["Platt by label", "isotonic"])
def test_what_fits_least_is_not_chosen(name):
    data = judged(MAPS[name])
    chosen, means = choose(data, SETTINGS, seed=0)
    assert means[chosen] <= means[name] < means["temperature"] - 0.005


@pytest.mark.parametrize("name", sorted(CANDIDATES.keys() - {"none", "temperature"}))
def test_few_entities_move_the_probabilities_little_and_many_move_them_all_the_way(name):
    def moved(n):
        data = judged(lambda raw, is_work: raw / 2, n=n)
        found = calibrated(CANDIDATES[name](data, SETTINGS.prior), data.raw, data.features)
        return (data.raw - found).mean()

    assert moved(10) < 0.08
    assert moved(N) > 0.2


def test_the_choice_is_the_same_with_the_same_seed():
    data = judged(MAPS["temperature"], n=200)
    assert choose(data, SETTINGS, seed=1) == choose(data, SETTINGS, seed=1)


@pytest.fixture
def gold():
    """Gold for what the tiny pipeline finds by heart: half of it right."""
    make_doc = spacy.blank("en").make_doc
    text = "songs like karma police by radioheads"
    right = Query("", text, (Span(11, 23, "WoA"), Span(27, 37, "Artist")))
    wrong = Query("", text, (Span(0, 5, "WoA"),))
    return [to_doc(query, make_doc) for query in (right, wrong) * 10]


def test_the_entities_found_in_gold_are_judged(tiny_model, gold):
    nlp = spacy.load(tiny_model)
    data = judge(gold, [raw_spans(doc) for doc in nlp.pipe(doc.text for doc in gold)])
    assert data.right.tolist() == [True, True, False, False] * 10
    assert data.query.tolist() == [number for number in range(20) for _ in range(2)]
    assert data.features["WoA"].tolist() == [1.0, 0.0] * 20


def test_a_pipeline_is_calibrated_to_what_is_right(tiny_model, gold):
    nlp = spacy.load(tiny_model)
    assert all(ent._.confidence > 0.9 for ent in nlp(gold[0].text).ents)
    result = calibrate(nlp, gold, seed=0)
    assert result["entities"] == 40
    assert result["right"] == 20
    assert result["chosen"] != "none"
    assert all(0.5 < ent._.confidence < 0.9 for ent in nlp(gold[0].text).ents)
    assert calibrate(nlp, gold, seed=0) == result  # what is there does not matter
    calibrate(nlp, gold * 20, seed=0)
    assert all(0.45 < ent._.confidence < 0.6 for ent in nlp(gold[0].text).ents)


@pytest.fixture
def run_main(tiny_model, tmp_path):
    def run(gold):
        path = tmp_path / "dev.spacy"
        spacy.tokens.DocBin(docs=gold, store_user_data=True).to_disk(path)
        main(tiny_model, path, tmp_path / "calibrated", 0)
        return spacy.load(tmp_path / "calibrated")

    return run


def test_the_command_saves_a_calibrated_pipeline(run_main, gold, capsys):
    nlp = run_main(gold)
    assert nlp.get_pipe("entity_confidence").calibration["kind"] != "identity"
    assert nlp.meta["calibration"]["entities"] == 40
    assert "log loss" in capsys.readouterr().out


def test_too_few_entities_are_said_and_leave_the_probabilities(run_main, gold, capsys):
    nlp = run_main(gold[:4])
    assert nlp.get_pipe("entity_confidence").calibration == {"kind": "identity"}
    assert srsly.json_loads(srsly.json_dumps(nlp.meta["calibration"]))["chosen"] == "none"
    output = " ".join(capsys.readouterr().out.split())
    assert "8 entities, 4 of them right, too few to calibrate on" in output
    assert "annotate more queries" in output


def test_wrong_entities_of_few_queries_are_too_few(tiny_model, gold):
    nlp = spacy.load(tiny_model)
    text = " ".join(["songs like karma police by radioheads"] * 12)
    long = to_doc(Query("", text), nlp.make_doc)
    result = calibrate(nlp, [*gold[::2] * 2, long], seed=0)
    assert result["entities"] - result["right"] >= 15
    assert result["chosen"] == "none"


def test_a_pipeline_without_probabilities_cannot_be_calibrated(tiny_model, gold, tmp_path, capsys):
    nlp = spacy.load(tiny_model)
    nlp.remove_pipe("entity_confidence")
    nlp.to_disk(tmp_path / "model")
    spacy.tokens.DocBin(docs=gold).to_disk(tmp_path / "dev.spacy")
    with pytest.raises(SystemExit) as ended:
        main(tmp_path / "model", tmp_path / "dev.spacy", tmp_path / "calibrated", 0)
    assert ended.value.code == 1
    assert "no probabilities to calibrate" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "calibrated").exists()


def test_dev_without_entities_is_too_little(run_main, gold, capsys):
    docs = [spacy.blank("en")("dark ambient for the attic")]
    docs[0].set_ents([], default="outside")
    assert run_main(docs).get_pipe("entity_confidence").calibration == {"kind": "identity"}
    assert "0 entities" in capsys.readouterr().out
