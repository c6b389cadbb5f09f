import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser

import pytest
import spacy
import srsly
from packaging.requirements import Requirement
from spacy import util
from weasel.util import get_checksum

from music_ner import __version__
from scripts.install import is_installed
from scripts.package import main, prepare, requirement_of
from tests.conftest import ROOT
from tests.packages import CARD_PATH, RATES

ENCODERS_PATH = ROOT / "configs" / "encoders.json"


@pytest.fixture(scope="module")
def run_main(tiny_model, metrics, tmp_path_factory):
    """Package the tiny model by the command, each time into the same folder."""
    folder = tmp_path_factory.mktemp("project")
    srsly.write_json(folder / "scores.json", metrics)
    srsly.write_json(folder / "behaviour.json", {"rates": RATES, "failed": []})

    def run(
        name: str = "tiny_packaged",
        version: str = "1.2.3",
        model=tiny_model,
        scores=folder / "scores.json",
        behaviour=folder / "behaviour.json",
    ):
        output = folder / "packages"
        arguments = (model, scores, behaviour, ENCODERS_PATH, CARD_PATH, output)
        main(*arguments, name=name, version=version, licence_path=ROOT / "LICENSE")
        return output / f"en_{name}-{version}"

    return run


@pytest.fixture(scope="module")
def packaged(run_main):
    return run_main()


@pytest.fixture
def wheel(packaged):
    return packaged.parent / "wheels" / f"{packaged.name}-py3-none-any.whl"


def read(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def test_a_prepared_pipeline_works_and_names_no_path_of_this_machine(
    meta, tiny_model, tiny_bert, tiny_corpus, tmp_path
):
    model, folder = shutil.copytree(tiny_model, tmp_path / "model"), tmp_path / "prepared"
    config = util.load_config(model / "config.cfg", interpolate=False)
    config["training"]["logger"]["output_file"] = str(tmp_path / "log.jsonl")
    config["initialize"]["components"]["catalogue"]["names"] = [str(tmp_path / "names.jsonl")]
    config["paths"]["alternatives"] = str(tmp_path / "alternatives.json")
    config["provenance"] = {
        "data": {"csv": [{"path": str(tmp_path / "a.csv"), "sha256": "1"}], "bio": []},
        "encoder": {"requested": str(tiny_bert), "name": "tiny-bert", "version": "abc"},
        "seed": 5,
    }
    config.to_disk(model / "config.cfg", interpolate=False)
    prepare(model, folder, meta, "all-MiniLM-L6-v2", "Apache-2.0", ROOT / "LICENSE")
    for name in ("config.cfg", "meta.json"):
        text = (folder / name).read_text(encoding="utf8")
        for path in (tiny_bert, tiny_corpus, tiny_model, ROOT, tmp_path):
            assert str(path) not in text
    prepared = util.load_config(folder / "config.cfg", interpolate=True)
    assert prepared["provenance"] == {
        "data": {"csv": [{"path": "a.csv", "sha256": "1"}], "bio": []},
        "encoder": {"name": "tiny-bert", "version": "abc"},
        "seed": 5,
    }
    assert set(prepared["paths"].values()) == {None}
    augmenters = prepared["corpora"]["train"]["augmenter"]["*"]
    assert augmenters["alternatives"]["path"] is None
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


def test_the_wheel_requires_this_version_of_the_library_and_no_encoder(wheel):
    metadata = Parser().parsestr(read(wheel, ".dist-info/METADATA"))
    assert (metadata["Name"], metadata["Version"]) == ("en_tiny_packaged", "1.2.3")
    assert metadata["License"] == "MIT"
    requirements = map(Requirement, metadata.get_all("Requires-Dist"))
    required = {requirement.name: requirement for requirement in requirements}
    assert set(required) == {"music-ner", "spacy", "spacy-transformers"}
    assert required["music-ner"].extras == set()
    assert required["music-ner"].specifier.contains(__version__, prereleases=True)
    assert not required["music-ner"].specifier.contains("99.0")


def test_a_pipeline_without_torch_requires_the_extra_for_it(tiny_fast):
    requirement = Requirement(requirement_of(tiny_fast))
    assert (requirement.name, requirement.extras) == ("music-ner", {"fast"})
    assert requirement.specifier.contains(__version__, prereleases=True)


def test_a_stock_pipeline_requires_no_extra_of_the_fast_one(tiny_model):
    assert Requirement(requirement_of(tiny_model)).extras == set()


def test_the_wheel_has_no_code_of_components(wheel):
    with zipfile.ZipFile(wheel) as archive:
        code = [name for name in archive.namelist() if name.endswith(".py")]
    assert code == ["en_tiny_packaged/__init__.py"]


def test_the_package_holds_the_same_wheel(wheel, packaged):
    (built,) = (packaged / "dist").iterdir()
    assert built.read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_pipeline_model_card_and_licences(wheel):
    inside = "en_tiny_packaged/en_tiny_packaged-1.2.3"
    card = read(wheel, f"{inside}/README.md")
    assert "micro F1 1.000" in " ".join(card.split())
    assert "\n| posts | 10 | 1.000 |" in card
    assert "\n| typed search | 8 | 88% |\n" in card
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
    assert {path.name for path in packaged.parent.iterdir()} == {packaged.name, "wheels"}
    (wheel,) = (packaged / "dist").iterdir()
    assert zipfile.ZipFile(wheel).testzip() is None


@pytest.fixture
def refused(run_main, packaged, capsys):
    """Package with other arguments, which ends the command and leaves the packages as they were.

    RETURNS (str): What was said, without white space.
    """

    def run(**arguments) -> str:
        before = sorted(packaged.parent.rglob("*"))
        with pytest.raises(SystemExit) as exit:
            run_main(**arguments)
        assert exit.value.code == 1
        assert sorted(packaged.parent.rglob("*")) == before
        return "".join(capsys.readouterr().out.split())

    return run


@pytest.mark.parametrize("name", ["not-a-module", "2023", "", "en_music", "MusicNER"])
def test_a_name_that_no_package_can_have_is_an_error(refused, name):
    assert "Setvars.nametoletters" in refused(name=name)


@pytest.mark.parametrize("version", ["first", "1_0", "1.0 beta"])
def test_a_version_that_no_package_can_have_is_an_error(refused, version):
    assert "Setvars.versionto1.0.0" in refused(version=version)


def test_a_wheel_that_cannot_be_built_is_an_error(refused, tmp_path, monkeypatch):
    (tmp_path / "build.py").write_text("raise SystemExit('no wheels today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = refused()
    assert "Thewheelwasnotbuilt" in said
    assert "nowheelstoday" in said


@pytest.fixture
def named(tiny_model, tmp_path):
    """The tiny pipeline with a name and a version, as `calibrate` gives them."""
    model = shutil.copytree(tiny_model, tmp_path / "named")
    meta = {**srsly.read_json(model / "meta.json"), "name": "my_music", "version": "2.0"}
    srsly.write_json(model / "meta.json", meta)
    return model


@pytest.mark.parametrize(
    ("name", "version"),
    [("music_ner", "2.0"), ("my_music", "0.3.0"), ("my_music_fast", "2.0")],
)
def test_a_pipeline_is_not_packaged_under_another_name(refused, named, name, version):
    said = refused(model=named, name=name, version=version)
    assert f"iscalledmy_music2.0,not{name}{version}" in said
    assert "Add--vars.namemy_music--vars.version2.0." in said


@pytest.mark.parametrize("file", ["scores", "behaviour"])
def test_a_pipeline_is_not_packaged_with_the_card_of_another(
    refused, named, tiny_model, metrics, tmp_path, file
):
    measured = {"scores": metrics, "behaviour": {"rates": RATES, "failed": []}}[file]
    path = tmp_path / f"{file}.json"
    srsly.write_json(path, {**measured, "checksum": get_checksum(tiny_model)})
    said = refused(model=named, name="my_music", version="2.0", **{file: path})
    assert f"{file}.jsonwasmeasuredonanotherpipeline" in said


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
    wheel = tmp_path / "en_broken-0.0.1-py3-none-any.whl"
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
        runs = [run_script("install", wheel) for _ in range(2)]
    finally:
        subprocess.run(
            [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "en_broken"], check=True
        )
    assert "is installed" in runs[1].stdout
    for run in runs:
        assert run.returncode == 1
        assert "doesnotwork" in "".join(run.stdout.split())
