"""The methods of the catalog's classes that the routes name."""

from __future__ import annotations

from typing import Any

from seenat.catalog import Catalog
from seenat.remote.routes import Route
from seenat.results.studies import Studies
from seenat.results.which import Which
from seenat.texts.indexes import Indexes

__all__ = ["SECTIONS", "method_of"]

SECTIONS = {"which": Which, "studies": Studies, "index": Indexes}
"""The catalog's sections, and their classes."""


def method_of(route: Route) -> Any:
    """The method that answers a route."""
    section, dot, name = route.method.rpartition(".")
    return getattr(SECTIONS[section] if dot else Catalog, name)
