"""From an address below `/api/v1` to its route: by the segments of the path as it was sent, so that a name may hold a slash.

    /api/v1/models/EleutherAI%2Fpythia-70m/steps/3000   the model is EleutherAI/pythia-70m

What no route of the table answers goes on to the application behind. It takes a step a segment, however many routes there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from seenat.remote.routes import PREFIX, ROUTES, Route
from seenat.service.api.answering import Answering

__all__ = ["Dispatch", "RouteTree", "answers"]

_PREFIX = f"{PREFIX}/".encode()


class RouteTree:
    """Routes by the segments of their paths."""

    def __init__(self, routes: Iterable[Route] = ROUTES) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            node[""] = route

    def find(self, segments: Iterable[str]) -> tuple[Route, dict[str, str]] | None:
        """The route of a path, and the values that stand in it; None where there is none."""
        node, values = self._root, []
        for segment in segments:
            following = node.get(segment) if segment not in ("", "{}") else None
            if following is None:
                following = node.get("{}") if segment else None
                values.append(segment)
            if following is None:
                return None
            node = following
        route = node.get("")
        return None if route is None else (route, dict(zip(route.in_path, values, strict=True)))


_ROUTES = RouteTree()


def answers(scope: Scope) -> bool:
    """Whether the path of a request is that of a route of the table."""
    return _find(scope) is not None


class Dispatch:
    """An ASGI application before another, which answers what the table of routes has."""

    def __init__(self, app: ASGIApp, answering: Answering) -> None:
        self._app, self._answering = app, answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        found = _find(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, in_path = found
        scope["seenat_route"] = route.name
        response = await self._answering.respond(route, in_path, scope)
        await response(scope, receive, send)


def _find(scope: Scope) -> tuple[Route, dict[str, str]] | None:
    raw: bytes = scope["raw_path"]
    if not raw.startswith(_PREFIX):
        return None
    text = raw[len(_PREFIX) :].decode("latin-1")
    segments = list(map(unquote, text.split("/"))) if "%" in text else text.split("/")
    if (form := scope.get("seenat_form")) is not None:
        segments[-1] = segments[-1].removesuffix(form.suffix)
    return _ROUTES.find(segments)
