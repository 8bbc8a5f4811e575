"""Answers of a hub: to requests for ranges of bytes, and listings of a commit.

They go through huggingface_hub's own session and its HTTP client; only the socket is a stream of bytes in memory.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from fuzz.mutator import damage_json
from fuzz.target import Target
from seenat.registry.hub.listing import RepositoryListing
from seenat.registry.hub.retry import RetryPolicy
from seenat.registry.orders.remote.range_requests import HubFile, HubLocation, HubRanges

__all__ = ["TARGETS"]

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_ONCE = RetryPolicy(delays=(), timeout=1.0, patience=30.0)
_DUE = bytes(range(1, 51))
_HEAD = f"""HTTP/1.1 206 Partial Content
Date: Mon, 01 Jan 2024 00:00:00 GMT
Content-Type: application/octet-stream
Content-Length: 50
Content-Range: bytes 100-149/240
X-Repo-Commit: {_COMMIT}
ETag: "{"a" * 64}"
Connection: keep-alive

""".replace("\n", "\r\n").encode()


class _Bytes:
    """A connection on which an answer has arrived, in pieces of up to a kilobyte; then nothing more comes."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        from httpcore2 import ReadTimeout

        if not self._left:
            raise ReadTimeout
        piece, self._left = self._left[: min(max_bytes, 1024)], self._left[min(max_bytes, 1024) :]
        return piece

    def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...

    def get_extra_info(self, info: str) -> Any:
        return bool(self._left) if info == "is_readable" else None


class _Memory:
    """Connects to nothing; each connection has the same answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def connect_tcp(self, *_arguments: Any, **_options: Any) -> _Bytes:
        return _Bytes(self._data)


def _answer_with(data: bytes) -> None:
    """Make huggingface_hub's next session one whose every answer is this."""
    from huggingface_hub import constants, set_client_factory

    constants.ENDPOINT = "http://hub.invalid"
    constants.HUGGINGFACE_CO_URL_TEMPLATE = "http://hub.invalid/{repo_id}/resolve/{revision}/{filename}"
    constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
    set_client_factory(partial(_client, data))


def _client(data: bytes) -> Any:
    import httpx2

    transport = httpx2.HTTPTransport(verify=False, trust_env=False)
    transport._pool._network_backend = _Memory(data)
    return httpx2.Client(transport=transport, trust_env=False, timeout=None)


def _ranges(_folder: Path) -> list[bytes]:
    redirect = _HEAD.replace(b"206 Partial Content", b"302 Found\r\nLocation: /elsewhere").replace(b": 50", b": 0")
    chunked = _HEAD.replace(b"Content-Length: 50", b"Transfer-Encoding: chunked") + b"32\r\n" + _DUE + b"\r\n0\r\n\r\n"
    beyond = b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */240\r\nContent-Length: 0\r\n\r\n"
    busy = b'HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nRateLimit: "api";r=0;t=55\r\nContent-Length: 0\r\n\r\n'
    return [
        _HEAD + _DUE,
        _HEAD + _DUE,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + _HEAD + _DUE,
        redirect,
        chunked,
        beyond,
        busy,
    ]


def _read_range(data: bytes, _folder: Path) -> None:
    _answer_with(data)
    buffer = bytearray(len(_DUE))
    location = HubLocation.parse(f"hf://datasets/org/ids@{_COMMIT}")
    HubRanges(location, _ONCE).read(HubFile("ids.bin", 240), _COMMIT, 100, memoryview(buffer))
    # Bytes that were damaged themselves can only be told by a digest.
    if data.endswith(_DUE) and bytes(buffer) != _DUE:
        raise AssertionError(f"shifted bytes were accepted: {bytes(buffer)[:8]!r}")


def _listings(_folder: Path) -> list[bytes]:
    large = {"sha256": "b" * 64, "size": 5, "pointerSize": 134}
    siblings = [
        {"rfilename": "config.json", "size": 9, "blobId": "a" * 40},
        {"rfilename": "model.safetensors", "size": 5, "blobId": "c" * 40, "lfs": large},
        {"rfilename": "folder/notes.txt", "size": 5, "blobId": "d" * 40},
    ]
    listing = {
        "id": "org/one",
        "sha": _COMMIT,
        "siblings": siblings,
        "safetensors": {"parameters": {"F16": 5}, "total": 5},
    }
    branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": _COMMIT}
    refs = {"branches": [branch], "tags": [{**branch, "name": "v1"}], "converts": []}
    return [json.dumps(document).encode() for document in (listing, refs)]


def _read_listing(data: bytes, _folder: Path) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    _answer_with(head + data)
    repository = RepositoryListing("org/one", _ONCE)
    if b"branches" in data:
        repository.revisions()
    else:
        repository.files(_COMMIT)


TARGETS = [
    Target(name="http-range", samples=_ranges, parse=_read_range),
    Target(name="hub-listing", samples=_listings, parse=_read_listing, damage=damage_json),
]
