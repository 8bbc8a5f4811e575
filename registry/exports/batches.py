"""Batches of an order, to take away or to train on from the middle of a run.

Batch b turns step b into step b + 1. So the batches that lead from step A to step B are [A, B), and training continues from
the checkpoint of step A with batch A.

    export_batches      to a .npy array, a Parquet file or a dataset folder, a block of batches in memory at a time
    training_dataset    to a `datasets.IterableDataset`, which reads ids when it is iterated
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from seenat.registry.answer import Answer
from seenat.registry.errors import InvalidValue, UnknownBatch
from seenat.registry.exports.files import LARGEST_FILE, TABLE_FORMATS, format_of, npy_writer, table_writer
from seenat.registry.optional import arrow, datasets_or_refuse
from seenat.registry.orders.formats.parquet_footer import LAYOUTS, Layout
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import Tokens, TokenSource
from seenat.registry.units import BatchRange, SequenceRange

__all__ = [
    "BATCH_FORMATS",
    "Exported",
    "NamedOrder",
    "batches_metadata",
    "blocks_of",
    "export_batches",
    "training_dataset",
]

BATCH_FORMATS = ("npy", *TABLE_FORMATS)
# About this many sequences a block, in whole batches unless they are larger. A block is a row group, and a batch of Pythia
# has 1,024 sequences.
_ROWS_AT_ONCE = 1_024


class NamedOrder(Protocol):
    """An order whose batches are exported, and what its export says of it."""

    @property
    def name(self) -> str:
        """Its name in the catalog."""

    @property
    def suite(self) -> str:
        """The suite that it belongs to."""

    @property
    def digest(self) -> str | None:
        """Over geometry and content; None where it is not known."""

    @property
    def geometry(self) -> Geometry:
        """How many sequences, of how many ids, of which type."""

    @property
    def sequences_per_batch(self) -> int:
        """Sequences of a batch, where the caller names no other number."""

    def source(self) -> TokenSource:
        """The reader of its ids."""


@dataclass(frozen=True, kw_only=True)
class Exported(Answer):
    """A file or folder that was written, and what it says it was made from."""

    path: Path
    format: str
    rows: int
    metadata: Mapping[str, Any]

    json_names = ("written=path", "format", "rows")

    def to_json(self) -> dict[str, Any]:
        """Path, format and rows, then the metadata as the file itself has them."""
        return {**super().to_json(), **self.metadata}


def export_batches(
    order: NamedOrder,
    batches: BatchRange,
    path: Path,
    *,
    format_: str | None = None,
    force: bool = False,
    sequences_per_batch: int | None = None,
    columns: str = "plain",
    progress: Callable[[int], None] = lambda _: None,
    rows_at_once: int = _ROWS_AT_ONCE,
    largest_file: int = LARGEST_FILE,
) -> Exported:
    """Write the ids of consecutive batches; `progress` receives the number of sequences of each block.

    A .npy file holds `[sequences, tokens_per_sequence]`. The others hold a row a sequence: its number, its batch, the step
    that its batch leads to (a checkpoint of that step or later has seen it), and its ids as a list. The names of the columns
    are `plain` or, without the step, `published` (see `LAYOUTS`). Batches are those of the order, or of a run with another
    `sequences_per_batch`; the last may be short. A block has about `rows_at_once` sequences, a file of a dataset about
    `largest_file` bytes.

    Raises `UnknownBatch` beyond the order, `InvalidValue` for a path that exists, unless `force`, and for an empty range,
    `NoRoom` when the disk is full.
    """
    format_ = format_of(path, format_, BATCH_FORMATS, force=force)
    size = sequences_per_batch or order.sequences_per_batch
    sequences = _sequences(order.name, order.geometry, batches, size)
    metadata = batches_metadata(order, batches, sequences, size)
    source = order.source()
    blocks = blocks_of(sequences, size * (rows_at_once // size) or rows_at_once)
    if format_ == "npy":
        shape = (len(sequences), order.geometry.tokens_per_sequence)
        with npy_writer(path, shape, order.geometry.dtype, metadata, force=force) as append:
            for block in blocks:
                append(source.tokens(block))
                progress(len(block))
    else:
        layout = _layout(columns)
        schema = _schema(layout, columns, order.geometry.dtype)
        with table_writer(path, format_, schema, metadata, largest_file=largest_file, force=force) as write:
            for block in blocks:
                write(_columns(layout, columns, block, source.tokens(block), size))
                progress(len(block))
    return Exported(path=path.absolute(), format=format_, rows=len(sequences), metadata=metadata)


def training_dataset(
    source: TokenSource,
    batches: BatchRange,
    *,
    order: str,
    sequences_per_batch: int,
    sequences_per_shard: int | None = None,
) -> Any:
    """A `datasets.IterableDataset` of the sequences of consecutive batches, in training order; `order` is the order's name.

    An example is `{"sequence", "input_ids", "labels"}`: the number of the sequence, its first T - 1 ids and its last T - 1,
    int64 arrays; label i is the id after input i. Models of transformers would shift them again: pass them the labels as
    `labels` and as `shift_labels`.

    A shard is a batch, or `sequences_per_shard` sequences. Workers and ranks take shards in turn. So a data loader whose
    batches have a shard's size gives each batch whole and in its place, with any number of workers; and with R ranks and
    shards of an R-th of a batch, each rank gets its part of every batch. `state_dict` resumes within a shard. `with_format`
    makes tensors of the arrays.

    Raises as `export_batches` does, and `MissingExtra` where datasets is not installed.
    """
    datasets = datasets_or_refuse()
    sequences = _sequences(order, source.geometry, batches, sequences_per_batch)
    shards = list(blocks_of(sequences, sequences_per_shard or sequences_per_batch))
    # Without `features`: they would be applied to every example, which takes a hundred times as long.
    return datasets.IterableDataset.from_generator(_examples, gen_kwargs={"source": source, "shards": shards})


def _examples(source: TokenSource, shards: Sequence[SequenceRange]) -> Iterator[dict[str, Any]]:
    for shard in shards:
        for sequence, ids in zip(shard, source.tokens(shard).astype(np.int64), strict=True):
            yield {"sequence": sequence, "input_ids": ids[:-1], "labels": ids[1:]}


def _sequences(order: str, geometry: Geometry, batches: BatchRange, size: int) -> SequenceRange:
    last = (geometry.sequences - 1) // size
    if not batches:
        raise InvalidValue(f"{batches} holds no batches; write START:STOP, from 0 to {last + 1}.")
    if batches.stop > last + 1:
        raise UnknownBatch(
            f"The order {order} has no batch {batches.stop - 1}: it holds batches 0 to {last} of {size} sequences.",
            nearest=[last],
        )
    return SequenceRange(batches.start * size, min(batches.stop * size, geometry.sequences))


def batches_metadata(order: NamedOrder, batches: BatchRange, sequences: SequenceRange, size: int) -> dict[str, Any]:
    """What a file of batches says it was made from; `size` is the number of sequences of a batch."""
    return {
        "order": order.name,
        "order_digest": order.digest,
        "suite": order.suite,
        "batches": batches.to_json(),
        "sequences": sequences.to_json(),
        "sequences_per_batch": size,
        "tokens_per_sequence": order.geometry.tokens_per_sequence,
        "dtype": order.geometry.dtype,
    }


def blocks_of(sequences: SequenceRange, size: int) -> Iterator[SequenceRange]:
    """Consecutive sequences `size` at a time; the last block may be short. Raises `InvalidValue` for a size below 1."""
    if size < 1:
        raise InvalidValue(f"A block or shard needs at least 1 sequence, not {size}.")
    return (
        SequenceRange(start, min(start + size, sequences.stop))
        for start in range(sequences.start, sequences.stop, size)
    )


def _layout(columns: str) -> Layout:
    if columns not in LAYOUTS:
        raise InvalidValue(f"{columns!r} are not columns that are known; choose {' or '.join(LAYOUTS)}.")
    return LAYOUTS[columns]


def _schema(layout: Layout, columns: str, dtype: str) -> Any:
    pa = arrow()
    numbers = [layout.sequence, layout.batch, *(["step"] if columns == "plain" else [])]
    ids = (layout.tokens, pa.list_(pa.from_numpy_dtype(np.dtype(dtype))))
    return pa.schema([*((name, pa.int64()) for name in numbers), ids])


def _columns(layout: Layout, columns: str, block: SequenceRange, tokens: Tokens, size: int) -> dict[str, Any]:
    pa = arrow()
    numbers = np.arange(block.start, block.stop)
    offsets = np.arange(len(block) + 1, dtype=np.int32) * tokens.shape[1]
    by_name = {layout.sequence: numbers, layout.batch: numbers // size, "step": numbers // size + 1}
    if columns != "plain":
        del by_name["step"]
    return {**by_name, layout.tokens: pa.ListArray.from_arrays(offsets, pa.array(tokens.reshape(-1)))}
