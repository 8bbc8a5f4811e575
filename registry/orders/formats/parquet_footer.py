"""What the footers of Parquet files say before any row is read: how many rows, in which columns, of which type.

Two layouts are recognized by the names of their columns. Only the column of the ids must be there:

    ids                     which sequence   which batch
    tokens                  sequence         batch         what `seenat export-batches` writes
    token_ids               uid              batch_idx     the published copy of Pythia's deduplicated order, 143 files of
                                                           1,024,000 rows (pietrolesci/pile-deduped-pythia-preshuffled)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seenat.registry.errors import CorruptFile, SeenatError
from seenat.registry.optional import arrow
from seenat.registry.orders.agreement import GeometryClaim
from seenat.registry.orders.file_signature import head_of, looks_like
from seenat.registry.orders.formats.parquet_limits.chunks import FileBytes, check_footer_length
from seenat.registry.orders.formats.parquet_limits.guard import Guard

__all__ = [
    "LAYOUTS", "Footer", "Layout", "batches_of", "described_by_footers", "open_file", "open_guard", "read_footer", "reading",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of the columns of an order in Parquet."""

    tokens: str
    sequence: str
    batch: str


# Of a file that is not local; a local one is mapped.
_BUFFER = 1 << 20
# Characters of what a file or a library says that a message repeats.
_SHOWN = 200

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
    ids: int
    """Number of the column of ids, counted as the file stores them."""
    others: tuple[int, ...]
    """Numbers of the columns of `sequence` and `batch`."""

    @property
    def row_groups(self) -> list[int]:
        """Rows of each row group."""
        return [self.metadata.row_group(number).num_rows for number in range(self.metadata.num_row_groups)]


def read_footer(path: str, filesystem: Any = None) -> Footer:
    """Read the footer of a file, of this machine or of an fsspec file system.

    Raises `CorruptFile` for any other file, and for a file without a column of lists of whole numbers.
    """
    pa = arrow()
    if filesystem is None:
        _check_magic(path)
    with reading(path):
        check_footer_length(FileBytes(path, filesystem))
        metadata = pa.parquet.read_metadata(path, filesystem=filesystem)
        schema = metadata.schema.to_arrow_schema()
        names = list(schema.names)
    _check_rows(path, metadata)
    layout = next((layout for layout in LAYOUTS.values() if layout.tokens in names), None)
    if layout is None:
        columns = " or ".join(layout.tokens for layout in LAYOUTS.values())
        raise CorruptFile(
            f"{path}: there is no column {columns}, only {_cut(', '.join(names))}; rename the one with the ids."
        )
    dtype, length = _type_of_ids(path, layout.tokens, schema.field(layout.tokens).type)
    sequence, batch = _whole_numbers(schema, layout.sequence), _whole_numbers(schema, layout.batch)
    with reading(path):
        (ids,) = _columns_of(metadata, layout.tokens)
        others = tuple(number for name in (sequence, batch) if name for number in _columns_of(metadata, name))
    return Footer(
        path=path,
        metadata=metadata,
        tokens=layout.tokens,
        sequence=sequence,
        batch=batch,
        dtype=dtype,
        length=length,
        ids=ids,
        others=others,
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


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Raise `CorruptFile` for whatever pyarrow raises: damaged files make it fail in ways that it does not document."""
    try:
        yield
    except SeenatError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise CorruptFile(
            f"{where}: it cannot be read as Parquet: {_cut(reason)}; download it again or give a Parquet file."
        ) from error


def open_guard(footer: Footer, filesystem: Any = None) -> Guard:
    """What says what a row group takes before it is decoded; raises `CorruptFile` for a footer that it cannot read."""
    with reading(footer.path):
        return Guard(FileBytes(footer.path, filesystem), footer.ids, footer.others, len(footer.metadata.schema))


def open_file(footer: Footer, filesystem: Any = None) -> Any:
    """Open a file by the footer that was read before, with no whole column in memory.

    A local file is mapped, so that no length within it can ask for more memory than it has bytes. Raises `CorruptFile` where
    it is no longer as it was.
    """
    with reading(footer.path):
        if filesystem is None:
            return arrow().parquet.ParquetFile(footer.path, metadata=footer.metadata, memory_map=True, pre_buffer=False)
        return arrow().parquet.ParquetFile(
            footer.path, metadata=footer.metadata, filesystem=filesystem, buffer_size=_BUFFER, pre_buffer=False
        )


def batches_of(
    footer: Footer, file: Any, guard: Guard, group: int, *, columns: Sequence[str], rows: int, most: int
) -> Iterator[Any]:
    """The record batches of columns of a row group, of so many rows of at most so many ids.

    Raises `CorruptFile` where they cannot be decoded, or a row has more ids.
    """
    where = f"{footer.path}, row group {group}"
    with reading(where):
        lengths = guard.row_group(group, footer.row_groups[group], most, where)
        batches = file.iter_batches(rows, [group], list(columns), use_threads=False)
    done = 0
    while True:
        with reading(where):
            done += rows
            if lengths is not None:
                lengths.check(done)
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _check_magic(path: str) -> None:
    head = head_of(Path(path))
    if not head.startswith(b"PAR1"):
        raise CorruptFile(
            f"{path}: this is no Parquet file: it looks like {looks_like(head)}; download it again or give a Parquet file."
        )


def _check_rows(path: str, metadata: Any) -> None:
    rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(rows, default=0) < 0 or sum(rows) != metadata.num_rows:
        raise CorruptFile(
            f"{path}: its footer says {metadata.num_rows} rows, and its row groups {sum(rows)}; download it again."
        )


def _columns_of(metadata: Any, name: str) -> list[int]:
    """The numbers of the stored columns that pyarrow reads under a name."""
    paths = [metadata.schema.column(number).path for number in range(len(metadata.schema))]
    return [number for number, path in enumerate(paths) if path.partition(".")[0] == name]


def _cut(words: str) -> str:
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."


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
