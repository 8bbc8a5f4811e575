"""Attaching an index that another catalog has built of the same content of an order: its files, by their digests.

Files are copied, or stay where they are and are linked to, and count once all of an index are here: in one transaction. Where this
catalog has an index of the content by the same window already, only shards that it lacks are taken over.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy import select

from seenat.attribution.ngrams.files.directory import write_directory
from seenat.attribution.ngrams.files.ranks_file import ranks_path
from seenat.attribution.ngrams.files.shard_file import BuiltShard
from seenat.attribution.ngrams.index_table import (
    IndexRecord,
    ShardRecord,
    add_index,
    add_shard,
    folder_name,
    indexes_folder,
    indexes_of,
    shard_name,
    shards_of,
)
from seenat.registry.access.import_log import note_import
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.indexes import indexes
from seenat.registry.errors import CorruptFile, InvalidValue, SeenatError
from seenat.registry.storage.file_state import state_of
from seenat.registry.storage.local import PARTIAL
from seenat.registry.storage.stores.stored_file import StoredFile, copy_stored, is_whole

__all__ = ["AttachedIndex", "attach_index", "indexes_to_attach"]


@dataclass(frozen=True, kw_only=True)
class AttachedIndex(Answer):
    """An index that was taken over, or the shards of it that were missing here."""

    order: str
    window: int
    shards: int
    bytes: int
    there: int
    """Shards that this catalog had already, and kept."""


def indexes_to_attach(other: Database) -> tuple[IndexRecord, ...]:
    """The indexes that another catalog has."""
    with other.read() as connection:
        return tuple(
            IndexRecord(**row._mapping) for row in connection.execute(select(indexes).order_by(indexes.c.id)).all()
        )


def attach_index(
    catalog: Catalog,
    other: Database,
    index: IndexRecord,
    place: str,
    *,
    link: bool,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> AttachedIndex:
    """Take over an index of another catalog; `progress` gets (shards, all). `place` is where it is, as a person names it.

    Raises `InvalidValue` where no order here has that content or the index here was built otherwise, and `CorruptFile` for a file that
    is not the one that was built.
    """
    order, ours = _order(catalog, index), None
    with catalog.database.read() as connection:
        ours = next((one for one in indexes_of(connection, order.digest) if one.window == index.window), None)
        there = shards_of(connection, ours) if ours is not None else ()
    if ours is not None and _recipe(ours) != _recipe(index):
        raise InvalidValue(
            f"the index of {order.name} by window {index.window} was built otherwise here; remove it first with `seenat index remove`"
        )
    with other.read() as connection:
        shards = shards_of(connection, index)
    missing = [shard for shard in shards if not any(shard.sequences.intersection(one.sequences) for one in there)]
    folder = indexes_folder(catalog.database) / folder_name(index.order_digest, index.window)
    if missing:
        _bring(_folder(other, index), folder, order, index, missing, link, progress)
        _record(catalog.database, order, index, ours, missing, folder, place)
    return AttachedIndex(
        order=order.name,
        window=index.window,
        shards=len(missing),
        bytes=sum(shard.state.bytes for shard in missing),
        there=len(there),
    )


def _order(catalog: Catalog, index: IndexRecord) -> Order:
    for order in catalog.orders():
        if order.digest == index.order_digest:
            return order
    raise InvalidValue(f"no order of this catalog has the content {index.order_digest}; register it first")


def _recipe(index: IndexRecord) -> tuple[object, ...]:
    return index.bits, index.fingerprints, index.shard_sequences, index.ranks_digest


def _folder(other: Database, index: IndexRecord) -> Path:
    """The folder of another catalog's index, which lies in its own folder whatever its rows say."""
    path = PurePosixPath(index.folder)
    if path.is_absolute() or ".." in path.parts or "\\" in index.folder:
        raise InvalidValue(f"its catalog names the files {index.folder!r}, which lie outside it")
    return indexes_folder(other) / index.folder


def _bring(
    source: Path,
    target: Path,
    order: Order,
    index: IndexRecord,
    shards: list[ShardRecord],
    link: bool,
    progress: Callable[[int, int], None],
) -> None:
    """Put the files of an index into our folder; what is not whole is not left there."""
    bring = _refer if link else copy_stored
    ranks = ranks_path(source, index.ranks_digest)
    bring(
        StoredFile(name=ranks.name, places=(ranks,), digest=index.ranks_digest, what="the ranks of ids"),
        target / ranks.name,
    )
    for done, shard in enumerate(shards):
        progress(done, len(shards))
        if shard.sequences.stop > order.geometry.sequences:
            raise CorruptFile(f"It has a shard of the sequences {shard.sequences}, which {order.name} does not have.")
        name = shard_name(shard.sequences)
        what = f"the index of the sequences {shard.sequences}"
        bring(StoredFile(name=name, places=(source / name,), digest=shard.digest, what=what), target / name)
        try:
            layout = shard.of(index, target).layout
            layout.check(target / name)
        except SeenatError:
            (target / name).unlink(missing_ok=True)
            raise
    progress(len(shards), len(shards))


def _refer(file: StoredFile, target: Path) -> None:
    """Let a link here lead to a file of another catalog. A second name of it would change the state by which that one knows it."""
    place = file.places[0]
    assert isinstance(place, Path), "another catalog's folder holds files"
    if not is_whole(file):
        raise CorruptFile(f"{place}, {file.what}, is gone or not the file that was recorded.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}{PARTIAL}")
    try:
        partial.symlink_to(place.resolve())
        partial.replace(target)
    except OSError as error:
        raise InvalidValue(f"{target} cannot be a link: {error.strerror}; copy it, without --link") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _record(
    database: Database,
    order: Order,
    index: IndexRecord,
    ours: IndexRecord | None,
    shards: list[ShardRecord],
    folder: Path,
    place: str,
) -> None:
    with database.write() as connection:
        record = ours or add_index(
            connection,
            order_digest=index.order_digest,
            window=index.window,
            bits=index.bits,
            fingerprints=index.fingerprints,
            shard_sequences=index.shard_sequences,
            ranks_digest=index.ranks_digest,
        )
        for shard in shards:
            size = shard.state.bytes
            built = BuiltShard(sequences=shard.sequences, samples=shard.samples, bytes=size, digest=shard.digest)
            add_shard(connection, record, built, state_of(folder / shard_name(shard.sequences)))
        name = f"{order.name} by window {index.window}"
        note_import(connection, "attached", "index", name, place, detail=f"{len(shards)} shards")
        recorded = shards_of(connection, record)
    write_directory(folder, [shard.of(record, folder) for shard in recorded])
