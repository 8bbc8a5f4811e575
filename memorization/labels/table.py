"""The tables `labels` and `label_values`: every statement that reads or writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Connection, delete, insert, select

from seenat.memorization.labels.codes import CodeFile
from seenat.memorization.results.measurements import results_folder
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow, insert_rows, now
from seenat.registry.database.tables.labels import label_values, labels
from seenat.registry.errors import UnknownLabel, UnknownOrder
from seenat.registry.storage.stores.stored_file import StoredFile

__all__ = [
    "Label",
    "LabelValue",
    "add_label",
    "digest_of",
    "drop_labels",
    "label_files",
    "label_names",
    "labels_folder",
    "labels_of",
    "open_codes",
    "require_label",
]


@dataclass(frozen=True, kw_only=True)
class LabelValue(Answer):
    """A value of a label, and how many sequences have it."""

    value: str
    sequences: int


@dataclass(frozen=True, kw_only=True)
class Label(TableAnswer):
    """A named value of some sequences of an order."""

    order: str
    name: str
    sequences: int
    """How many have a value."""
    values: tuple[LabelValue, ...]
    """The most frequent first."""
    bytes: int
    """Of its file here."""
    source: str
    """The name of the file that it was read from."""
    source_digest: str
    imported_at: str

    table_field: ClassVar[str] = "values"


def labels_folder(database: Database) -> Path:
    """Where the files of labels lie, among results."""
    return results_folder(database) / "labels"


def digest_of(order: Order) -> str:
    """The digest of an order's content; raises `UnknownOrder` where it is not known."""
    if order.digest is None:
        raise UnknownOrder(
            f"The content of the order {order.name} is not known here; register its files with a SUITE.toml first.",
            order=order.name,
        )
    return order.digest


def label_names(connection: Connection, order: Order) -> list[str]:
    """The names of the labels of an order's present content."""
    query = select(labels.c.name).where(labels.c.order_digest == order.digest).order_by(labels.c.name)
    return list(connection.scalars(query))


def labels_of(connection: Connection, order: Order) -> tuple[Label, ...]:
    """The labels of an order's present content, by name."""
    rows = connection.execute(select(labels).where(labels.c.order_digest == order.digest).order_by(labels.c.name))
    return tuple(_label(connection, order, row) for row in rows.all())


def _label(connection: Connection, order: Order, row: AnyRow) -> Label:
    values = [LabelValue(value=value, sequences=sequences) for _, value, sequences in _values(connection, row.id)]
    return Label(
        order=order.name,
        name=row.name,
        sequences=row.sequences,
        values=tuple(sorted(values, key=lambda each: (-each.sequences, each.value))),
        bytes=row.bytes,
        source=row.source,
        source_digest=row.source_digest,
        imported_at=row.imported_at,
    )


def _values(connection: Connection, label_id: int) -> list[tuple[int, str, int]]:
    """Code, value and number of sequences of each value, by code."""
    query = select(label_values.c.code, label_values.c.value, label_values.c.sequences)
    rows = connection.execute(query.where(label_values.c.label_id == label_id).order_by(label_values.c.code))
    return [(row.code, row.value, row.sequences) for row in rows]


def require_label(connection: Connection, order: Order, name: str) -> AnyRow:
    """The row of a label; raises `UnknownLabel` with those that there are."""
    rows = connection.execute(select(labels).where(labels.c.order_digest == order.digest).order_by(labels.c.name)).all()
    found = next((row for row in rows if row.name == name), None)
    if found is None:
        known = [row.name for row in rows]
        advice = f"it has {', '.join(known)}" if known else f"read some with `seenat label {order.name} FILE`"
        raise UnknownLabel(f"The order {order.name} has no label {name!r:.100}; {advice}.", known, order=order.name)
    return found


def open_codes(database: Database, connection: Connection, order: Order, name: str) -> tuple[CodeFile, tuple[str, ...]]:
    """The codes of a label, and its values by code, from 1 on; raises `UnknownLabel`, `CorruptFile`."""
    row = require_label(connection, order, name)
    values = tuple(value for _, value, _ in _values(connection, row.id))
    return CodeFile(results_folder(database) / row.file, len(order), len(values)), values


def add_label(
    connection: Connection,
    order: Order,
    name: str,
    *,
    codes_by_value: Mapping[str, int],
    counts: list[int],
    file: str,
    size: int,
    digest: str,
    source: str,
    source_digest: str,
) -> None:
    """Record a label that the order does not have."""
    row = insert(labels).values(
        order_digest=order.digest,
        name=name,
        sequences=sum(counts[1:]),
        file=file,
        bytes=size,
        digest=digest,
        source=source,
        source_digest=source_digest,
        imported_at=now(),
    )
    key = connection.execute(row).inserted_primary_key
    rows = (
        {"label_id": int(key[0]), "code": code, "value": value, "sequences": counts[code]}  # type: ignore[index]
        for value, code in codes_by_value.items()
    )
    insert_rows(connection, label_values, rows)


def drop_labels(connection: Connection, order_digest: str, names: Iterable[str] | None = None) -> list[str]:
    """Remove labels of a content, or all of them, from the catalog; returns the files that no other label names."""
    of_content = select(labels.c.id, labels.c.file).where(labels.c.order_digest == order_digest)
    if names is not None:
        of_content = of_content.where(labels.c.name.in_(list(names)))
    rows = connection.execute(of_content).all()
    ids = [row.id for row in rows]
    connection.execute(delete(label_values).where(label_values.c.label_id.in_(ids)))
    connection.execute(delete(labels).where(labels.c.id.in_(ids)))
    kept = set(connection.execute(select(labels.c.file)).scalars())
    return sorted({row.file for row in rows} - kept)


def label_files(database: Database, connection: Connection) -> Iterator[StoredFile]:
    """The files of all labels."""
    folder = results_folder(database)
    for name, file, digest in connection.execute(select(labels.c.name, labels.c.file, labels.c.digest)):
        yield StoredFile(name=file, places=(folder / file,), digest=digest, what=f"the label {name}")
