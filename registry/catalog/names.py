"""Looking up names: a model's own, one of its aliases or its repository; an order's. Unknown names get the nearest ones."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from seenat.registry.catalog.queries import (
    meanings_of_alias,
    model_and_alias_names,
    model_id_by_name,
    order_names,
)
from seenat.registry.errors import InvalidValue, UnknownModel, UnknownOrder

__all__ = ["model_id_of", "order_id_of", "unknown_model"]


def model_id_of(connection: Connection, name: str) -> int | None:
    """The model of this name, repository or alias; None when there is none. Raises `InvalidValue` for an ambiguous alias."""
    model_id = model_id_by_name(connection, name)
    return _model_id_of_alias(connection, name) if model_id is None else model_id


def _model_id_of_alias(connection: Connection, name: str) -> int | None:
    """The model that an alias means today, or else the only one that it ever meant."""
    meanings = meanings_of_alias(connection, name)
    candidates = [meaning for meaning in meanings if meaning.valid_until is None] or meanings
    if len(candidates) > 1:
        periods = "; ".join(
            f"{meaning.model} from {meaning.valid_from or 'the start'} to {meaning.valid_until}"
            for meaning in candidates
        )
        raise InvalidValue(
            f"{name} meant several models, one after the other ({periods}); ask for one of them by name."
        )
    return candidates[0].model_id if candidates else None


def order_id_of(connection: Connection, name: str) -> int:
    """The order of this name; raises `UnknownOrder` with the nearest names."""
    names = order_names(connection)
    for order_id, order_name in names.items():
        if order_name == name:
            return order_id
    nearest = _similar(name, names.values(), 0.4) or list(names.values())
    raise UnknownOrder(f"There is no order {name!r}; the catalog has {', '.join(nearest)}.", nearest, order=name)


def unknown_model(connection: Connection, name: str, *, or_order: bool = False) -> UnknownModel:
    """The error for a name that no model has, or with `or_order` neither a model nor an order."""
    nearest = _close(name, model_and_alias_names(connection))
    if or_order:
        nearest = [*_close(name, order_names(connection).values()), *nearest]
    listed = ", ".join(nearest)
    advice = f"; did you mean {listed}? All are listed by `seenat models`" if listed else "; `seenat models` lists all"
    return UnknownModel(
        f"There is no model {'or order ' if or_order else ''}{name!r}{advice}.",
        nearest,
        model=name,
        order=name if or_order else None,
    )


def _close(name: str, names: Iterable[str]) -> list[str]:
    """Up to three names that `name` may have been meant to be, in whatever case it is written."""
    spellings = {spelling.lower(): spelling for spelling in names}
    return [spellings[close] for close in _similar(name.lower(), spellings, 0.5)]


def _similar(name: str, names: Iterable[str], cutoff: float) -> list[str]:
    from difflib import get_close_matches  # Only an unknown name needs it, and it takes 2 ms to import.

    return get_close_matches(name, list(names), n=3, cutoff=cutoff)
