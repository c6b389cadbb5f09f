"""The service as its clients see it."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
import spacy
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from spacy.tokens import Span

from music_ner.data.entities import entities_of
from music_ner.service.app import create_app
from tests.service.conftest import AUTHORIZED, CSV

TEXT = "songs like karma police by radioheads"
NAMES = "artist,work\nMorphie Robocobra Quartet,\nSade,By Your Side\n"


def find(client, *texts, **options):
    """RETURNS (list[dict]): The results of a request."""
    answer = client.post("/entities", json={"texts": texts, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def upload(client, names, headers=CSV):
    """RETURNS (httpx.Response): The answer to an upload."""
    return client.put("/catalogue", content=names, headers={**AUTHORIZED, **headers})


# Entities


def test_the_entities_are_those_of_the_pipeline(client, tiny_fast):
    texts = [TEXT, "more like sade | less like korn", "", "upbeat funk for cooking"]
    found = find(client, *texts)
    nlp = spacy.load(tiny_fast)
    assert [result["text"] for result in found] == texts
    expected = [entities_of(nlp(text)) for text in texts]
    assert [len(entities) for entities in expected] == [2, 2, 0, 0]
    for result, entities in zip(found, expected, strict=True):
        for entity, other in zip(result["entities"], entities, strict=True):
            assert entity == {**other, "confidence": pytest.approx(other["confidence"], abs=1e-5)}


@pytest.mark.parametrize("before", ["\U0001f600 ", "  \n", "| ", "Ⅻ ﬁ ", "e\u0301 "])
def test_offsets_are_of_the_text_as_it_was_sent(client, before):
    text = before + TEXT
    (result,) = find(client, text)
    assert result["text"] == text
    assert result["entities"]
    for entity in result["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert entity["text"] in TEXT


def test_entities_of_a_lower_confidence_are_left_out(client):
    (all_of_them,), (none_of_them,) = find(client, TEXT), find(client, TEXT, min_confidence=1)
    confidences = [entity["confidence"] for entity in all_of_them["entities"]]
    (some,) = find(client, TEXT, min_confidence=max(confidences))
    assert len(confidences) == 2
    assert [entity["confidence"] for entity in some["entities"]] == [max(confidences)]
    assert none_of_them["entities"] == []


def test_an_entity_has_the_id_and_the_candidates_that_the_pipeline_gives():
    nlp = spacy.blank("en")
    doc = nlp("like sade")
    doc.set_ents([Span(doc, 1, 2, "Artist", kb_id="artist:1")])
    (entity,) = entities_of(doc)
    assert (entity["id"], entity["candidates"]) == ("artist:1", [])
    Span.set_extension("candidates", default=None, force=True)
    Span.set_extension("link_confidence", default=None, force=True)
    candidates = [{"id": "artist:1", "name": "Sade", "score": 0.9}]
    doc.ents[0]._.candidates, doc.ents[0]._.link_confidence = candidates, 0.9
    (entity,) = entities_of(doc)
    assert (entity["link_confidence"], entity["candidates"]) == (0.9, candidates)


# Refusals


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "EOF"),
        (b"{", 400, "JSON"),
        (b'{"texts": ["\xff"]}', 400, "JSON"),
        (b'{"texts": ["\\ud800"]}', 400, "JSON"),
        (b"[" * 100_000, 400, "JSON"),
        (b"[]", 422, "object"),
        (b"{}", 422, "texts"),
        (b'{"texts": []}', 422, "at least one"),
        (b'{"texts": "sade"}', 422, "texts"),
        (b'{"texts": [1]}', 422, "texts.0"),
        (b'{"texts": [null]}', 422, "texts.0"),
        (b'{"texts": ["a"], "text": "a"}', 422, "text: "),
        (b'{"texts": ["a"], "min_confidence": "0.5"}', 422, "min_confidence"),
        (b'{"texts": ["a"], "min_confidence": 1.5}', 422, "min_confidence"),
        (b'{"texts": ["a"], "min_confidence": NaN}', 422, "min_confidence"),
        (b'{"texts": ["a"], "min_confidence": 1e999}', 422, "min_confidence"),
    ],
)
def test_a_malformed_request_is_answered_with_a_sentence(client, body, status, words):
    answer = client.post("/entities", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/xml", "multipart/form-data"])
def test_another_content_type_is_refused(client, media_type):
    headers = {"Content-Type": media_type}
    answer = client.post("/entities", content=b'{"texts": ["a"]}', headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("texts", "status", "words"),
    [
        (["a"] * 4, 422, "4 are sent, but a request may have 3"),
        (["a", "abcdef"], 422, "texts.1: 6 characters"),
        (["a" * 100], 413, "larger than 100 bytes"),
        (["a"] * 3, 503, "busy"),
    ],
)
def test_what_exceeds_a_limit_is_refused(limited, texts, status, words):
    answer = limited.post("/entities", json={"texts": texts})
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert find(limited, "abcde") == [{"text": "abcde", "entities": []}]


def test_a_body_without_a_declared_length_is_limited_too(limited):
    headers = {"Content-Type": "application/json"}
    answer = limited.post("/entities", content=iter([b" " * 60] * 2), headers=headers)
    assert answer.status_code == 413


def test_the_description_states_the_limits(limited):
    schema = limited.get("/openapi.json").json()["paths"]["/entities"]["post"]["requestBody"]
    texts = schema["content"]["application/json"]["schema"]["properties"]["texts"]
    assert (texts["maxItems"], texts["items"]["maxLength"]) == (3, 5)


def test_an_answer_that_takes_too_long_is_given_up(settings):
    with TestClient(create_app(replace(settings, timeout=0.001, max_delay=1.0))) as client:
        answer = client.post("/entities", json={"texts": ["a"]})
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


def test_a_failure_tells_nothing_of_the_inside(settings, monkeypatch):
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        monkeypatch.setattr("music_ner.service.app.is_sure", None)
        answer = client.post("/entities", json={"texts": [TEXT]})
    assert answer.status_code == 500
    assert answer.json() == {"detail": "The service could not process this request."}


# Catalogue


def test_an_upload_says_what_was_rejected(fresh):
    client = fresh
    assert client.get("/catalogue").json() == {"writable": True, "upload": None}
    answer = upload(client, f"{NAMES},***\na,b,c\n,\n")
    report = answer.json()
    assert answer.status_code == 200
    assert (report["taken"], report["pairs"], report["n_rejected"]) == (3, 1, 3)
    assert [(row["row"], row["name"]) for row in report["rejected"]] == [
        (4, "***"),
        (5, ""),
        (6, ""),
    ]
    assert client.get("/catalogue").json()["upload"] == report
    find(client, TEXT)


def test_an_upload_replaces_the_one_before(client):
    first = upload(client, NAMES).json()
    again = upload(client, NAMES).json()
    other = upload(client, '[{"artist": "Moby"}]', {"Content-Type": "application/json"}).json()
    assert first == again
    assert (other["artists"], other["works"]) == (first["artists"] - 1, first["works"] - 1)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("name\nSade\n", "Row 1 has to name the columns: artist,work."),
        ('artist,work\n"Sade,\n', "Quotes have to be closed."),
        (b"artist,work\nSad\xe9,\n", "Not UTF-8"),
        ("", "Row 1"),
    ],
)
def test_an_upload_that_cannot_be_read_changes_nothing(client, names, words):
    before = upload(client, NAMES).json()
    answer = upload(client, names)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert client.get("/catalogue").json()["upload"] == before


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"}])
def test_an_upload_needs_the_token(client, headers):
    before = client.get("/catalogue").json()
    answer = client.put("/catalogue", content=NAMES, headers={**CSV, **headers})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/catalogue").json() == before


def test_uploads_are_switched_off_without_a_token(settings):
    with TestClient(create_app(replace(settings, token=""))) as client:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
            answer = client.put("/catalogue", content=NAMES, headers={**CSV, **headers})
            assert answer.status_code == 403
            assert "MUSIC_NER_TOKEN" in answer.json()["detail"]
        assert not client.get("/catalogue").json()["writable"]


def test_a_pipeline_without_a_catalogue_is_served(settings, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    with TestClient(create_app(replace(settings, model=str(tmp_path / "blank")))) as client:
        assert find(client, TEXT) == [{"text": TEXT, "entities": []}]
        assert upload(client, NAMES).status_code == 403


# Processes


def spans_of(results):
    """RETURNS (list[tuple]): The entities of results, without their confidence."""
    return [(e["start"], e["end"], e["label"]) for result in results for e in result["entities"]]


def processes_of(url):
    """RETURNS (set[str]): The upload reports that many connections find, as JSON."""
    with ThreadPoolExecutor(16) as pool:
        states = pool.map(lambda _: httpx.get(f"{url}/catalogue", timeout=60).json(), range(64))
        return {json.dumps(state) for state in states}


def pids_of(running):
    """RETURNS (set[int]): The processes that have answered a request."""
    lines = map(json.loads, running.log.read_text(encoding="utf8").splitlines())
    return {line["pid"] for line in lines if line["message"] == "request"}


def test_all_workers_use_an_upload_from_the_next_request_on(start, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text(NAMES, encoding="utf8")
    with (
        start("--workers", 2, "--catalogue", path) as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        assert client.get("/catalogue").json()["upload"]["taken"] == 3
        for number in range(3):
            report = upload(client, f"artist,work\nArtist {number},\n").json()
            assert processes_of(running.url) == {json.dumps({"writable": True, "upload": report})}
        assert len(pids_of(running)) == 2


def test_requests_that_run_during_uploads_are_answered(running):
    stopped = threading.Event()

    def ask():
        with httpx.Client(base_url=running.url, timeout=60) as client:
            answers = []
            while not stopped.is_set():
                answers.append(find(client, TEXT)[0]["entities"])
            return answers

    with ThreadPoolExecutor(4) as pool, httpx.Client(base_url=running.url, timeout=60) as client:
        asked = [pool.submit(ask) for _ in range(4)]
        for number in range(5):
            assert upload(client, f"artist,work\nArtist {number},\n").status_code == 200
        stopped.set()
        answers = [answer for future in asked for answer in future.result()]
    assert {tuple(entity["text"] for entity in answer) for answer in answers} == {
        ("karma police", "radioheads")
    }


def test_a_worker_that_is_killed_is_replaced_and_no_answer_is_wrong(start):
    with start("--workers", 2) as running:
        with httpx.Client(base_url=running.url, timeout=60) as client:
            expected = [find(client, f"{TEXT} {number}") for number in range(4)]
        stopped = threading.Event()

        def ask(number):
            answers, errors = [], 0
            while not stopped.is_set():
                try:
                    with httpx.Client(base_url=running.url, timeout=60) as client:
                        answers.append(find(client, f"{TEXT} {number}"))
                except httpx.TransportError:
                    errors += 1
            return answers, errors

        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, number) for number in range(4)]
            while len(pids_of(running)) < 2:
                time.sleep(0.05)
            before = pids_of(running)
            os.kill(min(before), signal.SIGKILL)
            while len(pids_of(running)) < 3:
                time.sleep(0.05)
            stopped.set()
            for future, answer in zip(asked, expected, strict=True):
                answers, _ = future.result()
                assert answers
                assert all(spans_of(found) == spans_of(answer) for found in answers)


def test_what_has_begun_is_finished_when_the_service_is_told_to_end(start):
    with start() as running:
        texts = [f"{TEXT} {number}" for number in range(256)]
        with ThreadPoolExecutor(8) as pool:
            asked = [
                pool.submit(
                    httpx.post, f"{running.url}/entities", json={"texts": texts}, timeout=60
                )
                for _ in range(8)
            ]
            with httpx.Client(base_url=running.url, timeout=60) as client:
                while not metrics_of(client).get("music_ner_texts_total"):
                    time.sleep(0.01)
            running.process.terminate()
            answers = [future.result() for future in asked]
        assert running.process.wait(60) == 0
    assert [answer.status_code for answer in answers] == [200] * 8
    assert all(len(answer.json()["results"]) == 256 for answer in answers)


def test_a_model_that_does_not_exist_ends_the_command(start, tmp_path):
    with pytest.raises(AssertionError, match="no such pipeline"), start(model="en_nothing"):
        pass
    with pytest.raises(AssertionError, match="cannot load this pipeline"), start(model=tmp_path):
        pass


def test_names_that_cannot_be_read_end_the_command(start, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("name\nSade\n", encoding="utf8")
    with pytest.raises(AssertionError, match=r"names\.csv:\s+Row 1"), start("--catalogue", path):
        pass


# Metrics and logs


def metrics_of(client):
    """RETURNS (dict[str, float]): The metrics, summed over their labels."""
    sums = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def test_metrics_count_what_all_workers_do(running):
    with httpx.Client(base_url=running.url, timeout=60) as client:
        before = metrics_of(client)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: find(httpx.Client(base_url=running.url), TEXT), range(16)))
        after = metrics_of(client)
    for name, count in {"texts": 16, "entities": 32, "batch_texts_sum": 16}.items():
        name = f"music_ner_{name}" + ("" if name.endswith("sum") else "_total")
        assert after[name] - before.get(name, 0) == count


def test_logs_are_structured_and_hold_nothing_that_was_sent(running):
    with httpx.Client(base_url=running.url, timeout=60) as client:
        find(client, "zanzibarbarian")
        client.post("/entities", json={"texts": ["a"], "zanzibarbarian": 1})
        client.get("/zanzibarbarian?zanzibarbarian")
        client.request("ZANZIBARBARIAN", "/entities")
        upload(client, "artist,work\nZanzibarbarian,\n")
    logged = running.log.read_text(encoding="utf8")
    assert "zanzibarbarian" not in logged.lower()
    lines = [json.loads(line) for line in logged.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert {"route": "/entities", "status": 200, "texts": 1}.items() <= next(
        line for line in requests if line["route"] == "/entities" and line["status"] == 200
    ).items()


def test_answers_forbid_inline_scripts(client):
    for path in ("/", "/health", "/nothing"):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
