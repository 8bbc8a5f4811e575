"""Batches of an order, to take away or to train on from the middle of a run.

A batch b turns step b into step b + 1, so the batches that lead from step A to step B are [A, B), and what starts at the
checkpoint of step A goes on with batch A.

    export_batches      to a .npy array, a Parquet file or a dataset folder, a block of batches in memory at a time
    training_dataset    to a `datasets.IterableDataset`, read when it is iterated
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seenat.registry.errors import InvalidValue, UnknownBatch
from seenat.registry.exports.files import datasets_or_refuse, npy_writer, table_writer
from seenat.registry.orders.formats.parquet_footer import LAYOUTS, Layout, arrow
from seenat.registry.orders.source import DescribedOrder, Tokens, TokenSource
from seenat.registry.units import BatchRange, SequenceRange

__all__ = ["BATCH_FORMATS", "Exported", "blocks_of", "export_batches", "format_of", "training_dataset"]

BATCH_FORMATS = ("npy", "parquet", "dataset")
_ROWS_AT_ONCE = 1_024
"""Sequences of one block, about, in whole batches unless they are larger: a block is a row group, as a batch of Pythia is."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, and from what."""

    path: Path
    format: str
    rows: int
    metadata: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Every field by name, those of the metadata among them."""
        return {"written": str(self.path), "format": self.format, "rows": self.rows, **self.metadata}


def format_of(path: Path, format_: str | None, formats: Sequence[str] = BATCH_FORMATS) -> str:
    """The format that was asked for, or that the ending of a name tells: .npy, .parquet, and a folder without any.

    Raises `InvalidValue` for any other.
    """
    found = format_ or path.suffix.removeprefix(".") or "dataset"
    if found not in formats:
        raise InvalidValue(
            f"{path} is to be of the format {found!r}, which is not one of {', '.join(formats)}; choose one."
        )
    return found


def export_batches(
    order: DescribedOrder,
    batches: BatchRange,
    path: Path,
    *,
    format_: str | None = None,
    sequences_per_batch: int | None = None,
    columns: str = "plain",
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write the ids of consecutive batches; `progress` is told the sequences of each block.

    A .npy file holds `[sequences, tokens_per_sequence]`. The others hold a row a sequence, with its number, its batch, the
    step that its batch leads to (a checkpoint of that step or later has seen it), and its ids as a list, under the names of
    `columns`: `plain` or, without the step, `published` (`orders.footers.LAYOUTS`). Batches are those of the order, or of
    a run with another `sequences_per_batch`; the last may be short.

    Raises `UnknownBatch` beyond the order, `InvalidValue` for a path that exists and for no batches.
    """
    format_ = format_of(path, format_)
    size = sequences_per_batch or order.sequences_per_batch
    sequences = _sequences(order, batches, size)
    metadata = _metadata(order, batches, sequences, size)
    source = order.source()
    blocks = blocks_of(sequences, size * (_ROWS_AT_ONCE // size) or _ROWS_AT_ONCE)
    if format_ == "npy":
        shape = (len(sequences), order.geometry.tokens_per_sequence)
        with npy_writer(path, shape, order.geometry.dtype, metadata) as append:
            for block in blocks:
                append(source.tokens(block))
                progress(len(block))
    else:
        layout = _layout(columns)
        with table_writer(path, format_, _schema(layout, columns, order.geometry.dtype), metadata) as write:
            for block in blocks:
                write(_columns(layout, columns, block, source.tokens(block), size))
                progress(len(block))
    return Exported(path=path.absolute(), format=format_, rows=len(sequences), metadata=metadata)


def training_dataset(
    order: DescribedOrder,
    batches: BatchRange,
    *,
    sequences_per_batch: int | None = None,
    sequences_per_shard: int | None = None,
) -> Any:
    """A `datasets.IterableDataset` of the sequences of consecutive batches, in training order.

    An example is `{"sequence", "input_ids", "labels"}`: the number of the sequence, its first T - 1 ids and its last T - 1,
    int64 arrays; label i is the id after input i. Models of transformers would shift them once more: give those the labels as
    `labels` and as `shift_labels`.

    A shard is a batch, or `sequences_per_shard` sequences. Several workers and ranks take shards in turn, so a data loader
    that cuts batches of a shard's size gives each batch whole and in its place, with any number of workers; and of R ranks
    with shards of a batch's R-th part, each gets its part of every batch. `state_dict` resumes within a shard. `with_format`
    makes tensors of the arrays.

    Raises as `export_batches` does, and `MissingExtra` where datasets is not installed.
    """
    datasets = datasets_or_refuse()
    size = sequences_per_batch or order.sequences_per_batch
    shards = list(blocks_of(_sequences(order, batches, size), sequences_per_shard or size))
    # Described features would be applied to every example, at a hundredth of the speed.
    return datasets.IterableDataset.from_generator(_examples, gen_kwargs={"source": order.source(), "shards": shards})


def _examples(source: TokenSource, shards: Sequence[SequenceRange]) -> Iterator[dict[str, Any]]:
    for shard in shards:
        for sequence, ids in zip(shard, source.tokens(shard).astype(np.int64), strict=True):
            yield {"sequence": sequence, "input_ids": ids[:-1], "labels": ids[1:]}


def _sequences(order: DescribedOrder, batches: BatchRange, size: int) -> SequenceRange:
    last = (order.geometry.sequences - 1) // size
    if not batches:
        raise InvalidValue(f"{batches} holds no batches; write START:STOP, from 0 to {last + 1}.")
    if batches.stop > last + 1:
        raise UnknownBatch(
            f"The order {order.name} has no batch {batches.stop - 1}: it holds batches 0 to {last} of {size} sequences.",
            nearest=[last],
        )
    return SequenceRange(batches.start * size, min(batches.stop * size, order.geometry.sequences))


def _metadata(order: DescribedOrder, batches: BatchRange, sequences: SequenceRange, size: int) -> dict[str, Any]:
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
    """Consecutive sequences `size` at a time; the last block may be short. Raises `InvalidValue` for blocks of none."""
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
    found = {layout.sequence: numbers, layout.batch: numbers // size, "step": numbers // size + 1}
    if columns != "plain":
        del found["step"]
    return {**found, layout.tokens: pa.ListArray.from_arrays(offsets, pa.array(tokens.reshape(-1)))}
