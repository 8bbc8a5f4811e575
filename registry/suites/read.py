"""Reading a suite's facts back from the catalog, in the form in which suites state them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from seenat.registry.catalog.queries import (
    ModelRows,
    checkpoint_file_rows,
    model_facts,
    model_rows,
    order_facts,
    order_names,
    schedule_of,
)
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.catalog.status import NO_LONGER_STATED
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import models, orders, suites

__all__ = ["stored_suite"]


def stored_suite(connection: Connection, name: str) -> SuiteSpec | None:
    """What the catalog holds of a suite, without what is no longer in it; None when it has none of that name.

    Digests of batches are not read.
    """
    suite = connection.execute(select(suites).where(suites.c.name == name)).one_or_none()
    if suite is None:
        return None
    order_rows = connection.execute(select(orders).where(orders.c.suite_id == suite.id).order_by(orders.c.id)).all()
    ids = connection.execute(select(models.c.id).where(models.c.suite_id == suite.id)).scalars().all()
    names = order_names(connection)
    files = checkpoint_file_rows(connection, models.c.suite_id == suite.id)
    return SuiteSpec(
        name=suite.name,
        origin=suite.origin,
        provenance=suite.provenance,
        orders=tuple(_order(connection, row) for row in order_rows),
        models=tuple(_model(rows, names, files) for rows in model_rows(connection, ids).values()),
    )


def _order(connection: Connection, row: AnyRow) -> OrderSpec:
    return OrderSpec(
        sequences=row.sequences,
        tokens_per_sequence=row.tokens_per_sequence,
        dtype=row.dtype,
        **order_facts(connection, row),
    )


def _model(rows: ModelRows, names: dict[int, str], files: dict[int, list[FileRecord]]) -> ModelSpec:
    saved = [row for row in rows.checkpoints if row.reason != NO_LONGER_STATED]
    return ModelSpec(
        order=names[rows.model.order_id] if rows.model.order_id is not None else None,
        schedule=schedule_of(rows.model, tuple(row.step for row in saved)),
        checkpoints=tuple(_checkpoint(row, files.get(row.id, [])) for row in saved),
        **model_facts(rows),
    )


def _checkpoint(row: AnyRow, files: list[FileRecord]) -> CheckpointSpec:
    return CheckpointSpec(step=row.step, status=row.status, reason=row.reason, digest=row.digest, files=tuple(files))
