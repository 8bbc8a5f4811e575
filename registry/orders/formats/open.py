"""Opens an order: from its description to a reader, cheaply, and only when everything that is said of it agrees.

The cost is a few kilobytes a file, however large the order; an index map costs some thousand entries more. Each format is
one function in `FORMATS`. Formats whose ids lie flat in files share one reader; they differ only in where the ids begin and
in which file gives the geometry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.agreement import GeometryClaim, agreed_geometry, described
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.file_signature import length_of
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.formats.megatron_idx import index_claims
from seenat.registry.orders.formats.npy import read_array_file
from seenat.registry.orders.order_files import INDEX_MAP, OrderFiles
from seenat.registry.orders.source import TokenSource

__all__ = ["FORMATS", "open_order"]


def open_order(order: OrderFiles) -> TokenSource:
    """A reader of the order that these files hold.

    Raises `CorruptFile` when a file is missing, damaged or of another kind, or when two claims about the order disagree,
    and `InvalidValue` for an unknown format or when nothing states the geometry.
    """
    opener = FORMATS.get(order.format)
    if opener is None:
        raise InvalidValue(f"Order {order.name!r} has format {order.format!r}; known are {', '.join(FORMATS)}.")
    if any(order.maps) and order.format != INDEX_MAP:
        raise InvalidValue(f"Order {order.name!r}: only {INDEX_MAP} has index maps, and this is {order.format}.")
    return opener(order)


def _open_raw(order: OrderFiles) -> TokenSource:
    if order.index is not None:
        raise InvalidValue(f"Order {order.name!r}: only the mmididx format has an index, and this is {order.format}.")
    return _open_flat(order, _whole_files(order), ())


def _open_mmididx(order: OrderFiles) -> TokenSource:
    claims = () if order.index is None else index_claims(order.index)
    return _open_flat(order, _whole_files(order), claims)


def _open_npy(order: OrderFiles) -> TokenSource:
    if order.index is not None:
        raise InvalidValue(f"Order {order.name!r}: only the mmididx format has an index, and this is {order.format}.")
    arrays = [read_array_file(path) for path in order.files]
    claims = chain.from_iterable(array.claims for array in arrays)
    return _open_flat(order, tuple(array.piece for array in arrays), claims)


def _open_parquet(order: OrderFiles) -> TokenSource:
    from seenat.registry.orders.formats.parquet import open_parquet  # It loads pyarrow, which is an extra.

    return open_parquet(order)


def _open_index_map(order: OrderFiles) -> TokenSource:
    from seenat.registry.orders.formats.neox_index_map import open_index_map

    return open_index_map(order)


def _open_flat(order: OrderFiles, pieces: tuple[Extent, ...], claims: Iterable[GeometryClaim]) -> TokenSource:
    return FlatOrder(agreed_geometry((*described(order), *claims), pieces), pieces, order.vocab_size)


def _whole_files(order: OrderFiles) -> tuple[Extent, ...]:
    return tuple(Extent(path, 0, length_of(path)) for path in order.files)


FORMATS: dict[str, Callable[[OrderFiles], TokenSource]] = {
    "mmididx": _open_mmididx,
    "npy": _open_npy,
    "raw": _open_raw,
    "parquet": _open_parquet,
    INDEX_MAP: _open_index_map,
}
"""The function that opens each format."""
