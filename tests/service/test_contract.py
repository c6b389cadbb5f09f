"""The service keeps to its OpenAPI description, and survives what is not in it."""

import json
import random

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings

N_MALFORMED = 1_000
VALID = json.dumps({"texts": ["songs like karma police"], "min_confidence": 0.5}).encode()
MEDIA_TYPES = ("application/json", "text/csv", "application/json; charset=utf-16", "x", "")
TARGETS = (("POST", "/entities"), ("PUT", "/catalogue"), ("GET", "/comparison?first=a&second=%ff"))


def test_every_answer_is_as_described(running):
    description = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) == 10
    for operation in operations:

        @given(operation.as_strategy())
        @settings(max_examples=20, suppress_health_check=[*HealthCheck])
        def check(case):
            case.call_and_validate()

        check()


def malformed(chance: random.Random) -> bytes:
    """RETURNS (bytes): A valid body with bytes that are changed, cut out, or put in."""
    body = bytearray(VALID)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(body))
        junk = chance.choice([chance.randbytes(3), b"\xff", b"\\ud800", b"[[", b'"', b"1e999", b""])
        body[start : start + chance.randint(0, 8)] = junk
    return bytes(body)


def test_malformed_requests_are_refused_and_do_no_harm(running):
    chance = random.Random(0)
    statuses = set()
    with httpx.Client(base_url=running.url, timeout=60) as client:
        for _ in range(N_MALFORMED):
            method, path = chance.choice(TARGETS)
            headers = {"Content-Type": chance.choice(MEDIA_TYPES), "Authorization": "Bearer x"}
            answer = client.request(method, path, content=malformed(chance), headers=headers)
            statuses.add(answer.status_code)
            assert answer.status_code < 500 or answer.status_code == 503
            if answer.status_code >= 400:
                assert set(answer.json()) == {"detail"}
        assert client.get("/ready").status_code == 200
    assert {400, 401, 404, 415, 422} <= statuses
