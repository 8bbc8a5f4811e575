"""A query: the ids whose loss the influence is on, and over which of them the loss is taken.

The loss is the mean surprisal, in nats, of the ids at places [start, stop), each given all ids before it. The first id of a
query has nothing before it, so `start` is at least 1; by default every other id counts. A continuation alone is
asked of by a later `start`: the ids before it are read, and not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seenat.registry.catalog.orders import Order
from seenat.registry.errors import InvalidValue
from seenat.registry.orders.text.encode import encode
from seenat.registry.orders.text.tokenizer import load_tokenizer

__all__ = ["Query", "read_query"]

# Characters of a text: 16 for each id of the longest sequence is more than any tokenizer's mean. What is longer is cut into ids
# for nothing, since it is refused after.
_MOST_CHARACTERS_AN_ID = 16
_RANGE = re.compile(r"(\d{0,9}):(\d{0,9})")


@dataclass(frozen=True, eq=False)
class Query:
    """Ids of one query."""

    ids: npt.NDArray[np.int64]
    start: int
    """The first place whose id counts, at least 1."""
    stop: int
    """One past the last."""

    @property
    def span(self) -> tuple[int, int]:
        """The places that count, of losses that begin with the second id."""
        return self.start - 1, self.stop - 1


def read_query(order: Order, given: str | Iterable[int], loss: str | tuple[int, int] | None = None) -> Query:
    """A query of an order's vocabulary, by its text or its ids; `loss` is "START:STOP" or both numbers.

    Raises `InvalidValue` where it is too short or too long, an id is not in the vocabulary, or nothing counts.
    """
    ids = _ids(order, given)
    longest = order.geometry.tokens_per_sequence
    if not 2 <= len(ids) <= longest:
        raise InvalidValue(
            f"A query has 2 to {longest} ids of {order.name}, and this one has {len(ids)}; give a "
            f"{'longer' if len(ids) < 2 else 'shorter'} text, or other ids."
        )
    outside = ids[(ids < 0) | (ids >= (order.vocab_size or 2**31))]
    if len(outside):
        raise InvalidValue(
            f"The id {outside[0]} is not in the vocabulary of {order.name}, which has {order.vocab_size} ids."
        )
    start, stop = _span(loss, len(ids))
    return Query(ids, start, stop)


def _ids(order: Order, given: str | Iterable[int]) -> npt.NDArray[np.int64]:
    if isinstance(given, str):
        most = _MOST_CHARACTERS_AN_ID * order.geometry.tokens_per_sequence
        if len(given) > most:
            raise InvalidValue(f"A text of {len(given):,} characters is too long for a query; give at most {most:,}.")
        return encode(load_tokenizer(order.tokenizer, order=order.name), given).ids
    ids = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise InvalidValue(f"A query is a text or a list of ids, not {given!r}.")
    return ids.astype(np.int64)


def _span(loss: str | tuple[int, int] | None, count: int) -> tuple[int, int]:
    """The places that count; an empty START is 1, an empty STOP the end."""
    if loss is None:
        return 1, count
    if isinstance(loss, str):
        match = _RANGE.fullmatch(loss.strip())
        if match is None:
            raise InvalidValue(f"{loss!r} is not a range of ids; write START:STOP, for example {count // 2}:{count}.")
        loss = int(match[1] or 1), int(match[2] or count)
    start, stop = loss
    if not 1 <= start < stop <= count:
        raise InvalidValue(
            f"{start}:{stop} is not a range of ids that the loss can be taken over; the query has {count}, and its first has "
            f"nothing before it, so choose within 1:{count}."
        )
    return start, stop
