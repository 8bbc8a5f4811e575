"""What a page is.

    Page(
        path="/models/{model}/steps/{step}",
        template="step.html",
        view=step_view,
        shows=("/models/{model}/steps/{step}",),
    )

A view is a function from what was asked to a dataclass, which the template gets as `view`. It asks the catalog by the paths of
the API's routes, and only by those that `shows` names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from seenat.registry.errors import InvalidValue
from seenat.registry.units import parse_count
from seenat.remote.parameters import PARAMETERS, Parameter, write_value

__all__ = ["Elsewhere", "Page", "chosen", "numbered"]

_IN_PATH = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Elsewhere:
    """What a view returns instead of a view of its own: the address of the page to go to."""

    address: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """A page, and the address at which it stands."""

    path: str
    template: str
    view: Callable[[Any], Any]
    """From an `Asked` to a dataclass."""
    shows: tuple[str, ...]
    """Paths of the API's routes of which it shows the answers, the one that it is mainly about first."""
    query: tuple[str, ...] = ()
    """Parameters behind the question mark: those of the API by their keys, and those of `own` by their names."""
    own: tuple[Parameter, ...] = ()
    """Parameters that only this page has."""
    is_slow: bool = False
    """Whether it reads an order or an index."""
    label: str | None = None
    """What the navigation calls it; None where it is not in there."""

    @property
    def in_path(self) -> tuple[str, ...]:
        """Parameters that stand in the path."""
        return tuple(_IN_PATH.findall(self.path))

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """All parameters."""
        own = {parameter.name: parameter for parameter in self.own}
        return {key: own.get(key) or PARAMETERS[key] for key in (*self.in_path, *self.query)}

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return "page" + re.sub(r"[^a-z]+", "-", self.path.lower()).rstrip("-")

    def href(self, values: Mapping[str, Any]) -> str:
        """Its address for some values; those that are None are left out."""
        path = self.path.format_map({key: quote(write_value(values[key]), safe="") for key in self.in_path})
        fields = [
            (self.parameters[key].name, write_value(entry))
            for key in self.query
            if values.get(key) is not None
            for entry in (values[key] if isinstance(values[key], list) and self.parameters[key].many else [values[key]])
        ]
        return f"{path}?{urlencode(fields)}" if fields else path


def chosen(name: str, about: str, *values: str) -> Parameter:
    """A parameter of a page that is one of some words."""

    def read(text: str) -> str:
        if text in values:
            return text
        raise InvalidValue(f"{name}={text!r} is none of {', '.join(values)}; write one of them.")

    return Parameter(name=name, about=about, read=read, schema={"enum": list(values)})


def numbered(name: str, about: str) -> Parameter:
    """A parameter of a page that is a whole number of at most 18 digits."""

    def read(text: str) -> int:
        if len(text) > 18:
            raise InvalidValue(f"{name} has {len(text)} digits; write a smaller number.")
        return parse_count(text, name)

    return Parameter(name=name, about=about, read=read, schema={"type": "integer", "minimum": 0})
