"""uvicorn's protocol with bounds of its own: for the head of a request, for a body that nobody reads, and for slow readers.

A client that sends its head slower than allowed, or more of it, loses its connection. The time counts from the connection, and
after an answer from the first byte of the next request; until that comes, uvicorn's own keep-alive time holds. What a body
brings beyond its bound, chunks and all, cuts it too: within it the application refuses what is too large, with a reason.

A client that takes its answer too slowly loses its connection as well: as long as some of an answer waits here, so many bytes of
it must leave in so many seconds. What the kernel has taken does not count as waiting, and is dropped with the rest.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from seenat.service.settings import Limits

__all__ = ["BoundedProtocol"]

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
# Closing drops what was not sent yet, and the other side hears of it at once.
_DROP = struct.pack("ii", 1, 0)
# A body in chunks of one byte is six times as long.
_TIMES_IN_CHUNKS = 8


class BoundedProtocol(HttpToolsProtocol):
    """A connection. The bounds are of the class: uvicorn makes the instances, and workers get no more than its name."""

    bounds = Limits()

    _timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    _received = 0
    _in_body = False
    _answered: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came; its head is awaited."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came: of a head, or of a body that is read in its own bounds."""
        self._await_head()
        while data and not self.transport.is_closing():
            bounds = self.bounds
            room = (bounds.body_bytes * _TIMES_IN_CHUNKS if self._in_body else bounds.header_bytes) - self._received
            if room <= 0:
                self._refuse()
                return
            # A head and what follows it may come together: what a bound has room for is read before the rest is looked at.
            part, data = data[:room], data[room:]
            self._received += len(part)
            super().data_received(part)

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._forget_head()
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._received, self._in_body = 0, False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """More of an answer waits than the transport likes to hold."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """What waited has left, but for little."""
        super().resume_writing()
        self._forget_reader()

    def on_response_complete(self) -> None:
        """An answer is written; what of it waits is watched until it has left."""
        super().on_response_complete()
        if not self.flow.write_paused:
            self._forget_reader()
            self._watch_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went."""
        self._forget_head()
        self._forget_reader()
        # uvicorn tells only the last of several requests that came at once.
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _await_head(self) -> None:
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._timer = self.loop.call_later(self.bounds.header_seconds, self._close)

    def _forget_head(self) -> None:
        self._received = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch_reader(self) -> None:
        if waiting := self.transport.get_write_buffer_size():
            self._reader_timer = self.loop.call_later(self.bounds.reader_seconds, self._look_at_reader, waiting)

    def _look_at_reader(self, before: int) -> None:
        """Cut a client that took too little since the last look; nothing was added meanwhile."""
        waiting = self.transport.get_write_buffer_size()
        if waiting and before - waiting < min(before, self.bounds.reader_bytes):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
            self.transport.abort()
        else:
            self._watch_reader()

    def _forget_reader(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _refuse(self) -> None:
        if not self._in_body:
            self.transport.write(_TOO_LARGE)
        self._close()

    def _close(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
