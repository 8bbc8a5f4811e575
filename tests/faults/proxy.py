"""A proxy before an object store, on loopback, that answers as it is told to: rightly, or in one of the ways in which networks fail."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import suppress
from urllib.parse import urlsplit

__all__ = ["Proxy"]

_LATE_SECONDS = 1.0
_SLOW_PIECE, _SLOW_SECONDS = 64, 0.02
_LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")
_CONNECTION = re.compile(rb"(?im)^connection: [^\r]*\r\n")
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Runs in a thread; `mode` is empty, or `500`, `slow`, `cut`, `late` or `lost`, for each request as it comes."""

    def __init__(self, url: str) -> None:
        self.mode = ""
        self._to = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(30)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._answer, "127.0.0.1", 0)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            await self._write(writer, await self._response(head, body), self.mode)
        writer.close()

    async def _response(self, head: bytes, body: bytes) -> bytes:
        if self.mode == "500":
            return _FAILED
        reader, writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        writer.write(_CONNECTION.sub(b"", head)[:-2] + b"Connection: close\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()
        return answer

    async def _write(self, writer: asyncio.StreamWriter, answer: bytes, mode: str) -> None:
        if mode == "lost":
            return
        if mode == "late":
            await asyncio.sleep(_LATE_SECONDS)
        if mode == "cut":
            answer = answer[: len(answer) // 2]
        piece = _SLOW_PIECE if mode == "slow" else len(answer)
        for start in range(0, len(answer), max(1, piece)):
            writer.write(answer[start : start + piece])
            await writer.drain()
            await asyncio.sleep(_SLOW_SECONDS if mode == "slow" else 0)
