"""Attaching results that another catalog holds: their values, with all that follows from them, to the same model here.

A value belongs to a protocol, a checkpoint's content and an order's content, each known by its digest. Only where all three are those
of this catalog are values taken over. What is there already stays, unless its file is gone or damaged. The values of a measurement are read and written before its
transaction begins, in which they come to count together with their onsets and counts; if somebody measured the same meanwhile,
none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from seenat.memorization.protocol.measures import Values
from seenat.memorization.results.block_table import (
    BlockKey,
    committed_origin,
    committed_places,
    committed_rows,
    replace_block,
    replace_counts,
)
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.files.block_array import BlockArray, BlockFile
from seenat.memorization.results.files.origin import Origin
from seenat.memorization.results.measurements import Measurement, current_rows, ensure_measurement
from seenat.memorization.results.onset_rows import replace_onsets
from seenat.memorization.results.recovery import recover
from seenat.memorization.results.refresh import refresh_onsets
from seenat.memorization.results.trajectory import OnsetColumns, derive_onsets
from seenat.memorization.upkeep.inventory import MeasuredModel, folder_array, measured
from seenat.registry.access.import_log import note_import
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.jobs import measurement_rows
from seenat.registry.errors import InvalidValue, SeenatError, StillNeeded

__all__ = ["AttachedResults", "NotAttached", "attach_results"]

Progress = Callable[[int, int], None]
Counts = npt.NDArray[np.int32]
Committed = dict[tuple[int, int], BlockFile]
"""The file of each block that counts, by row and block."""


@dataclass(frozen=True, kw_only=True)
class AttachedResults(Answer):
    """Results of one model by one protocol that were taken over."""

    model: str
    protocol: str
    steps: tuple[int, ...]
    blocks: int
    """Files of values."""
    values: int
    there: int
    """Files of values that this catalog had already, and kept."""


@dataclass(frozen=True, kw_only=True)
class NotAttached(Answer):
    """Something that does not belong to what this catalog knows."""

    what: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A checkpoint's row in the other array and in ours."""

    theirs: int
    ours: int
    step: int


class _Written(NamedTuple):
    """A file that was written here, and what follows from its values."""

    file: BlockFile
    origin: Origin
    measured: Counts
    """By batch."""
    memorized: Counts


@dataclass
class _Taken:
    """What was written of a measurement; of its values only what follows from them is kept in memory."""

    files: dict[tuple[int, int], _Written] = field(default_factory=dict)
    """By our row and the block."""
    onsets: dict[int, OnsetColumns] = field(default_factory=dict)
    """By the block."""


def attach_results(
    catalog: Catalog, other: Database, place: str, progress: Progress = lambda _done, _all: None
) -> tuple[list[AttachedResults], list[NotAttached]]:
    """Take over what fits of another catalog's results; `progress` gets (files read, all) of each measurement.

    `place` is where it is, as a person names it. Raises `StillNeeded` where somebody measured the same meanwhile; measurements
    that were taken over before stay.
    """
    attached: list[AttachedResults] = []
    refused: list[NotAttached] = []
    with other.read() as connection:
        known = measured(connection)
    for each in known:
        try:
            taken, not_taken = _Attaching(catalog, other, each, place).run(progress)
        except _Unfitting as error:
            refused.append(NotAttached(what=_name(each), reason=str(error)))
            continue
        attached += taken
        refused += not_taken
    return attached, refused


class _Unfitting(Exception):
    """Why nothing of a measurement can be taken over."""


class _Attaching:
    """One measurement."""

    def __init__(self, catalog: Catalog, other: Database, each: MeasuredModel, place: str) -> None:
        self._catalog, self._other, self._each, self._place = catalog, other, each, place
        self._theirs = each.measurement
        self._refused: list[NotAttached] = []

    def run(self, progress: Progress) -> tuple[list[AttachedResults], list[NotAttached]]:
        """Take over what fits."""
        model = self._model()
        found = self._fitting(model)
        if not found:
            return [], self._refused
        store, rows = self._begin(model, found)
        before = _committed(store)
        array = _their_array(self._other, self._theirs)
        try:
            taken = self._take(store, array, rows, before, progress)
            self._record(store, rows, before, taken)
        except BaseException:
            with store.database.write() as connection:
                recover(store, connection)
            raise
        for row, block in taken.files:
            store.array.accept(row, block)
        return self._answers(store, rows, before, taken), self._refused

    def _model(self) -> Model:
        """Our model of that name, on the same content of its order."""
        if self._theirs.store is not None:
            raise _Unfitting("its values lie in a store of objects; make a back-up of that catalog, and attach that")
        try:
            model = self._catalog.model(self._each.model)
            order = model.order
        except SeenatError as error:
            raise _Unfitting(str(error)) from error
        if order.digest != self._theirs.order_digest:
            raise _Unfitting(
                f"its order has the content {self._theirs.order_digest}, and that of {model.name} here, {order.name}, has "
                f"{order.digest or 'none that is known'}"
            )
        return model

    def _fitting(self, model: Model) -> list[tuple[int, Checkpoint]]:
        """The rows of the other array whose checkpoint's content is ours."""
        ours = {checkpoint.step: checkpoint for checkpoint in model.checkpoints}
        with self._other.read() as connection:
            rows = _contents(connection, self._theirs)
        found = []
        for row, step, digest in rows:
            checkpoint = ours.get(step)
            if checkpoint is not None and checkpoint.digest == digest:
                found.append((row, checkpoint))
            else:
                self._refuse(step, _mismatch(checkpoint, step, digest))
        return found

    def _begin(self, model: Model, found: list[tuple[int, Checkpoint]]) -> tuple[MeasurementStore, list[_Row]]:
        """Our measurement with a row for each checkpoint, in which nothing counts yet."""
        with self._catalog.database.write() as connection:
            ours = ensure_measurement(connection, model, self._theirs.protocol)
            if _shape(ours) != _shape(self._theirs):
                raise _Unfitting("its values are cut into other blocks than those of this catalog")
            store = MeasurementStore(self._catalog.database, model, ours)
            rows = [
                _Row(theirs=row, ours=store.row_of(connection, point, point.digest or ""), step=point.step)
                for row, point in found
            ]
        refresh_onsets(store)
        return store, rows

    # -- values

    def _take(
        self,
        store: MeasurementStore,
        array: BlockArray,
        rows: list[_Row],
        before: Committed,
        progress: Progress,
    ) -> _Taken:
        """Write what we do not have, block after block."""
        taken, done = _Taken(), 0
        files = {block: files for block in range(store.measurement.blocks) if (files := self._files(block))}
        total = sum(map(len, files.values()))
        for block, of_block in files.items():
            missing = [row for row in rows if row.theirs in of_block and not _is_here(store, before, row.ours, block)]
            values = {row.ours: self._write(store, array, row, block, of_block[row.theirs], taken) for row in missing}
            if new := {row: of_row for row, of_row in values.items() if of_row is not None}:
                taken.onsets[block] = self._onsets(store, block, new, before)
            progress(done := done + len(of_block), total)
        return taken

    def _write(
        self,
        store: MeasurementStore,
        array: BlockArray,
        row: _Row,
        block: int,
        theirs: tuple[BlockFile, Origin],
        taken: _Taken,
    ) -> Values | None:
        """Write a block here, and return its values; None where the other catalog's file is not what it recorded."""
        file, origin = theirs
        values = array.content(row.theirs, block, file)
        if values is None:
            self._refuse(row.step, f"the file of its block {block} is gone or damaged")
            return None
        written = store.array.write(row.ours, block, values)
        measured_, memorized = (counts.astype(np.int32) for counts in store.counts(values))
        taken.files[row.ours, block] = _Written(written, origin, measured_, memorized)
        return values

    def _files(self, block: int) -> dict[int, tuple[BlockFile, Origin]]:
        """What the other catalog has committed of a block, by its row."""
        with self._other.read() as connection:
            return {
                row: (file, committed_origin(connection, BlockKey(self._theirs.id, row, block)) or Origin())
                for row, file in committed_rows(connection, self._theirs, block).items()
            }

    def _onsets(
        self, store: MeasurementStore, block: int, values: dict[int, Values], before: Committed
    ) -> OnsetColumns:
        """The onsets of a block, of what we had of it and what is new."""
        protocol, here = store.measurement.protocol, values.copy()
        with store.database.read() as connection:
            present = current_rows(connection, store.measurement)
        for row, _ in present:
            if row not in here and (file := before.get((row, block))) is not None:
                found = store.array.content(row, block, file)
                here |= {} if found is None else {row: found}
        steps = [(row, step) for row, step in present if row in here]
        stacked = protocol.value_type.empty(len(steps), len(store.measurement.block(block)))
        for place, (row, _) in enumerate(steps):
            stacked[place] = here[row]
        if not protocol.value_type.decodes:
            stacked = np.empty((0, len(store.measurement.block(block))), np.uint8)
            steps = []
        return derive_onsets(np.array([step for _, step in steps], np.int64), stacked, protocol.continuation)

    # -- rows

    def _record(self, store: MeasurementStore, rows: list[_Row], before: Committed, taken: _Taken) -> None:
        """Make all of it count, in one transaction."""
        if not taken.files:
            return
        protocol = store.measurement.protocol
        with store.database.write() as connection:
            if _committed(store, connection) != before:
                raise StillNeeded(
                    f"Somebody measured {store.model.name} by protocol {protocol.id} meanwhile, so nothing of it was attached; "
                    "attach it again when nobody does."
                )
            for (row, block), of in taken.files.items():
                key, first = BlockKey(store.measurement.id, row, block), store.first_batch(block)
                sums = {"measured": int(of.measured.sum()), "memorized": int(of.memorized.sum())}
                replace_block(connection, key, of.file, of.origin, **sums)
                counts = of.measured.astype(np.int64), of.memorized.astype(np.int64)
                replace_counts(connection, store.measurement.id, row, first, *counts)
            for block, onsets in taken.onsets.items():
                replace_onsets(connection, store.measurement, block, onsets)
            detail = f"{len(taken.files)} blocks at {len(rows)} checkpoints"
            note_import(connection, "attached", "results", _name(self._each), self._place, detail=detail)

    def _answers(
        self, store: MeasurementStore, rows: list[_Row], before: Committed, taken: _Taken
    ) -> list[AttachedResults]:
        places = ((row.ours, block) for row in rows for block in range(store.measurement.blocks))
        there = sum(place in before and place not in taken.files for place in places)
        if not taken.files and not there:
            return []
        new = {row for row, _ in taken.files}
        return [
            AttachedResults(
                model=store.model.name,
                protocol=store.measurement.protocol.id,
                steps=tuple(sorted(row.step for row in rows if row.ours in new)),
                blocks=len(taken.files),
                values=sum(int(of.measured.sum()) for of in taken.files.values()),
                there=there,
            )
        ]

    def _refuse(self, step: int, reason: str) -> None:
        self._refused.append(NotAttached(what=f"{_name(self._each)} at step {step}", reason=reason))


def _name(each: MeasuredModel) -> str:
    return f"{each.model} by protocol {each.measurement.protocol.id}"


def _mismatch(checkpoint: Checkpoint | None, step: int, digest: str) -> str:
    if checkpoint is None:
        return f"the model has no checkpoint at step {step} here"
    if checkpoint.digest is None:
        return "the content of this checkpoint is not known here; let `seenat sync` or `seenat verify` read it first"
    return f"it was measured on the content {digest}, and the checkpoint here has {checkpoint.digest}"


def _shape(measurement: Measurement) -> tuple[int, int, int]:
    return measurement.sequences, measurement.block_sequences, measurement.format


def _contents(connection: Connection, measurement: Measurement) -> list[tuple[int, int, str]]:
    """Row, step and checkpoint content of each row of an array, ascending by step."""
    columns = (measurement_rows.c.array_row, checkpoints.c.step, measurement_rows.c.checkpoint_digest)
    query = select(*columns).join(checkpoints, checkpoints.c.id == measurement_rows.c.checkpoint_id)
    of_it = query.where(measurement_rows.c.measurement_id == measurement.id).order_by(checkpoints.c.step)
    return [(row, step, digest) for row, step, digest in connection.execute(of_it)]


def _their_array(other: Database, measurement: Measurement) -> BlockArray:
    """The files of another catalog's measurement, which lie in its own folder whatever its rows say."""
    path = PurePosixPath(measurement.folder)
    if path.is_absolute() or ".." in path.parts or "\\" in measurement.folder:
        raise InvalidValue(f"{other} names the files {measurement.folder!r}, which lie outside a catalog.")
    return folder_array(other, measurement)


def _committed(store: MeasurementStore, connection: Connection | None = None) -> Committed:
    """All that counts of a measurement."""
    if connection is None:
        with store.database.read() as opened:
            return _committed(store, opened)
    return dict(_files_of(connection, store.measurement))


def _is_here(store: MeasurementStore, committed: Committed, row: int, block: int) -> bool:
    """Whether a block counts and its file is whole: what is gone or damaged is taken over again."""
    file = committed.get((row, block))
    return file is not None and store.array.holds(row, block, file)


def _files_of(connection: Connection, measurement: Measurement) -> Iterator[tuple[tuple[int, int], BlockFile]]:
    for block in sorted({block for _, block in committed_places(connection, measurement)}):
        for row, file in committed_rows(connection, measurement, block).items():
            yield (row, block), file
