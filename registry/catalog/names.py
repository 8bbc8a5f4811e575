"""Looking up names: a model's own, one of its aliases or its repository; an order's. Unknown names get the nearest ones.

A model may be named by the address of its page on the hub, `https://huggingface.co/EleutherAI/pythia-70m/tree/step3000`, which
may name a revision as well. Upper and lower case make no difference where no two names differ by them alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from sqlalchemy import Connection

from seenat.registry.catalog.queries import (
    meanings_of_alias,
    model_id_by_name,
    model_names,
    order_names,
    other_model_names,
)
from seenat.registry.errors import InvalidValue, UnknownModel, UnknownOrder

__all__ = ["HubAddress", "model_id_of", "order_id_of", "parse_hub_address", "same_name", "unknown_model"]

_ADDRESS = re.compile(
    r"(?:https?://[^/?#]+/|hf://)([^/?#@]+/[^/?#@]+)(?:@([^/?#]+)|/(?:tree|blob|resolve|commits)/([^/?#]+))?(?:[/?#].*)?",
    re.IGNORECASE,
)
_NEAREST = 3


class HubAddress(NamedTuple):
    """What the address of a page on the hub names."""

    repository: str
    revision: str | None


def parse_hub_address(name: str) -> HubAddress | None:
    """The repository and the revision of an address on the hub; None where a name is no address."""
    match = _ADDRESS.fullmatch(name.strip())
    if match is None:
        return None
    revision = match[2] or match[3]
    return HubAddress(unquote(match[1]), None if revision is None else unquote(revision))


def model_id_of(connection: Connection, name: str) -> int | None:
    """The model of this name, repository, alias or address; None when there is none.

    Raises `InvalidValue` for an ambiguous alias.
    """
    address = parse_hub_address(name)
    wanted = name.strip() if address is None else address.repository
    model_id = _model_id(connection, wanted)
    if model_id is not None:
        return model_id
    spelled = same_name(wanted, (*model_names(connection), *other_model_names(connection)))
    return None if spelled is None else _model_id(connection, spelled)


def _model_id(connection: Connection, name: str) -> int | None:
    model_id = model_id_by_name(connection, name)
    return _model_id_of_alias(connection, name) if model_id is None else model_id


def same_name(name: str, names: Iterable[str]) -> str | None:
    """The one of these names that differs from `name` in upper and lower case at most; None where none or several do."""
    spelled = {other for other in names if other.casefold() == name.strip().casefold()}
    return spelled.pop() if len(spelled) == 1 else None


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
    ids = {order_name: order_id for order_id, order_name in order_names(connection).items()}
    spelled = name if name in ids else same_name(name, ids)
    if spelled is not None:
        return ids[spelled]
    if model_id_of(connection, name) is not None:
        raise UnknownOrder(
            f"{name!r} is a model, not an order; `seenat model {name}` names the order that it was trained on.",
            model=name,
        )
    nearest = _similar(name, ids, 0.4) or list(ids)
    raise UnknownOrder(f"There is no order {name!r}; the catalog has {', '.join(nearest)}.", nearest, order=name)


def unknown_model(connection: Connection, name: str, *, or_order: bool = False) -> UnknownModel:
    """The error for a name that no model has, or with `or_order` neither a model nor an order."""
    orders = list(order_names(connection).values())
    if not or_order and (order := same_name(name, orders)) is not None:
        return UnknownModel(
            f"{name!r} is an order, not a model; `seenat models --order {order}` lists the models trained on it.",
            order=order,
        )
    nearest = _close(name, (*(orders if or_order else ()), *model_names(connection)), other_model_names(connection))
    listed = ", ".join(nearest)
    advice = f"; did you mean {listed}? All are listed by `seenat models`" if listed else "; `seenat models` lists all"
    return UnknownModel(
        f"There is no model {'or order ' if or_order else ''}{name!r}{advice}.",
        nearest,
        model=name,
        order=name if or_order else None,
    )


def _close(name: str, names: Iterable[str], others: Iterable[str]) -> list[str]:
    """Up to three names that `name` may have been meant to be, the likest first; other and old names come last."""
    address = parse_hub_address(name)
    wanted = name if address is None else address.repository
    near = _similar(wanted, names, 0.5)
    if "/" not in wanted:
        others = (other for other in others if "/" not in other)
    return [*near, *(other for other in _similar(wanted, others, 0.6) if other not in near)][:_NEAREST]


def _similar(name: str, names: Iterable[str], cutoff: float) -> list[str]:
    """Names like this one, in whatever case it is written, the likest first."""
    from difflib import get_close_matches  # Only an unknown name needs it, and it takes 2 ms to import.

    spellings = {spelling.casefold(): spelling for spelling in names}
    return [spellings[close] for close in get_close_matches(name.casefold(), spellings, n=_NEAREST, cutoff=cutoff)]
