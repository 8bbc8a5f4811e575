"""Whether the files of an index are as they were built, by reading all of them; and building damaged ones again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from seenat.attribution.ngrams.build.builder import rebuild
from seenat.attribution.ngrams.index_table import (
    IndexRecord,
    ShardRecord,
    indexes_folder,
    indexes_of,
    record_state,
    shard_name,
    shards_of,
)
from seenat.attribution.ngrams.stored import held_shard
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
    """A shard whose file is not the one that was built."""

    window: int
    sequences: SequenceRange
    file: str
    fault: str


def verify_indexes(
    database: Database, order: Order, repair: bool, progress: Callable[[int, int], None]
) -> tuple[DamagedShard, ...]:
    """Read every shard of an order's indexes; `progress` gets (shards read, all). With `repair`, build damaged ones again."""
    with database.read() as connection:
        pairs = [
            (index, shard) for index in indexes_of(connection, order.digest) for shard in shards_of(connection, index)
        ]
    damaged: list[tuple[IndexRecord, DamagedShard]] = []
    for done, (index, shard) in enumerate(pairs):
        progress(done, len(pairs))
        path = indexes_folder(database) / index.folder / shard_name(shard.sequences)
        if index.store is not None and not is_regular(path):
            fault, state = _fetched(index, shard, path), None
        else:
            fault, state = _read(path, shard)
        if fault is not None:
            damaged.append((index, _described(index, shard, path, fault)))
        elif state is not None and state != shard.state:
            with database.write() as connection:
                record_state(connection, index, shard.sequences, state)
    progress(len(pairs), len(pairs))
    if repair:
        for index in {index.id: index for index, _ in damaged}.values():
            rebuild(database, order, index, [shard.sequences for owner, shard in damaged if owner.id == index.id])
    return tuple(shard for _, shard in damaged)


def _described(index: IndexRecord, shard: ShardRecord, path: Path, fault: str) -> DamagedShard:
    return DamagedShard(window=index.window, sequences=shard.sequences, file=str(path), fault=fault)


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
