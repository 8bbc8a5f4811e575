"""Whether the ids that come with rows are those of the order: what is about other sequences is not imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.catalog.orders import Order
from seenat.registry.errors import CorruptFile, SeenatError
from seenat.registry.optional import arrow
from seenat.registry.orders.source import TokenSource

__all__ = ["TokenCheck", "open_check"]

# Rows of a piece that are looked at, evenly spread: a random read each.
_MOST_ROWS = 1_000


@dataclass(frozen=True, kw_only=True)
class TokenCheck:
    """Compares rows with an order."""

    order: str
    tokens: TokenSource
    stop: int
    """Rows from this sequence on are not looked at."""

    def check(self, index: npt.NDArray[np.int64], rows: Any, source: str) -> None:
        """Compare some rows; raises `CorruptFile` where their ids are not those at the beginning of the order's sequences."""
        types = arrow().types
        if not (types.is_list(rows.type) or types.is_large_list(rows.type) or types.is_fixed_size_list(rows.type)):
            raise CorruptFile(f"{source} holds tokens that are not lists of ids; leave the column out.")
        places = np.flatnonzero(index < self.stop)
        for place in places[:: -(-len(places) // _MOST_ROWS) or 1]:
            self._check_row(int(index[place]), rows[int(place)].as_py(), source)

    def _check_row(self, sequence: int, row: list[object] | None, source: str) -> None:
        room = self.tokens.geometry.tokens_per_sequence
        ids = row or []
        due = self.tokens.take(np.array([sequence], np.int64), 0, min(len(ids), room))[0].tolist()
        if not ids or ids != due:
            raise CorruptFile(
                f"{source} holds other tokens for the sequence {sequence} than the order {self.order} has there; give the model "
                "that the rows are about, or leave the column out if only that is wrong."
            )


def open_check(order: Order | None, seen: int, marked_from: int | None) -> TokenCheck | str:
    """A check against an order whose files are here, of what a checkpoint had seen; or why there is none.

    Rows that may be numbered one too high, and the one before them, are left out.
    """
    if order is None or not order.is_local:
        return "Its tokens were not compared with the order, whose files are not on this machine."
    try:
        tokens = order.source()
    except (SeenatError, OSError) as error:
        return f"Its tokens were not compared with the order {order.name}: {error}"
    stop = min(seen, order.geometry.sequences, seen if marked_from is None else marked_from - 1)
    return TokenCheck(order=order.name, tokens=tokens, stop=stop)
