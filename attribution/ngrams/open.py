"""The indexes of an order, open: what every search in an order begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from seenat.attribution.ngrams.files.ranks_file import read_ranks
from seenat.attribution.ngrams.index import NgramIndex
from seenat.attribution.ngrams.index_table import (
    IndexRecord,
    ShardRecord,
    indexes_folder,
    indexes_of,
    record_state,
    shards_of,
)
from seenat.attribution.ngrams.stored import bring_ranks, held_shard
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.errors import CorruptFile
from seenat.registry.integrity.content import check_unchanged
from seenat.registry.orders.source import TokenSource
from seenat.registry.storage.moved import proven_state
from seenat.registry.units import SequenceRange, merged_ranges

__all__ = ["OpenIndexes", "open_indexes"]


@dataclass(frozen=True)
class OpenIndexes:
    """An order, its reader, and its indexes, the one with the widest index window first."""

    order: Order
    source: TokenSource
    indexes: tuple[NgramIndex, ...]

    def covered(self, ids: int) -> tuple[SequenceRange, ...]:
        """The sequences of which every occurrence of so many ids is found by an index, as few ranges."""
        return merged_ranges(part for index in self.indexes if index.window <= ids for part in index.covered)


@contextmanager
def open_indexes(database: Database, order: Order) -> Iterator[OpenIndexes]:
    """The indexes of an order's present content; none where there is none.

    Raises `CorruptFile` for a shard whose file is not as it was when it was built or last verified, and for a file of the order that
    has changed since it was registered.
    """
    source = order.source()
    with database.read() as connection:
        records = [(index, shards_of(connection, index)) for index in indexes_of(connection, order.digest)]
    if records:
        check_unchanged(database, order)
    with ExitStack() as stack:
        opened = [stack.enter_context(_open(database, order, *record, stack)) for record in records if record[1]]
        yield OpenIndexes(order, source, tuple(opened))


def _open(
    database: Database, order: Order, index: IndexRecord, shards: tuple[ShardRecord, ...], stack: ExitStack
) -> NgramIndex:
    folder = indexes_folder(database) / index.folder
    built = [shard.of(index, folder) for shard in shards]
    files = [
        replace(file, path=held_shard(stack, index, shard, file.path))
        for file, shard in zip(built, shards, strict=True)
    ]
    for file, at_home, shard in zip(files, built, shards, strict=True):
        if file.path != at_home.path:  # A copy from a store, compared with its digest when it came.
            continue
        try:
            state = proven_state(file.path, shard.state, shard.digest)
        except OSError as error:
            raise CorruptFile(
                f"{file.path}, of the index of {order.name}, cannot be read: {error.strerror}; build it again with `seenat index "
                f"verify {order.name} --repair`."
            ) from error
        if state is None:
            raise CorruptFile(
                f"{file.path}, of the index of {order.name}, is not as it was when it was built; see whether it is whole with "
                f"`seenat index verify {order.name}`, or with --repair build it again."
            )
        if state != shard.state:
            with database.write_if_free() as connection:
                if connection is not None:
                    record_state(connection, index, shard.sequences, state)
    bring_ranks(index, folder)
    ranks = read_ranks(folder, index.ranks_digest)
    return NgramIndex(folder, files, ranks, order.geometry.tokens_per_sequence)
