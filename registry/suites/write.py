"""The one door through which suites enter the catalog.

A suite's facts are compared with what the catalog holds of it. Nothing new: nothing is written. Only additions: they are
written. Something else than before (a file with another digest, another batch size): `SuiteChanged` with every difference,
and nothing is written, unless the caller says `replace`; then the facts change in place. Results never change their label:
they are kept under the digest of the content they were measured on, which is then no longer the current one.

What a suite does not state (a digest not known yet) never overwrites what the catalog has learned, unless that was
learned of other files: of an order's content before, of checkpoints in another place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from dataclasses import replace as with_changes
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Table,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from seenat.registry.catalog.queries import NO_LONGER_STATED, AnyRow, now, order_files, stored_suite
from seenat.registry.catalog.specs import CheckpointSpec, FileRecord, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.database.tables import (
    aliases,
    batches,
    checkpoint_files,
    checkpoints,
    evidence,
    models,
    orders,
    revisions,
    suites,
    token_files,
)
from seenat.registry.errors import InvalidValue, SuiteChanged
from seenat.registry.orders.geometry import ID_BYTES
from seenat.registry.suites.diff import STATED_BY_NONE, diff_suites

__all__ = ["write_suite"]

_ROWS_AT_ONCE = 20_000
_WRITTEN_AS_NONE = STATED_BY_NONE | {"digest", "order_id"}
"""Columns in which None overwrites: what is stated so, and what follows from other columns."""


def write_suite(connection: Connection, suite: SuiteSpec, *, replace: bool = False) -> tuple[str, ...]:
    """Write what is new in a suite; returns a sentence for each thing that was added or changed.

    Raises `SuiteChanged` when something differs from before and `replace` is false, and `InvalidValue` when a name belongs
    to another suite. Either way nothing is written.
    """
    stored = stored_suite(connection, suite.name)
    changes = diff_suites(stored, suite) if stored else ()
    if changes and not replace:
        raise SuiteChanged(_refusal(suite.name, changes))
    additions = tuple(_additions(stored, suite))
    if not changes and not additions:
        return ()
    suite_id = _suite_id(connection, suite)
    for order in suite.orders:
        _record_order(connection, suite_id, order)
    for model in suite.models:
        _record_model(connection, suite_id, model)
    return (*changes, *additions)


def _refusal(name: str, changes: tuple[str, ...]) -> str:
    listed = "\n".join(f"  {change}" for change in changes)
    return (
        f"The suite {name} is registered already and {len(changes)} thing{'s' * (len(changes) > 1)} changed since; "
        f"nothing was written. To record the change and keep earlier results under the earlier content, "
        f"register again with --replace.\n{listed}"
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
        known = known_models.get(model.name)
        steps = {checkpoint.step for checkpoint in known.checkpoints} if known else set()
        new = [checkpoint for checkpoint in model.checkpoints if checkpoint.step not in steps]
        if known is None or new:
            yield f"model {model.name}: {len(new)} checkpoint{'s' * (len(new) != 1)}"


def _suite_id(connection: Connection, suite: SuiteSpec) -> int:
    values = {"origin": suite.origin, "provenance": dict(suite.provenance)}
    return _upsert(connection, suites, {"name": suite.name}, values)


def _record_order(connection: Connection, suite_id: int, order: OrderSpec) -> None:
    _check_owner(connection, orders, "order", order.name, suite_id)
    before = connection.execute(select(orders).where(orders.c.name == order.name)).one_or_none()
    if before is not None:
        order = with_changes(order, files=tuple(_with_what_is_known(connection, before.id, order)))
    values = {
        "suite_id": suite_id,
        "sequences": order.sequences,
        "tokens_per_sequence": order.tokens_per_sequence,
        "sequences_per_batch": order.sequences_per_batch,
        "dtype": order.dtype,
        "vocab_size": order.vocab_size,
        "eos_id": order.eos_id,
        "format": order.format,
        "location": order.location,
        "tokenizer": order.tokenizer,
        "digest": order.digest,
    }
    order_id = _upsert(connection, orders, {"name": order.name}, values)
    connection.execute(delete(token_files).where(token_files.c.order_id == order_id))
    _insert(connection, token_files, (_token_file(order_id, *pair) for pair in enumerate(order.files)))
    same = before is not None and (before.digest, before.eos_id) == (order.digest, order.eos_id)
    if order.batches or not same or not _has_batches(connection, order_id, order):
        _record_batches(connection, order_id, order)


def _with_what_is_known(connection: Connection, order_id: int, order: OrderSpec) -> Iterator[FileRecord]:
    """The files of an order, with the digests that the catalog has learned of files of the same length."""
    known = {(file.name, file.bytes): file for file in order_files(connection, order_id)}
    for file in order.files:
        learned = known.get((file.name, file.bytes))
        if file.sha256 is None and learned is not None:
            file = with_changes(file, sha256=learned.sha256, modified_ns=learned.modified_ns)
        yield file


def _has_batches(connection: Connection, order_id: int, order: OrderSpec) -> bool:
    """Whether the batches of an order are there as its geometry cuts them."""
    found = connection.execute(
        select(func.count(), func.sum(batches.c.byte_length), func.max(batches.c.byte_length)).where(
            batches.c.order_id == order_id
        )
    ).one()
    sequence_bytes = order.tokens_per_sequence * ID_BYTES[order.dtype]
    whole = min(order.sequences, order.sequences_per_batch) * sequence_bytes
    return tuple(found) == (-(-order.sequences // order.sequences_per_batch), order.sequences * sequence_bytes, whole)


def _token_file(order_id: int, position: int, file: FileRecord) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "position": position,
        "role": file.role,
        "name": file.name,
        "data_offset": file.data_offset,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "modified_ns": file.modified_ns,
    }


def _record_batches(connection: Connection, order_id: int, order: OrderSpec) -> None:
    """Let the database count: Pythia's 143,000 batches of an order take it a tenth of a second, sent they take seconds."""
    connection.execute(delete(batches).where(batches.c.order_id == order_id))
    size, sequence_bytes = order.sequences_per_batch, order.tokens_per_sequence * ID_BYTES[order.dtype]
    numbers = select(cast(0, BigInteger).label("batch")).cte("numbers", recursive=True)
    following = numbers.c.batch + 1
    numbers = numbers.union_all(select(following).where(following * size < order.sequences))
    first, rest = numbers.c.batch * size, order.sequences - numbers.c.batch * size
    sequences = case((rest < size, rest), else_=size)
    row = (literal(order_id), numbers.c.batch, first, sequences, first * sequence_bytes, sequences * sequence_bytes)
    columns = ("order_id", "batch", "first_sequence", "sequences", "byte_offset", "byte_length")
    connection.execute(insert(batches).from_select(columns, select(*row)))
    if order.batches:
        known = batches.c.order_id == order_id, batches.c.batch == bindparam("number")
        read = [{"number": one.batch, "digest": one.digest, "eos_count": one.eos_count} for one in order.batches]
        connection.execute(update(batches).where(*known), read)


def _record_model(connection: Connection, suite_id: int, model: ModelSpec) -> None:
    _check_owner(connection, models, "model", model.name, suite_id)
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
    model_id = _upsert(connection, models, {"name": model.name}, values)
    if before is not None and (before.repository, before.folder) != (model.repository, model.folder):
        _forget_checkpoints(connection, model_id)
    connection.execute(delete(aliases).where(aliases.c.model_id == model_id))
    _insert(connection, aliases, ({**asdict(alias), "model_id": model_id} for alias in model.aliases))
    _record_checkpoints(connection, model_id, model)


def _order_id(connection: Connection, model: ModelSpec) -> int | None:
    if model.order is None:
        return None
    found = connection.execute(select(orders.c.id).where(orders.c.name == model.order)).scalar()
    if found is None:
        known = connection.execute(select(orders.c.name).order_by(orders.c.name)).scalars().all()
        raise InvalidValue(
            f"The model {model.name} names the order {model.order!r}, which is neither in its suite nor in the catalog; "
            f"the catalog has {', '.join(known) or 'none'}."
        )
    return found


def _forget_checkpoints(connection: Connection, model_id: int) -> None:
    """Drop what was learned of a model's checkpoints, which are now those of another folder or repository."""
    ids = select(checkpoints.c.id).where(checkpoints.c.model_id == model_id)
    connection.execute(delete(checkpoint_files).where(checkpoint_files.c.checkpoint_id.in_(ids)))
    connection.execute(delete(evidence).where(evidence.c.checkpoint_id.in_(ids)))
    connection.execute(delete(revisions).where(revisions.c.model_id == model_id))
    connection.execute(
        update(checkpoints)
        .where(checkpoints.c.model_id == model_id, checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED))
        .values(status="unknown", reason=None, status_date=None, source=None, commit_id=None, digest=None)
    )


def _record_checkpoints(connection: Connection, model_id: int, model: ModelSpec) -> None:
    known = {row.step: row for row in connection.execute(select(checkpoints).where(checkpoints.c.model_id == model_id))}
    stated = {checkpoint.step for checkpoint in model.checkpoints}
    gone = [row.id for step, row in known.items() if step not in stated and row.reason != NO_LONGER_STATED]
    if gone:
        connection.execute(
            update(checkpoints)
            .where(checkpoints.c.id.in_(gone))
            .values(status="missing", reason=NO_LONGER_STATED, status_date=now())
        )
    new = [checkpoint for checkpoint in model.checkpoints if checkpoint.step not in known]
    _insert(connection, checkpoints, (_checkpoint(model_id, model, checkpoint) for checkpoint in new))
    for checkpoint in model.checkpoints:
        row = known.get(checkpoint.step)
        if row is not None:
            values = _checkpoint_update(row, _checkpoint(model_id, model, checkpoint))
            if values.get("digest") not in (None, row.digest):  # What was found of its files was of others.
                connection.execute(delete(evidence).where(evidence.c.checkpoint_id == row.id))
            connection.execute(update(checkpoints).where(checkpoints.c.id == row.id).values(**values))
    _record_checkpoint_files(connection, model_id, model)


def _checkpoint_update(row: AnyRow, stated: dict[str, Any]) -> dict[str, Any]:
    """What of a checkpoint's statement is to be written over its row; the date of a status is that of its last change.

    That the same files were read once more says nothing against what evidence says of them.
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
    ids = {
        row.step: row.id
        for row in connection.execute(
            select(checkpoints.c.step, checkpoints.c.id).where(checkpoints.c.model_id == model_id)
        )
    }
    with_files = [checkpoint for checkpoint in model.checkpoints if checkpoint.files]
    for checkpoint in with_files:
        connection.execute(delete(checkpoint_files).where(checkpoint_files.c.checkpoint_id == ids[checkpoint.step]))
    _insert(
        connection,
        checkpoint_files,
        (
            {
                "checkpoint_id": ids[checkpoint.step],
                "name": file.name,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "modified_ns": file.modified_ns,
            }
            for checkpoint in with_files
            for file in checkpoint.files
        ),
    )


def _check_owner(connection: Connection, table: Table[Any], noun: str, name: str, suite_id: int) -> None:
    owner = connection.execute(
        select(suites.c.name)
        .join(table, table.c.suite_id == suites.c.id)
        .where(table.c.name == name, suites.c.id != suite_id)
    ).scalar()
    if owner is not None:
        raise InvalidValue(f"The {noun} name {name!r} is taken by the suite {owner}; choose another name.")


def _upsert(connection: Connection, table: Table[Any], key: dict[str, str], values: dict[str, Any]) -> int:
    column, name = next(iter(key.items()))
    found: int | None = connection.execute(select(table.c.id).where(table.c[column] == name)).scalar()
    if found is None:
        made = connection.execute(insert(table).values(**key, **values)).inserted_primary_key
        return int(made[0])  # type: ignore[index]
    stated = {name: value for name, value in values.items() if value is not None or name in _WRITTEN_AS_NONE}
    connection.execute(update(table).where(table.c.id == found).values(**stated))
    return found


def _insert(connection: Connection, table: Table[Any], rows: Iterable[dict[str, Any]]) -> None:
    iterator = iter(rows)
    while piece := list(islice(iterator, _ROWS_AT_ONCE)):
        connection.execute(insert(table), piece)
