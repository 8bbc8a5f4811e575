"""Jobs over HTTP: submitted, cancelled and watched as in the library, and measured by workers beside the server."""

from __future__ import annotations

import inspect
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from support.served import Serve, Writable
from support.tokens import bearer

import seenat
from seenat.registry.answer import to_json
from seenat.remote.actions import ACTIONS
from seenat.remote.bodies import SUBMISSION
from seenat.remote.events import read_events
from seenat.service.settings import Limits

CHANGES = ("cancel", "pause", "prioritize", "resume", "retry")
ASKED: dict[str, Any] = {"model": "pocket-230k", "steps": [320], "sequences": "0:64"}


@pytest.fixture
def remote(writable: Writable) -> Iterator[seenat.RemoteCatalog]:
    with seenat.connect(writable.served.url, writable.tokens["jobs:write"]) as catalog:
        yield catalog


def planned(writable: Writable, **more: Any) -> int:
    """A job that nobody works at."""
    response = writable.act("/api/v1/jobs", json=ASKED | more)
    assert response.status_code == 202, response.text
    return int(response.json()["job"])


def events(writable: Writable, job: int, known: str | None = None) -> list[tuple[str, dict[str, Any], str | None]]:
    """All events of a job, until its stream ends."""
    headers = {} if known is None else {"last-event-id": known}
    with writable.served.http.stream("GET", f"/api/v1/jobs/{job}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return [(event.name, json.loads(event.data), event.id) for event in read_events(response.iter_bytes())]


def test_a_job_is_the_same_however_it_is_submitted(writable: Writable, remote: seenat.RemoteCatalog) -> None:
    first = writable.act("/api/v1/jobs", json=ASKED | {"name": "first", "note": "a\nnote"})
    assert (first.status_code, first.headers["location"]) == (202, f"/api/v1/jobs/{first.json()['job']}")
    assert first.json()["state"] == "pending"
    local = writable.served.catalog.submit("pocket-230k", steps=[320], sequences=seenat.SequenceRange(0, 64))
    over_http = remote.submit("pocket-230k", steps=(320,), sequences=seenat.SequenceRange(0, 64))
    assert over_http.to_json() == to_json(local) == first.json()
    assert writable.served.http.get(first.headers["location"]).json()["name"] == "first"
    several = remote.submit("pocket-230k", steps=["step320"], sequences="0:8", prompt=[8, 16], unseen=True)
    assert [one.protocol.prompt for one in several] == [8, 16]


def test_a_cancelled_job_is_continued_by_asking_again(writable: Writable, remote: seenat.RemoteCatalog) -> None:
    job = planned(writable, sequences="64:128")
    for _ in range(2):
        assert writable.act(f"/api/v1/jobs/{job}/cancellation", "jobs:cancel").json()["state"] == "cancelled"
    assert remote.job(job).state == "cancelled"
    assert planned(writable, sequences="64:128") == job
    assert remote.cancel(job) == writable.served.catalog.cancel(job)


def test_a_job_is_paused_preferred_and_resumed(writable: Writable, remote: seenat.RemoteCatalog) -> None:
    job, local = planned(writable, sequences="280:288"), writable.served.catalog
    assert writable.act(f"/api/v1/jobs/{job}/pause").json()["state"] == "paused"
    assert local.pause(job) == remote.pause(job)
    refused = writable.act(f"/api/v1/jobs/{job}/resumption", "jobs:cancel")
    assert (refused.status_code, local.job(job).job.state) == (403, "paused")
    assert remote.prioritize(job, -7).priority == local.job(job).job.priority == -7
    assert remote.resume(job).state == "pending"
    assert remote.retry(job) == local.retry(job)
    for body in ({}, {"priority": 1001}, {"priority": True}):
        assert writable.act(f"/api/v1/jobs/{job}/priority", json=body).status_code == 422
    assert remote.cancel(job).state == "cancelled"


def test_errors_are_those_of_the_library(writable: Writable, remote: seenat.RemoteCatalog) -> None:
    local = writable.served.catalog
    questions: list[Any] = [
        lambda catalog: catalog.submit("pocket-231k"),
        lambda catalog: catalog.submit("pocket-230k", steps=[65]),
        lambda catalog: catalog.submit("pocket-230k", sequences="0:99999"),
        lambda catalog: catalog.submit("pythia-70m-seed1"),
        lambda catalog: catalog.cancel(999),
        lambda catalog: catalog.pause(999),
        lambda catalog: catalog.prioritize(999, 1),
        lambda catalog: next(catalog.watch(999)),
    ]
    for question in questions:
        raised = []
        for catalog in (local, remote):
            with pytest.raises(seenat.SeenatError) as error:
                question(catalog)
            raised.append((type(error.value), str(error.value)))
        assert raised[0] == raised[1]


def test_what_the_client_cannot_send_is_refused_before(remote: seenat.RemoteCatalog, writable: Writable) -> None:
    with pytest.raises(seenat.UnknownParameter, match="stps"):
        remote.submit("pocket-230k", stps=[1])  # type: ignore[call-arg]
    with pytest.raises(seenat.InvalidValue, match="cannot be sent"):
        remote.submit("pocket-230k", sample=object())  # type: ignore[arg-type]
    with seenat.connect(writable.served.url) as without, pytest.raises(seenat.Unauthenticated, match="SEENAT_TOKEN"):
        without.submit("pocket-230k")


def test_the_token_of_the_environment_is_used(writable: Writable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_TOKEN", writable.tokens["jobs:cancel"])
    with seenat.connect(writable.served.url) as catalog:
        assert catalog.cancel(1).state == "done"  # It was finished before.
        with pytest.raises(seenat.OutOfScope):
            catalog.submit("pocket-230k")


def test_the_client_has_the_methods_of_the_local_catalog() -> None:
    for name in ("watch", *CHANGES, "submit"):
        local, remote = (
            list(inspect.signature(getattr(kind, name)).parameters) for kind in (seenat.Catalog, seenat.RemoteCatalog)
        )
        assert local == remote
    assert {action.method for action in ACTIONS} == {"submit", *CHANGES}


def test_a_body_takes_what_submit_takes() -> None:
    assert SUBMISSION.keys() == {"model", *seenat.SubmitOptions.__annotations__}
    of_the_run = {"address", "device", "faster", "force", "keep_checkpoints", "runner", "script", "submit", "workers"}
    of_adaptive_jobs = {"adaptive", "audit", "coarse"}
    assert seenat.MemorizeOptions.__annotations__.keys() - SUBMISSION.keys() == of_the_run | of_adaptive_jobs


# -- watching


def test_a_finished_job_has_one_event(writable: Writable) -> None:
    [(name, job, id_)] = events(writable, 1)
    assert (name, job) == ("end", to_json(writable.served.catalog.job(1).job))
    again = writable.served.http.get("/api/v1/jobs/1/events", headers={"last-event-id": id_ or ""})
    assert (again.status_code, again.content) == (204, b"")
    assert len(events(writable, 1, known="another")) == 1
    assert writable.served.http.head("/api/v1/jobs/1/events").status_code == 200


def test_a_job_is_watched_to_its_end(writable: Writable, remote: seenat.RemoteCatalog) -> None:
    job = planned(writable, sequences="128:192")
    seen: dict[str, list[str]] = {"local": [], "remote": []}

    def watch(which: str, catalog: Any) -> None:
        seen[which].extend(state.state for state in catalog.watch(job, seconds=0.05))  # One by one, as they come.

    watchers = [
        threading.Thread(target=watch, args=(which, catalog))
        for which, catalog in (("local", writable.served.catalog), ("remote", remote))
    ]
    for watcher in watchers:
        watcher.start()
    while not all(seen.values()):
        time.sleep(0.01)
    writable.served.catalog.work(job)
    for watcher in watchers:
        watcher.join(30)
    for states in seen.values():
        assert (states[0], states[-1]) == ("pending", "done")
        assert set(states) <= {"pending", "running", "stalled", "done"}


def test_who_comes_back_is_told_what_is_new_only(writable: Writable) -> None:
    job, address = planned(writable, sequences="192:256"), "/api/v1/jobs/{}/events"
    with writable.served.http.stream("GET", address.format(job)) as response:
        first = next(read_events(response.iter_bytes()))
    assert (first.name, json.loads(first.data)["state"]) == ("progress", "pending")
    with writable.served.http.stream("GET", address.format(job), headers={"last-event-id": first.id or ""}) as response:
        text = b""
        for block in response.iter_bytes():
            text += block
            if text.count(b": ping") == 2:
                writable.act(f"/api/v1/jobs/{job}/cancellation")
    assert text.startswith(b"retry: ")
    [event] = read_events([text])
    assert (event.name, json.loads(event.data)["state"]) == ("end", "cancelled")


def test_streams_are_bounded(serve: Serve, writable: Writable) -> None:
    path = writable.served.catalog._registry.database.url.database
    served = serve(path, limits=Limits(streams=1, stream_seconds=0.6, look_seconds=0.05))
    address = f"/api/v1/jobs/{planned(writable, sequences='256:264')}/events"
    begun = time.monotonic()
    with served.http.stream("GET", address) as response:
        blocks = response.iter_bytes()
        next(blocks)
        refused = served.http.get(address)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:seenat:too-slow")
        assert not [event for event in read_events(blocks) if event.name == "end"]
    assert 0.5 < time.monotonic() - begun < 20
    with served.http.stream("GET", address) as response:
        assert response.status_code == 200


@pytest.mark.parametrize("job", ["0", "x", "-1", "9" * 30, "1;2"])
def test_what_is_no_job(writable: Writable, job: str) -> None:
    assert writable.served.http.get(f"/api/v1/jobs/{job}/events").status_code == 422
    assert writable.act(f"/api/v1/jobs/{job}/cancellation").status_code == 422


# -- what people write of a job

HOSTILE = "=1+1<script>\x1b[2J\u202e</script>"


def test_names_and_notes_are_inert_in_every_form(writable: Writable) -> None:
    job = planned(writable, sequences="264:272", name=HOSTILE, note=f"{HOSTILE}\n@x")
    for address in ("/api/v1/jobs", "/api/v1/jobs.jsonl", f"/api/v1/jobs/{job}", "/api/v1/jobs.csv"):
        response = writable.served.http.get(address)
        assert "script" in response.text, address
        assert not {"\x1b", "\u202e"} & set(response.text), address
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "html" not in response.headers["content-type"]
    assert "'=1+1" in writable.served.http.get("/api/v1/jobs.csv").text
    assert writable.served.http.get(f"/api/v1/jobs/{job}").json()["name"] == HOSTILE
    writable.act(f"/api/v1/jobs/{job}/cancellation")
    [(_, told, _)] = events(writable, job)
    assert told["name"] == HOSTILE


def test_who_writes_waits_for_the_lock_and_who_reads_does_not(serve: Serve, writable: Writable) -> None:
    path = writable.served.catalog._registry.database.url.database
    served = serve(path, limits=Limits(answer_seconds=0.5))
    how = {"json": ASKED | {"sequences": "272:280"}, "headers": bearer(writable.tokens["jobs:write"])}
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        refused = served.http.post("/api/v1/jobs", **how)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:seenat:too-slow")
        assert served.http.get("/api/v1/jobs").status_code == 200
        assert served.http.post("/api/v1/jobs").status_code == 401
        writer.execute("ROLLBACK")
    deadline = time.monotonic() + 20
    while served.http.post("/api/v1/jobs", **how).status_code != 202:  # The one before has the lock at last.
        assert time.monotonic() < deadline
