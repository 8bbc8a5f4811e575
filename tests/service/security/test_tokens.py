"""Whatever writes needs a token that holds and is for that; without one nothing is written, and the log says who tried."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.served import Serve, Writable
from support.tokens import bearer

import seenat
from seenat.remote.actions import ACTIONS, Action
from seenat.remote.problems import PROBLEM
from seenat.remote.routes import PREFIX

BAD: dict[str, tuple[int, Callable[[Writable], dict[str, str]]]] = {
    "none": (401, lambda _: {}),
    "expired": (401, lambda made: bearer(made.tokens["expired"])),
    "revoked": (401, lambda made: bearer(made.tokens["revoked"])),
    "unknown": (401, lambda _: bearer("seenat_1_" + "a" * 43)),
    "of another": (401, lambda made: bearer("seenat_2_" + made.tokens["jobs:write"][9:])),
    "half": (401, lambda made: bearer(made.tokens["jobs:write"][:30])),
    "by another scheme": (401, lambda made: {"authorization": f"Basic {made.tokens['jobs:write']}"}),
    "without a scheme": (401, lambda made: {"authorization": made.tokens["jobs:write"]}),
    "in a cookie": (401, lambda made: {"cookie": f"token={made.tokens['jobs:write']}"}),
    "in a header of its own": (401, lambda made: {"x-token": made.tokens["jobs:write"]}),
}


def address(action: Action) -> str:
    return PREFIX + action.path.format(job=1)


def written(catalog: seenat.Catalog) -> list[object]:
    return [(job.id, job.state) for job in catalog.jobs()]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_without_a_token_that_holds_nothing_is_written(writable: Writable, action: Action) -> None:
    before = written(writable.served.catalog)
    for kind, (status, headers) in BAD.items():
        response = writable.act(address(action), None, json=dict(action.example), headers=headers(writable))
        assert (response.status_code, response.headers["content-type"]) == (status, PROBLEM), kind
        assert response.headers["www-authenticate"].startswith("Bearer"), kind
        assert response.json()["type"] == "urn:seenat:unauthenticated", kind
    assert written(writable.served.catalog) == before


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_a_token_in_an_address_or_a_body_is_none(writable: Writable, action: Action) -> None:
    token = writable.tokens["jobs:write"]
    for how in ({"params": {"token": token}}, {"params": {"access_token": token}}, {"json": {"token": token}}):
        assert writable.act(address(action), None, **how).status_code == 401
    response = writable.act(address(action), json=dict(action.example), params={"access_token": token})
    assert (response.status_code, response.json()["type"]) == (422, "urn:seenat:unknown-parameter")
    assert token not in response.text


def test_a_token_for_something_else_is_refused(writable: Writable) -> None:
    for action in ACTIONS:
        response = writable.act(address(action), "jobs:cancel", json=dict(action.example) if action.body else None)
        if "jobs:cancel" in action.scopes:
            assert response.status_code == action.status
            continue
        assert (response.status_code, response.json()["type"]) == (403, "urn:seenat:out-of-scope")
        assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    assert {scope for action in ACTIONS for scope in action.scopes} == {"jobs:write", "jobs:cancel"}


def test_a_request_is_refused_once_its_token_is_revoked(writable: Writable) -> None:
    """The very same bytes, sent again."""
    catalog = writable.served.catalog
    created = catalog.access.create_token("jobs:write")
    how = {"json": {"model": "pocket-230k", "steps": [64], "sequences": "0:8"}, "headers": bearer(str(created.text))}
    assert writable.act("/api/v1/jobs", None, **how).status_code == 202
    catalog.access.revoke_token(created.token.id)
    before = written(catalog)
    response = writable.act("/api/v1/jobs", None, **how)
    assert (response.status_code, "revoked" in response.json()["detail"]) == (401, True)
    assert written(catalog) == before


def test_two_tokens_at_once_are_none(writable: Writable) -> None:
    token = f"Bearer {writable.tokens['jobs:write']}"
    headers = [("authorization", token), ("authorization", token)]
    assert writable.served.http.post("/api/v1/jobs", headers=headers, json={"model": "x"}).status_code == 422


def test_the_log_tells_what_was_done_and_what_was_refused(writable: Writable) -> None:
    access = writable.served.catalog.access
    time.sleep(0.5)  # Refusals of the tests before this one are written behind their answers.
    last = access.log(limit=1)[0].entry
    asked = {"model": "pocket-230k", "steps": [64], "sequences": "0:8", "note": "not for the log"}
    done = writable.act("/api/v1/jobs", json=asked)
    failed = writable.act("/api/v1/jobs", json={**asked, "steps": [65]})
    refused = writable.act("/api/v1/jobs", "revoked", json=asked)
    assert [done.status_code, failed.status_code, refused.status_code] == [202, 404, 401]
    deadline = time.monotonic() + 10
    while len(lines := [line for line in access.log() if line.entry > last]) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    token = access.check(writable.tokens["jobs:write"], ["jobs:write"]).id
    assert [line.event for line in reversed(lines)] == ["used", "done", "used", "failed", "refused"]
    assert [line.token for line in reversed(lines)][:4] == [token] * 4
    requests = [response.headers["x-request-id"] for response in (done, done, failed, failed, refused)]
    assert [line.request for line in reversed(lines)] == requests
    assert {line.client for line in lines} == {"127.0.0.1"}
    told = " ".join(line.detail for line in lines)
    assert "pocket-230k" in told
    assert "not for the log" not in told
    assert not [text for text in writable.tokens.values() if text[9:] in told]


def test_a_flood_of_refusals_fills_no_log(writable: Writable) -> None:
    before = writable.served.catalog.access.log(limit=1)[0].entry
    for _ in range(60):
        assert writable.act("/api/v1/jobs", None).status_code == 401
    time.sleep(0.3)
    assert writable.served.catalog.access.log(limit=1)[0].entry - before < 30


def test_a_read_only_service_lets_nobody_write(serve: Serve, writable: Writable) -> None:
    served = serve(writable.served.catalog._registry.database.url.database, read_only=True)
    for action in ACTIONS:
        headers = bearer(writable.tokens["jobs:write"])
        response = served.http.post(address(action), headers=headers, json=dict(action.example))
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    assert served.http.get("/api/v1/jobs").status_code == 200


def test_reading_needs_no_token_and_a_bad_one_changes_nothing(writable: Writable) -> None:
    for headers in ({}, bearer("nonsense")):
        assert writable.served.http.get("/api/v1/jobs/1", headers=headers).status_code == 200
