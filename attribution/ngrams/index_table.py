"""The tables `indexes` and `index_shards`: every statement that reads or writes them.

An index belongs to an order's content, by its digest. A shard's row is what makes its file count, and is written once the
file is whole. Which batches and steps its sequences are follows from whoever asks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from seenat.attribution.ngrams.files.directory import IndexedShard
from seenat.attribution.ngrams.files.shard_file import BuiltShard, ShardLayout
from seenat.registry import settings
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.indexes import index_shards, indexes
from seenat.registry.storage.file_state import FileState
from seenat.registry.units import SequenceRange

__all__ = [
    "IndexRecord",
    "ShardRecord",
    "add_index",
    "add_shard",
    "folder_name",
    "indexes_folder",
    "indexes_of",
    "record_state",
    "remove_index",
    "shard_name",
    "shards_of",
]


@dataclass(frozen=True, kw_only=True)
class IndexRecord:
    """A row of `indexes`."""

    id: int
    order_digest: str
    window: int
    bits: int
    fingerprints: bool
    shard_sequences: int
    ranks_digest: str
    folder: str
    store: str | None = None
    """URL of the store that holds its files too."""


@dataclass(frozen=True, kw_only=True)
class ShardRecord:
    """A row of `index_shards`."""

    sequences: SequenceRange
    samples: int
    digest: str
    state: FileState

    def of(self, index: IndexRecord, folder: Path) -> IndexedShard:
        """Its file, and how that is laid out."""
        layout = ShardLayout(
            first_sequence=self.sequences.start,
            sequences=len(self.sequences),
            window=index.window,
            bits=index.bits,
            samples=self.samples,
            fingerprints=index.fingerprints,
        )
        return IndexedShard(folder / shard_name(self.sequences), layout, self.digest)


def shard_name(sequences: SequenceRange) -> str:
    """The name of a shard's file."""
    return f"{sequences.start:011d}-{sequences.stop:011d}.ngrams"


def folder_name(order_digest: str, window: int) -> str:
    """The folder of an index within that of all."""
    return f"{order_digest.removeprefix('sha256:')[:16]}-w{window}"


def indexes_folder(database: Database) -> Path:
    """Where the indexes of a catalog lie: beside a SQLite file, else in seenat's own folder, apart for each database."""
    if database.is_sqlite:
        return Path(f"{database.files[1]}.indexes")
    place = f"{database.url.host}:{database.url.port}/{database.url.database}"
    return settings.home() / "indexes" / hashlib.sha256(place.encode()).hexdigest()[:12]


def indexes_of(connection: Connection, order_digest: str | None) -> tuple[IndexRecord, ...]:
    """The indexes of an order's content, the widest window first; none where its content is not known."""
    rows = connection.execute(
        select(indexes).where(indexes.c.order_digest == order_digest).order_by(indexes.c.window.desc())
    )
    return tuple(IndexRecord(**row._mapping) for row in rows)


def add_index(
    connection: Connection,
    *,
    order_digest: str,
    window: int,
    bits: int,
    fingerprints: bool,
    shard_sequences: int,
    ranks_digest: str,
    store: str | None = None,
) -> IndexRecord:
    """The index of an order's content by this window, which did not exist before."""
    connection.execute(
        insert(indexes).values(
            order_digest=order_digest,
            window=window,
            bits=bits,
            fingerprints=fingerprints,
            shard_sequences=shard_sequences,
            ranks_digest=ranks_digest,
            folder=folder_name(order_digest, window),
            store=store,
        )
    )
    return next(index for index in indexes_of(connection, order_digest) if index.window == window)


def shards_of(connection: Connection, index: IndexRecord) -> tuple[ShardRecord, ...]:
    """The shards of an index, by their sequences."""
    rows = connection.execute(
        select(index_shards).where(index_shards.c.index_id == index.id).order_by(index_shards.c.first_sequence)
    )
    return tuple(map(_shard, rows))


def add_shard(connection: Connection, index: IndexRecord, built: BuiltShard, state: FileState) -> None:
    """Make a shard's file count, in place of those that it overlaps."""
    overlapped = [
        shard.sequences.start for shard in shards_of(connection, index) if shard.sequences.intersection(built.sequences)
    ]
    _delete_shards(connection, index, overlapped)
    connection.execute(
        insert(index_shards).values(
            index_id=index.id,
            first_sequence=built.sequences.start,
            sequences=len(built.sequences),
            samples=built.samples,
            digest=built.digest,
            **state._asdict(),
        )
    )


def record_state(connection: Connection, index: IndexRecord, sequences: SequenceRange, state: FileState) -> None:
    """Keep the state in which a shard's file had its digest."""
    is_shard = (index_shards.c.index_id == index.id) & (index_shards.c.first_sequence == sequences.start)
    connection.execute(update(index_shards).where(is_shard).values(**state._asdict()))


def remove_index(connection: Connection, index: IndexRecord) -> None:
    """Remove an index and its shards from the catalog; their files then no longer count."""
    connection.execute(delete(index_shards).where(index_shards.c.index_id == index.id))
    connection.execute(delete(indexes).where(indexes.c.id == index.id))


def _delete_shards(connection: Connection, index: IndexRecord, first_sequences: Sequence[int]) -> None:
    connection.execute(
        delete(index_shards).where(
            index_shards.c.index_id == index.id, index_shards.c.first_sequence.in_(first_sequences)
        )
    )


def _shard(row: AnyRow) -> ShardRecord:
    return ShardRecord(
        sequences=SequenceRange(row.first_sequence, row.first_sequence + row.sequences),
        samples=row.samples,
        digest=row.digest,
        state=FileState(row.bytes, row.modified_ns, row.changed_ns, row.inode),
    )
