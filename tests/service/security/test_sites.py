"""Other sites: a browser lets their pages read nothing here, and what they would have written is refused."""

from __future__ import annotations

import pytest
from support.served import Serve, Writable
from support.sockets import exchanged

from seenat.remote.actions import ACTIONS, Action
from seenat.remote.problems import PROBLEM
from seenat.remote.routes import PREFIX

FOREIGN: tuple[dict[str, str], ...] = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "anything"},
)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_a_page_of_another_site_writes_nothing(writable: Writable, action: Action) -> None:
    address = PREFIX + action.path.format(job=1)
    before = [(job.id, job.state) for job in writable.served.catalog.jobs()]
    for headers in FOREIGN:
        response = writable.act(address, json={"model": "pocket-230k", "steps": [128]}, headers=headers)
        assert (response.status_code, response.json()["type"]) == (403, "urn:seenat:cross-site"), headers
    assert [(job.id, job.state) for job in writable.served.catalog.jobs()] == before


def test_a_page_of_its_own_and_a_program_write(writable: Writable) -> None:
    for headers in (
        {},
        {"origin": writable.served.url},
        {"origin": writable.served.url, "sec-fetch-site": "same-origin"},
    ):
        asked = {"model": "pocket-230k", "steps": [64], "sequences": "0:8"}
        assert writable.act("/api/v1/jobs", json=asked, headers=headers).status_code == 202


def test_no_browser_is_told_that_another_site_may(writable: Writable) -> None:
    http, headers = writable.served.http, {"origin": "https://evil.example", "access-control-request-method": "POST"}
    preflight = http.options("/api/v1/jobs", headers=headers)
    assert (preflight.status_code, preflight.headers["allow"]) == (405, "GET, HEAD, POST")
    for response in (
        preflight,
        http.get("/api/v1/jobs", headers=headers),
        writable.act("/api/v1/jobs", headers=headers),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert response.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_name_that_leads_here_is_not_answered(writable: Writable) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "",
        "[::ffff:127.0.0.1]",
        "127.1",
    ):
        response = writable.act("/api/v1/jobs", json={"model": "pocket-230k"}, headers={"host": host})
        assert (response.status_code, response.headers["content-type"]) == (400, PROBLEM), host
    two = b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n"
    assert exchanged(writable.served.port, two).startswith(b"HTTP/1.1 400 ")


def test_the_rate_of_a_client_counts_what_writes_too(serve: Serve) -> None:
    from seenat.service.settings import Limits

    served = serve(limits=Limits(requests_per_second=5))
    statuses = [served.http.post("/api/v1/jobs").status_code for _ in range(12)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
