"""Why a cell holds what it holds: from one value back to the job, the shard, the checkpoint, the ids and the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seenat.memorization.jobs.shard_table import shards_of_block
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.trajectories import trajectory
from seenat.memorization.results.block_table import BlockKey, committed_digest, committed_origin
from seenat.memorization.results.files.origin import Origin
from seenat.memorization.results.measurements import current_rows, find_measurement
from seenat.memorization.results.trajectory import Point
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured
from seenat.registry.orders.extents import Extent
from seenat.registry.units import SequenceRange

__all__ = ["BlockRecord", "CellShard", "MeasuredCheckpoint", "Provenance", "TokenFile", "provenance"]


@dataclass(frozen=True, kw_only=True)
class CellShard(Answer):
    """A job's shard that holds the cell."""

    job: int
    block: int
    state: str
    measured: int | None
    """Values that it computed; None until it is done."""
    reused: int | None
    """Values that were committed before."""
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class BlockRecord(Answer):
    """The committed file in which the value stands."""

    block: int
    sequences: SequenceRange
    digest: str
    device: str | None
    dtype: str | None
    seenat: str | None
    torch: str | None
    transformers: str | None


@dataclass(frozen=True, kw_only=True)
class MeasuredCheckpoint(Answer):
    """The checkpoint that was measured."""

    step: int
    revision: str
    repository: str | None
    commit: str | None
    """Of the repository; None for files of a folder."""
    digest: str | None
    """Over weights and configuration."""
    status: str


@dataclass(frozen=True, kw_only=True)
class TokenFile(Answer):
    """Where the sequence's ids lie in a file of the order."""

    file: str
    sha256: str | None
    """Of the whole file; None where nobody has computed it."""
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Provenance(Answer):
    """Where the value of a sequence at a checkpoint comes from."""

    model: str
    sequence: int
    batch: int
    point: Point
    protocol: Protocol
    checkpoint: MeasuredCheckpoint
    block: BlockRecord
    shards: tuple[CellShard, ...]
    order: str
    order_digest: str | None
    files: tuple[TokenFile, ...]


def provenance(catalog: Catalog, model: Model, step: int, sequence: int, protocol: str | None = None) -> Provenance:
    """Where the value of a sequence at a checkpoint comes from.

    Raises `UnknownSequence`, `UnknownCheckpoint`, and `NotMeasured` where there is no such value.
    """
    checkpoint = model.checkpoint(step)
    answer = trajectory(catalog, model, sequence, protocol)
    point = next((point for point in answer.points if point.step == checkpoint.step), None)
    if point is None:
        raise NotMeasured(
            f"Sequence {sequence} has not been measured at step {checkpoint.step} of {model.name}; it was at "
            f"{', '.join(str(point.step) for point in answer.points)}.",
            [point.step for point in answer.points],
        )
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, answer.protocol.id, measures=(answer.protocol.measure,))
        row = next(row for row, measured in current_rows(connection, measurement) if measured == checkpoint.step)
        block = sequence // measurement.block_sequences
        key = BlockKey(measurement.id, row, block)
        digest = committed_digest(connection, key) or ""
        origin = committed_origin(connection, key) or Origin()
        shards = shards_of_block(connection, measurement.id, checkpoint.id, block, sequence)
    return Provenance(
        model=model.name,
        sequence=sequence,
        batch=model.schedule.batch_of(sequence),
        point=point,
        protocol=answer.protocol,
        checkpoint=MeasuredCheckpoint(
            step=checkpoint.step,
            revision=checkpoint.revision,
            repository=model.repository,
            commit=checkpoint.commit_id,
            digest=checkpoint.digest,
            status=checkpoint.status,
        ),
        block=BlockRecord(block=block, sequences=measurement.block(block), digest=digest, **_fields(origin)),
        shards=tuple(CellShard(**row._asdict()) for row in shards),
        order=model.order.name,
        order_digest=measurement.order_digest,
        files=_token_files(model, sequence),
    )


def _fields(origin: Origin) -> dict[str, Any]:
    return {name: getattr(origin, name) for name in ("device", "dtype", "seenat", "torch", "transformers")}


def _token_files(model: Model, sequence: int) -> tuple[TokenFile, ...]:
    order = model.order
    digests = {file.name: file.sha256 for file in order.files}
    return tuple(
        TokenFile(file=name, sha256=digests.get(name), offset=extent.offset, length=extent.length)
        for extent in order.extents(SequenceRange(sequence, sequence + 1))
        for name in [_name(order.location, extent)]
    )


def _name(location: str, extent: Extent) -> str:
    return str(extent.file.relative_to(location) if extent.file.is_relative_to(location) else extent.file)
