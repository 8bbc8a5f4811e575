"""Addresses of the service's routes."""

from __future__ import annotations

from urllib.parse import quote

from seenat.remote.routes import PREFIX, Route

__all__ = ["address"]


def address(route: Route) -> str:
    """The address of a route's example."""
    path = route.path.format_map({key: quote(value, safe="") for key, value in route.example.items()})
    query = [(key, route.example[key]) for key in route.query if key in route.example]
    return PREFIX + path + "?" + "&".join(f"{route.parameters[key].name}={quote(value)}" for key, value in query)
