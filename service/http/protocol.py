"""uvicorn's protocol with bounds for the head of a request, of which it has none.

A client that sends its head slower than allowed, or more of it, loses its connection. The time counts from the connection, and
after an answer from the first byte of the next request; until that comes, uvicorn's own keep-alive time holds.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seenat.service.settings import Limits

__all__ = ["BoundedProtocol"]

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """A connection. The bounds are of the class: uvicorn makes the instances, and workers get no more than its name."""

    bounds = Limits()

    _timer: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came; its head is awaited."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came: of a head, or of a body that is read in its own bounds."""
        self._await_head()
        self._received += len(data)
        if self._received > self.bounds.header_bytes:
            self.transport.write(_TOO_LARGE)
            self._close()
            return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._forget_head()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went."""
        self._forget_head()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._timer = self.loop.call_later(self.bounds.header_seconds, self._close)

    def _forget_head(self) -> None:
        self._received = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
