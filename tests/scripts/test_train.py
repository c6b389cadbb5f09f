import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import spacy
import srsly
from PIL import Image
from spacy import util
from spacy.cli.train import train
from spacy.tokens import DocBin, Span
from spacy.vocab import Vocab

from scripts.train import DIR_INTERRUPTED, draw_curves, keep_interrupted, main
from tests.conftest import ROOT


def contents(folder):
    """RETURNS (dict[str, str]): Hash of each file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def trained(tiny_config, run_script, tmp_path_factory):
    """A folder that `train` has filled, and what the command said."""
    folder = tmp_path_factory.mktemp("project") / "training"
    return folder, run_script("train", tiny_config, folder)


@pytest.fixture
def change_config(tiny_config, tmp_path):
    """Write the tiny config with other values, by dotted name."""

    def change(**overrides):
        overrides = {name.replace("__", "."): value for name, value in overrides.items()}
        config = util.load_config(tiny_config, overrides=overrides, interpolate=False)
        config.to_disk(tmp_path / "changed.cfg", interpolate=False)
        return tmp_path / "changed.cfg"

    return change


@pytest.fixture
def interrupt(change_config, tmp_path):
    """Start a long training, send it a signal after some evaluations, and wait for its end."""

    def run(number: signal.Signals):
        config = change_config(training__max_epochs=0, training__max_steps=100000)
        output = tmp_path / "training"
        # A child ignores SIGINT from its start where this process does (under `make test &`).
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        command = [sys.executable, "-m", "scripts.train", config, output]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        signal.signal(signal.SIGINT, before)
        try:
            wait_for_evaluations(process, output / ".unfinished" / "log.jsonl")
            os.kill(process.pid, number)
            said, _ = process.communicate(timeout=1800)
        finally:
            process.kill()
        return process.returncode, said, output

    return run


def wait_for_evaluations(process, log_path):
    limit = time.monotonic() + 1800
    while not log_path.exists() or len(log_path.read_text(encoding="utf8").splitlines()) < 2:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_training_leaves_a_pipeline_that_loads_and_has_learnt(trained):
    folder, result = trained
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Trained pipeline: {folder / 'model-last'}" in " ".join(result.stdout.split())
    doc = spacy.load(folder / "model-last")("songs like karma police by radioheads")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("karma police", "WoA"),
        ("radioheads", "Artist"),
    ]


def test_the_last_model_is_kept_though_an_earlier_one_was_better_on_dev(
    change_config, tiny_corpus, run_script, tmp_path
):
    docs = list(DocBin().from_disk(tiny_corpus / "dev.spacy").get_docs(Vocab()))
    for doc in docs:  # what is learnt from train is wrong here
        doc.ents = [Span(doc, ent.start, ent.end, "Artist") for ent in doc.ents][:1]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    config_path = change_config(paths__dev=str(tmp_path / "dev.spacy"))
    train(config_path, tmp_path / "spacy")
    run_script("train", config_path, tmp_path / "ours")
    folders = ("ours/model-last", "spacy/model-last", "spacy/model-best")
    kept, last, best = ((tmp_path / name / "ner" / "model").read_bytes() for name in folders)
    assert last != best
    assert kept == last


def test_nothing_but_model_log_and_curves_is_left(trained):
    folder, _ = trained
    assert {path.name for path in folder.iterdir()} == {"model-last", "log.jsonl", "curves.png"}


def test_the_log_has_steps_losses_and_scores_of_each_evaluation(trained):
    folder, _ = trained
    log = list(srsly.read_jsonl(folder / "log.jsonl"))
    assert [line["step"] for line in log][:15] == [*range(0, 30, 2)]
    for line in log:
        assert set(line["losses"]) == {"transformer", "ner"}
        assert set(line["scores"]) == {"ents_f", "ents_p", "ents_r"}
    assert max(line["score"] for line in log) == 1


def test_the_curves_are_a_picture(trained):
    folder, _ = trained
    with Image.open(folder / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == (1200, 480)


def test_piped_output_holds_no_progress_bars(trained):
    _, result = trained
    assert "\r" not in result.stdout + result.stderr
    assert "ENTS_F" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_keeps_its_best_model_and_the_one_before(
    interrupt, tiny_model, tmp_path, number
):
    earlier = shutil.copytree(tiny_model, tmp_path / "training" / "model-last")
    code, said, output = interrupt(number)
    assert code == 130, said
    assert "Interrupted: the best model so far is" in " ".join(said.split())
    assert {path.name for path in output.iterdir()} == {"model-last", DIR_INTERRUPTED}
    assert contents(earlier) == contents(tiny_model)
    assert spacy.load(output / DIR_INTERRUPTED).has_pipe("ner")


def test_a_failing_training_leaves_the_model_before_and_nothing_else(
    change_config, tiny_model, tmp_path, monkeypatch
):
    output = tmp_path / "training"
    earlier = shutil.copytree(tiny_model, output / "model-last")
    config = change_config(paths__train=str(tmp_path / "nowhere.spacy"))
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError, match=r"nowhere\.spacy"):
        main(config, output, gpu_id=-1)
    signal.signal(signal.SIGTERM, handler)
    assert [path.name for path in output.iterdir()] == ["model-last"]
    assert contents(earlier) == contents(tiny_model)


def test_a_model_that_replaces_an_interrupted_one_holds_nothing_of_it(tiny_model, tmp_path):
    (tmp_path / DIR_INTERRUPTED).mkdir()
    (tmp_path / DIR_INTERRUPTED / "old").touch()
    shutil.copytree(tiny_model, tmp_path / ".unfinished" / "model-best")
    keep_interrupted(tmp_path / ".unfinished", tmp_path)
    assert contents(tmp_path / DIR_INTERRUPTED) == contents(tiny_model)


def test_training_that_had_no_model_yet_keeps_the_last_interrupted_one(tmp_path, capsys):
    (tmp_path / DIR_INTERRUPTED).mkdir()
    keep_interrupted(tmp_path / ".unfinished", tmp_path)
    assert (tmp_path / DIR_INTERRUPTED).is_dir()
    assert "before there was a model to keep" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "name", ["config.cfg", "ner/model", "transformer/model", "vocab/strings.json", "vocab/vectors"]
)
def test_a_model_of_which_a_file_is_not_yet_copied_is_not_kept(tiny_model, tmp_path, name):
    model = shutil.copytree(tiny_model, tmp_path / ".unfinished" / "model-best")
    (model / name).write_bytes(b"")
    keep_interrupted(tmp_path / ".unfinished", tmp_path)
    assert not (tmp_path / DIR_INTERRUPTED).exists()


def test_interrupted_while_the_best_model_was_copied_the_last_one_is_kept(tiny_model, tmp_path):
    for name in ("model-best", "model-last"):
        shutil.copytree(tiny_model, tmp_path / ".unfinished" / name)
    (tmp_path / ".unfinished" / "model-best" / "ner" / "model").write_bytes(b"")
    keep_interrupted(tmp_path / ".unfinished", tmp_path)
    assert contents(tmp_path / DIR_INTERRUPTED) == contents(tiny_model)


def test_a_model_that_was_never_scored_is_not_kept(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / ".unfinished" / "model-last")
    keep_interrupted(tmp_path / ".unfinished", tmp_path)
    assert not (tmp_path / DIR_INTERRUPTED).exists()


def test_curves_are_drawn_of_a_single_evaluation(tmp_path):
    log = [{"step": 0, "losses": {"ner": 8.5}, "scores": {"ents_f": 0.0, "ents_p": 0.0}}]
    draw_curves(log, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"
