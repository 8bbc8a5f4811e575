"""From a request that writes to its answer: the token, the body, the call of the catalog, the log.

The token is looked at before the body is read, so that nobody without one costs more than a look-up, and once more in the
transaction that notes its use. One thread writes: the catalog takes one writer at a time, and whoever waits for it keeps no
look-up waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seenat import Catalog, MemorizeAnswer
from seenat.registry.answer import to_json
from seenat.registry.errors import InvalidValue, NotPermitted, SeenatError, UnknownParameter
from seenat.remote.actions import Action
from seenat.remote.bodies import read_body
from seenat.remote.routes import PREFIX
from seenat.service.api.answering import Answering
from seenat.service.api.documents import json_bytes
from seenat.service.api.threads import Threads
from seenat.service.http.limits import check_same_site
from seenat.service.jobs.audit import Audit, who
from seenat.service.jobs.bodies import read_json
from seenat.service.settings import Limits

__all__ = ["Acting"]

_SCHEME = "bearer"


class Acting:
    """Does what requests ask for, for those who may."""

    def __init__(self, catalog: Catalog, answering: Answering, limits: Limits) -> None:
        self._catalog, self._answering, self._limits = catalog, answering, limits
        self._threads = Threads("write", 1, limits.waiting_to_write)
        self._audit = Audit(catalog.access, self._write)

    def endpoint(self, action: Action) -> Callable[[Request], Any]:
        """What answers an action."""

        async def act(request: Request) -> Response:
            try:
                return await self._respond(action, request)
            except NotPermitted as error:
                self._audit.refused(request, error)
                raise

        act.__name__ = action.name
        return act

    async def _respond(self, action: Action, request: Request) -> Response:
        check_same_site(request.headers)
        token = _token_of(request)
        await self._answering.run(partial(self._catalog.access.check, token, action.scopes))
        if request.scope["query_string"]:
            raise UnknownParameter(f"{action.path} has no parameters in its address; send them as the body.")
        in_path = {key: kind.read(request.path_params[key]) for key, kind in action.in_path.items()}
        body = read_body(action.body, action.required, await read_json(request, self._limits))
        answer = await self._write(partial(self._act, action, request, token, in_path | body))
        headers = {"cache-control": "no-store"}
        if isinstance(answer, MemorizeAnswer):
            headers["location"] = f"{PREFIX}/jobs/{answer.job.id}"
        return Response(json_bytes(to_json(answer)), action.status, headers, media_type="application/json")

    async def _write(self, call: Callable[[], Any]) -> Any:
        return await self._threads.run(call, self._limits.answer_seconds)

    # -- in the thread that writes

    def _act(self, action: Action, request: Request, token: str | None, values: dict[str, Any]) -> Any:
        asked = ", ".join(f"{key}={value}" for key, value in values.items() if key != "note")
        used = self._catalog.access.use(token, action.scopes, f"{action.method} {asked}", **who(request))
        named = {action.renamed.get(key, key): value for key, value in values.items()}
        try:
            answer = getattr(self._catalog, action.method)(**named)
        except SeenatError as error:
            self._audit.note(request, "failed", f"{action.method}: {error}", used.id)
            raise
        jobs = answer.jobs if isinstance(answer, MemorizeAnswer) else [answer]
        done = f"{action.method}: job {', '.join(str(job.id) for job in jobs)} is {jobs[0].state}"
        self._audit.note(request, "done", done, used.id)
        return answer


def _token_of(request: Request) -> str | None:
    """The text of the token that a request brings in its header; None where it brings none."""
    given = request.headers.getlist("authorization")
    if not given:
        return None
    if len(given) > 1:
        raise InvalidValue("This request has several headers Authorization; send one.")
    scheme, _, text = given[0].partition(" ")
    return text.strip() if scheme.lower() == _SCHEME else None
