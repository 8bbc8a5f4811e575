"""Bodies of requests that write: bounded in length, depth and time, JSON and nothing else, known keys and values only."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.served import Serve, Writable
from support.sockets import exchanged

from seenat.registry.errors import InvalidValue
from seenat.remote.bodies import SUBMISSION, read_body
from seenat.service.settings import Limits

JSON = {"content-type": "application/json"}


def refused(writable: Writable, status: int, kind: str, told: str = "", **how: Any) -> None:
    """That a body is refused, and nothing is planned."""
    before = len(writable.served.catalog.jobs())
    response = writable.act("/api/v1/jobs", **how)
    found = response.json()
    assert (response.status_code, found["type"]) == (status, f"urn:seenat:{kind}"), found
    assert told in found["detail"]
    assert response.content.isascii()
    assert len(writable.served.catalog.jobs()) == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"model": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"model": "a", "model": "b"}', "twice"),
        (b'{"model": NaN}', "NaN"),
        (b'{"model": "a", "seed": Infinity}', "Infinity"),
        (b'{"model": "a", "seed": ' + b"9" * 5000 + b"}", "no JSON"),
        (b'{"model": "a", "steps": ' + b"[" * 20 + b"]" * 20 + b"}", "deeper"),
        (b"[" * 60_000, "deeper"),
        (b'{"a":' * 10_000, "deeper"),
        (b'{"model": "' + b'\\"' * 30_000, "no JSON"),
        (b"[]", "no JSON object"),
        (b'"model"', "no JSON object"),
        (b"null", "no JSON object"),
        (b"{}", "needs model"),
        (b'{"model": "a\\u0000b"}', "number 0"),
        (b'{"model": "pocket-230k", "note": "\\ud800"}', "half a character"),
    ],
)
def test_what_is_no_body(writable: Writable, content: bytes, told: str) -> None:
    begun = time.process_time()
    refused(writable, 422, "invalid-value", told, content=content, headers=JSON)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model": 5}, "is no string"),
        ({"model": ""}, "0 characters"),
        ({"model": "x" * 301}, "301 characters"),
        ({"steps": "some"}, "'some'"),
        ({"steps": []}, "0 values"),
        ({"steps": [True]}, "is no integer"),
        ({"steps": [1.5]}, "is no integer"),
        ({"steps": [{}]}, "is no integer"),
        ({"steps": ["1; DROP TABLE jobs"]}, "is not a step"),
        ({"sequences": "all"}, "not as it is written"),
        ({"sequences": "0;5"}, "not as it is written"),
        ({"sample": 0}, "not from 1"),
        ({"sample": 10**30}, "too large"),
        ({"unseen": "true"}, "is no boolean"),
        ({"unseen": 1}, "is no boolean"),
        ({"measure": "influence"}, "'influence'"),
        ({"prompt": [32] * 9}, "9 values"),
        ({"prompt": None}, "is no integer"),
        ({"note": "x" * 4001}, "4,001 characters"),
    ],
)
def test_what_is_no_value(writable: Writable, values: dict[str, Any], told: str) -> None:
    refused(writable, 422, "invalid-value", told, json={"model": "pocket-230k"} | values)


@pytest.mark.parametrize(
    "key", ["device", "submit", "adaptive", "keep_checkpoints", "stps", "__class__", "self", "id_"]
)
def test_an_unknown_key_comes_with_the_nearest(writable: Writable, key: str) -> None:
    response = writable.act("/api/v1/jobs", json={"model": "pocket-230k", key: 1})
    assert (response.status_code, response.json()["type"]) == (422, "urn:seenat:unknown-parameter")
    assert set(response.json()["nearest"]) <= SUBMISSION.keys()
    assert key != "stps" or response.json()["nearest"] == ["steps"]


@pytest.mark.parametrize(
    "given",
    [
        *("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
        *("application/jsonx", "application/json; charset=utf-16", "text/plain; application/json"),
    ],
)
def test_only_json_is_read(writable: Writable, given: str) -> None:
    refused(writable, 415, "wrong-media-type", content=b'{"model": "pocket-230k"}', headers={"content-type": given})


def test_a_large_body_is_refused(writable: Writable) -> None:
    large = json.dumps({"model": "pocket-230k", "note": "x" * 70_000}).encode()
    refused(writable, 413, "too-large", content=large, headers=JSON)
    refused(writable, 413, "too-large", content=iter([large[:40_000], large[40_000:]]), headers=JSON)


def test_a_body_as_large_as_may_be_is_read(writable: Writable) -> None:
    """With its head, and in chunks, it is longer than a head may be."""
    asked = {"model": "pocket-230k", "steps": [64], "sequences": "0:8"}
    body = json.dumps(asked).encode().ljust(65_536)
    for content in (body, iter([body[:30_000], body[30_000:]])):
        assert writable.act("/api/v1/jobs", content=content, headers=JSON).status_code == 202


def head(writable: Writable, *more: str) -> bytes:
    lines = ["POST /api/v1/jobs HTTP/1.1", "host: localhost", "content-type: application/json"]
    return "\r\n".join([*lines, f"authorization: Bearer {writable.tokens['jobs:write']}", *more, "", ""]).encode()


def test_a_slow_body_is_given_up(writable: Writable) -> None:
    port, begun = writable.served.port, time.monotonic()
    assert exchanged(port, head(writable, "content-length: 50"), b'{"model"').startswith(b"HTTP/1.1 408 ")
    drip = [b"1\r\n{\r\n"] * 20
    assert exchanged(port, head(writable, "transfer-encoding: chunked"), *drip, pause=0.05).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < 8


def test_a_body_that_nobody_reads_holds_no_connection(serve: Serve) -> None:
    """It is answered at once; the rest may come for as long as a head may take."""
    served = serve(limits=Limits(header_seconds=0.3))
    asked = b"POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 60000\r\n\r\n"
    begun = time.monotonic()
    assert exchanged(served.port, asked, *[b"x"] * 8, pause=0.1).count(b"HTTP/1.1 401 ") == 1
    assert time.monotonic() - begun < 5


def test_a_body_in_endless_chunks_is_cut(writable: Writable) -> None:
    chunks = [b"1\r\nx\r\n" * 20_000] * 10
    received = exchanged(writable.served.port, head(writable, "transfer-encoding: chunked"), *chunks)
    assert received == b"" or received.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "lines",
    [
        ("content-length: 5", "transfer-encoding: chunked"),
        ("content-length: 5", "content-length: 6"),
        ("content-length: +5",),
        ("transfer-encoding: chunked, identity",),
    ],
)
def test_bodies_of_unclear_length_are_refused(writable: Writable, lines: tuple[str, ...]) -> None:
    """What a proxy before the service may read otherwise than the service: a second request in the first one's body."""
    smuggled = b"0\r\n\r\nGET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    received = exchanged(writable.served.port, head(writable, *lines) + smuggled)
    assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ", b"HTTP/1.1 422 "))
    assert b'"status":"ok"' not in received


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(sorted(SUBMISSION)), VALUES, max_size=4))
def test_a_body_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        values = read_body(SUBMISSION, ("model",), body)
    except InvalidValue:
        return
    assert isinstance(values["model"], str)
    assert not any(isinstance(value, float | dict) or value is None for value in values.values())
