import re

import pytest
import spacy
from spacy.cli.train import train

from music_ner.training.callbacks import MEASURED_STEPS, create_estimate


@pytest.mark.slow
def test_training_says_after_its_first_steps_how_long_it_takes(tiny_config, tmp_path, capsys):
    length = MEASURED_STEPS + 2
    overrides = {
        "training.batcher.size": 10,
        "training.max_steps": length,
        "training.eval_frequency": length,
    }
    train(tiny_config, tmp_path, overrides=overrides)
    said = capsys.readouterr().out
    expected = rf"Training takes about \d+ s: {length} steps of [\d.]+ s and 2 evaluations of \d+ s"
    assert len(re.findall(expected, said)) == 1
    assert said.index("ENTS_F") < said.index("Training takes about")


@pytest.mark.parametrize(
    ("eval_frequency", "n_steps", "n_lines"),
    [
        (MEASURED_STEPS, 100, 0),
        (MEASURED_STEPS + 1, 100, 1),
        (MEASURED_STEPS + 1, MEASURED_STEPS + 1, 0),
    ],
)
def test_steps_are_measured_where_no_evaluation_is_between_them(
    eval_frequency, n_steps, n_lines, capsys
):
    measure, nlp = create_estimate(100, eval_frequency), spacy.blank("en")
    for step in range(n_steps):
        measure(nlp, {"step": step, "epoch": 0})
    assert capsys.readouterr().out.count("Training takes about") == n_lines
