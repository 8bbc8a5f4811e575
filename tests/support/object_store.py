"""moto's S3 in a process of its own, on loopback, once a run of a worker, and stores of either kind in fresh places."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx2
import pytest

from seenat.registry.storage.stores.place import open_store

__all__ = ["bucket_url", "new_place", "object_server", "serving_objects", "store_url"]

_numbers = count()


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.fixture(scope="session")
def object_server() -> Iterator[str]:
    """The address of moto's S3, with the bucket `seenat`."""
    pytest.importorskip("moto")
    with serving_objects() as url:
        yield url


@contextmanager
def serving_objects() -> Iterator[str]:
    """Run it, and yield its address."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(process, url)
            httpx2.put(f"{url}/seenat", headers={"authorization": _UNSIGNED}).raise_for_status()
            yield url
        finally:
            process.terminate()


_UNSIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "moto ended"
        try:
            httpx2.get(f"{url}/moto-api/", timeout=5)
            return
        except httpx2.HTTPError:
            time.sleep(0.05)
    pytest.fail("moto does not answer")


@pytest.fixture
def bucket_url(object_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh place in the bucket; the environment leads to it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-this-test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    open_store.cache_clear()
    yield new_place()
    open_store.cache_clear()


def new_place() -> str:
    """The URL of a place in the bucket that no test has used."""
    return f"s3://seenat/{os.getpid()}/{next(_numbers)}"


@pytest.fixture(params=["folder", "bucket"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh place of each kind."""
    return (tmp_path / "store").as_uri() if request.param == "folder" else str(request.getfixturevalue("bucket_url"))
