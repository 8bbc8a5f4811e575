"""Every fault is problem+json, from the one table of errors, with what would have been right beside it."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.served import Serve, Served

import seenat
from seenat.registry import errors
from seenat.remote.problems import PROBLEM, problem_kind
from seenat.service.http.problems import problem
from seenat.service.settings import Limits


def refused(served: Served, address: str, status: int, kind: str, **how: Any) -> dict[str, Any]:
    """The problem with which an address is answered."""
    response = served.http.request(how.pop("method", "GET"), address, **how)
    assert response.headers["content-type"] == PROBLEM, response.text
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["status"], body["type"]) == (status, status, f"urn:seenat:{kind}"), body
    assert body["request"] == response.headers["x-request-id"]
    return body


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_of_the_table_is_a_problem(name: str) -> None:
    kind = getattr(errors, name)
    response = problem(kind("It is so; do this."), "an-id")
    assert response.status_code == kind.http_status
    assert f'"urn:seenat:{problem_kind(kind)}"'.encode() in bytes(response.body)


def test_unknown_names_come_with_the_nearest(served: Served) -> None:
    found = refused(served, "/api/v1/models/pythia-70n", 404, "unknown-model")
    assert "pythia-70m" in found["nearest"]
    found = refused(served, "/api/v1/models/pythia-70m/steps/1500", 404, "unknown-checkpoint")
    assert found["nearest"] == [1000, 2000]
    found = refused(served, "/api/v1/orders/pocket-order/batches/448", 404, "unknown-batch")
    assert found["nearest"] == [447]


def test_an_unknown_address_names_those_that_are_alike(served: Served) -> None:
    found = refused(served, "/api/v1/modles", 404, "unknown-route")
    assert "/api/v1/models" in found["nearest"]
    refused(served, "/nothing", 404, "unknown-route")


@pytest.mark.parametrize(
    ("query", "kind", "told"),
    [
        ("limt=5", "unknown-parameter", "limt"),
        ("by=384&limit=x", "invalid-value", "limit"),
        ("by=384&limit=10001", "invalid-value", "10,000"),
        ("by=384&limit=1&limit=2", "invalid-value", "twice"),
        ("limit=1", "invalid-value", "by"),
        ("by=384&after=5", "invalid-value", "after"),
        ("by=384&after=5:x", "invalid-value", "after"),
        ("by=384&protocol=%FF", "invalid-value", "UTF-8"),
        ("by=384&protocol=", "invalid-value", "protocol"),
        ("by=" + "9" * 30, "invalid-value", "by"),
    ],
)
def test_wrong_parameters_are_named(served: Served, query: str, kind: str, told: str) -> None:
    assert told in refused(served, f"/api/v1/models/pocket-230k/which/first?{query}", 422, kind)["detail"]


def test_an_unknown_parameter_comes_with_the_nearest(served: Served) -> None:
    found = refused(served, "/api/v1/models?sizes=70m", 422, "unknown-parameter")
    assert found["nearest"] == ["size"]


def test_a_search_needs_a_text_or_ids(served: Served) -> None:
    path = "/api/v1/orders/pocket-order/find"
    refused(served, path, 422, "invalid-value")
    refused(served, f"{path}?text=a&ids=1", 422, "invalid-value")
    refused(served, f"{path}?text=" + "a" * 20_001, 422, "invalid-value")
    assert served.http.get(f"{path}?ids=1,2,3").status_code == 200


def test_a_path_that_is_not_utf8_is_refused(served: Served) -> None:
    refused(served, "/api/v1/models/%ff%fe", 422, "invalid-value")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_nothing_but_reading_is_answered(served: Served, method: str) -> None:
    response = served.http.request(method, "/api/v1/models")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    refused(served, "/api/v1/models", 405, "method-not-allowed", method=method)


def test_large_requests_are_refused(served: Served) -> None:
    refused(served, "/api/v1/models?size=" + "7" * 40_000, 413, "too-large")
    refused(served, "/api/v1/models?" + "size=1&" * 300, 413, "too-large")
    for length in (b"70000", b"-1", b"1" * 20):
        head = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: " + length
        assert exchanged(served, head + b"\r\n\r\n").startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))


def test_a_large_answer_is_refused_and_its_rows_are_not(serve: Serve) -> None:
    served = serve(limits=Limits(answer_bytes=5000))
    found = refused(served, "/api/v1/models", 413, "too-large")
    assert ".jsonl" in found["detail"]
    assert len(served.http.get("/api/v1/models.jsonl").text.splitlines()) == len(served.catalog.models())


def test_a_slow_answer_is_given_up(serve: Serve) -> None:
    served = serve(limits=Limits(answer_seconds=0.005))
    found = refused(served, "/api/v1/orders/pocket-order/repeats?minimum=16", 503, "too-slow")
    assert "0.005" in found["detail"]


def test_long_work_is_broken_off_when_nobody_waits_any_more(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one thread for searches, the next would not be answered else."""

    def endless(_catalog: object, name: str, *, progress: Callable[[int], None]) -> None:
        while name:
            time.sleep(0.01)
            progress(1)

    monkeypatch.setattr(seenat.Catalog, "repeats", endless)
    served = serve(limits=Limits(answer_seconds=0.3, slow_threads=1))
    refused(served, "/api/v1/orders/pocket-order/repeats", 503, "too-slow")
    time.sleep(0.1)
    assert served.http.get("/api/v1/orders/pocket-order/find?text=self&limit=1").status_code == 200


def test_too_many_requests_are_refused(serve: Serve) -> None:
    served = serve(limits=Limits(requests_per_second=5))
    statuses = [served.http.get("/health").status_code for _ in range(12)]
    assert statuses[:10] == [200] * 10
    assert statuses[-1] == 429
    assert refused(served, "/health", 429, "too-many-requests")


def test_other_names_of_this_machine_are_not_answered(served: Served) -> None:
    """A site whose name begins to lead to this machine would read what only this machine may."""
    refused(served, "/api/v1/models", 400, "refused", headers={"host": "evil.example:80"})
    for host in ("localhost", f"127.0.0.1:{served.port}", "[::1]:80"):
        assert served.http.get("/health", headers={"host": host}).status_code == 200


def test_no_site_may_read_answers_across(served: Served) -> None:
    response = served.http.get("/health", headers={"origin": "https://evil.example"})
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "text",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "' OR 1=1 --",
        "a;DROP TABLE models",
        "\x1b[31m",
        "\u202e",
        "<script>",
    ],
)
def test_hostile_names_are_names(served: Served, text: str) -> None:
    for address in ("/api/v1/models", "/api/v1/orders"):
        response = served.http.get(f"{address}/x{quote(text, safe='%')}")
        assert response.status_code == 404
        assert response.headers["content-type"] == PROBLEM
        assert response.content.isascii()
        assert b"\x1b" not in response.content
    response = served.http.get("/api/v1/models", params={"family": text})
    assert (response.status_code, response.json()) == (200, [])


def exchanged(served: Served, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while more := connection.recv(65536):
            received += more
        return received


def test_a_slow_head_is_cut(serve: Serve) -> None:
    served = serve(limits=Limits(header_seconds=0.2))
    assert exchanged(served, b"GET /health HTTP/1.1\r\nhost: localhost\r\n") == b""
    assert exchanged(served, b"") == b""


def test_a_second_slow_head_is_cut_too(serve: Serve) -> None:
    served = serve(limits=Limits(header_seconds=0.2))
    whole = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
    assert exchanged(served, whole + b"GET /health HTTP/1.1\r\n").count(b"200 OK") == 1


def test_a_large_head_is_refused(served: Served) -> None:
    head = b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + b"x: " + b"a" * 70_000 + b"\r\n\r\n"
    assert exchanged(served, head).startswith(b"HTTP/1.1 431 ")


def test_what_is_no_http_is_refused(served: Served) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    ):
        assert exchanged(served, sent).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 422 "))


def test_where_files_lie_is_told_to_the_operator_alone(
    serve: Serve, back_up: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a folder of mine" / "catalog.sqlite"
    seenat.restore(back_up, str(path))
    [shard] = path.parent.glob("catalog.sqlite.indexes/*/*.ngrams")
    shard.write_bytes(b"other")
    served = serve(str(path))
    address = "/api/v1/orders/pocket-order/find?text=self"
    told = refused(served, address, 500, "corrupt-file")
    assert told["detail"].startswith(shard.name)
    page = served.http.get("/find?text=self&order=pocket-order", headers={"accept": "text/html"})
    assert (page.status_code, shard.name in page.text) == (500, True)
    lists = [served.http.get(f"/api/v1/{name}").text for name in ("suites", "orders", "orders/pocket-order")]
    assert '"location":"pocket-1234' in lists[1].replace(" ", "")
    for text in (told["detail"], page.text, *lists):
        assert not [name for name in ("a folder of mine", str(tmp_path), ".indexes", ".cache/") if name in text], text
    with pytest.raises(errors.CorruptFile, match=re.escape(str(shard))):
        served.catalog.find("self", order="pocket-order")
    facts = [getattr(record, "seenat", {}) for record in caplog.records]
    assert [
        str(fact["sentence"]).startswith(str(shard)) for fact in facts if fact.get("request") == told["request"]
    ] == [True]
