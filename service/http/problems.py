"""Errors as `application/problem+json` (RFC 9457), from the one table of errors.

    {"type": "urn:seenat:unknown-checkpoint", "title": "Unknown checkpoint", "status": 404,
     "detail": "pythia-70m has no checkpoint at step 1500; ...", "nearest": [1000, 2000], "request": "6f..."}

`type` ends in the error's class; `detail` is its sentence. Of an error that seenat did not raise on purpose nothing is told but
the id of the request, under which it stands in the log.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from seenat.registry.errors import MethodNotAllowed, OutOfScope, SeenatError, Unauthenticated
from seenat.registry.printable import one_line
from seenat.remote.problems import PROBLEM, problem_kind
from seenat.service.api.documents import json_bytes

__all__ = ["problem"]

_RETRY_SECONDS = {429: "1", 503: "5"}
# Of these, the rest of the request is not awaited.
_UNREAD = (408, 413)
_TOLD = ("nearest", "model", "order", "step")


def problem(error: Exception, request_id: str | None = None, detail: str | None = None) -> Response:
    """The response for an error; `detail` is what is told of its sentence, by default all."""
    known = isinstance(error, SeenatError)
    status = error.http_status if isinstance(error, SeenatError) else 500
    kind = problem_kind(type(error)) if known else "fault"
    body: dict[str, Any] = {
        "type": f"urn:seenat:{kind}",
        "title": kind.replace("-", " ").capitalize(),
        "status": status,
        "detail": one_line(detail or str(error))
        if known
        else "This is a fault of the service; its log has more under the request's id.",
    }
    body |= {name: value for name in _TOLD if (value := getattr(error, name, None)) is not None}
    if request_id is not None:
        body["request"] = request_id
    return Response(json_bytes(body), status, _headers(error, status), media_type=PROBLEM)


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers = {"cache-control": "no-store"}
    if status in _RETRY_SECONDS:
        headers["retry-after"] = _RETRY_SECONDS[status]
    if status in _UNREAD:
        headers["connection"] = "close"
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = ", ".join(error.allowed)
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="seenat"'
    if isinstance(error, OutOfScope):
        headers["www-authenticate"] = 'Bearer realm="seenat", error="insufficient_scope"'
    return headers
