"""The one door through which suites enter the catalog.

A suite's facts are compared with what the catalog holds of it. Nothing new: nothing is written. Only additions: they are
written. Something else than before (a file with another digest, another batch size): `SuiteChanged` with every difference,
and nothing is written, unless the caller says `replace`; then the facts change in place. Results never change their label:
they are kept under the digest of the content they were measured on, which is then no longer the current one.

What a suite does not state (a digest not known yet) never overwrites what the catalog has learned, unless that was
learned of other files: of an order's content before, of checkpoints in another place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Table, delete, select

from seenat.registry.catalog.checkpoint_tables import (
    delete_checkpoints_of,
    delete_evidence_of,
    forget_model_files,
    insert_checkpoints,
    replace_files,
    update_checkpoints,
)
from seenat.registry.catalog.order_tables import delete_order, write_order
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.catalog.status import NO_LONGER_STATED
from seenat.registry.database.rows import AnyRow, insert_rows, now, upsert
from seenat.registry.database.tables.catalog import aliases, checkpoints, models, orders, suites
from seenat.registry.errors import InvalidValue, SuiteChanged
from seenat.registry.suites.diff import diff_suites
from seenat.registry.suites.read import stored_suite

__all__ = ["delete_suite", "write_suite"]

# None overwrites here: a suite that names no order, folder or repository states that there is none.
_CLEARING = ("folder", "order_id", "repository")


def write_suite(connection: Connection, suite: SuiteSpec, *, replace: bool = False) -> tuple[str, ...]:
    """Write what is new in a suite; returns a sentence for each thing that was added or changed.

    Raises `SuiteChanged` when something differs from before and `replace` is false, and `InvalidValue` when a name belongs
    to another suite. Either way nothing is written.
    """
    stored = stored_suite(connection, suite.name)
    changes = diff_suites(stored, suite) if stored else ()
    if changes and not replace:
        raise SuiteChanged(_refusal(suite.name, changes), *(f"  {change}" for change in changes))
    additions = tuple(_additions(stored, suite))
    if not changes and not additions:
        if stored is not None and stored.origin != suite.origin:
            _suite_id(connection, suite)
        return ()
    suite_id = _suite_id(connection, suite)
    for order in suite.orders:
        _check_owner(connection, orders, "order", order.name, suite_id)
        write_order(connection, suite_id, order)
    for model in suite.models:
        _check_owner(connection, models, "model", model.name, suite_id)
        _write_model(connection, suite_id, model)
    return (*changes, *additions)


def delete_suite(connection: Connection, suite_id: int) -> None:
    """Delete a suite of whose models nothing is measured or imported any more, and on whose orders no other's were trained."""
    of_suite = select(models.c.id).where(models.c.suite_id == suite_id)
    model_ids = connection.execute(of_suite).scalars().all()
    for model_id in model_ids:
        delete_checkpoints_of(connection, model_id)
    connection.execute(delete(aliases).where(aliases.c.model_id.in_(model_ids)))
    connection.execute(delete(models).where(models.c.suite_id == suite_id))
    for order_id in connection.execute(select(orders.c.id).where(orders.c.suite_id == suite_id)).scalars().all():
        delete_order(connection, order_id)
    connection.execute(delete(suites).where(suites.c.id == suite_id))


def _refusal(name: str, changes: tuple[str, ...]) -> str:
    return (
        f"The suite {name} is registered already and {len(changes)} thing{'s' * (len(changes) > 1)} changed since; "
        f"nothing was written. To record the change and keep earlier results under the earlier content, "
        f"register again with --replace."
    )


def _additions(stored: SuiteSpec | None, suite: SuiteSpec) -> Iterator[str]:
    if stored is None:
        yield f"suite {suite.name}"
    known_orders = {order.name for order in stored.orders} if stored else set()
    yield from (
        f"order {order.name}: {order.sequences:,} sequences" for order in suite.orders if order.name not in known_orders
    )
    known_models = {model.name: model for model in stored.models} if stored else {}
    for model in suite.models:
        before = known_models.get(model.name)
        steps = {checkpoint.step for checkpoint in before.checkpoints} if before else set()
        new = [checkpoint for checkpoint in model.checkpoints if checkpoint.step not in steps]
        if before is None or new:
            yield f"model {model.name}: {len(new)} checkpoint{'s' * (len(new) != 1)}"


def _suite_id(connection: Connection, suite: SuiteSpec) -> int:
    values = {"origin": suite.origin, "provenance": dict(suite.provenance)}
    return upsert(connection, suites, suite.name, values)


def _write_model(connection: Connection, suite_id: int, model: ModelSpec) -> None:
    before = connection.execute(select(models).where(models.c.name == model.name)).one_or_none()
    values = {
        "suite_id": suite_id,
        "family": model.family,
        "size": model.size,
        "order_id": _order_id(connection, model),
        "sequences_per_batch": model.schedule.sequences_per_batch,
        "steps": model.schedule.steps,
        "labels_per_step": model.schedule.labels_per_step,
        "revision": model.schedule.revision,
        "repository": model.repository,
        "folder": model.folder,
        "parameters_total": model.parameters.total if model.parameters else None,
        "parameters_non_embedding": model.parameters.non_embedding if model.parameters else None,
        "architecture": dict(model.architecture) or (before.architecture if before else {}),
        "hyperparameters": dict(model.hyperparameters),
        "version": model.version,
        "order_note": model.order_note,
        "altered_from_step": model.altered_from_step,
        "notes": list(model.notes),
    }
    model_id = upsert(connection, models, model.name, values, _CLEARING)
    if before is not None and (before.repository, before.folder) != (model.repository, model.folder):
        forget_model_files(connection, model_id)
    connection.execute(delete(aliases).where(aliases.c.model_id == model_id))
    insert_rows(connection, aliases, ({**asdict(alias), "model_id": model_id} for alias in model.aliases))
    _record_checkpoints(connection, model_id, model)


def _order_id(connection: Connection, model: ModelSpec) -> int | None:
    if model.order is None:
        return None
    order_id = connection.execute(select(orders.c.id).where(orders.c.name == model.order)).scalar()
    if order_id is None:
        names = connection.execute(select(orders.c.name).order_by(orders.c.name)).scalars().all()
        raise InvalidValue(
            f"The model {model.name} names the order {model.order!r}, which is neither in its suite nor in the catalog; "
            f"the catalog has {', '.join(names) or 'none'}."
        )
    return order_id


def _record_checkpoints(connection: Connection, model_id: int, model: ModelSpec) -> None:
    recorded = {
        row.step: row for row in connection.execute(select(checkpoints).where(checkpoints.c.model_id == model_id))
    }
    stated = {checkpoint.step for checkpoint in model.checkpoints}
    gone = [row.id for step, row in recorded.items() if step not in stated and row.reason != NO_LONGER_STATED]
    update_checkpoints(connection, gone, status="missing", reason=NO_LONGER_STATED, status_date=now())
    new = [checkpoint for checkpoint in model.checkpoints if checkpoint.step not in recorded]
    insert_checkpoints(connection, (_checkpoint(model_id, model, checkpoint) for checkpoint in new))
    for checkpoint in model.checkpoints:
        row = recorded.get(checkpoint.step)
        if row is not None:
            values = _checkpoint_update(row, _checkpoint(model_id, model, checkpoint))
            if values.get("digest") not in (None, row.digest):  # The evidence is about other files.
                delete_evidence_of(connection, [row.id])
            update_checkpoints(connection, [row.id], **values)
    _record_checkpoint_files(connection, model_id, model)


def _checkpoint_update(row: AnyRow, stated: dict[str, Any]) -> dict[str, Any]:
    """The columns of a checkpoint's row that its statement overwrites; a status keeps the date of its last change.

    Reading the same files once more does not refute evidence about them.
    """
    if row.reason == NO_LONGER_STATED:
        return stated
    same = stated["digest"] in (None, row.digest)
    if same and (stated["status"] in ("unknown", row.status) or (stated["status"] == "ok" and row.status != "unknown")):
        return {"revision": stated["revision"]}
    return {key: value for key, value in stated.items() if value not in (None, "unknown")}


def _checkpoint(model_id: int, model: ModelSpec, checkpoint: CheckpointSpec) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "step": checkpoint.step,
        "revision": model.schedule.revision_of(checkpoint.step),
        "status": checkpoint.status,
        "reason": checkpoint.reason,
        "status_date": None if checkpoint.status == "unknown" else now(),
        "digest": checkpoint.digest,
    }


def _record_checkpoint_files(connection: Connection, model_id: int, model: ModelSpec) -> None:
    query = select(checkpoints.c.step, checkpoints.c.id).where(checkpoints.c.model_id == model_id)
    ids = {row.step: row.id for row in connection.execute(query)}
    replace_files(
        connection, {ids[checkpoint.step]: checkpoint.files for checkpoint in model.checkpoints if checkpoint.files}
    )


def _check_owner(connection: Connection, table: Table[Any], noun: str, name: str, suite_id: int) -> None:
    owner = connection.execute(
        select(suites.c.name)
        .join(table, table.c.suite_id == suites.c.id)
        .where(table.c.name == name, suites.c.id != suite_id)
    ).scalar()
    if owner is not None:
        raise InvalidValue(f"The {noun} name {name!r} is taken by the suite {owner}; choose another name.")
