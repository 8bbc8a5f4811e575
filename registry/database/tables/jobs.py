"""What is to be measured: protocols, measurements, jobs and their shards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    false,
)

from seenat.registry.database.tables.base import WITHOUT_ROWID, metadata

__all__ = ["job_workers", "jobs", "measurement_rows", "measurements", "protocols", "shards"]


class ProtocolColumns(TypedColumns):
    """What is measured; the digest is over the whole definition, so that results are never mixed."""

    id = Column(Integer, primary_key=True)
    digest = Column(String(80), nullable=False, unique=True)
    definition: Column[dict[str, Any]] = Column(JSON, nullable=False)


protocols = Table("protocols", metadata, ProtocolColumns)


class MeasurementColumns(TypedColumns):
    """One protocol, one model, one order's content: the scope of a Zarr array."""

    id = Column(Integer, primary_key=True)
    protocol_id = Column(Integer, ForeignKey("protocols.id"), nullable=False)
    model_id = Column(Integer, ForeignKey("models.id"), nullable=False, index=True)
    order_digest = Column(String(80), nullable=False)
    sequences = Column(BigInteger, nullable=False)
    block_sequences = Column(Integer, nullable=False)
    """Sequences of one block, a multiple of the model's sequences per batch."""
    folder = Column(String(200), nullable=False, unique=True)
    """Of the array, relative to the folder of all results, or to the store."""
    store: Column[str | None] = Column(Text)
    """URL of the store of its objects; null where its files lie in the folder of all results."""
    format = Column(Integer, nullable=False, server_default="1")
    """How its files lie and are encoded; fixed when the measurement begins."""
    onsets_stale = Column(Boolean, nullable=False, server_default=false())
    """Whether a content that its onsets were derived from has been replaced since."""


measurements = Table(
    "measurements", metadata, MeasurementColumns, UniqueConstraint("protocol_id", "model_id", "order_digest")
)


class MeasurementRowColumns(TypedColumns):
    """A row of a measurement's array: one checkpoint with one content."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    array_row = Column(Integer, primary_key=True)
    checkpoint_id = Column(Integer, ForeignKey("checkpoints.id"), nullable=False, index=True)
    checkpoint_digest = Column(String(80), nullable=False)


measurement_rows = Table(
    "measurement_rows",
    metadata,
    MeasurementRowColumns,
    UniqueConstraint("measurement_id", "checkpoint_id", "checkpoint_digest"),
)


class JobColumns(TypedColumns):
    """A stored plan: which checkpoints over which sequences by which protocol."""

    id = Column(Integer, primary_key=True)
    measurement_id = Column(Integer, ForeignKey("measurements.id"), nullable=False, index=True)
    plan_digest = Column(String(80), nullable=False, unique=True)
    """Over measurement and specification: asking again for the same finds the same job."""
    specification: Column[dict[str, Any]] = Column(JSON, nullable=False)
    created_at = Column(String(32), nullable=False)
    finished_at: Column[str | None] = Column(String(32))
    cancelled_at: Column[str | None] = Column(String(32))
    name: Column[str | None] = Column(String(200))
    note: Column[str | None] = Column(Text)
    paused_at: Column[str | None] = Column(String(32))
    priority = Column(Integer, nullable=False, server_default="0")
    """Workers take jobs of a greater one first."""
    same_device = Column(Boolean, nullable=False, server_default=false())
    """Whether all of it is to be measured on one kind of device."""
    device: Column[str | None] = Column(Text)
    """That kind, as in `blocks`; null until a run that measures it begins."""


jobs = Table("jobs", metadata, JobColumns)


class ShardColumns(TypedColumns):
    """One checkpoint over one block of sequences: the unit that is run, committed and resumed."""

    job_id = Column(Integer, ForeignKey("jobs.id"), primary_key=True)
    checkpoint_id = Column(Integer, ForeignKey("checkpoints.id"), primary_key=True)
    block = Column(Integer, primary_key=True)
    start = Column(BigInteger, nullable=False)
    stop = Column(BigInteger, nullable=False)
    """The requested sequences are within `[start, stop)` of this block."""
    state = Column(String(16), nullable=False)
    """`pending`, `running`, `done` or `failed`."""
    owner: Column[str | None] = Column(String(96))
    lease_until: Column[str | None] = Column(String(32))
    """By the database's clock."""
    attempts = Column(Integer, nullable=False)
    measured: Column[int | None] = Column(Integer)
    """Values computed by this shard; null until it is done."""
    reused: Column[int | None] = Column(Integer)
    """Values that an earlier job had committed."""
    seconds: Column[float | None]
    error: Column[str | None] = Column(Text)
    fence = Column(Integer, nullable=False, server_default="0")
    """How often it was leased: who commits must have the newest of these numbers."""
    failures = Column(Integer, nullable=False, server_default="0")
    """How often it could not be measured, or its worker was gone without a word, since it was asked for."""
    quarantined_at: Column[str | None] = Column(String(32))
    """When that was too often; it is `failed` then."""
    done_at: Column[str | None] = Column(String(32))
    """By the database's clock; null also where an earlier version measured it."""


shards = Table("shards", metadata, ShardColumns, Index("ix_shards_state", "job_id", "state"), **WITHOUT_ROWID)


class JobWorkerColumns(TypedColumns):
    """A run that works at a job: it stands here from its beginning to its end, or until its lease runs out."""

    job_id = Column(Integer, ForeignKey("jobs.id"), primary_key=True)
    owner = Column(String(96), primary_key=True)
    """As in `shards`."""
    began_at = Column(String(32), nullable=False)
    lease_until = Column(String(32), nullable=False)


job_workers = Table("job_workers", metadata, JobWorkerColumns, **WITHOUT_ROWID)
