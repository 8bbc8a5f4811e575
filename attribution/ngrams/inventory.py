"""The files of indexes that a catalog names: shards, and the ranks that they were built by.

The directory that lies beside them is derived, and made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select

from seenat.attribution.ngrams.files.ranks_file import ranks_path
from seenat.attribution.ngrams.index_table import IndexRecord, indexes_folder, shard_name, shards_of
from seenat.attribution.ngrams.stored import stored_ranks, stored_shard
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.indexes import indexes
from seenat.registry.storage.stores.stored_file import StoredFile, StoredObject

__all__ = ["index_files"]


def index_files(database: Database, connection: Connection) -> Iterator[StoredFile]:
    """Every file of every index, relative to the folder of all indexes."""
    folder = indexes_folder(database)
    for row in connection.execute(select(indexes).order_by(indexes.c.id)).all():
        index = IndexRecord(**row._mapping)
        ranks = ranks_path(folder / index.folder, index.ranks_digest)
        yield _file(folder, ranks, index.ranks_digest, "ranks of ids", stored_ranks(index))
        for shard in shards_of(connection, index):
            path = folder / index.folder / shard_name(shard.sequences)
            what = f"the index of the sequences {shard.sequences.start}:{shard.sequences.stop} by window {index.window}"
            yield _file(folder, path, shard.digest, what, stored_shard(index, shard))


def _file(folder: Path, path: Path, digest: str, what: str, stored: StoredObject | None) -> StoredFile:
    places = (path,) if stored is None else (path, stored)
    return StoredFile(name=path.relative_to(folder).as_posix(), places=places, digest=digest, what=what)
