"""Whether the files of an index are as they were built, by reading all of them; and building damaged ones again.

The ranks of ids are found again in the order, where its first indexed batch is still indexed. What is derived of the shards, the
directory, is no loss where it is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from seenat.attribution.ngrams.build.builder import mend
from seenat.attribution.ngrams.files.ranks_file import ranks_path, read_ranks
from seenat.attribution.ngrams.index_table import (
    IndexRecord,
    ShardRecord,
    indexes_folder,
    indexes_of,
    record_state,
    shard_name,
    shards_of,
)
from seenat.attribution.ngrams.stored import bring_ranks, held_shard
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.file_state import FileState, state_of
from seenat.registry.storage.regular import is_regular
from seenat.registry.units import SequenceRange

__all__ = ["DamagedShard", "verify_indexes"]


@dataclass(frozen=True, kw_only=True)
class DamagedShard:
    """A shard whose file is not the one that was built, or ranks without which all shards are of no use."""

    window: int
    sequences: SequenceRange
    file: str
    fault: str


def verify_indexes(
    database: Database, order: Order, repair: bool, progress: Callable[[int, int], None]
) -> tuple[DamagedShard, ...]:
    """Read all files of an order's indexes; `progress` gets (shards read, all). With `repair`, make damaged ones again."""
    with database.read() as connection:
        found = [(index, shards_of(connection, index)) for index in indexes_of(connection, order.digest)]
    ranks = [(index, part) for index, shards in found for part in _damaged_ranks(database, index, shards)]
    pairs = [(index, shard) for index, shards in found for shard in shards]
    damaged: list[tuple[IndexRecord, DamagedShard]] = []
    for done, (index, shard) in enumerate(pairs):
        progress(done, len(pairs))
        if (fault := _fault(database, index, shard)) is not None:
            path = indexes_folder(database) / index.folder / shard_name(shard.sequences)
            damaged.append((index, _described(index, shard.sequences, path, fault)))
    progress(len(pairs), len(pairs))
    for index in {index.id: index for index, _ in (*ranks, *damaged) if repair}.values():
        mend(database, order, index, [shard.sequences for owner, shard in damaged if owner.id == index.id])
    return tuple(part for _, part in (*ranks, *damaged))


def _damaged_ranks(database: Database, index: IndexRecord, shards: tuple[ShardRecord, ...]) -> Iterator[DamagedShard]:
    """The ranks of an index, where they are gone or damaged: then none of its shards is of use."""
    folder = indexes_folder(database) / index.folder
    try:
        bring_ranks(index, folder)
        read_ranks(folder, index.ranks_digest)
    except CorruptFile:
        if shards:
            all_ = SequenceRange(shards[0].sequences.start, shards[-1].sequences.stop)
            path = ranks_path(folder, index.ranks_digest)
            yield _described(index, all_, path, "the ranks of ids are gone or damaged")


def _fault(database: Database, index: IndexRecord, shard: ShardRecord) -> str | None:
    """What is wrong with a shard; where nothing is, the catalog keeps the state of its file."""
    path = indexes_folder(database) / index.folder / shard_name(shard.sequences)
    if index.store is not None and not is_regular(path):
        return _fetched(index, shard, path)
    fault, state = _read(path, shard)
    if state is not None and state != shard.state:
        with database.write() as connection:
            record_state(connection, index, shard.sequences, state)
    return fault


def _described(index: IndexRecord, sequences: SequenceRange, path: Path, fault: str) -> DamagedShard:
    return DamagedShard(window=index.window, sequences=sequences, file=str(path), fault=fault)


def _fetched(index: IndexRecord, shard: ShardRecord, path: Path) -> str | None:
    """What is wrong with a shard that lies in a store and not on this machine, by fetching it."""
    try:
        with ExitStack() as stack:
            held_shard(stack, index, shard, path)
    except CorruptFile as error:
        return str(error).rstrip(".")
    return None


def _read(path: Path, shard: ShardRecord) -> tuple[str | None, FileState | None]:
    """What is wrong with a file, and the state in which nothing was."""
    try:
        before = state_of(path)
        if before.bytes != shard.state.bytes:
            return f"it has {before.bytes:,} bytes instead of {shard.state.bytes:,}", None
        digest = sha256_of_file(path)
    except OSError as error:
        return f"it cannot be read: {error.strerror}", None
    if digest != shard.digest:
        return f"its digest is {digest}, not {shard.digest}", None
    return None, before
