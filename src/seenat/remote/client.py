"""The catalog of a service: the methods of the local one that read, with the same arguments, answers and errors.

    with seenat.connect("http://127.0.0.1:8000") as catalog:
        catalog.step("pythia-70m", 3000).sequences_seen
        catalog.which.first("pocket-2m", by=128).sequences

The methods are those of the table of routes; each takes what the local method takes, and is checked by its signature before
anything is sent. Of what writes only what changes jobs is here (`jobs`), and nothing that computes from checkpoints.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx2

from seenat.registry.closing import ClosesOnExit
from seenat.registry.errors import InvalidValue, NotServed, Unreachable
from seenat.registry.printable import in_a_sentence
from seenat.remote.actions import ACTIONS
from seenat.remote.jobs import RemoteJobs
from seenat.remote.methods import SECTIONS, method_of
from seenat.remote.parameters import MOST_ROWS
from seenat.remote.problems import error_of
from seenat.remote.reading.answers import read_answer
from seenat.remote.reading.hints import hints_of
from seenat.remote.routes import PREFIX, ROUTES, Route

__all__ = ["RemoteCatalog"]

_MOST_BYTES = 256 << 20
_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 120.0

# Nobody tells how far a service is, and it writes no files, runs no model and reads no order for minutes.
_NOT_ASKED = ("progress", "reading", "html", "out", "force", "scan", "say", "calibrate", "check", "keep_checkpoints")

_BY_METHOD: dict[str, list[Route]] = {}
for _route in ROUTES:
    _BY_METHOD.setdefault(_route.method, []).append(_route)


class _Section:
    """The methods of the catalog, or of one of its sections, whose names begin with `prefix`."""

    def __init__(self, fetch: Callable[[str], Any], prefix: str) -> None:
        self._fetch, self._prefix = fetch, prefix

    def __getattr__(self, name: str) -> Callable[..., Any]:
        routes = _BY_METHOD.get(f"{self._prefix}{name}")
        if routes is None:
            raise NotServed(
                f"{name!r} is not answered over HTTP, where a catalog is only read; open the catalog itself where it lies, as "
                "`seenat.open()` does."
            )
        method, fetch = method_of(routes[0]), self._fetch

        def call(*positional: Any, **named: Any) -> Any:
            json = fetch(_address(routes, _arguments(method, positional, named)))
            return read_answer(json, hints_of(method).get("return"))

        call.__name__, call.__doc__ = name, inspect.getdoc(method)
        return call

    def __dir__(self) -> list[str]:
        names = [name.removeprefix(self._prefix) for name in _BY_METHOD if name.startswith(self._prefix)]
        return [name for name in names if "." not in name]


class RemoteCatalog(RemoteJobs, _Section, ClosesOnExit):
    """The catalog of a service. It is a context manager; `close` gives back its connections."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(self._get, "")
        self.url, self._token = _checked(url), token
        timeout = httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        self._http = httpx2.Client(timeout=timeout, follow_redirects=False, headers={"user-agent": "seenat"})

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def __repr__(self) -> str:
        return f"<seenat catalog {self.url}>"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *SECTIONS, "close", "url", "watch", *(action.method for action in ACTIONS)]

    def __getattr__(self, name: str) -> Any:
        if name in SECTIONS:
            return _Section(self._get, f"{name}.")
        return super().__getattr__(name)

    def find_all(self, queries: Iterable[str | Sequence[int]], **options: Any) -> Iterator[Any]:
        """As `find`, of one query after the other."""
        return (self.find(query, **options) for query in queries)

    def _get(self, address: str) -> Any:
        return self._ask("GET", address)

    def _ask(self, method: str, address: str, **how: Any) -> Any:
        try:
            with self._http.stream(method, f"{self.url}{PREFIX}{address}", **how) as response:
                body = _read(response)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unreachable(
                f"The service at {self.url} does not answer: {in_a_sentence(error)}; check that it runs."
            ) from None
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if response.is_success and answer is not None:
            return answer
        if isinstance(answer, Mapping) and str(answer.get("type")).startswith("urn:seenat:"):
            raise error_of(answer)
        raise Unreachable(f"What answers at {self.url} with status {response.status_code} is no seenat service.")


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise InvalidValue(f"{url!r} is no address of a service; write http://HOST:PORT or https://HOST.")
    return url.rstrip("/")


def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    for block in response.iter_bytes():
        body += block
        if len(body) > _MOST_BYTES:
            raise Unreachable(f"The service sends more than {_MOST_BYTES:,} bytes at once; ask for less.")
    return bytes(body)


# -- addresses


def _arguments(method: Any, positional: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, by the names of the method's parameters; raises `TypeError` as the method would."""
    signature = inspect.signature(method)
    found = dict(signature.bind(None, *positional, **named).arguments)
    found.pop("self")
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found |= found.pop(name, {})
    for name in _NOT_ASKED:
        if not found.get(name) or callable(found[name]):
            found.pop(name, None)
    if "limit" in found and found["limit"] is None and _is_bounded(signature):
        found["limit"] = MOST_ROWS  # A service gives no more at once; `next` of the answer goes on.
    if isinstance(where := found.get("where"), Mapping):
        found["where"] = [f"{label}={value}" for label, value in where.items()]
    if "query" in found:
        query = found.pop("query")
        found["text" if isinstance(query, str) else "ids"] = query if isinstance(query, str) else list(query)
    given = {name: value for name, value in found.items() if value is not None and value != ()}
    # Where a page ended is one value of some numbers; any other tuple holds several values.
    return {name: [*value] if isinstance(value, tuple) and name != "after" else value for name, value in given.items()}


def _is_bounded(signature: inspect.Signature) -> bool:
    """Whether a method lists some rows unless it is told how many."""
    limit = signature.parameters.get("limit")
    return limit is None or limit.default is not None


def _address(routes: list[Route], arguments: Mapping[str, Any]) -> str:
    """The address of the route that takes all arguments, with as few of them in its path as may be."""
    for route in sorted(routes, key=lambda route: len(route.in_path)):
        keys = {_name(route, key): key for key in route.parameters}
        path_names = {_name(route, key) for key in route.in_path}
        if arguments.keys() <= keys.keys() and path_names <= arguments.keys():
            return route.address({keys[name]: value for name, value in arguments.items()})
    known = sorted({_name(route, key) for route in routes for key in route.parameters})
    unknown = ", ".join(sorted(arguments.keys() - set(known)))
    if not unknown:
        raise InvalidValue(f"Name {', '.join(sorted(set(known) - arguments.keys()))} too, to ask a service.")
    raise InvalidValue(f"{unknown} cannot be asked of a service; it takes {', '.join(known)}.")


def _name(route: Route, key: str) -> str:
    """What the method calls a parameter."""
    if key == route.star:
        return "models"
    return key if key in ("text", "ids") else route.renamed.get(key, key)
