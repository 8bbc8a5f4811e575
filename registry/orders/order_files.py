"""What a manifest or the catalog says of an order, before any file is touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.geometry import ID_BYTES

__all__ = ["FLAT_FORMATS", "INDEX_MAP", "MAPS", "PACKED", "OrderFiles"]

FLAT_FORMATS = frozenset({"mmididx", "npy", "raw"})
"""Formats whose ids lie flat in their files, so that arithmetic alone gives the bytes of a sequence."""
INDEX_MAP = "neox-index-map"
"""The format in which the order is a walk over documents, described by three arrays."""
MAPS = ("doc_idx", "sample_idx", "shuffle_idx")
"""The three arrays, in the order in which GPT-NeoX makes them."""
PACKED = "packed"
"""The `pack_impl` of GPT-NeoX that can be read from index maps: documents joined end to end, then cut into samples."""


@dataclass(frozen=True, kw_only=True)
class OrderFiles:
    """A description of an order: its files, and as much of its geometry as is stated.

    A field that is None is taken from the index, from headers and footers, or from the lengths of the files. Raises
    `InvalidValue` for a description that no order can have.
    """

    name: str
    format: str
    """`mmididx`, `raw`, `npy`, `parquet` or `neox-index-map`; see `formats.open.FORMATS`."""
    files: tuple[Path, ...]
    """The files with the ids, absolute, in the sequence in which they follow one another."""
    index: Path | None = None
    """The `.idx`, absolute: of an MMIDIDX order (optional if the geometry is stated), or of an index map's documents."""
    doc_idx: Path | None = None
    """Part of an index map, like the next two fields: the documents in the order in which they were joined."""
    sample_idx: Path | None = None
    """Where each sample begins among them."""
    shuffle_idx: Path | None = None
    """Which sample each sequence is."""
    pack_impl: str | None = None
    """`PACKED`, or None where only the names of an index map and its samples say how documents became samples."""
    sequences: int | None = None
    tokens_per_sequence: int | None = None
    dtype: str | None = None
    """Type of an id, one of `geometry.ID_BYTES`."""
    vocab_size: int | None = None
    """Ids are below this; None leaves them unchecked."""
    sequences_per_batch: int | None = None
    """Batch numbers within the files are checked against this; None leaves them unchecked."""

    def __post_init__(self) -> None:
        if not self.files:
            raise InvalidValue(f"Order {self.name!r} has no files; name at least one.")
        for path in (*self.files, self.index, *self.maps):
            if path is not None and not path.is_absolute():
                raise InvalidValue(f"Order {self.name!r}: {path} is a relative path; say what it is relative to.")
        for field in ("sequences", "tokens_per_sequence", "vocab_size", "sequences_per_batch"):
            value: int | None = getattr(self, field)
            if value is not None and value < 1:
                raise InvalidValue(f"Order {self.name!r}: {field} = {value} is not possible; it is at least 1.")
        if self.pack_impl not in (None, PACKED):
            raise InvalidValue(
                f"Order {self.name!r}: pack_impl {self.pack_impl!r} cuts and fills up documents, which index maps do not "
                "show; save the ids that the run read as a .npy array instead."
            )
        if self.dtype is not None and self.dtype not in ID_BYTES:
            raise InvalidValue(f"Order {self.name!r}: dtype {self.dtype!r} is not one of {', '.join(ID_BYTES)}.")

    @property
    def maps(self) -> tuple[Path | None, Path | None, Path | None]:
        """The three arrays of an index map, as `MAPS` names them."""
        return self.doc_idx, self.sample_idx, self.shuffle_idx
