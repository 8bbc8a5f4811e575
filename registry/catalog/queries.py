"""The catalog's queries: the one place where its tables become models, orders and suites' facts.

A row of `models` has one reader, whether a `Model` for look-ups or a `ModelSpec` to compare with a suite is made of it; the
same holds for orders and files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, select

from seenat.registry.catalog.models import AliasSpec, Checkpoint, EarlierMeaning, Model
from seenat.registry.catalog.orders import Order
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import (
    aliases,
    checkpoint_files,
    checkpoints,
    models,
    orders,
    suites,
    token_files,
)
from seenat.registry.database.tables.jobs import measurement_rows, measurements
from seenat.registry.orders.geometry import Geometry
from seenat.registry.schedule import Schedule
from seenat.registry.units import BatchRange, SequenceRange

__all__ = [
    "AliasMeaning",
    "ModelRows",
    "checkpoint_file_rows",
    "checkpoint_files_of",
    "find_model_ids",
    "has_measurements",
    "meanings_of_alias",
    "model_facts",
    "model_id_by_name",
    "model_names",
    "model_rows",
    "order_facts",
    "order_names",
    "other_model_names",
    "read_models",
    "read_order",
    "schedule_of",
]

_ORDERS = select(orders, suites.c.name.label("suite")).join(suites, suites.c.id == orders.c.suite_id)
_MODELS = select(models, suites.c.name.label("suite")).join(suites, suites.c.id == models.c.suite_id)
_ALIASES = select(aliases, models.c.name.label("model")).join(models, models.c.id == aliases.c.model_id)


# -- names


class AliasMeaning(NamedTuple):
    """A model that an alias means or meant."""

    model_id: int
    model: str
    valid_from: str | None
    valid_until: str | None


def model_id_by_name(connection: Connection, name: str) -> int | None:
    """The model that has this name itself, or else the first with this repository; None when there is none."""
    for column in (models.c.name, models.c.repository):
        model_id = connection.execute(select(models.c.id).where(column == name).order_by(models.c.id)).scalar()
        if model_id is not None:
            return int(model_id)
    return None


def meanings_of_alias(connection: Connection, name: str) -> list[AliasMeaning]:
    """The models that have or had an alias."""
    rows = connection.execute(_ALIASES.where(aliases.c.name == name))
    return [AliasMeaning(row.model_id, row.model, row.valid_from, row.valid_until) for row in rows]


def model_names(connection: Connection) -> list[str]:
    """The name of every model."""
    return list(connection.execute(select(models.c.name)).scalars())


def other_model_names(connection: Connection) -> list[str]:
    """Every repository, and every name that a model has or had beside its own."""
    repositories = connection.execute(select(models.c.repository).where(models.c.repository.is_not(None))).scalars()
    return [*dict.fromkeys(repositories), *connection.execute(select(aliases.c.name)).scalars()]


def order_names(connection: Connection) -> dict[int, str]:
    """The names of all orders by id, in the sequence of the alphabet."""
    return {row.id: row.name for row in connection.execute(select(orders.c.id, orders.c.name).order_by(orders.c.name))}


def find_model_ids(
    connection: Connection, *, size: str | None = None, family: str | None = None, order_id: int | None = None
) -> Sequence[int]:
    """The models of a size, a family, an order; by suite, then as their suite lists them."""
    query = select(models.c.id).order_by(models.c.suite_id, models.c.id)
    if size is not None:
        query = query.where(func.lower(models.c.size) == size.lower())
    if family is not None:
        query = query.where(func.lower(models.c.family) == family.lower())
    if order_id is not None:
        query = query.where(models.c.order_id == order_id)
    return connection.execute(query).scalars().all()


# -- orders


def read_order(connection: Connection, order_id: int) -> Order:
    """The order of this id."""
    row = connection.execute(_ORDERS.where(orders.c.id == order_id)).one()
    return Order(
        id=row.id,
        suite=row.suite,
        geometry=Geometry(sequences=row.sequences, tokens_per_sequence=row.tokens_per_sequence, dtype=row.dtype),
        digest=row.digest,
        **order_facts(connection, row),
    )


def order_facts(connection: Connection, row: AnyRow) -> dict[str, Any]:
    """The fields that `Order` and `OrderSpec` share, of a row of `orders`."""
    return {
        "name": row.name,
        "sequences_per_batch": row.sequences_per_batch,
        "vocab_size": row.vocab_size,
        "eos_id": row.eos_id,
        "format": row.format,
        "location": row.location,
        "tokenizer": row.tokenizer,
        "files": _order_files(connection, row.id),
    }


def _order_files(connection: Connection, order_id: int) -> tuple[FileRecord, ...]:
    query = select(token_files).where(token_files.c.order_id == order_id).order_by(token_files.c.position)
    return tuple(
        FileRecord(
            name=row.name,
            bytes=row.bytes,
            sha256=row.sha256,
            modified_ns=row.modified_ns,
            changed_ns=row.changed_ns,
            inode=row.inode,
            role=row.role,
            data_offset=row.data_offset,
        )
        for row in connection.execute(query)
    )


# -- models


class ModelRows(NamedTuple):
    """What the tables hold of one model."""

    model: AnyRow
    aliases: tuple[AliasSpec, ...]
    checkpoints: list[AnyRow]
    """Ascending by step, also those that are no longer in their suite."""


def model_rows(connection: Connection, ids: Collection[int]) -> dict[int, ModelRows]:
    """The rows of these models by id; each query is made once for all of them."""
    names = defaultdict(list)
    for row in connection.execute(select(aliases).where(aliases.c.model_id.in_(ids)).order_by(aliases.c.name)):
        alias = AliasSpec(name=row.name, valid_from=row.valid_from, valid_until=row.valid_until, note=row.note)
        names[row.model_id].append(alias)
    saved = defaultdict(list)
    query = select(checkpoints).where(checkpoints.c.model_id.in_(ids))
    for row in connection.execute(query.order_by(checkpoints.c.model_id, checkpoints.c.step)):
        saved[row.model_id].append(row)
    return {
        row.id: ModelRows(row, tuple(names[row.id]), saved[row.id])
        for row in connection.execute(_MODELS.where(models.c.id.in_(ids)).order_by(models.c.id))
    }


def model_facts(rows: ModelRows) -> dict[str, Any]:
    """The fields that `Model` and `ModelSpec` share."""
    row = rows.model
    return {
        "name": row.name,
        "family": row.family,
        "size": row.size,
        "repository": row.repository,
        "folder": row.folder,
        "parameters": _parameters(row),
        "aliases": rows.aliases,
        "version": row.version,
        "order_note": row.order_note,
        "altered_from_step": row.altered_from_step,
        "notes": tuple(row.notes or ()),
        "architecture": row.architecture,
        "hyperparameters": row.hyperparameters,
    }


def schedule_of(model: AnyRow, saved: tuple[int, ...]) -> Schedule:
    """The schedule of a row of `models` whose saved steps are known."""
    return Schedule(
        sequences_per_batch=model.sequences_per_batch,
        steps=model.steps,
        saved=saved,
        labels_per_step=model.labels_per_step,
        revision=model.revision,
    )


def _parameters(model: AnyRow) -> ParameterCount | None:
    if model.parameters_total is None or model.parameters_non_embedding is None:
        return None
    return ParameterCount(total=model.parameters_total, non_embedding=model.parameters_non_embedding)


def read_models(connection: Connection, ids: Collection[int], order_of: Callable[[int], Order]) -> dict[int, Model]:
    """The models of these ids; `order_of` gives the order of an id."""
    rows_by_id = model_rows(connection, ids)
    meanings = _earlier_meanings(connection, [rows.model.name for rows in rows_by_id.values()])
    return {
        model_id: _model(
            rows,
            None if rows.model.order_id is None else order_of(rows.model.order_id),
            meanings.get(rows.model.name, ()),
        )
        for model_id, rows in rows_by_id.items()
    }


def _earlier_meanings(connection: Connection, names: Sequence[str]) -> dict[str, tuple[EarlierMeaning, ...]]:
    """What models' own names meant before: the models that have them as former aliases."""
    meanings: dict[str, tuple[EarlierMeaning, ...]] = {}
    for row in connection.execute(_ALIASES.where(aliases.c.name.in_(names)).order_by(aliases.c.valid_from)):
        meaning = EarlierMeaning(model=row.model, valid_from=row.valid_from, valid_until=row.valid_until, note=row.note)
        meanings[row.name] = (*meanings.get(row.name, ()), meaning)
    return meanings


def _model(rows: ModelRows, order: Order | None, meanings: tuple[EarlierMeaning, ...]) -> Model:
    row = rows.model
    # A checkpoint that is missing cannot be used: neighbours and first sightings go by what exists.
    schedule = schedule_of(row, tuple(saved.step for saved in rows.checkpoints if saved.status != "missing"))
    return Model(
        id=row.id,
        suite=row.suite,
        training_order=order,
        schedule=schedule,
        earlier_meanings=meanings,
        checkpoints=tuple(_checkpoint(row, saved) for saved in rows.checkpoints),
        **model_facts(rows),
    )


def _checkpoint(model: AnyRow, row: AnyRow) -> Checkpoint:
    return Checkpoint(
        id=row.id,
        model=model.name,
        step=row.step,
        revision=row.revision,
        status=row.status,
        reason=row.reason,
        status_date=row.status_date,
        source=row.source,
        commit_id=row.commit_id,
        digest=row.digest,
        sequences_seen=SequenceRange(0, row.step * model.sequences_per_batch),
        batches_seen=BatchRange(0, row.step),
    )


# -- files of checkpoints


def checkpoint_files_of(connection: Connection, checkpoint_id: int) -> tuple[FileRecord, ...]:
    """The files of a checkpoint as far as they are known, by name."""
    return tuple(checkpoint_file_rows(connection, checkpoint_files.c.checkpoint_id == checkpoint_id)[checkpoint_id])


def checkpoint_file_rows(connection: Connection, condition: Any) -> dict[int, list[FileRecord]]:
    """The files of the checkpoints that fit a condition on checkpoints, files or models, by checkpoint and name."""
    files: dict[int, list[FileRecord]] = defaultdict(list)
    for row in connection.execute(
        select(checkpoint_files)
        .join(checkpoints, checkpoints.c.id == checkpoint_files.c.checkpoint_id)
        .join(models, models.c.id == checkpoints.c.model_id)
        .where(condition)
        .order_by(checkpoint_files.c.checkpoint_id, checkpoint_files.c.name)
    ):
        file = FileRecord(
            name=row.name, bytes=row.bytes, sha256=row.sha256, modified_ns=row.modified_ns, changed_ns=row.changed_ns,
            inode=row.inode,
        )  # fmt: skip
        files[row.checkpoint_id].append(file)
    return files


# -- measurements


def has_measurements(connection: Connection, order: Order) -> bool:
    """Whether some model of this order has been measured on its present content: more than a plan is stored."""
    query = select(
        exists().where(
            measurement_rows.c.measurement_id == measurements.c.id,
            measurements.c.model_id == models.c.id,
            models.c.order_id == order.id,
            measurements.c.order_digest == order.digest,
        )
    )
    return bool(connection.execute(query).scalar())
