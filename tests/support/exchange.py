"""Requests of an ASGI application without sockets, as a server passes them on; the answers are read and dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Scope

import seenat

__all__ = ["ask"]


async def ask(app: ASGIApp, method: str, address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of an answer, all of which is read; 0 where there was none."""
    exchange = _Exchange(body)
    try:
        await app(_scope(method, address, headers), exchange.receive, exchange.send)
    except seenat.SeenatError:  # A stream that is cut has its status already.
        if not exchange.status:
            raise
    return exchange.status


class _Exchange:
    """What a server passes on of one request: its body once, and then nothing until the answer is whole."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self._body: bytes | None = body
        self._is_over = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is None:
            await self._is_over.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif not message.get("more_body"):
            self._is_over.set()


def _scope(method: str, address: str, headers: Mapping[str, str]) -> Scope:
    path, _, query = address.partition("?")
    raw = path.encode("utf-8", "surrogatepass")
    sent = {"host": "localhost", **headers}
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1"}
    scope |= {"method": method, "path": unquote_to_bytes(raw).decode("utf-8", "replace"), "raw_path": raw}
    scope |= {"query_string": query.encode("utf-8", "surrogatepass"), "scheme": "http", "root_path": ""}
    scope |= {"headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()]}
    return scope | {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
