"""The open index that serves a part of an order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.open import open_indexes
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.orders import Order
from seenat.registry.errors import NotIndexed
from seenat.registry.units import SequenceRange, merged_ranges

__all__ = ["chosen_index", "index_over"]


@contextmanager
def index_over(catalog: Catalog, order: Order, sequences: SequenceRange, largest: int) -> Iterator[NgramIndex]:
    """The index of an order that `chosen_index` chooses, open."""
    with open_indexes(catalog.database, order) as opened:
        yield chosen_index(opened.indexes, order.name, sequences, largest)


def chosen_index(indexes: Sequence[NgramIndex], order: str, sequences: SequenceRange, largest: int) -> NgramIndex:
    """The index over all of these sequences with the largest index window up to `largest`: it has the fewest samples.

    Raises `NotIndexed` where there is none.
    """
    fitting = [index for index in indexes if index.window <= largest and _covers(index, sequences)]
    if not fitting:
        raise NotIndexed(
            f"{order} has no index of an index window of at most {largest} ids over the sequences {sequences}; make one "
            f"with `seenat index build {order}`, or choose batches that are indexed.",
            order=order,
        )
    return max(fitting, key=lambda index: index.window)


def _covers(index: NgramIndex, sequences: SequenceRange) -> bool:
    ranges = merged_ranges(index.covered)
    return any(part.start <= sequences.start and sequences.stop <= part.stop for part in ranges)
