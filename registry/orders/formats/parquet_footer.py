"""What the footers of Parquet files say before any row is read: how many rows, in which columns, of which type.

Two layouts are recognized by the names of their columns. Only the column of the ids must be there:

    ids                     which sequence   which batch
    tokens                  sequence         batch         what `seenat export-batches` writes
    token_ids               uid              batch_idx     the published copy of Pythia's deduplicated order, 143 files of
                                                           1,024,000 rows (pietrolesci/pile-deduped-pythia-preshuffled)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seenat.registry.errors import CorruptFile
from seenat.registry.optional import arrow
from seenat.registry.orders.agreement import GeometryClaim
from seenat.registry.orders.file_signature import head_of, looks_like
from seenat.registry.parquet.bounded import BoundedFile, read_metadata, reading, rows_of_groups, shown

__all__ = ["LAYOUTS", "Footer", "Layout", "described_by_footers", "open_file", "read_footer"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of the columns of an order in Parquet."""

    tokens: str
    sequence: str
    batch: str


LAYOUTS = {
    "plain": Layout("tokens", "sequence", "batch"),
    "published": Layout("token_ids", "uid", "batch_idx"),
}
"""The two layouts, the one that is written by default first."""


@dataclass(frozen=True, kw_only=True)
class Footer:
    """A file as its footer describes it."""

    path: str
    metadata: Any
    """pyarrow's own `FileMetaData`; with it the file is opened without reading its footer again."""
    tokens: str
    """Column with the ids."""
    sequence: str | None
    """Column with the sequence's number; None where there is none, or none that holds whole numbers."""
    batch: str | None
    """Column with the batch's number; None in the same cases."""
    dtype: str
    """NumPy's name for the type of the ids as they are stored."""
    length: int | None
    """Ids of every row where the type of the column fixes it."""

    @property
    def row_groups(self) -> list[int]:
        """Rows of each row group."""
        return rows_of_groups(self.metadata)

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [name for name in (self.tokens, self.sequence, self.batch) if name is not None]


def read_footer(path: str, filesystem: Any = None) -> Footer:
    """Read the footer of a file, of this machine or of an fsspec file system.

    Raises `CorruptFile` for any other file, and for a file without a column of lists of whole numbers.
    """
    if filesystem is None:
        _check_magic(path)
    metadata = read_metadata(path, filesystem)
    with reading(path):
        schema = metadata.schema.to_arrow_schema()
        names = list(schema.names)
    layout = next((layout for layout in LAYOUTS.values() if layout.tokens in names), None)
    if layout is None:
        columns = " or ".join(layout.tokens for layout in LAYOUTS.values())
        raise CorruptFile(
            f"{path}: there is no column {columns}, only {shown(', '.join(names))}; rename the one with the ids."
        )
    with reading(path):
        dtype, length = _type_of_ids(path, layout.tokens, schema.field(layout.tokens).type)
        sequence, batch = _whole_numbers(schema, layout.sequence), _whole_numbers(schema, layout.batch)
    return Footer(
        path=path,
        metadata=metadata,
        tokens=layout.tokens,
        sequence=sequence,
        batch=batch,
        dtype=dtype,
        length=length,
    )


def described_by_footers(footers: Sequence[Footer], dtype: str | None) -> Iterator[GeometryClaim]:
    """What the footers say of an order. With a `dtype` ids will be converted to it, so the stored types need not agree."""
    first = footers[0].path
    rows = sum(footer.metadata.num_rows for footer in footers)
    yield GeometryClaim(
        "sequences", rows, first if len(footers) == 1 else f"{first} with the {len(footers) - 1} after it"
    )
    for footer in footers:
        if dtype is None:
            yield GeometryClaim("dtype", footer.dtype, f"{footer.path} (column {footer.tokens})")
        if footer.length is not None:
            yield GeometryClaim("tokens_per_sequence", footer.length, f"{footer.path} (column {footer.tokens})")


def open_file(footer: Footer, filesystem: Any = None, *, only_ids: bool = False) -> BoundedFile:
    """The columns of a file, by the footer that was read before; raises `CorruptFile` where it is no longer as it was."""
    return BoundedFile(footer.path, footer.metadata, [footer.tokens] if only_ids else footer.columns, filesystem)


def _check_magic(path: str) -> None:
    head = head_of(Path(path))
    if not head.startswith(b"PAR1"):
        raise CorruptFile(
            f"{path}: this is no Parquet file: it looks like {looks_like(head)}; download it again or give a Parquet file."
        )


def _whole_numbers(schema: Any, name: str) -> str | None:
    return name if name in schema.names and arrow().types.is_integer(schema.field(name).type) else None


def _type_of_ids(path: str, column: str, kind: Any) -> tuple[str, int | None]:
    types = arrow().types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not is_list or not types.is_integer(kind.value_type):
        raise CorruptFile(
            f"{path}: the column {column} holds {kind}, and ids are lists of whole numbers; save it again."
        )
    length = kind.list_size if types.is_fixed_size_list(kind) else None
    return str(kind.value_type.to_pandas_dtype().__name__), length
