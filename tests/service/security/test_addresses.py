"""Hostile values in every place of every address that reads: no file or host is reached, no query is changed, nothing steers.

The cases come from the table of routes, so that a new route is among them.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from support.addresses import address
from support.served import Served

from seenat.remote.problems import PROBLEM
from seenat.remote.routes import ROUTES, Route

FILES = ("../../../../etc/passwd", "..%2f..%2fetc%2fpasswd\0")
HOSTS = ("http://192.0.2.1/x", "hf://datasets/evil/x")
FRAGMENTS = ("' OR '1'='1' --", "1) UNION SELECT digest FROM access_tokens --", "%", "*")
TEXTS = ("<script>alert(1)</script>\x1b[2J\x07\u202e{{7*7}}", "=cmd|'/c calc'!A1\r\nset-cookie: x=1")
HOSTILE = (*FILES, *HOSTS, *FRAGMENTS, *TEXTS)
# A text is searched whatever it is, and where it stands is told. A task may be a pattern, as shells have them.
SEARCHED = {"text": set(HOSTILE), "task": {"*"}}

# `sys.addaudithook` cannot be undone, so one hook serves all tests and notes only while it is asked to.
_noted: list[str] | None = None


def _note(event: str, args: tuple[object, ...]) -> None:
    if _noted is not None and event in (
        "open",
        "socket.connect",
        "socket.getaddrinfo",
        "subprocess.Popen",
        "os.listdir",
    ):
        _noted.append(f"{event} {args!r}")


sys.addaudithook(_note)


@pytest.fixture
def noted() -> Iterator[list[str]]:
    """The files that are opened and the hosts that are asked by this process, the service included."""
    global _noted
    _noted = []
    yield _noted
    _noted = None


def asked_with(route: Route, key: str, value: str) -> str:
    """The address of a route's example, one value of which is another."""
    values = {**route.example, key: value}
    path = "/api/v1" + route.path.format_map({name: quote(text, safe="") for name, text in values.items()})
    query = [name for name in route.query if name in values and not (name == "ids" and key == "text")]
    if key in ("ids", "text"):
        query = [name for name in query if name == key or name not in ("ids", "text")]
    return path + "?" + "&".join(f"{route.parameters[name].name}={quote(values[name], safe='')}" for name in query)


def texts_of(route: Route) -> list[str]:
    """Parameters that hold text, not numbers or one of some words."""
    return [
        key for key, kind in route.parameters.items() if kind.schema["type"] == "string" and "enum" not in kind.schema
    ]


@pytest.mark.parametrize("route", [route for route in ROUTES if texts_of(route)], ids=lambda route: route.name)
def test_hostile_texts_are_only_texts(served: Served, route: Route, noted: list[str]) -> None:
    for key in texts_of(route):
        for value in HOSTILE:
            response = served.http.get(asked_with(route, key, value))
            where = (key, value, response.status_code, response.text[:300])
            assert response.content.isascii(), where
            assert not {0x1B, 0x00, 0x07} & set(response.content), where
            assert "set-cookie" not in response.headers, where
            assert response.headers["x-content-type-options"] == "nosniff", where
            if value in SEARCHED.get(key, ()):
                assert response.status_code in (200, 422), where
            elif response.status_code == 200:  # A filter that nothing passes.
                assert response.json() in ([], {}) or not any(response.json().values()), where
            else:
                assert response.status_code in (404, 422), where
                assert response.headers["content-type"] == PROBLEM, where
    told = "\n".join(noted)
    assert "passwd" not in told
    assert "192.0.2.1" not in told
    assert "evil" not in told
    assert not [line for line in noted if line.startswith("subprocess")]


def test_what_is_asked_is_noted(served: Served, noted: list[str]) -> None:
    """The test above would see a service that reads a file, or asks a host."""
    served.http.get(address(ROUTES[0]))
    with open("/etc/hostname", "rb"):  # noqa: PTH123
        pass
    assert any("/etc/hostname" in line for line in noted)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_hostile_texts_are_only_texts_in_rows_too(served: Served, form: str) -> None:
    """Where a route's rows hold what was asked: a search tells the text that was found."""
    for value in TEXTS:
        response = served.http.get(f"/api/v1/orders/pocket-order/find.{form}", params={"text": value, "context": "3"})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(("text/csv", "application/jsonl"))
        assert "\x1b" not in response.text
        assert "\u202e" not in response.text


def test_texts_of_training_data_are_inert_in_every_form(served: Served) -> None:
    """The pocket suite's text holds quotes, brackets and line ends; as CSV no cell begins a formula."""
    for sequence in range(16, 48):
        asked = f"/api/v1/orders/pocket-order/batches/{sequence // 8}"
        assert served.http.get(f"{asked}?decode=true").content.isascii()
    rows = csv.reader(io.StringIO(served.http.get("/api/v1/claims.csv").text))
    cells = [cell for row in rows for cell in row]
    assert len(cells) > 100
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]


def test_paths_that_climb_lead_nowhere(served: Served) -> None:
    for path in (
        "/api/v1/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/static/..%2f..%2fapp.py",
        "//etc/passwd",
        "/api/v1//models",
    ):
        response = served.http.get(served.url + path)
        assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM), path
