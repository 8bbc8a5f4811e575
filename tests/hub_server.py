"""A hub on this machine: enough of the Hugging Face Hub's HTTP interface for huggingface_hub's own client to fetch from.

Repositories are folders on disk, one a revision. Small files come straight, with a git blob's SHA-1 as ETag; weights come
as the hub's large files do, by a redirect to another host name that carries their SHA-256 and size. A `Fault` makes a
repository fail in one way. Nothing here knows what is being tested.

Hook: `pythonpath = ["tests"]` in the settings of pytest and `pytest_plugins = ["hub_server"]` in tests/conftest.py give
every test the fixture `hub`.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

import pytest

__all__ = ["Fault", "HubServer", "commit_of", "hub", "serve"]

_LARGE = (".safetensors", ".bin")


@dataclass(kw_only=True)
class Fault:
    """How a repository fails: the first applicable `times` requests of the kind `at`."""

    at: str = "any"
    """`any`, `api`, `resolve`, or `body`: the transfer of a large file."""
    status: int | None = None
    """Answer with this status and no content."""
    code: str = ""
    """The hub's X-Error-Code."""
    message: str = ""
    """The hub's X-Error-Message."""
    delay: float = 0.0
    """Seconds of silence before anything is sent."""
    cut_after: int | None = None
    """Close the connection after this many bytes of the content."""
    flip: bool = False
    """Send the content with its last byte changed."""
    times: int = 1 << 30
    """How many requests it strikes."""


@dataclass
class HubServer:
    """The hub's address, what it holds, how it fails and what it was asked."""

    url: str
    repositories: dict[str, dict[str, Path]] = field(default_factory=dict)
    """Repository -> revision -> folder; a revision that gets another folder has another commit."""
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """`METHOD /path` of every request."""

    def add(self, repository: str, revision: str, folder: Path) -> str:
        """Publish a folder; returns its commit."""
        self.repositories.setdefault(repository, {})[revision] = folder
        return commit_of(folder)

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """Environment of a process that uses this hub, with its own empty cache."""
        ours = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "*"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE_"))}
        return kept | ours | more

    def folder_of(self, repository: str, revision: str) -> Path | None:
        """The folder of a revision, given by name or commit."""
        revisions = self.repositories.get(repository, {})
        by_commit = {commit_of(folder): folder for folder in revisions.values()}
        return revisions.get(revision) or by_commit.get(revision)


def commit_of(folder: Path) -> str:
    """40 hexadecimal digits that change with the folder's content."""
    content = "".join(f"{path.name} {_sha256(path)}\n" for path in sorted(folder.iterdir()))
    return hashlib.sha1(content.encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git_blob(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[HubServer]

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        """Say nothing on stderr."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._answer_api("/".join(parts[2:4]), parts[4:])
        elif parts[0] == "large":
            self._answer_large("/".join(parts[1:3]), parts[3], parts[4])
        elif len(parts) == 5 and parts[2] == "resolve":
            self._answer_resolve("/".join(parts[:2]), parts[3], parts[4])
        else:
            self._send(404)

    def _answer_api(self, repository: str, rest: list[str]) -> None:
        if self._refused(self._take_fault(repository, "api")) or not self._known(repository):
            return
        if rest == ["refs"]:
            revisions = self.hub.repositories[repository]
            branches = [_reference(name, folder) for name, folder in revisions.items()]
            self._send(200, json.dumps({"branches": branches, "tags": [], "converts": []}).encode())
            return
        kind, revision = (rest[0], rest[1]) if len(rest) >= 2 else ("revision", "main")
        folder = self.hub.folder_of(repository, revision)
        if folder is None:
            self._send(404, code="RevisionNotFound", message=f"Invalid rev id: {revision}")
            return
        files = sorted(path for path in folder.iterdir() if path.is_file())
        tree = [_entry(path) for path in files]
        info = {"id": repository, "sha": commit_of(folder), "siblings": [{"rfilename": path.name} for path in files]}
        self._send(200, json.dumps(tree if kind == "tree" else info).encode())

    def _answer_resolve(self, repository: str, revision: str, name: str) -> None:
        if self._refused(self._take_fault(repository, "resolve")) or not self._known(repository):
            return
        folder = self.hub.folder_of(repository, revision)
        if folder is None:
            self._send(404, code="RevisionNotFound", message=f"Invalid rev id: {revision}")
            return
        headers = {"X-Repo-Commit": commit_of(folder)}
        path = folder / name
        if not path.is_file():
            self._send(404, code="EntryNotFound", message="Entry not found", headers=headers)
        elif name.endswith(_LARGE):
            digest = _sha256(path)
            port = self.server.server_address[1]
            headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(path.stat().st_size)}
            self._send(
                302, headers=headers | {"Location": f"http://localhost:{port}/large/{repository}/{revision}/{name}"}
            )
        else:
            self._send(200, path.read_bytes(), headers=headers | {"ETag": f'"{_git_blob(path)}"'})

    def _answer_large(self, repository: str, revision: str, name: str) -> None:
        folder = self.hub.folder_of(repository, revision)
        assert folder is not None, "a redirect leads here"
        fault = self._take_fault(repository, "body")
        if not self._refused(fault):
            self._send_range((folder / name).read_bytes(), fault)

    def _send_range(self, content: bytes, fault: Fault) -> None:
        total, wanted = len(content), self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        if fault.flip:
            content = content[:-1] + bytes([content[-1] ^ 1])
        headers = {"Accept-Ranges": "bytes"}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        self._send(206 if wanted else 200, content[start:], headers=headers, cut=fault.cut_after)

    def _known(self, repository: str) -> bool:
        if repository in self.hub.repositories:
            return True
        self._send(401, code="RepoNotFound", message="Invalid username or password.")
        return False

    def _take_fault(self, repository: str, at: str) -> Fault:
        """What goes wrong with this request, its silence already over; a harmless fault when nothing does."""
        fault = self.hub.faults.get(repository)
        if fault is None or fault.at not in ("any", at) or fault.times < 1:
            return Fault()
        fault.times -= 1
        time.sleep(fault.delay)
        return fault

    def _refused(self, fault: Fault) -> bool:
        if fault.status is not None:
            self._send(fault.status, code=fault.code, message=fault.message)
        return fault.status is not None

    def _send(
        self,
        status: int,
        content: bytes = b"",
        *,
        code: str = "",
        message: str = "",
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        self.send_response(status)
        described = {"X-Error-Code": code, "X-Error-Message": message, "Content-Length": str(len(content))}
        for name, value in (described | (headers or {})).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content[:cut])
        if cut is not None and cut < len(content):
            self.close_connection = True


def _reference(name: str, folder: Path) -> dict[str, str]:
    return {"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit_of(folder)}


def _entry(path: Path) -> dict[str, object]:
    entry: dict[str, object] = {
        "type": "file",
        "path": path.name,
        "size": path.stat().st_size,
        "oid": _git_blob(path),
    }
    if path.name.endswith(_LARGE):
        entry["lfs"] = {"oid": _sha256(path), "size": path.stat().st_size, "pointerSize": 134}
    return entry


@contextmanager
def serve() -> Iterator[HubServer]:
    """An empty hub that listens on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = HubServer(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"hub": hub})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """An empty hub of this test's own."""
    with serve() as server:
        yield server
