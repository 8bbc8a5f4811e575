"""The outermost layer: each request gets an id, passes the gate, is answered or refused, counted and logged.

HEAD is a GET whose body stays here. A suffix (`.json`, `.jsonl`, `.csv`) leaves the path and says the form of the answer. An
exception that gets here is a problem, never a page of a framework.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seenat.registry.errors import SeenatError
from seenat.remote.routes import PREFIX
from seenat.service.api.documents import Form
from seenat.service.http.limits import Gate
from seenat.service.http.logs import note, note_request
from seenat.service.http.metrics import Metrics
from seenat.service.http.problems import problem

__all__ = ["Edge"]

_REQUEST_ID = re.compile(rb"[\w.-]{8,64}")
_FORMS = {form.suffix: form for form in Form}
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Edge:
    """An ASGI application around another."""

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        metrics: Metrics,
        explain: Callable[[Exception, str, Scope], Response] = lambda error, id_, _scope: problem(error, id_),
    ) -> None:
        self._app, self._gate, self._metrics, self._explain = app, gate, metrics, explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        sent = _Sent(send, _request_id(headers.get(b"x-request-id")), is_head=scope["method"] == "HEAD")
        method, path, begun = scope["method"], scope["path"], time.perf_counter()
        known = {"seenat_request": sent.request_id, "seenat_is_head": method == "HEAD"}
        inner = {**_without_suffix(scope, headers), **known}
        with self._metrics.in_flight.track_inprogress():
            await self._answer(inner, receive, sent, headers)
        seconds = time.perf_counter() - begun
        route = str(inner.get("seenat_route") or getattr(inner.get("endpoint"), "__name__", "none"))
        self._metrics.count(route, sent.status, seconds)
        client = (scope.get("client") or ("", 0))[0]
        facts = {"method": method, "path": path, "status": sent.status, "bytes": sent.bytes, "client": client}
        note_request(request=sent.request_id, **facts, milliseconds=round(seconds * 1000, 2))

    async def _answer(self, scope: Scope, receive: Receive, sent: _Sent, headers: dict[bytes, bytes]) -> None:
        try:
            self._gate.check(scope, headers)
            await self._app(scope, receive, sent)
        except Exception as error:
            if not isinstance(error, SeenatError):
                note("fault", logging.ERROR, fault=error, request=sent.request_id)
            elif error.http_status >= 500:
                note("failed", logging.ERROR, error=type(error).__name__, sentence=str(error), request=sent.request_id)
            if sent.status:  # The answer has begun: a cut connection tells that it is not whole.
                raise
            await self._explain(error, sent.request_id, scope)(scope, receive, sent)


class _Sent:
    """Sends messages on, with the headers of all answers, and notes what was sent."""

    def __init__(self, send: Send, request_id: str, *, is_head: bool) -> None:
        self._send, self.request_id, self._is_head = send, request_id, is_head
        self.status = 0
        self.bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", ()))
            names = {name for name, _ in given}  # A page has its own policy of content.
            own = [(name, value) for name, value in _HEADERS if name not in names]
            message = {**message, "headers": [*given, *own, (b"x-request-id", self.request_id.encode())]}
        elif message["type"] == "http.response.body":
            if self._is_head:
                message = {**message, "body": b""}
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _request_id(given: bytes | None) -> str:
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def _without_suffix(scope: Scope, headers: dict[bytes, bytes]) -> Scope:
    """A request, its suffix taken from the path; HEAD as GET."""
    path, method = scope["path"], "GET" if scope["method"] == "HEAD" else scope["method"]
    stem, dot, ending = path.rpartition(".")
    form = _FORMS.get(dot + ending) if path.startswith(PREFIX) else None
    if form is None:
        return {**scope, "method": method, "seenat_headers": headers}
    return {**scope, "method": method, "path": stem, "seenat_form": form, "seenat_headers": headers}
