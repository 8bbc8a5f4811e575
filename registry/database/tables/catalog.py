"""What suites consist of and what is known about it: orders, models, checkpoints, claims."""

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
)

from seenat.registry.database.tables.base import WITHOUT_ROWID, metadata
from seenat.registry.database.tables.home_path import HomePath

__all__ = [
    "aliases",
    "batches",
    "checkpoint_files",
    "checkpoints",
    "claims",
    "evidence",
    "generations",
    "models",
    "orders",
    "revisions",
    "suites",
    "token_files",
]


class SuiteColumns(TypedColumns):
    """A named set of orders and models that was registered together."""

    id = Column(Integer, primary_key=True)
    name = Column(String(96), nullable=False, unique=True)
    origin: Column[str] = Column(HomePath, nullable=False)
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
    location: Column[str] = Column(HomePath, nullable=False)
    """Folder, or `hf://datasets/...` of the files whose names are relative."""
    tokenizer: Column[str | None] = Column(HomePath)
    digest: Column[str | None] = Column(String(80))
    """Over geometry and file digests; null until every file's digest is known."""


orders = Table("orders", metadata, OrderColumns)


class TokenFileColumns(TypedColumns):
    """A file of an order; the segments of role `tokens`, by position, are one run of bytes."""

    order_id = Column(Integer, ForeignKey("orders.id"), primary_key=True)
    position = Column(Integer, primary_key=True)
    role = Column(String(16), nullable=False)
    name: Column[str] = Column(HomePath, nullable=False)
    data_offset = Column(Integer, nullable=False)
    bytes = Column(BigInteger, nullable=False)
    sha256: Column[str | None] = Column(String(80))
    modified_ns: Column[int | None] = Column(BigInteger)
    changed_ns: Column[int | None] = Column(BigInteger)
    inode: Column[int | None] = Column(BigInteger)


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


batches = Table("batches", metadata, BatchColumns, **WITHOUT_ROWID)


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
    folder: Column[str | None] = Column(HomePath)
    """Template of the checkpoints' local folders; at most one of `repository` and `folder` is set."""
    parameters_total: Column[int | None] = Column(BigInteger)
    parameters_non_embedding: Column[int | None] = Column(BigInteger)
    architecture: Column[dict[str, Any]] = Column(JSON, nullable=False)
    hyperparameters: Column[dict[str, Any]] = Column(JSON, nullable=False)
    version: Column[str | None] = Column(String(32))
    """Release of the suite it belongs to, such as `v0`."""
    order_note: Column[str | None] = Column(Text)
    """Why its order is not known, or where parts of it can be had."""
    altered_from_step: Column[int | None] = Column(Integer)
    """From this step on it was trained on other batches than those of its order; null for most."""
    notes: Column[list[str] | None] = Column(JSON)
    """What one should know before using it, a sentence each."""


models = Table("models", metadata, ModelColumns)


class AliasColumns(TypedColumns):
    """Another name of a model, or a name it had for a time; a name may have meant several models, one after the other."""

    name = Column(String(96), primary_key=True)
    model_id = Column(Integer, ForeignKey("models.id"), primary_key=True, index=True)
    valid_from: Column[str | None] = Column(String(10))
    """First day on which the name meant this model; null for always."""
    valid_until: Column[str | None] = Column(String(10))
    """First day on which it no longer did; null where it still does."""
    note: Column[str | None] = Column(Text)


aliases = Table("aliases", metadata, AliasColumns, **WITHOUT_ROWID)


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
    source: Column[str | None] = Column(Text)
    """Who says so: a thread, an audit, a registration."""
    commit_id: Column[str | None] = Column(String(64))
    digest: Column[str | None] = Column(String(80))
    """Over weights and configuration; null until the files were seen."""


checkpoints = Table(
    "checkpoints",
    metadata,
    CheckpointColumns,
    UniqueConstraint("model_id", "step"),
    Index("ix_checkpoints_status", "status", "model_id"),
    Index("ix_checkpoints_step", "model_id", "step", "status"),
)


class CheckpointFileColumns(TypedColumns):
    """A file of a checkpoint."""

    checkpoint_id = Column(Integer, ForeignKey("checkpoints.id"), primary_key=True)
    name = Column(String(250), primary_key=True)
    bytes = Column(BigInteger, nullable=False)
    sha256: Column[str | None] = Column(String(80))
    modified_ns: Column[int | None] = Column(BigInteger)
    changed_ns: Column[int | None] = Column(BigInteger)
    inode: Column[int | None] = Column(BigInteger)


checkpoint_files = Table("checkpoint_files", metadata, CheckpointFileColumns, **WITHOUT_ROWID)


class RevisionColumns(TypedColumns):
    """A revision of a model's repository as the hub listed it last, whether or not it is a checkpoint's."""

    model_id = Column(Integer, ForeignKey("models.id"), primary_key=True)
    name = Column(String(250), primary_key=True)
    commit_id = Column(String(64), nullable=False)
    seen_at = Column(String(32), nullable=False)
    """When it was first seen to mean this commit."""
    files: Column[dict[str, Any] | None] = Column(JSON)
    """Weights of a `main` that is no checkpoint, `{name: {bytes, sha256}}`; those of checkpoints are checkpoint_files."""
    elements: Column[dict[str, int] | None] = Column(JSON)
    """Numbers stored in its safetensors by type, such as `{"F16": 70426624}`; null where the hub did not say."""


revisions = Table("revisions", metadata, RevisionColumns)


class EvidenceColumns(TypedColumns):
    """A statement about a checkpoint's files, with its source; statuses follow from it."""

    id = Column(Integer, primary_key=True)
    checkpoint_id = Column(Integer, ForeignKey("checkpoints.id"), nullable=False, index=True)
    kind = Column(String(32), nullable=False)
    """`report` (somebody's), `audit` (ours, of the hub's listing), `verification` (of bytes read), `identity`."""
    status: Column[str | None] = Column(String(16))
    """What the checkpoint is by this evidence; null where it says nothing about that."""
    statement: Column[str] = Column(Text, nullable=False)
    source: Column[str] = Column(Text, nullable=False)
    date: Column[str] = Column(String(32), nullable=False)


evidence = Table("evidence", metadata, EvidenceColumns)


class ClaimColumns(TypedColumns):
    """A fact as one source states it; where sources disagree all are kept, and one is primary."""

    id = Column(Integer, primary_key=True)
    subject_kind = Column(String(16), nullable=False)
    """`model`, `order` or `suite`."""
    subject = Column(String(96), nullable=False)
    field = Column(String(96), nullable=False)
    value: Column[Any] = Column(JSON, nullable=False)
    source: Column[str] = Column(Text, nullable=False)
    date: Column[str | None] = Column(String(32))
    confidence = Column(String(32), nullable=False)
    """`computed`, `published`, `third-party`, `inferred` or `unknown`."""
    is_primary = Column(Boolean, nullable=False)
    note: Column[str | None] = Column(Text)


claims = Table("claims", metadata, ClaimColumns, Index("ix_claims_subject", "subject_kind", "subject", "field"))


class GenerationColumns(TypedColumns):
    """Numbers that grow whenever what they name changes, so that a reader knows when its copy is old."""

    name = Column(String(32), primary_key=True)
    """`catalog`: orders, models, aliases, checkpoints, their files and statuses."""
    number = Column(BigInteger, nullable=False)


generations = Table("generations", metadata, GenerationColumns, **WITHOUT_ROWID)
