"""The files of indexes that a catalog names: shards, and the ranks that they were built by.

The directory that lies beside them is derived, and made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, select

from seenat.attribution.ngrams.files.ranks_file import ranks_path
from seenat.attribution.ngrams.index_table import IndexRecord, indexes_folder, record_state, shard_name, shards_of
from seenat.attribution.ngrams.stored import stored_ranks, stored_shard
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.indexes import indexes
from seenat.registry.storage.file_state import state_of
from seenat.registry.storage.stores.stored_file import StoredFile, StoredObject

__all__ = ["index_files", "record_copied"]


def index_files(database: Database, connection: Connection) -> Iterator[StoredFile]:
    """Every file of every index, relative to the folder of all indexes."""
    folder = indexes_folder(database)
    for index in _all_indexes(connection):
        ranks = ranks_path(folder / index.folder, index.ranks_digest)
        yield _file(folder, ranks, index.ranks_digest, "ranks of ids", stored_ranks(index))
        for shard in shards_of(connection, index):
            path = folder / index.folder / shard_name(shard.sequences)
            what = f"the index of the sequences {shard.sequences.start}:{shard.sequences.stop} by window {index.window}"
            yield _file(folder, path, shard.digest, what, stored_shard(index, shard))


def record_copied(database: Database, connection: Connection) -> None:
    """Take the shards of a copied catalog for whole: each was compared with its digest while it was copied."""
    for index in _all_indexes(connection):
        for shard in shards_of(connection, index):
            with suppress(FileNotFoundError):  # Left out of the copy.
                state = state_of(indexes_folder(database) / index.folder / shard_name(shard.sequences))
                record_state(connection, index, shard.sequences, state)


def _all_indexes(connection: Connection) -> list[IndexRecord]:
    rows = connection.execute(select(indexes).order_by(indexes.c.id))
    return [IndexRecord(**row._mapping) for row in rows]


def _file(folder: Path, path: Path, digest: str, what: str, stored: StoredObject | None) -> StoredFile:
    places = (path,) if stored is None else (path, stored)
    return StoredFile(name=path.relative_to(folder).as_posix(), places=places, digest=digest, what=what)
