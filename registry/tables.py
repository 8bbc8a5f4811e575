"""The catalog's tables, as SQLAlchemy Core sees them; the migrations make the same schema step by step.

Three layers, each pointing only upwards:

* facts       suites, orders, token_files, batches, models, aliases, checkpoints, checkpoint_files
* plans       protocols, measurements, measurement_rows, jobs, shards
* results     blocks, memorized_sequences, batch_counts

A *measurement* is what makes numbers comparable: one protocol, one model, one order's content. Its dense values live in a
Zarr array; `measurement_rows` says which row of that array belongs to which checkpoint *content*, `blocks` which files
of it are committed. Sequences are arithmetic, never rows, except those that were memorized at least once.

Times are UTC as ISO-8601 text ending in Z; digests are text that starts with `sha256:`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

__all__ = ["metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Tables of a few numbers a row and no other key: SQLite keeps them in the primary key's own tree.
_COMPACT: dict[str, Any] = {"sqlite_with_rowid": False}


class SuiteColumns(TypedColumns):
    """A named set of orders and models that was registered together."""

    id = Column(Integer, primary_key=True)
    name = Column(String(96), nullable=False, unique=True)
    origin: Column[str] = Column(Text, nullable=False)
    """Path of its SUITE.toml, or `built-in`."""
    provenance: Column[dict[str, Any]] = Column(JSON, nullable=False)


suites = Table("suites", metadata, SuiteColumns)


class OrderColumns(TypedColumns):
    """An immutable training order."""

    id = Column(Integer, primary_key=True)
    suite_id = Column(Integer, ForeignKey("suites.id"), nullable=False, index=True)
    name = Column(String(96), nullable=False, unique=True)
    sequences = Column(BigInteger, nullable=False)
    tokens_per_sequence = Column(Integer, nullable=False)
    sequences_per_batch = Column(Integer, nullable=False)
    dtype = Column(String(16), nullable=False)
    vocab_size: Column[int | None] = Column(Integer)
    eos_id: Column[int | None] = Column(Integer)
    format = Column(String(32), nullable=False)
    location: Column[str] = Column(Text, nullable=False)
    """Folder, or `hf://datasets/...` of the files whose names are relative."""
    tokenizer: Column[str | None] = Column(Text)
    digest: Column[str | None] = Column(String(80))
    """Over geometry and file digests; null until every file's digest is known."""


orders = Table("orders", metadata, OrderColumns)


class TokenFileColumns(TypedColumns):
    """A file of an order; the segments of role `tokens`, by position, are one run of bytes."""

    order_id = Column(Integer, ForeignKey("orders.id"), primary_key=True)
    position = Column(Integer, primary_key=True)
    role = Column(String(16), nullable=False)
    name: Column[str] = Column(Text, nullable=False)
    data_offset = Column(Integer, nullable=False)
    bytes = Column(BigInteger, nullable=False)
    sha256: Column[str | None] = Column(String(80))
    modified_ns: Column[int | None] = Column(BigInteger)


token_files = Table("token_files", metadata, TokenFileColumns)


class BatchColumns(TypedColumns):
    """A batch of an order: its sequences, and its bytes in the concatenation of the token files."""

    order_id = Column(Integer, ForeignKey("orders.id"), primary_key=True)
    batch = Column(Integer, primary_key=True)
    first_sequence = Column(BigInteger, nullable=False)
    sequences = Column(Integer, nullable=False)
    byte_offset = Column(BigInteger, nullable=False)
    byte_length = Column(BigInteger, nullable=False)
    digest: Column[str | None] = Column(String(80))
    """Of the raw bytes; null until they were read once."""
    eos_count: Column[int | None] = Column(Integer)
    """How many of its ids end a document; null until they were read once."""


batches = Table("batches", metadata, BatchColumns, **_COMPACT)


class ModelColumns(TypedColumns):
    """One training run."""

    id = Column(Integer, primary_key=True)
    suite_id = Column(Integer, ForeignKey("suites.id"), nullable=False, index=True)
    name = Column(String(96), nullable=False, unique=True)
    family: Column[str | None] = Column(String(96))
    size: Column[str | None] = Column(String(96))
    order_id: Column[int | None] = Column(Integer, ForeignKey("orders.id"), index=True)
    """Null where the order of this run is not published."""
    sequences_per_batch = Column(Integer, nullable=False)
    steps = Column(Integer, nullable=False)
    labels_per_step = Column(Integer, nullable=False)
    revision = Column(String(96), nullable=False)
    repository: Column[str | None] = Column(String(200))
    folder: Column[str | None] = Column(Text)
    """Template of the checkpoints' local folders, absolute; exactly one of `repository` and `folder` is set."""
    parameters_total: Column[int | None] = Column(BigInteger)
    parameters_non_embedding: Column[int | None] = Column(BigInteger)
    architecture: Column[dict[str, Any]] = Column(JSON, nullable=False)
    hyperparameters: Column[dict[str, Any]] = Column(JSON, nullable=False)


models = Table("models", metadata, ModelColumns)


class AliasColumns(TypedColumns):
    """Another name of a model."""

    name = Column(String(96), primary_key=True)
    model_id = Column(Integer, ForeignKey("models.id"), nullable=False, index=True)


aliases = Table("aliases", metadata, AliasColumns, **_COMPACT)


class CheckpointColumns(TypedColumns):
    """A model at a step."""

    id = Column(Integer, primary_key=True)
    model_id = Column(Integer, ForeignKey("models.id"), nullable=False)
    step = Column(Integer, nullable=False)
    revision = Column(String(96), nullable=False)
    status = Column(String(16), nullable=False)
    """`ok`, `suspect`, `wrong`, `missing` or `unknown`."""
    reason: Column[str | None] = Column(Text)
    status_date: Column[str | None] = Column(String(32))
    commit_id: Column[str | None] = Column(String(64))
    digest: Column[str | None] = Column(String(80))
    """Over weights and configuration; null until the files were seen."""


checkpoints = Table("checkpoints", metadata, CheckpointColumns, UniqueConstraint("model_id", "step"))


class CheckpointFileColumns(TypedColumns):
    """A file of a checkpoint."""

    checkpoint_id = Column(Integer, ForeignKey("checkpoints.id"), primary_key=True)
    name = Column(String(250), primary_key=True)
    bytes = Column(BigInteger, nullable=False)
    sha256: Column[str | None] = Column(String(80))
    modified_ns: Column[int | None] = Column(BigInteger)


checkpoint_files = Table("checkpoint_files", metadata, CheckpointFileColumns, **_COMPACT)


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
    """Of the array, relative to the folder of all results."""


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


jobs = Table("jobs", metadata, JobColumns)


class ShardColumns(TypedColumns):
    """One checkpoint over one block of sequences: the unit that is run, committed and resumed."""

    job_id = Column(Integer, ForeignKey("jobs.id"), primary_key=True)
    checkpoint_id = Column(Integer, ForeignKey("checkpoints.id"), primary_key=True)
    block = Column(Integer, primary_key=True)
    start = Column(BigInteger, nullable=False)
    stop = Column(BigInteger, nullable=False)
    """The sequences asked for are within `[start, stop)` of this block."""
    state = Column(String(16), nullable=False)
    """`pending`, `running`, `done` or `failed`."""
    owner: Column[str | None] = Column(String(96))
    lease_until: Column[str | None] = Column(String(32))
    attempts = Column(Integer, nullable=False)
    measured: Column[int | None] = Column(Integer)
    """Values computed by this shard; null until it is done."""
    reused: Column[int | None] = Column(Integer)
    """Values that an earlier job had committed."""
    seconds: Column[float | None]
    error: Column[str | None] = Column(Text)


shards = Table("shards", metadata, ShardColumns, Index("ix_shards_state", "job_id", "state"), **_COMPACT)


class BlockColumns(TypedColumns):
    """A committed file of a measurement's array; a file without such a row does not count."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    array_row = Column(Integer, primary_key=True)
    block = Column(Integer, primary_key=True)
    measured = Column(Integer, nullable=False)
    """Values in it that are not 255."""
    memorized = Column(Integer, nullable=False)
    bytes = Column(Integer, nullable=False)
    digest = Column(String(80), nullable=False)


blocks = Table("blocks", metadata, BlockColumns, **_COMPACT)


class MemorizedSequenceColumns(TypedColumns):
    """A sequence that at least one checkpoint had memorized."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    sequence = Column(BigInteger, primary_key=True)
    first_step = Column(Integer, nullable=False)
    """The onset: the first measured step at which it was memorized."""
    bracket_low: Column[int | None] = Column(Integer)
    """The last measured step before the onset, where it was not; null when none was measured before."""
    last_step = Column(Integer, nullable=False)
    """The last measured step at which it was memorized."""
    times_memorized = Column(Integer, nullable=False)
    """At how many measured steps it was memorized."""
    times_lost = Column(Integer, nullable=False)
    """How often a measured step had memorized it and the next measured one had not."""


memorized_sequences = Table(
    "memorized_sequences",
    metadata,
    MemorizedSequenceColumns,
    Index("ix_memorized_sequences_first_step", "measurement_id", "first_step", "sequence"),
    **_COMPACT,
)


class BatchCountColumns(TypedColumns):
    """How many sequences of a batch were measured and memorized at a step."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    array_row = Column(Integer, primary_key=True)
    batch = Column(Integer, primary_key=True)
    measured = Column(Integer, nullable=False)
    memorized = Column(Integer, nullable=False)


batch_counts = Table("batch_counts", metadata, BatchCountColumns, **_COMPACT)
