"""A hub of which one answer is hostile: late, cut, endless, of another kind, or with a head that no hub sends.

It speaks by sockets, so that any byte can be sent. One repository, `org/one`, has one commit with a config.json, an index of
weights and one part; the order `datasets/org/ids` has one file. An `Attack` changes the answers to one kind of request; all
others are as they should be.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

__all__ = ["COMMIT", "FILES", "IDS", "KINDS", "Answer", "Attack", "HostileHub", "serve_hostile"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_PART = "model-00001-of-00001.safetensors"
_INDEX = "model.safetensors.index.json"
IDS = bytes(range(1, 241))
"""The bytes of the order's file."""
FILES: Mapping[str, bytes] = {
    "config.json": json.dumps({"model_type": "gpt_neox", "vocab_size": 7}).encode(),
    _INDEX: json.dumps({"weight_map": {"weight": _PART}}).encode(),
    _PART: bytes(range(256)) * 8,
}
"""What org/one holds."""
KINDS = ("refs", "listing", "head config", "body config", "head index", "body index", "head part", "body part", "range")
"""What is asked for, by which an attack chooses its answers."""
_PAGE = b"<!DOCTYPE html><title>Log in</title>" + b" " * 100


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is sent."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def head(self) -> bytes:
        """Its head, a length included unless one is stated."""
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def with_header(self, name: str, value: str | None) -> Answer:
        """With a header of another value, or without it."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def with_body(self, body: bytes, kind: str = "application/json") -> Answer:
        """With another body of its true length."""
        changed = self.with_header("Content-Length", str(len(body))).with_header("Content-Type", kind)
        return replace(changed, body=body)


@dataclass(frozen=True, slots=True)
class Attack:
    """How the answers to one kind of request are changed, or sent."""

    kind: str
    change: Callable[[Answer], Answer] = lambda answer: answer
    """Another answer in place of the due one."""
    send: Callable[[socket.socket, Answer], None] | None = None
    """Sends it in another way than at once."""


@dataclass
class HostileHub:
    """Its address, its attack, and what it was asked."""

    url: str
    attack: Attack | None = None
    asked: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def kind_of(self, method: str, path: str) -> str:
        """What a request is for, as in `KINDS`."""
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            return "refs" if parts[-1] == "refs" else "listing"
        if parts[0] == "datasets":
            return "range" if method == "GET" else "head range"
        what = {"config.json": "config", _INDEX: "index"}.get(parts[-1], "part")
        return f"{'head' if method == 'HEAD' else 'body'} {what}"

    def due(self, method: str, path: str, wanted: str | None) -> Answer:
        """What a hub answers."""
        name = path.rpartition("/")[2]
        if path.startswith("/api/"):
            listing = _refs() if path.endswith("/refs") else _listing()
            return _plain("200 OK", json.dumps(listing).encode(), ("Content-Type", "application/json"))
        if path.startswith("/datasets/"):
            first, last = (int(end) for end in (wanted or "bytes=0-239").removeprefix("bytes=").split("-"))
            told = ("Content-Range", f"bytes {first}-{last}/{len(IDS)}")
            return _plain("206 Partial Content", IDS[first : last + 1], told, ("X-Repo-Commit", COMMIT))
        content = FILES.get(name)
        if content is None:
            return _plain("404 Not Found", b"", ("X-Error-Code", "EntryNotFound"), ("X-Repo-Commit", COMMIT))
        return _plain("200 OK", content, ("ETag", f'"{_etag(name)}"'), ("X-Repo-Commit", COMMIT))

    def answer(self, connection: socket.socket, request: bytes) -> bool:
        """Answer one request; whether the connection stays."""
        line, *rest = request.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        path = unquote(urlsplit(target).path)
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest)}
        kind = self.kind_of(method, path)
        self.asked.append(kind)
        due = self.due(method, path, headers.get("range"))
        if self.attack is not None and self.attack.kind == kind:
            due = self.attack.change(due)
            if self.attack.send is not None:
                self.attack.send(connection, due)
                return False
        connection.sendall(due.head() + (b"" if method == "HEAD" else due.body))
        return True

    def converse(self, connection: socket.socket) -> None:
        """Answer requests of one connection until it ends."""
        waiting = b""
        with suppress(OSError), connection:
            while not self.stopped.is_set():
                received = connection.recv(65536)
                if not received:
                    return
                waiting += received
                while b"\r\n\r\n" in waiting:
                    request, _, waiting = waiting.partition(b"\r\n\r\n")
                    if not self.answer(connection, request):
                        return


@contextmanager
def serve_hostile() -> Iterator[HostileHub]:
    """A hub that listens on this machine; each connection has a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hub = HostileHub(f"http://127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=_accept, args=(listener, hub), daemon=True).start()
        try:
            yield hub
        finally:
            hub.stopped.set()


def _accept(listener: socket.socket, hub: HostileHub) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=hub.converse, args=(connection,), daemon=True).start()


# -- what a hub holds


def _plain(status: str, body: bytes, *headers: tuple[str, str]) -> Answer:
    return Answer(status, (*headers, ("Content-Length", str(len(body)))), body)


def _etag(name: str) -> str:
    content = FILES[name]
    if name == _PART:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _refs() -> dict[str, object]:
    branches = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": COMMIT} for name in ("main", "step0")]
    return {"branches": branches, "tags": [], "converts": []}


def _listing() -> dict[str, object]:
    siblings = []
    for name, content in FILES.items():
        entry: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": "f" * 40}
        if name == _PART:
            entry["lfs"] = {"sha256": _etag(name), "size": len(content), "pointerSize": 134}
        else:
            entry["blobId"] = _etag(name)
        siblings.append(entry)
    return {"id": "org/one", "sha": COMMIT, "siblings": siblings}


# -- ways of sending


def slowly(pause: float) -> Callable[[socket.socket, Answer], None]:
    """A byte, a pause, a byte, head and body alike."""

    def send(connection: socket.socket, answer: Answer) -> None:
        for byte in answer.head() + answer.body:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return send


def slow_body(pause: float) -> Callable[[socket.socket, Answer], None]:
    """The head at once, then a byte and a pause, for ever."""

    def send(connection: socket.socket, answer: Answer) -> None:
        connection.sendall(answer.with_header("Content-Length", str(10**12)).head())
        while True:
            connection.sendall(b" ")
            time.sleep(pause)

    return send


def endless_head(connection: socket.socket, answer: Answer) -> None:
    """Headers for ever."""
    connection.sendall(answer.head()[:-2])
    while True:
        connection.sendall(b"X-More: more and more\r\n" * 100)


def endless_body(connection: socket.socket, answer: Answer) -> None:
    """A body without a length, for ever."""
    connection.sendall(answer.with_header("Content-Length", None).with_header("Connection", "close").head())
    connection.sendall(answer.body[:-1])
    while True:
        connection.sendall(b" " * (1 << 20))


def endless_chunks(connection: socket.socket, answer: Answer) -> None:
    """Chunks for ever."""
    connection.sendall(answer.with_header("Content-Length", None).with_header("Transfer-Encoding", "chunked").head())
    while True:
        connection.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")


def endless_early_answers(connection: socket.socket, answer: Answer) -> None:
    """Heads with a status of 1xx, for ever."""
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)


def cut(connection: socket.socket, answer: Answer) -> None:
    """Half of it."""
    connection.sendall((answer.head() + answer.body)[: len(answer.head()) + len(answer.body) // 2])


def cut_in_head(connection: socket.socket, answer: Answer) -> None:
    """Half of its head."""
    connection.sendall(answer.head()[: len(answer.head()) // 2])


def raw(data: bytes) -> Callable[[socket.socket, Answer], None]:
    """Other bytes."""
    return lambda connection, answer: connection.sendall(data)


def page(answer: Answer) -> Answer:
    """The page of a proxy, for everything."""
    return Answer("200 OK", ()).with_body(_PAGE, "text/html")


def same_head_other_page(answer: Answer) -> Answer:
    """The due head, and a page."""
    return answer.with_body(_PAGE, "text/html")
