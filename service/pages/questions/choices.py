"""What forms offer: models and orders of the catalog, checkpoints that were measured; and what is said where nothing answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from seenat.registry.errors import InvalidValue, NothingToDraw, NotIndexed, NotMeasured
from seenat.service.pages.asking import Asked
from seenat.service.pages.views.empty import Missing, missing

__all__ = [
    "FOR_MEASURED",
    "FOR_SEARCHABLE",
    "Missing",
    "Searchable",
    "given_text",
    "measured_models",
    "measured_steps",
    "or_missing",
    "searchable",
]

FOR_SEARCHABLE = ("/models", "/indexes")
"""What `searchable` asks."""
FOR_MEASURED = ("/models", "/results", "/models/{model}/onsets")
"""What `measured_models` and `measured_steps` ask."""


@dataclass(frozen=True)
class Searchable:
    """What a text can be looked for in."""

    orders: tuple[str, ...]
    """Those that have an index."""
    models: tuple[str, ...]
    """Those that were trained on them, in the catalog's order."""
    indexes: tuple[Mapping[str, Any], ...]
    """As the catalog answers them."""
    any_order: str
    """One for which an index can be built."""

    @property
    def missing(self) -> Missing | None:
        """What is said where no order has an index."""
        if self.orders:
            return None
        command = f"seenat index build {self.any_order}"
        return Missing("No order has an index yet, so no text can be looked for.", command)


def given_text(asked: Asked) -> str | None:
    """The text of a form, whose lines end as they were written: forms send every line end as two characters."""
    text: str | None = asked.get("text")
    return None if text is None else text.replace("\r\n", "\n")


def searchable(asked: Asked) -> Searchable:
    """The orders that have an index, and their models."""
    models, indexes = asked.look_up("/models"), asked.look_up("/indexes")
    orders = tuple(dict.fromkeys(row["order"] for row in indexes))
    known = [row["order"] for row in models if row["order"]]
    return Searchable(
        orders=orders,
        models=tuple(row["name"] for row in models if row["order"] in orders),
        indexes=tuple(indexes),
        any_order=known[-1] if known else "ORDER",
    )


def measured_models(asked: Asked) -> tuple[str, ...]:
    """The models of which something was measured, in the catalog's order."""
    measured = {row["model"] for row in asked.look_up("/results")}
    return tuple(row["name"] for row in asked.look_up("/models") if row["name"] in measured)


def measured_steps(asked: Asked, models: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The measured steps of models, those without a result that says what is memorized left out."""
    steps: dict[str, tuple[int, ...]] = {}
    for model in models:
        found = or_missing(partial(asked.look_up, "/models/{model}/onsets", model=model, limit=0))
        if not isinstance(found, Missing):
            steps[model] = tuple(row["step"] for row in found["steps"])
    return steps


def or_missing(ask: Callable[[], Any]) -> Any:
    """What is answered, or what is said where that needs something that is not there yet or cannot be."""
    try:
        return ask()
    except (NotMeasured, NotIndexed, NothingToDraw, InvalidValue) as error:
        return missing(error)
