"""What a pipeline was trained with travels with it, and contradicting commands end."""

import json
import shutil

import pytest
import spacy
import srsly
from spacy import util
from spacy.training.initialize import init_nlp

from music_ner.export.onnx import Precision
from music_ner.provenance import contradictions, of_corpora, other_name
from scripts import calibrate, configure, evaluate, export, train, visualize
from tests.fixtures import ROOT

OWN = {"path": "my own.csv", "sha256": "11"}
OTHER = {"path": "queries.csv", "sha256": "22"}
DATA = {"csv": [OWN], "bio": [], "train_bio": [], "test_bio": [], "catalogue": []}
ENCODER = {"requested": "my encoder", "name": "tiny-bert", "version": "1"}
TRAINED = {"data": DATA, "encoder": ENCODER, "seed": 1}
CORPORA = {kind: files for kind, files in DATA.items() if kind != "catalogue"}


@pytest.mark.parametrize(
    "said",
    [
        TRAINED,
        {"data": {**DATA, "csv": [{**OWN, "path": "/moved/own.csv"}]}},
        {"data": CORPORA, "seed": 1},
        {"encoder": {**ENCODER, "fallback": "none", "requested": "auto"}},
        {},
    ],
)
def test_what_a_pipeline_was_trained_with_is_no_contradiction(said):
    assert list(contradictions({"provenance": TRAINED}, **said)) == []


@pytest.mark.parametrize("config", [{}, {"provenance": {}}, {"provenance": {"data": {}}}])
def test_a_pipeline_of_unknown_origin_contradicts_nothing(config):
    assert list(contradictions(config, **TRAINED)) == []


@pytest.mark.parametrize(
    ("said", "problem", "fix"),
    [
        (
            {"data": {**DATA, "csv": [OTHER]}},
            "trained with other files as vars.csv: my own.csv, not queries.csv",
            "--vars.csv 'my own.csv'",
        ),
        (
            {"data": {**DATA, "csv": [{**OWN, "sha256": "33"}]}},
            "trained with other files as vars.csv: my own.csv, not my own.csv",
            "--vars.csv 'my own.csv'",
        ),
        (
            {"data": {**DATA, "bio": [OTHER, OWN]}},
            "trained with other files as vars.bio: none, not queries.csv,my own.csv",
            "--vars.bio ''",
        ),
        ({"data": {**DATA, "catalogue": [OTHER]}}, "other files as vars.catalogue", "convert"),
        ({"seed": 0}, "trained with seed 1, not 0", "--vars.seed 1"),
        (
            {"encoder": {**ENCODER, "name": "bert", "version": "2"}},
            "trained from tiny-bert, not from bert",
            "--vars.transformer 'my encoder'",
        ),
    ],
)
def test_a_contradiction_is_named_with_the_variables_of_training(said, problem, fix):
    ((found, remedy),) = contradictions({"provenance": TRAINED}, **said)
    assert problem in found
    assert fix in remedy


def test_names_and_versions_are_compared():
    meta = {"name": "my_music", "version": "2.0"}
    assert other_name(meta, "my_music", "2.0") is None
    assert other_name({"name": "pipeline", "version": "0.0.0"}, "my_music", "2.0") is None
    for name, version in (("music_ner", "2.0"), ("my_music", "0.3.0")):
        problem, fix = other_name(meta, name, version)
        assert problem == f"called my_music 2.0, not {name} {version}"
        assert "Add --vars.name my_music --vars.version 2.0." in fix


# Commands


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    """The tiny corpora, with what `sources` and `convert` note of their origin."""
    folder = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    srsly.write_json(folder / "sources.json", DATA)
    srsly.write_json(folder / "summary.json", {"data": CORPORA, "seed": 1})
    srsly.write_json(tmp_path / "encoder.json", {**ENCODER, "fallback": None})
    return folder


@pytest.fixture
def model(tiny_model, tmp_path):
    """The tiny pipeline with the provenance that `configure` puts into its config."""
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = util.load_config(folder / "config.cfg", interpolate=False)
    config["provenance"] = TRAINED
    config.to_disk(folder / "config.cfg", interpolate=False)
    return folder


def change(file, **values):
    srsly.write_json(file, {**srsly.read_json(file), **values})


@pytest.fixture
def refused(capsys):
    """Run a command that ends with a message; RETURNS it without white space."""

    def run(command, *arguments, **options):
        with pytest.raises(SystemExit) as exit:
            command.main(*arguments, **options)
        assert exit.value.code == 1
        return "".join(capsys.readouterr().out.split())

    return run


def run_configure(corpus, tiny_bert, seed):
    encoder_path = corpus.parent / "encoder.json"
    change(encoder_path, path=str(tiny_bert))
    paths = (ROOT / "configs" / "config.cfg", ROOT / "configs" / "encoders.json", encoder_path)
    configure.main(*paths, corpus, corpus.parent / "config.cfg", "", seed)
    return util.load_config(corpus.parent / "config.cfg", interpolate=False)


def test_provenance_is_in_the_config_and_in_the_pipelines_made_from_it(corpus, tiny_bert, tmp_path):
    config = run_configure(corpus, tiny_bert, seed=1)
    assert config["provenance"] == TRAINED
    config["initialize"]["components"]["catalogue"]["names"] = []
    init_nlp(config).to_disk(tmp_path / "made")
    assert spacy.load(tmp_path / "made").config["provenance"] == TRAINED


def test_a_seed_that_the_corpora_were_not_split_with_ends_configure(
    corpus, tiny_bert, tmp_path, capsys
):
    with pytest.raises(SystemExit):
        run_configure(corpus, tiny_bert, seed=2)
    assert "wassplitwithseed1,not2" in "".join(capsys.readouterr().out.split())
    assert not (tmp_path / "config.cfg").exists()


def test_corpora_that_the_config_was_not_made_for_end_train(corpus, tiny_bert, refused, tmp_path):
    run_configure(corpus, tiny_bert, seed=1)
    change(corpus / "summary.json", data={**CORPORA, "csv": [OTHER]})
    said = refused(train, tmp_path / "config.cfg", tmp_path / "training", gpu_id=-1)
    assert "config.cfgwasnotmadeforthecorpora" in said
    assert "vars.csv:myown.csv,notqueries.csv" in said
    assert not (tmp_path / "training").exists()


def test_calibrate_names_the_pipeline_and_says_if_it_had_another_name(
    model, corpus, tmp_path, capsys
):
    output = tmp_path / "model-best"
    for name, renamed in (("my_music", False), ("my_music", False), ("other", True)):
        calibrate.main(model, corpus / "dev.spacy", output, seed=1, name=name, version="2.0")
        assert ("itisrenamed" in "".join(capsys.readouterr().out.split())) == renamed
        meta = srsly.read_json(output / "meta.json")
        assert (meta["name"], meta["version"]) == (name, "2.0")
        assert spacy.load(output).config["provenance"] == TRAINED


def test_export_names_the_fast_pipeline_after_the_one_that_it_is_made_from(
    model, corpus, refused, tmp_path
):
    change(model / "meta.json", name="my_music", version="2.0")
    arguments = (model, corpus / "test.spacy", tmp_path / "fast", Precision.fp32)
    said = refused(export, *arguments, name="music_ner", version="2.0")
    assert "iscalledmy_music2.0,notmusic_ner2.0" in said
    assert not (tmp_path / "fast").exists()
    export.main(*arguments, name="my_music", version="2.0")
    meta = json.loads((tmp_path / "fast" / "meta.json").read_text())
    assert (meta["name"], meta["version"]) == ("my_music_fast", "2.0")


@pytest.mark.parametrize(
    ("file", "values", "seed", "message"),
    [
        ("corpus/sources.json", {"csv": [OTHER]}, 1, "vars.csv:myown.csv,notqueries.csv"),
        ("corpus/summary.json", {"data": {**CORPORA, "test_bio": [OTHER]}}, 1, "vars.test_bio"),
        ("corpus/summary.json", {"seed": 0}, 1, "seed1,not0"),
        ("encoder.json", {"name": "bert", "version": "2"}, 1, "tiny-bert,notfrombert"),
        ("encoder.json", {}, 0, "seed1,not0"),
    ],
)
def test_a_pipeline_is_not_evaluated_as_another_one(
    model, corpus, refused, tmp_path, file, values, seed, message
):
    change(tmp_path / file, **values)
    paths = (tmp_path / "encoder.json", corpus / "sources.json", tmp_path / "scores.json")
    assert message in refused(evaluate, model, corpus, *paths, seed=seed, gpu_id=-1)
    assert not (tmp_path / "scores.json").exists()


def test_scores_say_which_pipeline_they_are_of(model, corpus, run_script, tmp_path):
    change(model / "meta.json", name="my_music", version="2.0")
    paths = (tmp_path / "encoder.json", corpus / "sources.json", tmp_path / "scores.json")
    assert run_script("evaluate", model, corpus, *paths, "--seed", 1).returncode == 0
    metrics = srsly.read_json(tmp_path / "scores.json")
    assert metrics["model"] == {"name": "my_music", "version": "2.0"}
    assert metrics["seed"] == 1
    assert metrics["data"] == DATA


def test_other_corpora_end_each_command_that_compares_a_pipeline_to_them(
    model, corpus, refused, tmp_path
):
    change(corpus / "summary.json", data={**CORPORA, "csv": [OTHER]})
    output = tmp_path / "output"
    encoder = tmp_path / "encoder.json"
    for said in (
        refused(calibrate, model, corpus / "dev.spacy", output, seed=1),
        refused(export, model, corpus / "test.spacy", output, Precision.fp32),
        refused(visualize, model, corpus / "test.spacy", encoder, output),
    ):
        assert "vars.csv:myown.csv,notqueries.csv" in said
    assert not output.exists()


def test_corpora_of_unknown_origin_are_used(tiny_corpus):
    assert of_corpora(tiny_corpus) == {}
