"""Measurements in the catalog: what makes values comparable, and which row of an array is which checkpoint.

A measurement is one protocol, one model and one order's content. A row belongs to a checkpoint's *content*: a checkpoint
whose files changed gets another row, and the old one stays as what it was, no longer current.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, insert, select

from seenat.memorization.protocol.measures import DECODED
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import block_range, block_sequences
from seenat.registry import settings
from seenat.registry.catalog.models import Model
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables import checkpoints, measurement_rows, measurements, protocols
from seenat.registry.errors import InvalidValue, NotMeasured, UnknownOrder
from seenat.registry.units import SequenceRange

__all__ = [
    "Measurement",
    "array_rows",
    "current_rows",
    "ensure_measurement",
    "ensure_row",
    "find_measurement",
    "lists_folder",
    "measurement_by_id",
    "measurements_of",
    "results_folder",
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

    @property
    def blocks(self) -> int:
        """How many blocks the order is cut into."""
        return -(-self.sequences // self.block_sequences)

    def block(self, index: int) -> SequenceRange:
        """The sequences of a block."""
        return block_range(index, self.block_sequences, self.sequences)


def results_folder(database: Database) -> Path:
    """Where the arrays of a catalog lie: beside a SQLite file, else in seenat's own folder, apart for each database."""
    if database.is_sqlite:
        return Path(f"{database.url.database}.results")
    place = f"{database.url.host}:{database.url.port}/{database.url.database}"
    return settings.home() / "results" / hashlib.sha256(place.encode()).hexdigest()[:12]


def lists_folder(database: Database) -> Path:
    """Where the sequences lie that plans list one by one."""
    return results_folder(database) / "lists"


def ensure_measurement(connection: Connection, model: Model, protocol: Protocol) -> Measurement:
    """The measurement of a model by a protocol over its order's present content; made if there is none."""
    order = model.order
    if order.digest is None:
        raise UnknownOrder(
            f"The content of the order {order.name} is not known here; register its files with a SUITE.toml first."
        )
    found = _measurement(connection, _MEASUREMENTS.where(*_is(model.id, protocol.digest, order.digest)))
    if found is not None:
        return found
    size = model.schedule.sequences_per_batch
    connection.execute(
        insert(measurements).values(
            protocol_id=_ensure_protocol(connection, protocol),
            model_id=model.id,
            order_digest=order.digest,
            sequences=order.geometry.sequences,
            block_sequences=block_sequences(order.geometry.sequences, size),
            folder=f"{model.name}/{protocol.id}-{order.digest.removeprefix('sha256:')[:12]}.zarr",
        )
    )
    return ensure_measurement(connection, model, protocol)


def measurements_of(connection: Connection, model: Model) -> list[Measurement]:
    """Every measurement of a model over its order's present content, the first first."""
    rows = connection.execute(_MEASUREMENTS_OF, {"model": model.id, "order": model.order.digest})
    return [_value(row) for row in rows]


def find_measurement(
    connection: Connection, model: Model, protocol_id: str | None = None, *, measures: tuple[str, ...] = DECODED
) -> Measurement:
    """The measurement to answer from: of the protocol whose id starts so, or else the only one or that of the defaults.

    `measures` are those that can answer, the preferred ones first; unless told otherwise those that say what is memorized.

    Raises `NotMeasured` when there is none and `InvalidValue` when several fit.
    """
    found = measurements_of(connection, model)
    named = [one for one in found if protocol_id is None or one.protocol.id.startswith(protocol_id)]
    fitting = [one for one in named if one.protocol.measure in measures]
    if named and not fitting:
        only = " and ".join(sorted({one.protocol.measure for one in named}))
        by = f" by protocol {protocol_id}" if protocol_id else ""
        raise NotMeasured(
            f"Of {model.name} only {only} has been measured{by}, and this needs {' or '.join(measures)}; "
            f"run `seenat memorize {model.name} --measure {measures[0]}`.",
            [one.protocol.id for one in found if one.protocol.measure in measures],
        )
    if not fitting:
        known = f"; measured by {', '.join(one.protocol.id for one in found)}" if found else ""
        asked = f" by protocol {protocol_id}" if protocol_id else ""
        raise NotMeasured(
            f"Nothing of {model.name} has been measured{asked} yet{known}; run `seenat memorize {model.name}`.",
            [one.protocol.id for one in found],
        )
    if len(fitting) > 1 and protocol_id is None:
        usual = [Protocol.usual(model.order.eos_id, measure) for measure in measures]
        fitting = [one for protocol in usual for one in fitting if one.protocol == protocol][:1] or fitting
    if len(fitting) > 1:
        ids = ", ".join(one.protocol.id for one in fitting)
        raise InvalidValue(f"{model.name} was measured by several protocols; choose one of {ids} with --protocol.")
    return fitting[0]


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
    found = connection.execute(rows.where(is_content)).one_or_none()
    if found is not None:
        return int(found.array_row)
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
    found = connection.execute(_CURRENT_ROWS, {"measurement": measurement.id})
    return [(row, step) for row, step in found]


def array_rows(connection: Connection, measurement: Measurement) -> int:
    """How many rows the array must have: one for every checkpoint of the model, and those of later contents."""
    checkpoints_ = connection.execute(
        select(func.count()).where(checkpoints.c.model_id == measurement.model_id)
    ).scalar_one()
    last = connection.execute(
        select(func.max(measurement_rows.c.array_row)).where(measurement_rows.c.measurement_id == measurement.id)
    ).scalar()
    return max(checkpoints_, 0 if last is None else last + 1)


# Made once: a trajectory is asked for in a millisecond, of which making its three queries anew took a quarter.
_CURRENT_ROWS = (
    select(measurement_rows.c.array_row, checkpoints.c.step)
    .join(checkpoints, checkpoints.c.id == measurement_rows.c.checkpoint_id)
    .where(
        measurement_rows.c.measurement_id == bindparam("measurement"),
        measurement_rows.c.checkpoint_digest == checkpoints.c.digest,
    )
    .order_by(checkpoints.c.step)
)
_MEASUREMENTS = select(measurements, protocols.c.definition).join(
    protocols, protocols.c.id == measurements.c.protocol_id
)
_MEASUREMENTS_OF = _MEASUREMENTS.where(
    measurements.c.model_id == bindparam("model"), measurements.c.order_digest == bindparam("order")
).order_by(measurements.c.id)


def _is(model_id: int, protocol_digest: str, order_digest: str) -> tuple[ColumnElement[bool], ...]:
    return (
        measurements.c.model_id == model_id,
        protocols.c.digest == protocol_digest,
        measurements.c.order_digest == order_digest,
    )


def _measurement(connection: Connection, query: Select[*tuple[object, ...]]) -> Measurement | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else _value(row)


def _value(row: AnyRow) -> Measurement:
    return Measurement(
        id=row.id,
        model_id=row.model_id,
        protocol=Protocol.from_json(row.definition),
        order_digest=row.order_digest,
        sequences=row.sequences,
        block_sequences=row.block_sequences,
        folder=row.folder,
    )


def _ensure_protocol(connection: Connection, protocol: Protocol) -> int:
    found = connection.execute(select(protocols.c.id).where(protocols.c.digest == protocol.digest)).scalar()
    if found is None:
        connection.execute(insert(protocols).values(digest=protocol.digest, definition=protocol.to_json()))
        return _ensure_protocol(connection, protocol)
    return found
