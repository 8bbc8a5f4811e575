"""Reading a suite's facts back from the catalog, in the form in which suites state them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from seenat.registry.catalog.specs import (
    AliasSpec,
    CheckpointSpec,
    FileRecord,
    ModelSpec,
    OrderSpec,
    ParameterCount,
    SuiteSpec,
)
from seenat.registry.database.tables import aliases, checkpoint_files, checkpoints, models, orders, suites, token_files
from seenat.registry.schedule import Schedule

__all__ = [
    "NO_LONGER_STATED",
    "AnyRow",
    "alias_of",
    "checkpoint_file",
    "now",
    "order_files",
    "parameters_of",
    "schedule_of",
    "stored_suite",
]

NO_LONGER_STATED = "no longer in its suite"
"""Why a checkpoint is missing that its suite once had; its row stays, since results point to it."""
AnyRow = Row[*tuple[Any, ...]]
"""A row whose columns are read by name."""


def now() -> str:
    """The present moment as the catalog writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stored_suite(connection: Connection, name: str) -> SuiteSpec | None:
    """What the catalog holds of a suite, without what is no longer in it; None when it has none of that name.

    Digests of batches are not read.
    """
    suite = connection.execute(select(suites).where(suites.c.name == name)).one_or_none()
    if suite is None:
        return None
    order_rows = connection.execute(select(orders).where(orders.c.suite_id == suite.id).order_by(orders.c.id)).all()
    model_rows = connection.execute(select(models).where(models.c.suite_id == suite.id).order_by(models.c.id)).all()
    return SuiteSpec(
        name=suite.name,
        origin=suite.origin,
        provenance=suite.provenance,
        orders=tuple(_order(connection, row) for row in order_rows),
        models=_models(connection, model_rows),
    )


def schedule_of(model: AnyRow, saved: tuple[int, ...]) -> Schedule:
    """The schedule of a row of `models` whose saved steps are known."""
    return Schedule(
        sequences_per_batch=model.sequences_per_batch,
        steps=model.steps,
        saved=saved,
        labels_per_step=model.labels_per_step,
        revision=model.revision,
    )


def order_files(connection: Connection, order_id: int) -> tuple[FileRecord, ...]:
    """The files of an order, by position."""
    query = select(token_files).where(token_files.c.order_id == order_id).order_by(token_files.c.position)
    return tuple(
        FileRecord(
            name=file.name,
            bytes=file.bytes,
            sha256=file.sha256,
            modified_ns=file.modified_ns,
            role=file.role,
            data_offset=file.data_offset,
        )
        for file in connection.execute(query)
    )


def checkpoint_file(row: AnyRow) -> FileRecord:
    """A row of `checkpoint_files` as a value."""
    return FileRecord(name=row.name, bytes=row.bytes, sha256=row.sha256, modified_ns=row.modified_ns)


def alias_of(row: AnyRow) -> AliasSpec:
    """A row of `aliases` as a value."""
    return AliasSpec(name=row.name, valid_from=row.valid_from, valid_until=row.valid_until, note=row.note)


def parameters_of(model: AnyRow) -> ParameterCount | None:
    """The parameter counts in a row of `models`, where they are known."""
    if model.parameters_total is None or model.parameters_non_embedding is None:
        return None
    return ParameterCount(total=model.parameters_total, non_embedding=model.parameters_non_embedding)


def _order(connection: Connection, row: AnyRow) -> OrderSpec:
    return OrderSpec(
        name=row.name,
        sequences=row.sequences,
        tokens_per_sequence=row.tokens_per_sequence,
        sequences_per_batch=row.sequences_per_batch,
        dtype=row.dtype,
        vocab_size=row.vocab_size,
        eos_id=row.eos_id,
        format=row.format,
        location=row.location,
        tokenizer=row.tokenizer,
        files=order_files(connection, row.id),
    )


def _models(connection: Connection, rows: Sequence[AnyRow]) -> tuple[ModelSpec, ...]:
    ids = [row.id for row in rows]
    order_names = {row.id: row.name for row in connection.execute(select(orders.c.id, orders.c.name))}
    names = defaultdict(list)
    for alias in connection.execute(select(aliases).where(aliases.c.model_id.in_(ids)).order_by(aliases.c.name)):
        names[alias.model_id].append(alias_of(alias))
    saved = _checkpoints(connection, ids)
    return tuple(
        ModelSpec(
            name=row.name,
            order=order_names[row.order_id] if row.order_id is not None else None,
            schedule=schedule_of(row, tuple(checkpoint.step for checkpoint in saved[row.id])),
            family=row.family,
            size=row.size,
            repository=row.repository,
            folder=row.folder,
            parameters=parameters_of(row),
            aliases=tuple(names[row.id]),
            architecture=row.architecture,
            hyperparameters=row.hyperparameters,
            version=row.version,
            order_note=row.order_note,
            altered_from_step=row.altered_from_step,
            notes=tuple(row.notes or ()),
            checkpoints=tuple(saved[row.id]),
        )
        for row in rows
    )


def _checkpoints(connection: Connection, model_ids: list[int]) -> dict[int, list[CheckpointSpec]]:
    files = defaultdict(list)
    for file in connection.execute(
        select(checkpoint_files)
        .join(checkpoints, checkpoints.c.id == checkpoint_files.c.checkpoint_id)
        .where(checkpoints.c.model_id.in_(model_ids))
        .order_by(checkpoint_files.c.checkpoint_id, checkpoint_files.c.name)
    ):
        files[file.checkpoint_id].append(checkpoint_file(file))
    saved: dict[int, list[CheckpointSpec]] = defaultdict(list)
    for row in connection.execute(
        select(checkpoints)
        .where(checkpoints.c.model_id.in_(model_ids), checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED))
        .order_by(checkpoints.c.model_id, checkpoints.c.step)
    ):
        saved[row.model_id].append(
            CheckpointSpec(
                step=row.step, status=row.status, reason=row.reason, digest=row.digest, files=tuple(files[row.id])
            )
        )
    return saved
