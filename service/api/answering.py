"""The call of the catalog for a request, within its bounds, and the response.

The library is synchronous, so it is called in threads: look-ups of rows in some, what reads an order or an index in others, so
that searches never keep look-ups waiting. What takes less than changing threads does, and waits for no network, is called at
once. One catalog serves all of them. Nothing here takes the catalog's write lock.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from seenat import Catalog
from seenat.registry.answer import to_json
from seenat.registry.errors import InvalidValue, TooLarge, TooSlow
from seenat.remote.methods import method_of
from seenat.remote.parameters import write_value
from seenat.remote.routes import Route
from seenat.service.api.documents import Form, Rows, encode, json_bytes, rows_key
from seenat.service.api.kept import Encoded, KeptAnswers
from seenat.service.api.reading import read_values
from seenat.service.api.threads import Threads
from seenat.service.api.withheld import Policy
from seenat.service.settings import Limits

__all__ = ["Answering"]

_ROWS_A_PAGE = 5000
_CONTENT = frozenset({"tokens", "decode"})


@dataclass(frozen=True)
class _Asked:
    """What a request asks of a route."""

    route: Route
    values: dict[str, Any]
    form: Form
    query: bytes
    address: str


class Answering:
    """Answers requests from one catalog."""

    def __init__(
        self,
        catalog: Catalog,
        policy: Policy,
        limits: Limits,
        *,
        is_embedded: bool,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._catalog, self._policy, self._limits = catalog, policy, limits
        self._is_embedded = is_embedded
        self._is_stopping = is_stopping
        self._kept = KeptAnswers(limits.cache_bytes)
        self._quick = Threads("look-up", limits.threads, limits.waiting)
        self._slow = Threads("search", limits.slow_threads, limits.waiting)

    def endpoint(self, route: Route) -> Callable[[Request], Any]:
        """What answers a route."""

        async def answer(request: Request) -> Response:
            return await self._respond(route, request)

        answer.__name__ = route.name
        return answer

    async def run(self, call: Callable[[], Any], *, is_slow: bool = False) -> Any:
        """Call something that reads the catalog, or, where it is slow, an order or an index."""
        return await (self._slow if is_slow else self._quick).run(call, self._limits.answer_seconds)

    def answer(self, route: Route, values: dict[str, Any]) -> Any:
        """The catalog's own answer, of which not everything may be shown; for what holds no training data."""
        positional, named = route.arguments(values)
        if _takes_progress(route):
            named["progress"] = _until(time.monotonic() + self._limits.answer_seconds)
        return attrgetter(route.method)(self._catalog)(*positional, **named)

    def shown(self, route: Route, values: dict[str, Any]) -> tuple[Any, str | None]:
        """What may be shown of the catalog's answer, and the key that holds its rows."""
        answer = self.answer(route, values)
        return self._policy.show(route.method, to_json(answer)), rows_key(answer)

    async def _respond(self, route: Route, request: Request) -> Response:
        query = request.scope["query_string"]
        values = read_values(route, request.path_params, query)
        self._policy.check(values)
        form = _form_of(request)
        asked = _Asked(route, values, form, query, f"{request.scope['path']}?{query.decode('latin-1')}")
        reads_content = not _CONTENT.isdisjoint(values)
        if form is Form.JSON and route.reads == "little" and self._is_embedded and not reads_content:
            return self._send(request, self._encoded(asked))
        threads = self._slow if route.reads == "order" or reads_content else self._quick
        run = partial(threads.run, seconds=self._limits.answer_seconds)
        if form is Form.JSON:
            return self._send(request, await run(partial(self._encoded, asked)))
        blocks = await run(partial(self._first_block, asked))
        headers = {"cache-control": "no-cache", "vary": "Accept"}
        return StreamingResponse(self._streamed(run, blocks), media_type=form.value, headers=headers)

    def _send(self, request: Request, encoded: Encoded) -> Response:
        headers = {"etag": encoded.tag, "cache-control": "no-cache", "vary": "Accept"}
        if encoded.next is not None:
            headers["link"] = f'<{request.scope["path"]}?{encoded.next}>; rel="next"'
        if _matches(request.headers.get("if-none-match"), encoded.tag):
            return Response(status_code=304, headers=headers)
        return Response(encoded.body, media_type=Form.JSON.value, headers=headers)

    # -- in a thread

    def _encoded(self, asked: _Asked) -> Encoded:
        if not asked.route.follows_from_catalog or not _CONTENT.isdisjoint(asked.values):
            return self._encode(asked)
        generation = self._catalog.generation()
        kept = self._kept.get(asked.address, generation)
        if kept is None:
            kept = self._encode(asked)
            self._kept.put(asked.address, generation, kept)
        return kept

    def _encode(self, asked: _Asked) -> Encoded:
        document = self.shown(asked.route, asked.values)[0]
        body = json_bytes(document)
        if len(body) > self._limits.answer_bytes:
            raise TooLarge(
                f"This answer has {len(body):,} bytes, and the service sends {self._limits.answer_bytes:,} at once; ask for a "
                "part of it, or for its rows as .jsonl or .csv."
            )
        return Encoded.of(body, _next_query(asked, document))

    def _first_block(self, asked: _Asked) -> Iterator[bytes]:
        """The blocks of an answer's rows, of which the first is there already, so that errors come before the response."""
        blocks = encode(self._pages(asked), asked.form)
        first = next(blocks, b"")
        return chain([first], blocks)

    def _pages(self, asked: _Asked) -> Iterator[Rows]:
        """The rows, a page at a time; all pages where no limit was asked for."""
        values = dict(asked.values)
        follows = bool(asked.route.pages) and "limit" not in values
        if follows:
            values["limit"] = _ROWS_A_PAGE
        while True:
            document, key = self.shown(asked.route, values)
            if key is None and not isinstance(document, list):
                raise InvalidValue(f"{asked.route.path} is no list, so it has no rows; ask for it as JSON.")
            yield document if key is None else document[key]
            after = None if isinstance(document, list) else document.get("next")
            if not follows or after is None:
                return
            values["after"] = _place(after)

    # -- in the event loop

    async def _streamed(self, run: Callable[..., Any], blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
        while not self._is_stopping() and (block := await run(partial(next, blocks, None))) is not None:
            yield block


@cache
def _takes_progress(route: Route) -> bool:
    return "progress" in inspect.signature(method_of(route)).parameters


def _until(deadline: float) -> Callable[..., None]:
    """A progress that breaks long work off once nobody waits for it any more."""

    def progress(*_done: int) -> None:
        if time.monotonic() > deadline:
            raise TooSlow("It takes longer than this service allows; ask for less, or ask the catalog itself.")

    return progress


def _form_of(request: Request) -> Form:
    """The form that the address's suffix names, or else the header Accept; JSON where neither does."""
    named: Form | None = request.scope.get("seenat_form")
    accepted = request.headers.get("accept", "")
    if named is not None or "json" in accepted.replace("jsonl", "").replace("ndjson", ""):
        return named or Form.JSON
    if "text/csv" in accepted:
        return Form.CSV
    return Form.JSONL if "jsonl" in accepted or "ndjson" in accepted else Form.JSON


def _matches(known: str | None, tag: str) -> bool:
    """Whether a client has this answer already."""
    tags = [entry.strip() for entry in (known or "").split(",")]
    return "*" in tags or tag in tags or tag.removeprefix("W/") in tags


def _place(after: Any) -> Any:
    return tuple(after.values()) if isinstance(after, dict) else after


def _next_query(asked: _Asked, document: Any) -> str | None:
    """The query of the next page: as this one's, from where this page ended."""
    if not asked.route.pages or document.get("next") is None:
        return None
    fields = [(name, text) for name, text in parse_qsl(asked.query.decode(), keep_blank_values=True) if name != "after"]
    return urlencode([*fields, ("after", write_value(_place(document["next"])))])
