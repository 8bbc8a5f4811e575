"""A hub on this machine: enough of the Hugging Face Hub's HTTP interface for huggingface_hub's own client to fetch from.

Repositories are folders on disk, one a revision. Small files come straight, with a git blob's SHA-1 as ETag; weights come
as the hub's large files do, by a redirect to another host name that carries their SHA-256 and size. Datasets are the
repositories whose names begin with `datasets/`. A `Formula` stands for files of any size, whose bytes are computed when
they are asked for. A `Fault` makes a repository fail in one way. Nothing here knows what is being tested.

Hook: `pythonpath = ["tests"]` in the settings of pytest and `pytest_plugins = ["hub_server"]` in tests/conftest.py give
every test the fixture `hub`.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import unquote, urlsplit

import pytest

__all__ = ["Fault", "Formula", "HubServer", "client_of", "commit_of", "hub", "serve"]

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
    answer: str = ""
    """Of a range: `whole` sends the file instead, `shifted` another range, `short` a byte fewer, `long` one more."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with the status, or with the content."""
    times: int = 1 << 30
    """How many requests it strikes."""


@dataclass(frozen=True, kw_only=True)
class Formula:
    """A revision whose files are computed."""

    commit: str
    lengths: Mapping[str, int]
    """Bytes of each file."""
    read: Callable[[str, int, int], bytes]
    """The bytes `[start, stop)` of a file."""
    revisions: tuple[str, ...] = ()
    """Further names of the commit."""

    def is_called(self, revision: str) -> bool:
        """Whether a revision names this commit: a name, or all its digits."""
        return revision in (*self.revisions, self.commit)


@dataclass
class HubServer:
    """The hub's address, what it holds, how it fails and what it was asked."""

    url: str
    repositories: dict[str, dict[str, Path]] = field(default_factory=dict)
    """Repository -> revision -> folder; a revision that gets another folder has another commit."""
    faults: dict[str, Fault] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """Repository -> the size that its listing tells of every large file, instead of the file's own."""
    formulas: dict[str, Formula] = field(default_factory=dict)
    """Repository -> its one revision, in place of folders."""
    requests: list[str] = field(default_factory=list)
    """`METHOD /path` of every request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """The headers of every request, names in lower case."""
    sent: list[int] = field(default_factory=list)
    """Bytes of everything that was sent, a number a write."""
    connections: list[tuple[str, int]] = field(default_factory=list)
    """Address of the client of every connection."""

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
    content = "".join(f"{path.name} {_sha256(path)}\n" for path in sorted(folder.iterdir()) if path.is_file())
    return hashlib.sha1(content.encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git_blob(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Counted:
    """A socket's file that notes how much is written to it."""

    def __init__(self, file: BufferedIOBase, sent: list[int]) -> None:
        self._file, self._sent = file, sent

    def write(self, data: bytes) -> int:
        self._sent.append(len(data))
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Head and content are two writes; the second would wait for the first's receipt.
    hub: ClassVar[HubServer]

    def setup(self) -> None:
        super().setup()
        self.hub.connections.append(self.client_address)
        self.wfile = cast(BufferedIOBase, _Counted(self.wfile, self.hub.sent))

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        """Say nothing on stderr."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        self.hub.headers.append({name.lower(): value for name, value in self.headers.items()})
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._answer_api("/".join(parts[2:4]), parts[4:])
        elif parts[:2] == ["api", "datasets"]:
            self._answer_api("/".join(parts[1:4]), parts[4:])
        elif "resolve" not in parts[2:-2]:
            self._send(404)
        else:
            place = parts.index("resolve", 2)
            answer = self._answer_large if parts[0] == "large" else self._answer_resolve
            answer("/".join(parts[parts[0] == "large" : place]), parts[place + 1], "/".join(parts[place + 2 :]))

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
        info: dict[str, object] = {
            "id": repository,
            "sha": commit_of(folder),
            "siblings": [_sibling(path, self.hub.sizes.get(repository)) for path in files],
        }
        with suppress(ValueError):  # Of files that are no safetensors the hub tells nothing.
            info |= _elements(files)
        self._send(200, json.dumps(tree if kind == "tree" else info).encode())

    def _answer_resolve(self, repository: str, revision: str, name: str) -> None:
        fault = self._take_fault(repository, "resolve")
        if self._refused(fault) or not self._known(repository):
            return
        if repository in self.hub.formulas:
            self._answer_formula(repository, revision, name)
            return
        folder = self.hub.folder_of(repository, revision)
        if folder is None:
            self._send(404, code="RevisionNotFound", message=f"Invalid rev id: {revision}")
            return
        headers = {"X-Repo-Commit": commit_of(folder)}
        path = folder / name
        if not path.is_file():
            self._send(404, code="EntryNotFound", message="Entry not found", headers=headers)
        elif name.endswith(_LARGE) or repository.startswith("datasets/"):
            self._redirect(repository, revision, name, headers, _sha256(path), path.stat().st_size)
        else:
            content = path.read_bytes()
            content = content[:-1] + bytes([content[-1] ^ 1]) if fault.flip else content
            self._send(200, content, headers=headers | {"ETag": f'"{_git_blob(path)}"'}, cut=fault.cut_after)

    def _answer_formula(self, repository: str, revision: str, name: str) -> None:
        formula = self.hub.formulas[repository]
        headers = {"X-Repo-Commit": formula.commit}
        if not formula.is_called(revision):
            self._send(404, code="RevisionNotFound", message=f"Invalid rev id: {revision}")
        elif name not in formula.lengths:
            self._send(404, code="EntryNotFound", message="Entry not found", headers=headers)
        else:
            self._redirect(repository, revision, name, headers, "0" * 64, formula.lengths[name])

    def _redirect(
        self, repository: str, revision: str, name: str, headers: dict[str, str], digest: str, length: int
    ) -> None:
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(length)}
        port = self.server.server_address[1]
        place = {"Location": f"http://localhost:{port}/large/{repository}/resolve/{revision}/{name}"}
        self._send(302, headers=headers | linked | place)

    def _answer_large(self, repository: str, revision: str, name: str) -> None:
        fault = self._take_fault(repository, "body")
        if self._refused(fault):
            return
        formula = self.hub.formulas.get(repository)
        if formula is not None:
            self._send_range(formula.lengths[name], partial(formula.read, name), fault)
            return
        folder = self.hub.folder_of(repository, revision)
        assert folder is not None, "a redirect leads here"
        content = (folder / name).read_bytes()
        self._send_range(len(content), lambda start, stop: content[start:stop], fault)

    def _send_range(self, total: int, read: Callable[[int, int], bytes], fault: Fault) -> None:
        headers = {"Accept-Ranges": "bytes"} | fault.headers
        wanted = self.headers.get("Range") if fault.answer != "whole" else None
        start, stop = _range_of(wanted, total)
        if start >= total and wanted:
            self._send(416, headers=headers | {"Content-Range": f"bytes */{total}"})
            return
        content = read(start, stop)
        if fault.flip:
            content = content[:-1] + bytes([content[-1] ^ 1])
        content = {"short": content[:-1], "long": content + b"0"}.get(fault.answer, content)
        if wanted:
            moved = fault.answer == "shifted"
            headers["Content-Range"] = f"bytes {start + moved}-{stop - 1 + moved}/{total}"
        self._send(206 if wanted else 200, content, headers=headers, cut=fault.cut_after)

    def _known(self, repository: str) -> bool:
        if repository in self.hub.repositories or repository in self.hub.formulas:
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
            self._send(fault.status, code=fault.code, message=fault.message, headers=fault.headers)
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


def _range_of(wanted: str | None, total: int) -> tuple[int, int]:
    """The half-open range that a Range header asks for, its end, if it has one, being the last byte."""
    if wanted is None:
        return 0, total
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    return int(first), min(int(last) + 1 if last else total, total)


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


def _sibling(path: Path, told: int | None) -> dict[str, object]:
    entry = _entry(path)
    described = {"rfilename": path.name, "size": entry["size"], "blobId": entry["oid"]}
    if "lfs" in entry:
        size = entry["size"] if told is None else told
        described |= {"size": size, "lfs": {"sha256": _sha256(path), "size": size, "pointerSize": 134}}
    return described


def _elements(files: list[Path]) -> dict[str, object]:
    """Numbers by type, from the headers of safetensors, where there are some."""
    counted: dict[str, int] = {}
    for path in files:
        if path.suffix == ".safetensors":
            content = path.read_bytes()
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            for tensor in (value for name, value in header.items() if name != "__metadata__"):
                counted[tensor["dtype"]] = counted.get(tensor["dtype"], 0) + prod(tensor["shape"])
    return {"safetensors": {"parameters": counted, "total": sum(counted.values())}} if counted else {}


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


@contextmanager
def client_of(hub: HubServer, *, offline: bool = False) -> Iterator[HubServer]:
    """Settings of huggingface_hub in this process that lead to a hub and send no token.

    It takes them from the environment when it is imported; processes of their own are given `HubServer.environment`.
    """
    from huggingface_hub import close_session, constants

    chosen = {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": offline,
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        for name, value in chosen.items():
            patch.setattr(constants, name, value)
        close_session()
        yield hub
        close_session()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """An empty hub of this test's own."""
    with serve() as server:
        yield server
