"""The log of tokens, as the service writes it.

What a token is used for is in the log before anything is done with it, and what came of it follows. Refusals are written behind
the answer, so that nobody waits for them, and only some a second: whoever sends thousands without a token fills no disk. All
refusals, as all requests, are in the service's own log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request

from seenat import Access
from seenat.registry.errors import NotPermitted, SeenatError
from seenat.service.http.limits import Rate
from seenat.service.http.logs import note

__all__ = ["Audit", "who"]

_REFUSALS_A_SECOND = 5.0

Run = Callable[[Callable[[], Any]], Any]


class Audit:
    """Writes what is done, and what is refused, of the requests of a service."""

    def __init__(self, access: Access, write: Run) -> None:
        self._access, self._write = access, write
        self._rate = Rate(_REFUSALS_A_SECOND)
        self._behind: set[asyncio.Task[None]] = set()

    def refused(self, request: Request, error: NotPermitted) -> None:
        """Write that a request was not let through, after it is answered."""
        if not self._rate.allows("all"):
            return
        detail = f"{request.method} {request.scope['path']}: {error}"
        task = asyncio.create_task(self._note_behind(partial(self.note, request, "refused", detail, error.token)))
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    def note(self, request: Request, event: str, detail: str, token: int | None) -> None:
        """Write a line, in a thread that writes."""
        self._access.note(event, detail, token=token, **who(request))

    async def _note_behind(self, call: Callable[[], None]) -> None:
        try:
            await self._write(call)
        except SeenatError as error:
            note("not audited", logging.WARNING, reason=str(error))


def who(request: Request) -> dict[str, str]:
    """Where a request comes from, and its id."""
    client = (request.scope.get("client") or ("", 0))[0]
    return {"client": client, "request": request.scope["seenat_request"]}
