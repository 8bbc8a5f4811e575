"""Measurements in the catalog: what makes values comparable, and which row of an array is which checkpoint.

Every statement over the tables `protocols`, `measurements` and `measurement_rows` stands here.

A measurement is one protocol, one model and one order's content. A row belongs to a checkpoint's *content*: a checkpoint
whose files changed gets another row, and the old one stays as what it was, no longer current.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from seenat.memorization.protocol.blocks import block_range, block_sequences
from seenat.memorization.protocol.measures import DECODED
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.files.format import NEWEST
from seenat.memorization.results.files.places import lists_folder, results_folder
from seenat.registry import settings
from seenat.registry.answer import Answer
from seenat.registry.catalog.models import Model
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import checkpoints, models, orders
from seenat.registry.database.tables.jobs import measurement_rows, measurements, protocols
from seenat.registry.database.tables.results import blocks
from seenat.registry.errors import InvalidValue, NotMeasured, UnknownOrder
from seenat.registry.storage.stores.place import check_store_url
from seenat.registry.units import SequenceRange

__all__ = [
    "Measurement",
    "ProtocolName",
    "all_measurements_of",
    "array_rows",
    "current_rows",
    "delete_empty_rows",
    "delete_measurement",
    "ensure_measurement",
    "ensure_row",
    "find_measurement",
    "find_with_others",
    "forget_stores",
    "has_stale_onsets",
    "is_recorded",
    "lists_folder",
    "mark_onsets",
    "measured_models",
    "measurement_by_id",
    "measurements_of",
    "results_folder",
    "steps_of_rows",
]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A protocol, a model and an order's content, and how their values are cut into blocks."""

    id: int
    model_id: int
    protocol: Protocol
    order_digest: str
    sequences: int
    block_sequences: int
    folder: str
    store: str | None = None
    """URL of the store that holds its objects; None where its files lie in a folder beside the catalog."""
    format: int
    """How its files lie and are encoded (`files.layout`)."""

    @property
    def blocks(self) -> int:
        """How many blocks the order is cut into."""
        return -(-self.sequences // self.block_sequences)

    def block(self, index: int) -> SequenceRange:
        """The sequences of a block."""
        return block_range(index, self.block_sequences, self.sequences)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolName(Answer):
    """A protocol that has results too: its id, and what it measures in words."""

    id: str
    words: str

    @classmethod
    def of(cls, protocol: Protocol) -> ProtocolName:
        """The name of a protocol."""
        return cls(id=protocol.id, words=protocol.words)


def ensure_measurement(connection: Connection, model: Model, protocol: Protocol) -> Measurement:
    """The measurement of a model by a protocol over its order's present content; made if there is none."""
    order = model.order
    if order.digest is None:
        raise UnknownOrder(
            f"The content of the order {order.name} is not known here; register its files with a SUITE.toml first."
        )
    is_wanted = and_(
        measurements.c.model_id == model.id,
        protocols.c.digest == protocol.digest,
        measurements.c.order_digest == order.digest,
    )
    stored = connection.execute(_MEASUREMENTS.where(is_wanted)).one_or_none()
    if stored is not None:
        return _value(stored)
    size = model.schedule.sequences_per_batch
    connection.execute(
        insert(measurements).values(
            protocol_id=_ensure_protocol(connection, protocol),
            model_id=model.id,
            order_digest=order.digest,
            sequences=order.geometry.sequences,
            block_sequences=block_sequences(order.geometry.sequences, size),
            format=NEWEST,
            store=_chosen_store(connection),
            folder=f"{model.name}/{protocol.id}-{order.digest.removeprefix('sha256:')[:12]}.zarr",
        )
    )
    return ensure_measurement(connection, model, protocol)


def measurements_of(connection: Connection, model: Model) -> list[Measurement]:
    """Every measurement of a model over its order's present content, oldest first."""
    rows = connection.execute(_MEASUREMENTS_OF, {"model": model.id, "order": model.order.digest})
    return [_value(row) for row in rows]


def all_measurements_of(connection: Connection, model: Model) -> list[Measurement]:
    """Every measurement of a model, also over contents that its order had before, oldest first."""
    query = _MEASUREMENTS.where(measurements.c.model_id == model.id).order_by(measurements.c.id)
    return [_value(row) for row in connection.execute(query)]


def find_measurement(
    connection: Connection, model: Model, protocol_id: str | None = None, *, measures: tuple[str, ...] = DECODED
) -> Measurement:
    """Choose by the beginning of a protocol's id; else the only measurement; else that of the default protocol.

    `measures` are those that can answer, the preferred ones first; by default those that say what is memorized.

    Raises `NotMeasured` when there is none and `InvalidValue` when several fit.
    """
    return _choose(connection, model, measurements_of(connection, model), protocol_id, measures)


def find_with_others(
    connection: Connection, model: Model, protocol_id: str | None = None, *, measures: tuple[str, ...] = DECODED
) -> tuple[Measurement, tuple[ProtocolName, ...]]:
    """What `find_measurement` chooses, and the other protocols that can answer too, for the answer to name."""
    known = measurements_of(connection, model)
    chosen = _choose(connection, model, known, protocol_id, measures)
    can_answer = [each for each in known if each.id != chosen.id and each.protocol.measure in measures]
    others = _with_values(connection, can_answer)
    return chosen, tuple(ProtocolName.of(each.protocol) for each in others)


def _choose(
    connection: Connection, model: Model, known: list[Measurement], protocol_id: str | None, measures: tuple[str, ...]
) -> Measurement:
    """One of the known measurements of a model, as `find_measurement` chooses."""
    named = [each for each in known if protocol_id is None or each.protocol.id.startswith(protocol_id)]
    fitting = [each for each in named if each.protocol.measure in measures]
    if not fitting:
        raise _not_measured(model, protocol_id, measures, known, named)
    if len(fitting) > 1:
        fitting = _with_values(connection, fitting) or fitting
    if len(fitting) > 1 and protocol_id is None:
        fitting = _by_default(model, measures, fitting)
    if len(fitting) > 1:
        by = f"protocols whose id starts with {protocol_id}" if protocol_id else "protocols"
        raise InvalidValue(
            f"{model.name} was measured by several {by}; choose one with --protocol: {_told_apart(fitting)}."
        )
    return fitting[0]


def _with_values(connection: Connection, known: list[Measurement]) -> list[Measurement]:
    """Those of some measurements that have committed values; what is only planned has none."""
    if not known:
        return []
    has_block = select(blocks.c.block).where(blocks.c.measurement_id == measurements.c.id).exists()
    query = select(measurements.c.id).where(measurements.c.id.in_([each.id for each in known]), has_block)
    measured = set(connection.execute(query).scalars())
    return [each for each in known if each.id in measured]


def _by_default(model: Model, measures: tuple[str, ...], fitting: list[Measurement]) -> list[Measurement]:
    """The measurement by the default protocol of the first measure that has one; all where no measure has."""
    for measure in measures:
        default = Protocol.default_for(model.order.eos_id, measure)
        if chosen := [each for each in fitting if each.protocol == default]:
            return chosen
    return fitting


def _not_measured(
    model: Model,
    protocol_id: str | None,
    measures: tuple[str, ...],
    known: list[Measurement],
    named: list[Measurement],
) -> NotMeasured:
    """Why none of a model's measurements, `known`, can answer; `named` are those whose id fits."""
    by = f" by protocol {protocol_id}" if protocol_id else ""
    if named:
        only = " and ".join(sorted({each.protocol.measure for each in named}))
        return NotMeasured(
            f"Of {model.name} only {only} has been measured{by}, and this needs {' or '.join(measures)}; "
            f"run `seenat memorize {model.name} --measure {measures[0]}`.",
            [each.protocol.id for each in known if each.protocol.measure in measures],
        )
    ids = [each.protocol.id for each in known]
    others = f"; there is {_told_apart(known)}" if ids else ""
    return NotMeasured(
        f"Nothing of {model.name} has been measured{by} yet{others}; run `seenat memorize {model.name}`.", ids
    )


def _told_apart(several: list[Measurement]) -> str:
    """Each protocol's id, with its words and what `seenat memorize` was asked: `1b30 (score of ...; --measure score)`."""
    return ", ".join(f"{each.protocol.id} ({_meaning(each.protocol)})" for each in several)


def _meaning(protocol: Protocol) -> str:
    return f"{protocol.words}; {protocol.options.strip() or 'the default'}"


def measurement_by_id(connection: Connection, id_: int) -> Measurement:
    """The measurement of this id, which must exist."""
    return _value(connection.execute(_MEASUREMENTS.where(measurements.c.id == id_)).one())


def ensure_row(connection: Connection, measurement: Measurement, checkpoint_id: int, digest: str) -> int:
    """The row for a checkpoint's content.

    The first content of every checkpoint gets the row of its place among the model's checkpoints, so that rows ascend by
    step; contents that came later follow behind.
    """
    rows = select(measurement_rows).where(measurement_rows.c.measurement_id == measurement.id)
    is_content = and_(measurement_rows.c.checkpoint_id == checkpoint_id, measurement_rows.c.checkpoint_digest == digest)
    stored = connection.execute(rows.where(is_content)).one_or_none()
    if stored is not None:
        return int(stored.array_row)
    places = (
        connection.execute(
            select(checkpoints.c.id).where(checkpoints.c.model_id == measurement.model_id).order_by(checkpoints.c.step)
        )
        .scalars()
        .all()
    )
    taken = {row.array_row for row in connection.execute(rows)}
    place = places.index(checkpoint_id)
    row = place if place not in taken else max(len(places), *(used + 1 for used in taken))
    connection.execute(
        insert(measurement_rows).values(
            measurement_id=measurement.id, array_row=row, checkpoint_id=checkpoint_id, checkpoint_digest=digest
        )
    )
    return row


def current_rows(connection: Connection, measurement: Measurement) -> list[tuple[int, int]]:
    """`(row, step)` of every row that holds a checkpoint's present content, ascending by step."""
    rows = connection.execute(_CURRENT_ROWS, {"measurement": measurement.id, "model": measurement.model_id}).all()
    return [(row, step) for row, step in rows]


def array_rows(connection: Connection, measurement: Measurement) -> int:
    """How many rows the array must have: one for every checkpoint of the model, and those of later contents."""
    checkpoints_ = connection.execute(
        select(func.count()).where(checkpoints.c.model_id == measurement.model_id)
    ).scalar_one()
    last = connection.execute(
        select(func.max(measurement_rows.c.array_row)).where(measurement_rows.c.measurement_id == measurement.id)
    ).scalar()
    return max(checkpoints_, 0 if last is None else last + 1)


def steps_of_rows(connection: Connection, measurement: Measurement) -> list[tuple[int, bool]]:
    """For every row of the array its checkpoint's step, and whether it is the row of a content, present or replaced.

    A row that is not is that of the checkpoint at its place, which takes it when it is measured (`ensure_row`).
    """
    places = (
        select(checkpoints.c.step).where(checkpoints.c.model_id == measurement.model_id).order_by(checkpoints.c.step)
    )
    steps = list(connection.execute(places).scalars())
    found = connection.execute(_TAKEN_ROWS, {"measurement": measurement.id, "model": measurement.model_id})
    taken = {row.array_row: row.step for row in found}
    return [
        (taken[row], True) if row in taken else (steps[row] if row < len(steps) else -1, False)
        for row in range(array_rows(connection, measurement))
    ]


def has_stale_onsets(connection: Connection, measurement: Measurement) -> bool:
    """Whether the onsets of a measurement are marked as derived from contents that were replaced since."""
    query = select(measurements.c.onsets_stale).where(measurements.c.id == measurement.id)
    return connection.execute(query).scalar_one()


def mark_onsets(connection: Connection, measurement: Measurement, *, stale: bool) -> None:
    """Record whether the onsets of a measurement must be derived again before they are read."""
    connection.execute(update(measurements).where(measurements.c.id == measurement.id).values(onsets_stale=stale))


def measured_models(connection: Connection) -> list[str]:
    """The names of the models that have a measurement over their order's present content."""
    query = (
        select(models.c.name)
        .distinct()
        .join(measurements, measurements.c.model_id == models.c.id)
        .join(orders, and_(orders.c.id == models.c.order_id, orders.c.digest == measurements.c.order_digest))
        .order_by(models.c.name)
    )
    return list(connection.execute(query).scalars())


def delete_empty_rows(connection: Connection, measurement: Measurement) -> None:
    """Delete the rows of contents of which nothing is committed any more."""
    has_block = select(blocks.c.block).where(
        blocks.c.measurement_id == measurement_rows.c.measurement_id, blocks.c.array_row == measurement_rows.c.array_row
    )
    is_empty = and_(measurement_rows.c.measurement_id == measurement.id, ~has_block.exists())
    connection.execute(delete(measurement_rows).where(is_empty))


def delete_measurement(connection: Connection, measurement: Measurement) -> None:
    """Delete a measurement of which nothing is left but its rows; its folder then belongs to nobody."""
    connection.execute(delete(measurement_rows).where(measurement_rows.c.measurement_id == measurement.id))
    connection.execute(delete(measurements).where(measurements.c.id == measurement.id))


def forget_stores(connection: Connection) -> None:
    """Record that every measurement lies in the folder of all results: of a catalog whose objects were copied there."""
    connection.execute(update(measurements).where(measurements.c.store.is_not(None)).values(store=None))


def is_recorded(connection: Connection, folder: str) -> bool:
    """Whether a folder, relative to that of all results, is that of a measurement."""
    return connection.execute(select(measurements.c.id).where(measurements.c.folder == folder)).scalar() is not None


# Made once: of the millisecond that a trajectory takes, making its three queries anew took a quarter.
_TAKEN_ROWS = (
    select(measurement_rows.c.array_row, checkpoints.c.step)
    .join(checkpoints, checkpoints.c.id == measurement_rows.c.checkpoint_id)
    # The model too: without it PostgreSQL reads the checkpoints of all models to join them.
    .where(measurement_rows.c.measurement_id == bindparam("measurement"), checkpoints.c.model_id == bindparam("model"))
)
_CURRENT_ROWS = _TAKEN_ROWS.where(measurement_rows.c.checkpoint_digest == checkpoints.c.digest).order_by(
    checkpoints.c.step
)
_MEASUREMENTS = select(measurements, protocols.c.definition).join(
    protocols, protocols.c.id == measurements.c.protocol_id
)
_MEASUREMENTS_OF = _MEASUREMENTS.where(
    measurements.c.model_id == bindparam("model"), measurements.c.order_digest == bindparam("order")
).order_by(measurements.c.id)


def _value(row: AnyRow) -> Measurement:
    return Measurement(
        id=row.id,
        model_id=row.model_id,
        protocol=Protocol.from_json(row.definition),
        order_digest=row.order_digest,
        sequences=row.sequences,
        block_sequences=row.block_sequences,
        folder=row.folder,
        store=row.store,
        format=row.format,
    )


def _chosen_store(connection: Connection) -> str | None:
    """The store of measurements that begin now; those that are there stay where they are.

    Within it each catalog has a place of its own: what one does not name may belong to another.
    """
    if (url := settings.results_store()) is None:
        return None
    own = f"{check_store_url(url)}/catalog-"
    known = select(measurements.c.store).where(measurements.c.store.startswith(own, autoescape=True)).limit(1)
    return connection.execute(known).scalar() or f"{own}{secrets.token_hex(8)}"


def _ensure_protocol(connection: Connection, protocol: Protocol) -> int:
    id_ = connection.execute(select(protocols.c.id).where(protocols.c.digest == protocol.digest)).scalar()
    if id_ is None:
        connection.execute(insert(protocols).values(digest=protocol.digest, definition=protocol.to_json()))
        return _ensure_protocol(connection, protocol)
    return id_
