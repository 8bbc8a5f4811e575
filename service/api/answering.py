"""The call of the catalog for a request, within its bounds, and the response.

The library is synchronous, so it is called in threads: look-ups of rows in some, what reads an order or an index in others, so
that searches never keep look-ups waiting. What takes less than changing threads does, and waits for no network, is called at
once. One catalog serves all of them. Nothing here takes the catalog's write lock.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from seenat import Catalog
from seenat.registry.answer import to_json
from seenat.registry.columns import Columns
from seenat.registry.errors import InvalidValue, TooLarge, TooSlow
from seenat.remote.methods import columns_of, method_of
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
_CONTENT = frozenset({"tokens", "decode", "documents"})
_UNKEPT = {"cache-control": "no-cache", "vary": "Accept"}
_TOLD = [(name.encode(), value.encode()) for name, value in _UNKEPT.items()]
_JSON = (b"content-type", Form.JSON.value.encode())


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
        if "source" in values and self._policy.is_closed:
            place = self._catalog.sequence(values["source"], values["sequence"])
            self._policy.check_content(place.order, place.sequence)
        answer = self.answer(route, values)
        return self._policy.show(route.method, to_json(answer)), rows_key(answer)

    async def respond(self, route: Route, in_path: Mapping[str, str], scope: Scope) -> ASGIApp:
        """The response to a request; raises what the catalog raises."""
        query: bytes = scope["query_string"]
        values = read_values(route, in_path, query)
        self._policy.check(values)
        headers: Mapping[bytes, bytes] = scope["seenat_headers"]
        form = _form_of(scope.get("seenat_form"), headers)
        asked = _Asked(route, values, form, query, f"{scope['path']}?{query.decode('latin-1')}")
        reads_content = not _CONTENT.isdisjoint(values)
        if form is Form.JSON and self._is_embedded and not reads_content and self._is_little(route, values):
            return _response(scope, headers, self._encoded(asked))
        threads = self._slow if route.reads == "order" or reads_content else self._quick
        run = partial(threads.run, seconds=self._limits.answer_seconds)
        if form is Form.JSON:
            return _response(scope, headers, await run(partial(self._encoded, asked)))
        blocks = await run(partial(self._first_block, asked))
        return StreamingResponse(self._streamed(run, blocks), media_type=form.value, headers=_UNKEPT)

    def _is_little(self, route: Route, values: Mapping[str, Any]) -> bool:
        """Whether an answer takes less time than changing threads."""
        if route.reads == "place":
            return not self._catalog.is_measured(values.get("model") or values["order"])
        return route.reads == "little"

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
        document, following = self._page(asked)
        body = json_bytes(document)
        if len(body) > self._limits.answer_bytes:
            raise TooLarge(
                f"This answer has {len(body):,} bytes, and the service sends {self._limits.answer_bytes:,} at once; ask for a "
                "part of it, or for its rows as .jsonl or .csv."
            )
        return Encoded.of(body, following)

    def _page(self, asked: _Asked) -> tuple[Any, str | None]:
        """What may be shown, and the query of the next page; of a list one row more is read, to know whether there is one."""
        values, keys = asked.values, asked.route.keyed_by
        if not keys or not (limit := values.get("limit")):
            document = self.shown(asked.route, values)[0]
            after = document.get("next") if asked.route.pages else None
            return document, None if after is None else _next_query(asked, _place(after))
        document = self.shown(asked.route, {**values, "limit": limit + 1})[0]
        if len(document) <= limit:
            return document, None
        last = document[limit - 1]
        return document[:limit], _next_query(asked, tuple(last[key] for key in keys))

    def _first_block(self, asked: _Asked) -> Iterator[bytes]:
        """The blocks of an answer's rows, of which the first is there already, so that errors come before the response."""
        blocks = encode(self._pages(asked), asked.form)
        first = next(blocks, b"")
        return chain([first], blocks)

    def _pages(self, asked: _Asked) -> Iterator[Rows | Columns]:
        """The rows, a page at a time, or as columns where the catalog gives those; all of them where no limit was asked for."""
        if (columns := columns_of(asked.route)) is None:
            return self._pages_of_rows(asked)
        positional, named = asked.route.arguments(asked.values)
        blocks: Iterator[Columns] = attrgetter(columns)(self._catalog)(*positional, **named)
        return blocks

    def _pages_of_rows(self, asked: _Asked) -> Iterator[Rows]:
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


def _response(scope: Scope, headers: Mapping[bytes, bytes], encoded: Encoded) -> ASGIApp:
    tag = encoded.tag.encode()
    told = [(b"etag", tag), *_TOLD]
    if encoded.next is not None:
        told.append((b"link", f'<{scope["path"]}?{encoded.next}>; rel="next"'.encode()))
    known = headers.get(b"if-none-match")
    if known is not None and _matches(known.decode("latin-1"), encoded.tag):
        return _Whole(304, told, b"")
    length = str(len(encoded.body)).encode()
    return _Whole(200, [*told, (b"content-length", length), _JSON], encoded.body)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A response that is whole already; Starlette's own takes longer to make than most look-ups."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def _form_of(named: Form | None, headers: Mapping[bytes, bytes]) -> Form:
    """The form that the address's suffix names, or else the header Accept; JSON where neither does."""
    accepted = headers.get(b"accept", b"").decode("latin-1")
    if named is not None or "json" in accepted.replace("jsonl", "").replace("ndjson", ""):
        return named or Form.JSON
    if "text/csv" in accepted:
        return Form.CSV
    return Form.JSONL if "jsonl" in accepted or "ndjson" in accepted else Form.JSON


def _matches(known: str, tag: str) -> bool:
    """Whether a client has this answer already."""
    tags = [entry.strip() for entry in known.split(",")]
    return "*" in tags or tag in tags or tag.removeprefix("W/") in tags


def _place(after: Any) -> Any:
    return tuple(after.values()) if isinstance(after, dict) else after


def _next_query(asked: _Asked, after: Any) -> str:
    """The query of the next page: as this one's, from where this page ended."""
    fields = [(name, text) for name, text in parse_qsl(asked.query.decode(), keep_blank_values=True) if name != "after"]
    return urlencode([*fields, ("after", write_value(after))])
