"""What a view asks of the catalog.

An answer comes as the JSON document that the API sends for the same question, through the same policy: what the operator does
not show, no page can show. Each question is kept as a source of the page, from which its links and commands come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seenat.remote.routes import PREFIX, ROUTES, Route
from seenat.service.api.answering import Answering
from seenat.service.api.reading import check_place
from seenat.service.api.withheld import Policy
from seenat.service.pages.page import Page

__all__ = ["Asked", "Source"]

_BY_PATH = {route.path: route for route in ROUTES}


@dataclass(frozen=True)
class Source:
    """A question that a page asked, and how many rows the answer has."""

    route: Route
    values: Mapping[str, Any]
    rows: int | None
    """None where the answer is no list."""
    is_whole: bool
    """Whether these rows are all."""

    @property
    def address(self) -> str:
        """The address of the answer."""
        return PREFIX + self.route.address(self.values)

    def as_form(self, suffix: str) -> str:
        """The address of the answer in a form: `json`, or `csv`, which has all rows of it."""
        values = dict(self.values)
        if suffix != "json" and self.route.pages:
            values.pop("limit", None)
            values.pop("after", None)
        path, mark, query = self.route.address(values).partition("?")
        return f"{PREFIX}{path}.{suffix}{mark}{query}"


@dataclass
class Asked:
    """A request for a page: its values, and what was asked of the catalog so far."""

    page: Page
    values: Mapping[str, Any]
    answering: Answering
    policy: Policy
    sources: list[Source] = field(default_factory=list)
    _looked_up: dict[str, Any] = field(default_factory=dict)

    @property
    def shows_text(self) -> bool:
        """Whether the operator shows training data at all."""
        return not self.policy.no_text

    def get(self, key: str, default: Any = None) -> Any:
        """A value of the address."""
        return self.values.get(key, default)

    def ask(self, path: str, **values: Any) -> Any:
        """The answer of a route of the API, as its JSON document; values that are None are not asked for.

        Raises what the catalog raises, and `Withheld`.
        """
        document, source = self._asked(path, values)
        self.sources.append(source)
        return document

    def look_up(self, path: str, **values: Any) -> Any:
        """As `ask`, for what decides how a page is made and is not shown itself; asked once, however often it is looked up."""
        key = f"{path} {sorted(values.items())}"
        if key not in self._looked_up:
            self._looked_up[key] = self._asked(path, values)[0]
        return self._looked_up[key]

    def _asked(self, path: str, values: Mapping[str, Any]) -> tuple[Any, Source]:
        if path not in self.page.shows:
            raise LookupError(f"{self.page.path} does not say that it shows {path}.")
        route = _BY_PATH[path]
        given = {key: value for key, value in values.items() if value is not None}
        self.policy.check(given)
        check_place(route, given)
        document, key = self.answering.shown(route, given)
        rows = document if isinstance(document, list) else document[key] if key else None
        is_whole = isinstance(document, list) or document.get("next") is None
        return document, Source(route, given, None if rows is None else len(rows), is_whole)
