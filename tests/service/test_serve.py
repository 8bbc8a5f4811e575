"""`seenat serve` as a process: where it listens, what it logs, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.served import Serve, Served

import seenat


@contextmanager
def process(*args: str, home: Path, url: Path) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """The command with these options: the process, its address, and the lines that it wrote until it told that."""
    environment = {**os.environ, "SEENAT_HOME": str(home), "SEENAT_DATABASE_URL": str(url)}
    command = [sys.executable, "-m", "seenat", "serve", "--port", "0", *args]
    started = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stderr is not None
    lines: list[str] = []
    try:
        while not lines or '"serving"' not in lines[-1]:
            line = started.stderr.readline()
            assert line, lines
            lines.append(line)
        yield started, json.loads(lines[-1])["address"], lines
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()
        started.stderr.close()
        assert started.stdout is not None
        started.stdout.close()


def until_answered(url: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            httpx2.get(f"{url}/health")
        except httpx2.TransportError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("the service does not answer")


def logged(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_it_serves_this_machine_logs_and_ends_at_once(tmp_path: Path, pocket_path: Path) -> None:
    with process(home=tmp_path, url=pocket_path) as (started, url, lines):
        assert url.startswith("http://127.0.0.1:")
        until_answered(url)
        text = "a secret of the visitor"
        found = httpx2.get(
            f"{url}/api/v1/models/pocket-230k/find", params={"text": text}, headers={"x-request-id": "by-the-visitor"}
        )
        assert found.headers["x-request-id"] == "by-the-visitor"
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as idle:
            idle.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n")
            begun = time.monotonic()
            started.send_signal(signal.SIGTERM)
            assert started.wait(5) == 0
            assert time.monotonic() - begun < 1.5
        assert started.stderr is not None
        rest = logged([*lines, *started.stderr.readlines()])
    serving, ended = rest[0], rest[-1]
    assert (serving["event"], serving["only_this_machine"], ended["event"]) == ("serving", True, "ended")
    [request] = [line for line in rest if line.get("request") == "by-the-visitor"]
    assert (request["status"], request["path"], request["client"]) == (
        200,
        "/api/v1/models/pocket-230k/find",
        "127.0.0.1",
    )
    assert "secret" not in json.dumps(rest)


def test_workers_share_an_address(tmp_path: Path, pocket_path: Path) -> None:
    with process("--workers", "2", home=tmp_path, url=pocket_path) as (started, url, _):
        until_answered(url)
        for _ in range(20):
            assert httpx2.get(f"{url}/api/v1/models/pocket-230k").json()["name"] == "pocket-230k"
        for _ in range(4):  # Whichever is asked tells of all.
            page = httpx2.get(f"{url}/metrics").text
            assert 'seenat_requests_total{route="models-model",status="200"} 20.0' in page
            assert "seenat_requests_in_flight 1.0" in page
        started.send_signal(signal.SIGTERM)
        assert started.wait(10) == 0


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path, pocket_path: Path) -> None:
    with process("--workers", "2", home=tmp_path, url=pocket_path) as (started, url, _):
        until_answered(url)
        started.kill()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx2.get(f"{url}/health", timeout=1)
            except httpx2.TransportError:
                return
            time.sleep(0.1)
        pytest.fail("they still answer")


def test_it_says_when_others_can_reach_it(tmp_path: Path, pocket_path: Path) -> None:
    with process("--host", "0.0.0.0", "--no-text", home=tmp_path, url=pocket_path) as (_, url, lines):
        assert "Everybody who reaches this machine" in lines[0]
        assert not logged(lines)[0]["only_this_machine"]
        until_answered(url.replace("0.0.0.0", "127.0.0.1"))


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["--withheld", "nowhere.txt"], 2, "nowhere.txt"),
        (["--host", "203.0.113.1"], 2, "203.0.113.1"),
        (["--workers", "0"], 2, "worker"),
        (["--port", "70000"], 2, "70000"),
        (["--rate", "-1"], 2, "rate"),
        (["--seconds", "0"], 2, "seconds"),
    ],
)
def test_what_cannot_be_served_is_refused(
    tmp_path: Path, pocket_path: Path, args: list[str], code: int, told: str
) -> None:
    environment = {**os.environ, "SEENAT_DATABASE_URL": str(pocket_path)}
    command = [sys.executable, "-m", "seenat", "serve", *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_schema_is_not_served(tmp_path: Path, serve: Serve, pocket_path: Path) -> None:
    """Neither from the start, nor once another version has changed it."""
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(pocket_path)) as original, closing(sqlite3.connect(path)) as copy:
        original.backup(copy)
    served: Served = serve(str(path))
    assert served.http.get("/ready").json()["status"] == "ready"
    with closing(sqlite3.connect(path)) as catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '0001'")
        catalog.commit()
    response = served.http.get("/ready")
    assert (response.status_code, response.json()["type"]) == (503, "urn:seenat:stale-schema")
    environment = {**os.environ, "SEENAT_DATABASE_URL": str(path)}
    command = [sys.executable, "-m", "seenat", "serve", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "seenat db upgrade" in done.stderr) == (4, True)


def test_it_tells_about_itself(served: Served) -> None:
    assert served.http.get("/health").json() == {"status": "ok"}
    assert served.http.get("/version").json() == {"seenat": seenat.__version__, "api": "v1"}
    served.http.get("/api/v1/models/pythia-70m/steps/3000")
    served.http.get("/api/v1/nothing/of/this/kind")
    page = served.http.get("/metrics").text
    assert 'seenat_requests_total{route="models-model-steps-step",status="200"}' in page
    assert 'seenat_requests_total{route="none",status="404"}' in page
    assert "nothing/of/this" not in page


def test_a_fault_tells_nothing_but_its_id(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of results that has gone under the service is such a fault, or one that the library tells of."""

    def fault(*_: object, **__: object) -> None:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(seenat.Catalog, "jobs", fault)
    response = served.http.get("/api/v1/jobs")
    assert (response.status_code, response.json()["type"]) == (500, "urn:seenat:fault")
    assert "secret" not in response.text
    assert response.json()["request"] == response.headers["x-request-id"]


@pytest.mark.needs_torch
def test_workers_measure_what_is_submitted_and_a_signal_drains_all(tmp_path: Path, pocket_path: Path) -> None:
    """Streams end at once; the worker first finishes its shard, and gives back the others."""
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(pocket_path)) as original, closing(sqlite3.connect(path)) as copy:
        original.backup(copy)
    with seenat.open(str(path)) as catalog:
        token = str(catalog.access.create_token("jobs:write").text)
    with process("--workers-for-jobs", "1", home=tmp_path, url=path) as (started, url, lines):
        until_answered(url)
        with seenat.connect(url, token) as remote:
            small = remote.submit("pocket-230k", steps=[192], sequences="0:8")
            assert [state.state for state in remote.watch(small.job)][-1] == "done"
            large = remote.submit("pocket-2m", sequences="0:512", unseen=True)
        told: list[float] = []
        listener = threading.Thread(target=listen, args=(f"{url}/api/v1/jobs/{large.job}/events", told))
        listener.start()
        while len(told) < 2:
            time.sleep(0.01)
        asked = time.monotonic()
        started.send_signal(signal.SIGTERM)
        listener.join(20)
        assert told[-1] - asked < 1.5  # A quarter of a second, where nothing else runs.
        assert started.wait(60) == 0
        assert started.stderr is not None
        events = logged([*lines, *started.stderr.readlines()])
    [worker] = [event for event in events if event["event"] == "worker ended"]
    assert (worker["code"], events[-1]["event"]) == (0, "ended")
    with seenat.open(str(path)) as catalog:
        left = catalog.job(large.job).job
    assert (left.state, left.progress.running, left.workers) == ("pending", 0, ())


def listen(address: str, told: list[float]) -> None:
    """Note when a stream brings something, and last when it ends."""
    with httpx2.stream("GET", address, timeout=30) as response:
        told.extend(time.monotonic() for _ in response.iter_bytes())
    told.append(time.monotonic())
