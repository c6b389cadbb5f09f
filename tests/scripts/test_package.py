import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser

import pytest
import spacy
import srsly
from spacy import util
from spacy.tokens import DocBin

from scripts.evaluate import evaluate
from scripts.install import is_installed
from scripts.package import describe, main, prepare
from tests.conftest import ROOT

ENCODERS_PATH = ROOT / "configs" / "encoders.json"
FALLBACK = "bert-base-uncased was out for lunch"


@pytest.fixture(scope="module")
def metrics(tiny_model, tiny_corpus, tiny_bert):
    """What `evaluate` would have written of the tiny model, as a fallback from data in a folder."""
    nlp = spacy.load(tiny_model)
    gold = DocBin().from_disk(tiny_corpus / "test.spacy").get_docs(nlp.vocab)
    return {
        "encoder": {
            "requested": str(tiny_bert),
            "name": "all-MiniLM-L6-v2",
            "path": str(tiny_bert),
            "source": "bundled",
            "version": "abc123",
            "fallback": FALLBACK,
        },
        "data": {
            "csv": [{"path": str(tiny_corpus / "marked.csv"), "sha256": "11"}],
            "bio": [{"path": str(tiny_corpus / "gold.bio"), "sha256": "22"}],
            "test_bio": [{"path": str(tiny_corpus / "test.bio"), "sha256": "33"}],
        },
        "seed": 5,
        "test": evaluate(nlp, gold, seed=5),
    }


@pytest.fixture
def meta(tiny_model, metrics):
    """The tiny model's meta, as the model card is written from it."""
    meta = srsly.read_json(tiny_model / "meta.json")
    named = {**meta, "name": "tiny_packaged", "version": "1.2.3"}
    return describe(named, metrics, "Apache-2.0")


@pytest.fixture(scope="module")
def run_main(tiny_model, metrics, tmp_path_factory):
    """Package the tiny model by the command, each time into the same folder."""
    folder = tmp_path_factory.mktemp("project")
    srsly.write_json(folder / "scores.json", metrics)

    def run(name: str = "tiny_packaged", version: str = "1.2.3"):
        output = folder / "packages"
        arguments = (tiny_model, folder / "scores.json", ENCODERS_PATH, output)
        main(*arguments, name=name, version=version, licence_path=ROOT / "LICENSE")
        return output / f"en_{name}-{version}"

    return run


@pytest.fixture(scope="module")
def packaged(run_main):
    return run_main()


@pytest.fixture
def wheel(packaged):
    (wheel,) = (packaged / "dist").iterdir()
    return wheel


def read(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def test_the_meta_says_what_the_pipeline_is_and_where_it_comes_from(meta):
    assert meta["description"].startswith("Entities in requests for music: Artist, WoA")
    assert meta["license"] == "MIT"
    assert meta["author"] == "The en_music_ner authors"
    assert meta["sources"] == [
        {"name": "all-MiniLM-L6-v2 (encoder, Apache-2.0)"},
        {"name": "marked.csv"},
        {"name": "gold.bio"},
    ]
    assert meta["encoder"]["version"] == "abc123"
    assert meta["data"]["csv"][0]["sha256"] == "11"


def test_the_meta_keeps_what_spacy_wrote(meta, tiny_model):
    trained = srsly.read_json(tiny_model / "meta.json")
    assert meta["labels"] == trained["labels"]
    assert meta["labels"]["ner"] == ["Artist", "WoA"]
    assert meta["spacy_version"] == trained["spacy_version"]


def test_the_meta_performance_is_that_on_test(meta):
    assert meta["performance"]["ents_f"] == 1.0
    assert set(meta["performance"]["ents_per_type"]) == {"Artist", "WoA"}
    assert None not in meta["performance"].values()


def test_the_notes_give_scores_data_encoder_and_the_reason_of_the_fallback(meta):
    notes = " ".join(meta["notes"].split())
    assert 'spacy.load("en_tiny_packaged")' in notes
    assert "Trained on marked.csv, gold.bio (seed 5)" in notes
    assert "the encoder all-MiniLM-L6-v2 (bundled, version abc123)" in notes
    assert f"It is a fallback: {FALLBACK}." in notes
    assert "On the 20 test queries of test.bio, seqeval" in notes
    assert "micro F1 1.000 (95 % bootstrap interval 1.000 to 1.000), macro F1 1.000" in notes


def test_the_notes_name_no_file_of_test_queries_that_were_held_out(meta, metrics):
    held_out = {**metrics, "data": {**metrics["data"], "test_bio": []}}
    notes = " ".join(describe(meta, held_out, "Apache-2.0")["notes"].split())
    assert "On the 20 test queries, seqeval" in notes


def test_the_notes_speak_of_no_fallback_where_there_was_none(meta, metrics):
    preferred = {**metrics, "encoder": {**metrics["encoder"], "fallback": None}}
    assert "fallback" not in describe(meta, preferred, "Apache-2.0")["notes"]


def test_the_notes_of_a_fast_package_say_what_it_was_made_from(meta, metrics):
    fast = {"precision": "int8", "agreement": 0.975, "queries": 40}
    notes = describe({**meta, "name": "tiny_fast", "fast": fast}, metrics, "Apache-2.0")["notes"]
    sentence = "that it was made from finds the same entities in 97.5% of 40 queries."
    assert "runs in ONNX Runtime in int8" in notes
    assert sentence in " ".join(notes.split())
    assert "ONNX" not in meta["notes"]


def test_a_pipeline_without_scores_by_label_is_described_too(meta, metrics):
    nothing = {**metrics["test"]["spacy"], "ents_per_type": None}
    unscored = {**metrics, "test": {**metrics["test"], "spacy": nothing}}
    assert "ents_per_type" not in describe(meta, unscored, "Apache-2.0")["performance"]


def test_a_prepared_pipeline_works_and_names_no_path_of_this_machine(
    meta, tiny_model, tiny_bert, tiny_corpus, tmp_path
):
    model, folder = shutil.copytree(tiny_model, tmp_path / "model"), tmp_path / "prepared"
    config = util.load_config(model / "config.cfg", interpolate=False)
    config["training"]["logger"]["output_file"] = str(tmp_path / "log.jsonl")
    config["initialize"]["components"]["catalogue"]["names"] = [str(tmp_path / "names.jsonl")]
    config.to_disk(model / "config.cfg", interpolate=False)
    prepare(model, folder, meta, "all-MiniLM-L6-v2", "Apache-2.0", ROOT / "LICENSE")
    for name in ("config.cfg", "meta.json"):
        text = (folder / name).read_text(encoding="utf8")
        for path in (tiny_bert, tiny_corpus, tiny_model, ROOT, tmp_path):
            assert str(path) not in text
    assert "all-MiniLM-L6-v2" in (folder / "config.cfg").read_text(encoding="utf8")
    licences = (folder / "LICENSES_SOURCES").read_text(encoding="utf8")
    assert "all-MiniLM-L6-v2, licensed under Apache-2.0" in licences
    (doc,) = spacy.load(folder).pipe(["songs like karma police by radioheads"])
    assert [ent.text for ent in doc.ents] == ["karma police", "radioheads"]


def test_preparing_leaves_the_trained_pipeline_as_it_is(meta, tiny_model, tmp_path):
    before = (tiny_model / "config.cfg").read_text(encoding="utf8")
    prepare(tiny_model, tmp_path / "prepared", meta, "x", "MIT", ROOT / "LICENSE")
    assert (tiny_model / "config.cfg").read_text(encoding="utf8") == before
    assert not (tiny_model / "LICENSE").exists()


def test_the_wheel_requires_what_the_pipeline_imports_but_no_encoder(wheel):
    metadata = Parser().parsestr(read(wheel, ".dist-info/METADATA"))
    assert (metadata["Name"], metadata["Version"]) == ("en_tiny_packaged", "1.2.3")
    assert metadata["License"] == "MIT"
    required = {re.match(r"[\w-]+", line)[0] for line in metadata.get_all("Requires-Dist")}
    assert required == {"spacy", "spacy-transformers", "marisa-trie"}


def test_the_wheel_holds_pipeline_model_card_and_licences(wheel):
    inside = "en_tiny_packaged/en_tiny_packaged-1.2.3"
    assert "micro F1 1.000" in " ".join(read(wheel, f"{inside}/README.md").split())
    assert "MIT License" in read(wheel, f"{inside}/LICENSE")
    assert "Apache-2.0" in read(wheel, f"{inside}/LICENSES_SOURCES")
    assert json.loads(read(wheel, f"{inside}/meta.json"))["name"] == "tiny_packaged"


def test_the_package_unpacked_loads_as_a_module(wheel, tmp_path, monkeypatch):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    doc = spacy.load("en_tiny_packaged")("more like sade, less like korn")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("sade", "Artist"), ("korn", "Artist")]
    assert all(ent._.confidence > 0.5 for ent in doc.ents)


def test_packaging_again_replaces_the_package(run_main, packaged):
    (packaged / "dist" / "leftover.whl").touch()
    run_main()
    assert [path.name for path in packaged.parent.iterdir()] == [packaged.name]
    (wheel,) = (packaged / "dist").iterdir()
    assert zipfile.ZipFile(wheel).testzip() is None


@pytest.mark.parametrize("name", ["not-a-module", "2023", "", "en_music"])
def test_a_name_that_no_package_can_have_is_an_error_and_leaves_the_packages(
    run_main, packaged, capsys, name
):
    with pytest.raises(SystemExit) as exit:
        run_main(name)
    assert exit.value.code == 1
    assert "Setvars.nametoletters" in "".join(capsys.readouterr().out.split())
    assert [path.name for path in packaged.parent.iterdir()] == [packaged.name]


def test_a_wheel_that_cannot_be_built_is_an_error_and_leaves_the_packages(
    run_main, packaged, capsys
):
    with pytest.raises(SystemExit) as exit:
        run_main(version="first")
    assert exit.value.code == 1
    assert "The wheel was not built" in capsys.readouterr().out
    assert [path.name for path in packaged.parent.iterdir()] == [packaged.name]


def test_a_wheel_counts_as_installed_only_if_it_is_just_that_file(tmp_path, monkeypatch):
    wheel = tmp_path / "en_tiny_packaged-1.2.3-py3-none-any.whl"
    wheel.write_bytes(b"the wheel")
    assert not is_installed("en_tiny_packaged", wheel)
    information = tmp_path / "en_tiny_packaged-1.2.3.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: en_tiny_packaged\n", encoding="utf8")
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_installed("en_tiny_packaged", wheel)
    hashes = {"sha256": hashlib.sha256(b"the wheel").hexdigest()}
    srsly.write_json(information / "direct_url.json", {"archive_info": {"hashes": hashes}})
    assert is_installed("en_tiny_packaged", wheel)
    wheel.write_bytes(b"another wheel")
    assert not is_installed("en_tiny_packaged", wheel)


def test_a_package_that_does_not_load_is_an_error_each_time(tmp_path, run_script):
    folder = tmp_path / "package"
    (folder / "dist").mkdir(parents=True)
    wheel = folder / "dist" / "en_broken-0.0.1-py3-none-any.whl"
    information = "en_broken-0.0.1.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("en_broken.py", "raise ImportError('broken')")
        archive.writestr(
            f"{information}/METADATA", "Metadata-Version: 2.1\nName: en_broken\nVersion: 0.0.1\n"
        )
        archive.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{information}/RECORD", "")
    try:
        runs = [run_script("install", folder) for _ in range(2)]
    finally:
        subprocess.run(
            [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "en_broken"], check=True
        )
    assert "is installed" in runs[1].stdout
    for run in runs:
        assert run.returncode == 1
        assert "doesnotwork" in "".join(run.stdout.split())
