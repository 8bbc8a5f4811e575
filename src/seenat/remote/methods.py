"""The methods of the catalog's classes that the routes name."""

from __future__ import annotations

from functools import cache
from typing import Any

from seenat.catalog import Catalog
from seenat.remote.routes import Route
from seenat.results.studies import Studies
from seenat.results.which import Which
from seenat.texts.indexes import Indexes

__all__ = ["SECTIONS", "columns_of", "method_of"]

SECTIONS = {"which": Which, "studies": Studies, "index": Indexes}
"""The catalog's sections, and their classes."""


def method_of(route: Route) -> Any:
    """The method that answers a route."""
    owner, name = _owner(route)
    return getattr(owner, name)


@cache
def columns_of(route: Route) -> str | None:
    """The name of the method that gives all rows of a route's answer as blocks of columns, where there is one.

    It takes what the other takes, and is called as that, with `_columns` behind. Its rows hold no training data.
    """
    owner, name = _owner(route)
    return f"{route.method}_columns" if hasattr(owner, f"{name}_columns") else None


def _owner(route: Route) -> tuple[type, str]:
    section, dot, name = route.method.rpartition(".")
    return SECTIONS[section] if dot else Catalog, name
