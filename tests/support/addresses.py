"""Addresses of the service's routes, and the same questions asked of the library."""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from urllib.parse import quote

import seenat
from seenat.registry.database.url import parse_url
from seenat.remote.routes import PREFIX, Route
from seenat.service.http.folders import Folders

__all__ = ["WITH_FOLDERS", "address", "ask", "told", "values_of"]

WITH_FOLDERS = {"suites", "suite", "orders", "order", "job"}
"""Methods whose answers say where files lie."""


def address(route: Route) -> str:
    """The address of a route's example."""
    path = route.path.format_map({key: quote(value, safe="") for key, value in route.example.items()})
    query = [(key, route.example[key]) for key in route.query if key in route.example]
    return PREFIX + path + "?" + "&".join(f"{route.parameters[key].name}={quote(value)}" for key, value in query)


def values_of(route: Route) -> dict[str, Any]:
    """The values of a route's example, read."""
    keys = [key for key in route.parameters if key in route.example]
    read = {key: route.parameters[key].read(route.example[key]) for key in keys}
    return {key: [value] if route.parameters[key].many else value for key, value in read.items()}


def ask(catalog: seenat.Catalog, route: Route) -> Any:
    """What the library answers to a route's example."""
    positional, named = route.arguments(values_of(route))
    return attrgetter(route.method)(catalog)(*positional, **named)


def told(catalog: seenat.Catalog, document: Any) -> Any:
    """An answer of the library as a service tells it: without the folders of the machine."""
    path = str(catalog._registry.database.url.database)
    return Folders(catalog, parse_url(path)).hide(document)
