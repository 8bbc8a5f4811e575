"""What answers the addresses of pictures, and the places within them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from seenat.registry.errors import InvalidValue
from seenat.remote.routes import ROUTES
from seenat.service.api.answering import Answering
from seenat.service.api.reading import read_fields
from seenat.service.pages.pictures import SORTS, batch_picture, cell_at

__all__ = ["PICTURE_PATH", "PLACE_PATH", "Pictures", "picture_address", "place_address"]

_ROUTE = next(route for route in ROUTES if route.method == "trajectories")
_ANY = "default"
"""Stands for the protocol that answers where none was asked for."""
PICTURE_PATH = "/pictures/{sort}/{protocol}" + _ROUTE.path + ".png"
PLACE_PATH = "/pictures/{sort}/{protocol}" + _ROUTE.path
"""What a click on the picture asks; its place stands behind the question mark, so nothing else may."""


def picture_address(model: str, batch: int, sort: str, protocol: str | None, mode: str) -> str:
    """Where the picture of a batch is."""
    return f"{place_address(model, batch, sort, protocol)}.png?mode={mode}"


def place_address(model: str, batch: int, sort: str, protocol: str | None) -> str:
    """Where a click on the picture leads."""
    path = _ROUTE.address({"model": model, "batch": batch})
    return f"/pictures/{sort}/{quote(protocol or _ANY, safe='')}{path}"


@dataclass(frozen=True)
class Pictures:
    """Answers requests for pictures."""

    answering: Answering

    async def picture(self, request: Request) -> Response:
        """The picture of a batch."""
        sort, values = _asked(request)
        is_dark = request.query_params.get("mode") == "dark"
        body = await self.answering.run(partial(self._drawn, values, sort, is_dark))
        return Response(body, headers={"cache-control": "no-cache"}, media_type="image/png")

    async def place(self, request: Request) -> Response:
        """The page of the sequence at a place of the picture."""
        sort, values = _asked(request)
        query = unquote(request.scope["query_string"].decode("latin-1"))
        sequence, step = await self.answering.run(lambda: cell_at(self._answer(values), sort, query))
        model = quote(values["model"], safe="")
        chosen = f"&protocol={quote(values['protocol'])}" if "protocol" in values else ""
        return RedirectResponse(f"/models/{model}/sequences/{sequence}?step={step}{chosen}", 303)

    def _answer(self, values: Mapping[str, Any]) -> Any:
        return self.answering.shown(_ROUTE, dict(values))[0]

    def _drawn(self, values: Mapping[str, Any], sort: str, is_dark: bool) -> bytes:
        return batch_picture(self._answer(values), sort, is_dark=is_dark)


def _asked(request: Request) -> tuple[str, dict[str, Any]]:
    in_path = dict(request.path_params)
    sort, protocol = in_path.pop("sort"), in_path.pop("protocol")
    if sort not in SORTS:
        raise InvalidValue(f"The rows of a picture are sorted by {' or '.join(SORTS)}, not {sort!r}.")
    values = read_fields(_ROUTE, in_path, b"")
    return sort, values if protocol == _ANY else {**values, "protocol": protocol}
