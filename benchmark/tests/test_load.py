"""Measuring the service under load, with the tiny pipeline."""

import asyncio
import socket
from itertools import cycle, islice

import pytest
import spacy
from scripts.load_client import Sample, as_fast_as_possible, at_rate

from scripts import load
from tests.fixtures import QUERIES

TEXTS = ["more like sade", "songs like karma police by radioheads", "upbeat funk for cooking"]


@pytest.fixture(scope="module")
def service(tiny_fast):
    with load.serve(str(tiny_fast), workers=2) as service:
        yield service


@pytest.fixture(scope="module")
def expected(tiny_fast):
    docs = spacy.load(tiny_fast).pipe(TEXTS)
    return {doc.text: [(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in docs}


@pytest.mark.slow
def test_every_text_is_sent_once_and_answered(service, expected):
    texts = list(islice(cycle(TEXTS), 50))
    samples, took = asyncio.run(as_fast_as_possible(service.port, iter(texts), 4, 60))
    assert sorted(sample.text for sample in samples) == sorted(texts)
    assert load.faults(samples, expected) == {"errors": 0, "wrong": 0}
    assert 0 < max(sample.seconds for sample in samples) <= took


@pytest.mark.slow
def test_requests_are_sent_at_a_rate(service, expected):
    samples = asyncio.run(at_rate(service.port, cycle(TEXTS), 4, seconds=2, rate=30))
    assert 20 <= len(samples) <= 120
    assert load.faults(samples, expected) == {"errors": 0, "wrong": 0}


@pytest.mark.slow
def test_a_load_ends_in_time(service):
    samples, _ = asyncio.run(as_fast_as_possible(service.port, cycle(TEXTS), 4, 0.5))
    assert samples


@pytest.mark.slow
def test_a_killed_worker_gives_no_wrong_answer(service, expected):
    samples = asyncio.run(load.kill_under_load(service, expected, seconds=3))
    found = load.faults(samples, expected)
    assert found["wrong"] == 0
    assert found["errors"] < len(samples)


def test_without_a_service_every_request_is_an_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    samples, _ = asyncio.run(as_fast_as_possible(port, iter(TEXTS), 2, 60))
    assert load.faults(samples, {}) == {"errors": 3, "wrong": 0}
    assert load.quantiles(samples) == {}


def test_wrong_answers_are_counted():
    samples = [Sample("a", 0.1, []), Sample("b", 0.1, [(0, 1, "WoA")]), Sample("b", 0.1, None)]
    assert load.faults(samples, {"a": [], "b": []}) == {"errors": 1, "wrong": 1}


def test_quantiles_are_in_milliseconds():
    samples = [Sample("a", number / 1000, []) for number in range(101)]
    found = load.quantiles(samples)
    assert found == {
        "p50 ms": pytest.approx(50),
        "p95 ms": pytest.approx(95),
        "p99 ms": pytest.approx(99),
    }


def test_distinct_texts_share_no_new_word():
    texts = list(load.distinct(QUERIES, 500))
    assert len(texts) == len({text.split()[-1] for text in texts}) == 500
