"""How a job stands, as server-sent events: each holds the whole job, so that whoever comes back has missed nothing.

    id: 5f0c...            of this state; sent back as Last-Event-ID, it is not told again
    event: progress        or `end`, the last one: the job is done, cancelled or failed
    data: {"job": 1, ...}  as `/jobs/{job}` has it, without failures

Between them a comment says that the connection lives. A stream ends with its job, with the service, or after an hour; what asks
again after the end is told so by 204, at which browsers ask no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from seenat import Catalog, Job
from seenat.registry.answer import to_json
from seenat.registry.errors import TooSlow
from seenat.remote.actions import EVENT_STREAM
from seenat.remote.parameters import PARAMETERS
from seenat.service.api.answering import Answering
from seenat.service.api.documents import json_bytes
from seenat.service.settings import Limits

__all__ = ["Events"]

_PING = b": ping\n\n"
_RETRY = b"retry: 2000\n\n"
_SECONDS_TO_HEAR_OF_THE_END = 0.25


@dataclass(frozen=True)
class _State:
    """A job as it stood at a look."""

    id: str
    data: bytes
    has_ended: bool

    @classmethod
    def of(cls, job: Job) -> _State:
        data = json_bytes(to_json(job))
        return cls(blake2b(data, digest_size=12).hexdigest(), data, job.has_ended)

    def event(self) -> bytes:
        name = b"end" if self.has_ended else b"progress"
        return b"id: " + self.id.encode() + b"\nevent: " + name + b"\ndata: " + self.data + b"\n\n"


class Events:
    """Tells how jobs stand, to a bounded number of clients."""

    def __init__(self, catalog: Catalog, answering: Answering, limits: Limits, is_stopping: Callable[[], bool]) -> None:
        self._catalog, self._answering, self._limits = catalog, answering, limits
        self._is_stopping = is_stopping
        self._open = 0

    async def respond(self, request: Request) -> Response:
        """The stream of a job's states."""
        job = PARAMETERS["job"].read(request.path_params["job"])
        known = request.headers.get("last-event-id")
        state = await self._look(job)
        if state.has_ended and state.id == known:
            return Response(status_code=204)
        if self._open >= self._limits.streams:
            raise TooSlow(
                f"{self._open:,} clients watch jobs here already; ask again in some seconds, or ask for the job."
            )
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        blocks = self._blocks(job, state, known) if not request.scope["seenat_is_head"] else _nothing()
        return StreamingResponse(blocks, media_type=EVENT_STREAM, headers=headers)

    async def _look(self, job: int) -> _State:
        state: _State = await self._answering.run(lambda: _State.of(next(self._catalog.watch(job))))
        return state

    async def _blocks(self, job: int, state: _State, known: str | None) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            yield _RETRY
            ends, told = time.monotonic() + self._limits.stream_seconds, known
            said = time.monotonic()
            while True:
                if state.id != told:
                    yield state.event()
                    told, said = state.id, time.monotonic()
                elif time.monotonic() - said >= self._limits.ping_seconds:
                    yield _PING
                    said = time.monotonic()
                if state.has_ended or not await self._waits(ends):
                    return
                state = await self._look(job)
        finally:
            self._open -= 1

    async def _waits(self, ends: float) -> bool:
        """Wait until the next look; False where there is none, because the service or the stream's time ends."""
        until = time.monotonic() + self._limits.look_seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _SECONDS_TO_HEAR_OF_THE_END))
            if self._is_stopping() or time.monotonic() > ends:
                return False
        return True


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
