"""What a manifest or the catalog says of an order, before any file is touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.geometry import ID_BYTES

__all__ = ["OrderFiles"]


@dataclass(frozen=True, kw_only=True)
class OrderFiles:
    """An order as it is described: its files, and as much of its geometry as is stated.

    What is None here is taken from the index, from array headers, or from the lengths of the files. Raises
    `InvalidValue` for a description that no order can have.
    """

    name: str
    format: str
    """`mmididx`, `raw` or `npy`; see `opening.FORMATS`."""
    files: tuple[Path, ...]
    """The files with the ids, absolute, in the sequence in which they follow one another."""
    index: Path | None = None
    """The `.idx` of an MMIDIDX order, absolute; may be left out where the geometry is stated."""
    sequences: int | None = None
    tokens_per_sequence: int | None = None
    dtype: str | None = None
    """Type of an id, one of `geometry.ID_BYTES`."""
    vocab_size: int | None = None
    """Ids are below this; None leaves them unchecked."""

    def __post_init__(self) -> None:
        if not self.files:
            raise InvalidValue(f"Order {self.name!r} has no files; name at least one.")
        for path in (*self.files, *((self.index,) if self.index else ())):
            if not path.is_absolute():
                raise InvalidValue(f"Order {self.name!r}: {path} is a relative path; say what it is relative to.")
        for field in ("sequences", "tokens_per_sequence", "vocab_size"):
            value: int | None = getattr(self, field)
            if value is not None and value < 1:
                raise InvalidValue(f"Order {self.name!r}: {field} = {value} is not possible; it is at least 1.")
        if self.dtype is not None and self.dtype not in ID_BYTES:
            raise InvalidValue(f"Order {self.name!r}: dtype {self.dtype!r} is not one of {', '.join(ID_BYTES)}.")
