"""The suite: its models by their saved steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page

__all__ = ["GRID_PAGE", "GridView"]


@dataclass(frozen=True, kw_only=True)
class GridView:
    """Models as the first page shows them."""

    models: list[dict[str, Any]]


def grid_view(asked: Asked) -> GridView:
    """The first page."""
    return GridView(models=asked.ask("/models"))


GRID_PAGE = Page(path="/", template="grid.html", view=grid_view, shows=("/models",), label="Suite")
