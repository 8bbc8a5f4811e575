"""Building the index of an order: which shards are missing, and one after the other is written and recorded.

Shards are cut at multiples of the index's shard size and where the batches that were asked for begin and end. A shard that
is recorded is never built again, so a build that was ended continues, and another one adds its batches. Equal shards are
equal byte for byte, whoever builds them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seenat.attribution.ngrams.build.shard_builder import ShardRecipe, Task
from seenat.attribution.ngrams.build.sort_setting import worker_environment
from seenat.attribution.ngrams.build.workers import ShardRequest, build_shards
from seenat.attribution.ngrams.codes import Codes, code_ranks, codes_of
from seenat.attribution.ngrams.files.directory import write_directory
from seenat.attribution.ngrams.files.ranks_file import digest_of_ranks, ranks_path, read_ranks, write_ranks
from seenat.attribution.ngrams.index_table import (
    IndexRecord,
    add_index,
    add_shard,
    folder_name,
    indexes_folder,
    indexes_of,
    shard_name,
    shards_of,
)
from seenat.attribution.ngrams.keys import LARGEST_BITS, position_bits
from seenat.attribution.ngrams.stored import bring_ranks, put_ranks, put_shard
from seenat.registry import settings
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.errors import CorruptFile, InvalidValue, UnknownOrder
from seenat.registry.integrity.content import check_unchanged
from seenat.registry.storage.file_state import FileState, changed_file, state_of
from seenat.registry.storage.local import PARTIAL
from seenat.registry.storage.locks import exclusive
from seenat.registry.storage.regular import is_regular, remove_regular
from seenat.registry.storage.stores.place import check_store_url
from seenat.registry.units import BatchRange, SequenceRange, uncovered

__all__ = ["WINDOW", "BuildAdvance", "BuildRequest", "build_index", "mend"]

_States = Mapping[Path, FileState]

WINDOW = 8
"""The usual index window: queries of 11 ids or more are found at once, of 8 exactly, and an id takes one byte."""

_SHARD_IDS = 1 << 26
"""Ids of a shard unless the user says otherwise: 32 batches of Pythia, 0.3 GB of memory a worker."""


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to index of an order, and how; None stands for what the index has already, or else for the usual."""

    batches: BatchRange | None = None
    window: int | None = None
    shard_batches: int | None = None
    fingerprints: bool | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class BuildAdvance:
    """How far a build is."""

    done: int
    """Sequences, those that were indexed before included."""
    total: int
    skipped: int
    """Sequences that were indexed before."""


def build_index(
    database: Database, order: Order, request: BuildRequest, progress: Callable[[BuildAdvance], None]
) -> IndexRecord:
    """Index some batches of an order, or all of it.

    Raises `UnknownOrder` where the order's content is not known, `InvalidValue` for batches or sizes that cannot be, and for
    settings other than those with which the index was begun, and as reading the order does.
    """
    sequences = _sequences(order, request.batches)
    states = check_unchanged(database, order)
    with exclusive(indexes_folder(database)):
        index = _ensure_index(database, order, request, sequences, states)
        missing = list(_missing(database, index, sequences))
        count = _Counter(len(sequences), missing, progress)
        _build(database, order, index, missing, states, request.workers, count)
    return index


def mend(database: Database, order: Order, index: IndexRecord, shards: Sequence[SequenceRange]) -> None:
    """Build some shards of an index again, which are recorded and damaged, and make its ranks and directory where they are.

    Raises `CorruptFile` for ranks that no indexed batch gives, and for an order that is not what it was.
    """
    states = check_unchanged(database, order)
    with exclusive(indexes_folder(database)):
        _mend_ranks(database, order, index)
        _build(database, order, index, shards, states, None, lambda count: None)


def _mend_ranks(database: Database, order: Order, index: IndexRecord) -> None:
    """Ranks are those of the first batch that was indexed: it is looked for where shards begin."""
    folder = indexes_folder(database) / index.folder
    if _has_ranks(index, folder):
        return
    remove_regular(path := ranks_path(folder, index.ranks_digest))
    if _has_ranks(index, folder):
        return
    with database.read() as connection:
        starts = [shard.sequences.start for shard in shards_of(connection, index)]
    for start in starts:
        ranks = _ranks(order, SequenceRange(start, order.geometry.sequences))
        if digest_of_ranks(ranks) == index.ranks_digest:
            write_ranks(folder, ranks)
            if index.store is not None:
                put_ranks(index.store, folder, index.ranks_digest)
            return
    raise CorruptFile(
        f"{path} is gone or damaged, and no batch of {order.name} that is indexed gives it; remove the index with `seenat index "
        "remove` and build it again."
    )


def _has_ranks(index: IndexRecord, folder: Path) -> bool:
    try:
        bring_ranks(index, folder)
        read_ranks(folder, index.ranks_digest)
    except CorruptFile:
        return False
    return True


def _build(
    database: Database,
    order: Order,
    index: IndexRecord,
    shards: Sequence[SequenceRange],
    states: _States,
    workers: int | None,
    progress: Callable[[int], None],
) -> None:
    folder = indexes_folder(database)
    bring_ranks(index, folder / index.folder)
    recipe = ShardRecipe(
        window=index.window,
        bits=index.bits,
        fingerprints=index.fingerprints,
        ranks=read_ranks(folder / index.folder, index.ranks_digest),
    )
    task = Task(order=order, recipe=recipe, folder=folder / index.folder)
    _delete_partial(task.folder)
    requests = [ShardRequest(shard_name(part), part) for part in shards]
    keys = sum(map(len, shards)) * order.geometry.tokens_per_sequence // index.window
    for built in build_shards(task, requests, workers or os.cpu_count() or 1, worker_environment(keys), progress):
        _check_still(states)
        file = task.folder / shard_name(built.sequences)
        state = state_of(file)
        put_shard(index, built, file)
        with database.write() as connection:
            add_shard(connection, index, built, state)
    with database.read() as connection:
        recorded = shards_of(connection, index)
    files = [shard.of(index, task.folder) for shard in recorded]
    if all(is_regular(file.path) for file in files):  # Other machines may have built some, and put them into the store.
        write_directory(task.folder, files)


class _Counter:
    """Adds the sequences that were read, and says how far the build is."""

    def __init__(self, total: int, missing: Sequence[SequenceRange], progress: Callable[[BuildAdvance], None]) -> None:
        self._total, self._progress = total, progress
        self._done = self._skipped = total - sum(map(len, missing))
        self(0)

    def __call__(self, count: int) -> None:
        self._done += count
        self._progress(BuildAdvance(self._done, self._total, self._skipped))


def _sequences(order: Order, batches: BatchRange | None) -> SequenceRange:
    chosen, size = batches or order.batches, order.sequences_per_batch
    if not chosen:
        raise InvalidValue(f"{chosen} holds no batch; give at least one, for example 0:1.")
    order.batch(chosen.stop - 1)  # It refuses batches that the order does not have.
    return SequenceRange(chosen.start * size, min(chosen.stop * size, order.geometry.sequences))


def _check_still(states: _States) -> None:
    """Raise `CorruptFile` unless the order's files are as they were when they proved right: what was read since may be wrong."""
    if (path := changed_file(states)) is not None:
        raise CorruptFile(
            f"{path} was changed while it was indexed; restore it if need be, and run the same again to go on."
        )


def _ensure_index(
    database: Database, order: Order, request: BuildRequest, sequences: SequenceRange, states: _States
) -> IndexRecord:
    if order.digest is None:
        raise UnknownOrder(
            f"The content of the order {order.name} is not known here; register its files with a SUITE.toml first.",
            order=order.name,
        )
    window = WINDOW if request.window is None else request.window
    if window < 1:
        raise InvalidValue(f"An index window has at least 1 id, not {window}; the usual one has {WINDOW}.")
    window = min(window, order.geometry.tokens_per_sequence)
    with database.read() as connection:
        index = next((index for index in indexes_of(connection, order.digest) if index.window == window), None)
    if index is not None:
        _check_same(order, index, request)
        return index
    shard_sequences = _shard_batches(order, request.shard_batches) * order.sequences_per_batch
    ids = min(shard_sequences, order.geometry.sequences) * order.geometry.tokens_per_sequence
    if (bits := position_bits(ids)) > LARGEST_BITS:
        raise InvalidValue(
            f"A shard holds at most {1 << LARGEST_BITS:,} ids, not {ids:,}; take fewer batches with --shard-batches."
        )
    folder = indexes_folder(database) / folder_name(order.digest, window)
    ranks = _ranks(order, sequences)
    _check_still(states)
    digest = write_ranks(folder, ranks)
    if (store := settings.indexes_store()) is not None:
        put_ranks(store := check_store_url(store), folder, digest)
    with database.write() as connection:
        return add_index(
            connection,
            order_digest=order.digest,
            window=window,
            bits=bits,
            fingerprints=bool(request.fingerprints),
            shard_sequences=shard_sequences,
            ranks_digest=digest,
            store=store,
        )


def _shard_batches(order: Order, asked: int | None) -> int:
    if asked is not None and asked < 1:
        raise InvalidValue(f"A shard holds at least 1 batch, not {asked}.")
    batch = order.sequences_per_batch * order.geometry.tokens_per_sequence
    return asked or min(order.batches.stop, max(1, round(_SHARD_IDS / batch)))


def _check_same(order: Order, index: IndexRecord, request: BuildRequest) -> None:
    batches = index.shard_sequences // order.sequences_per_batch
    for name, asked, has in (
        ("--shard-batches", request.shard_batches, batches),
        ("--fingerprints", request.fingerprints, index.fingerprints),
    ):
        if asked is not None and asked != has:
            raise InvalidValue(
                f"The index of {order.name} with window {index.window} was begun with {name} {has}, not {asked}; leave it out, or "
                "remove the index first with `seenat index remove`."
            )


def _ranks(order: Order, sequences: SequenceRange) -> Codes:
    """How rare each code is in the first batch that is indexed."""
    first = SequenceRange(sequences.start, min(sequences.stop, sequences.start + order.sequences_per_batch))
    return code_ranks(codes_of(order.source().tokens(first)))


def _missing(database: Database, index: IndexRecord, sequences: SequenceRange) -> Iterator[SequenceRange]:
    """The parts of a range that no shard covers, cut at the shard size."""
    with database.read() as connection:
        covered = [shard.sequences for shard in shards_of(connection, index)]
    for gap in uncovered(sequences, covered):
        start = gap.start
        while start < gap.stop:
            stop = min(gap.stop, (start // index.shard_sequences + 1) * index.shard_sequences)
            yield SequenceRange(start, stop)
            start = stop


def _delete_partial(folder: Path) -> None:
    """Delete what builds left that were ended; nobody else builds here now."""
    for partial in folder.glob(f"*{PARTIAL}"):
        partial.unlink(missing_ok=True)
