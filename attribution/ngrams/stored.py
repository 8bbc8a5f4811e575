"""An index's files as objects of a store: put there when they are built, held on this machine while they are searched.

    PREFIX/ORDER-wWINDOW/FIRST-STOP.ngrams-DIGEST, and ranks-DIGEST beside them

Names bear digests, so catalogs that index the same content share them, and nothing here deletes one. Files that lie on this machine,
where they were built, are searched as they are; of others a copy is fetched, compared with its digest, and kept within the
bound of `storage.stores.cache`, never deleted while it is searched.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from seenat.attribution.ngrams.files.ranks_file import ranks_path
from seenat.attribution.ngrams.files.shard_file import BuiltShard
from seenat.attribution.ngrams.index_table import IndexRecord, ShardRecord, shard_name
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.local import write_atomic
from seenat.registry.storage.regular import is_regular
from seenat.registry.storage.stores.cache import object_cache
from seenat.registry.storage.stores.place import open_store
from seenat.registry.storage.stores.store import Store
from seenat.registry.storage.stores.stored_file import StoredObject
from seenat.registry.units import SequenceRange

__all__ = ["bring_ranks", "held_shard", "put_ranks", "put_shard", "stored_ranks", "stored_shard"]

_PIECE = 16 << 20
_LARGEST_RANKS = 1 << 20


def put_ranks(store: str, folder: Path, digest: str) -> None:
    """Put the ranks of an index that begins or is mended, whose folder on this machine this is."""
    open_store(store).put_file(_name(folder.name, "ranks", digest), ranks_path(folder, digest))


def put_shard(index: IndexRecord, built: BuiltShard, file: Path) -> None:
    """Put a shard that was built, where the index has a store; to be recorded after."""
    if index.store is not None:
        open_store(index.store).put_file(_shard_object(index, built.sequences, built.digest), file)


def bring_ranks(index: IndexRecord, folder: Path) -> None:
    """Write the ranks of an index to its folder on this machine, unless they are there."""
    path = ranks_path(folder, index.ranks_digest)
    if index.store is None or is_regular(path):
        return
    data = open_store(index.store).get(_name(index.folder, "ranks", index.ranks_digest), most=_LARGEST_RANKS)
    if data is None or sha256_of_bytes(data) != index.ranks_digest:
        raise CorruptFile(
            f"The ranks of the index at {index.store}/{index.folder} are gone or damaged; build it again."
        )
    write_atomic(path, data)


def held_shard(stack: ExitStack, index: IndexRecord, shard: ShardRecord, local: Path) -> Path:
    """Where a shard's file is on this machine: `local`, or a copy that stays until the stack is closed."""
    if index.store is None or is_regular(local):
        return local
    name = _shard_object(index, shard.sequences, shard.digest)
    fetch = partial(_download, open_store(index.store), name, shard.state.bytes)
    return stack.enter_context(object_cache().held(shard.digest, fetch))


def stored_shard(index: IndexRecord, shard: ShardRecord) -> StoredObject | None:
    """The object of a shard, where the index has a store."""
    if index.store is None:
        return None
    return StoredObject(open_store(index.store), _shard_object(index, shard.sequences, shard.digest), shard.state.bytes)


def stored_ranks(index: IndexRecord) -> StoredObject | None:
    """The object of the ranks, where the index has a store."""
    if index.store is None:
        return None
    store, name = open_store(index.store), _name(index.folder, "ranks", index.ranks_digest)
    return StoredObject(store, name, store.size(name) or 0)


def _download(store: Store, name: str, size: int, file: Path) -> None:
    """Write an object to a file, a piece a request."""
    with file.open("xb") as writing:
        for start in range(0, size, _PIECE):
            try:
                writing.write(store.get_range(name, start, min(start + _PIECE, size)))
            except FileNotFoundError:
                raise CorruptFile(f"{store.locate(name)} is gone; build the index again.") from None


def _shard_object(index: IndexRecord, sequences: SequenceRange, digest: str) -> str:
    return _name(index.folder, shard_name(sequences), digest)


def _name(folder: str, name: str, digest: str) -> str:
    return f"{folder}/{name}-{digest.removeprefix('sha256:')[:16]}"
