"""A route: an address of the service, the method of the catalog that answers it, and what may be asked of it.

/models/{model}/steps/{step}      catalog.step(model=..., step=...)
/studies/onsets?models=a&models=b catalog.studies.onsets("a", "b")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from seenat.remote.parameters import PARAMETERS, Parameter, write_value

__all__ = ["PREFIX", "Route"]

PREFIX = "/api/v1"
_IN_PATH = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """An address, and the method that answers it."""

    path: str
    method: str
    """Of the catalog, with a dot for a section's: `which.first`."""
    query: tuple[str, ...] = ()
    """Parameters behind the question mark."""
    required: tuple[str, ...] = ()
    """Those among them that must be given."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that the method calls otherwise."""
    star: str | None = None
    example: Mapping[str, str] = field(default_factory=dict)
    """Values with which it answers on every catalog, or on one with a measured pocket suite."""
    reads: str = "rows"
    """`little`, less than a millisecond; `place`, as little unless the order was measured; `rows` of the catalog; `order`,
    which reads ids or an index and may take long."""
    pages: int = 0
    """How many numbers say where the next page begins, `next` of the answer and `after` of the method; 0 without pages."""
    keyed_by: tuple[str, ...] = ()
    """Of a list whose rows may be asked for a page at a time: the keys of a row behind which the next page begins."""
    follows_from_catalog: bool = False
    """Whether its answer follows from models and orders alone, and so holds until those change."""

    @cached_property
    def in_path(self) -> tuple[str, ...]:
        """Parameters that stand in the path."""
        return tuple(_IN_PATH.findall(self.path))

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters, those of the path first, by the key under which this table knows them."""
        return {key: PARAMETERS[key] for key in (*self.in_path, *self.query)}

    @cached_property
    def name(self) -> str:
        """What tells it from all others: `models-model-steps-step`."""
        return re.sub(r"[^a-z]+", "-", self.path.lower()).strip("-")

    def arguments(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments of the method for these values."""
        named = {self.renamed.get(name, name): value for name, value in values.items() if name != self.star}
        starred = values.get(self.star, ()) if self.star else ()
        return tuple([starred] if isinstance(starred, str) else starred), named

    def address(self, values: Mapping[str, Any]) -> str:
        """The address below the prefix that asks for these values."""
        path = self.path.format_map({key: quote(write_value(values[key]), safe="") for key in self.in_path})
        fields = []
        for key in self.query:
            if key in values:
                many = self.parameters[key].many
                entries = [values[key]] if not many or isinstance(values[key], str) else values[key]
                fields += [(self.parameters[key].name, write_value(entry)) for entry in entries]
        return f"{path}?{urlencode(fields)}" if fields else path
