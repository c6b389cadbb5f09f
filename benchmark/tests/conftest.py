"""Fixtures that the benchmark's tests share; those of tiny models are the root project's."""

import sys
from pathlib import Path

import pytest
import spacy
import srsly
from spacy import util
from spacy.tokens import Doc

from music_ner.data.marked import parse
from music_ner.data.query import normalize_query, to_doc

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT))
pytest_plugins = ["tests.fixtures"]


def public_data(name: str) -> Path:
    """RETURNS (Path): A folder of public data; the test is skipped if it is nowhere."""
    folders = (ROOT / "assets", ROOT.parent / "shared" / "data")
    for folder in folders:
        if (folder / name).is_dir():
            return folder / name
    pytest.skip(f"{name}: not in {' or '.join(map(str, folders))}; see `assets --extra`")


@pytest.fixture(scope="session")
def tiny_config(tiny_config) -> Path:
    """The root project's tiny config, which is read from another folder here."""
    config = util.load_config(tiny_config, interpolate=False)
    config["paths"]["names"] = [str(ROOT / name) for name in config["paths"]["names"]]
    config["paths"]["alternatives"] = str(ROOT / config["paths"]["alternatives"])
    config.to_disk(tiny_config, interpolate=False)
    return tiny_config


@pytest.fixture(scope="session")
def root(tiny_config, tiny_bert, tmp_path_factory) -> Path:
    """A root project with a tiny encoder, a config with little training, few names, and few
    alternatives."""
    folder = tmp_path_factory.mktemp("root")
    for name in ("configs", "training"):
        (folder / name).mkdir()
    srsly.write_jsonl(folder / "names.jsonl", [{"artist": "Portishead", "works": ["Dummy"]}])
    srsly.write_json(folder / "alternatives.json", {"year": ["1989", "1990"]})
    config = util.load_config(tiny_config, interpolate=False)
    config["paths"]["names"] = ["names.jsonl"]
    config["paths"]["alternatives"] = "alternatives.json"
    config.to_disk(folder / "configs" / "config.cfg", interpolate=False)
    srsly.write_json(folder / "configs" / "encoders.json", {})
    encoder = {"name": "tiny-bert", "path": str(tiny_bert), "version": "1"}
    srsly.write_json(folder / "training" / "encoder.json", encoder)
    return folder


@pytest.fixture(scope="session")
def make_doc():
    """spaCy's English tokenizer."""
    return spacy.blank("en").make_doc


@pytest.fixture(scope="session")
def docs_of(make_doc):
    """Make docs of marked queries: `docs_of(["like [sade](Artist)"])`."""

    def make(lines) -> list[Doc]:
        return [to_doc(normalize_query(parse(line, "")), make_doc) for line in lines]

    return make
