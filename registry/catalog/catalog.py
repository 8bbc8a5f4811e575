"""The catalog: every question about models, checkpoints and orders goes through here.

    catalog = open_catalog()
    catalog.model("pythia-70m").checkpoint(3000).sequences_seen
    catalog.order("pile-deduped").batch(2999).extents()

A name is a model's own, one of its aliases, or its repository on the hub; an unknown one is answered with the nearest
names. Models and orders are values (`seenat.registry.catalog.models`, `.orders`). They are read once and kept as long as the
catalog's generation stays the same, which each look-up asks for first; where SQLite tells that nothing was committed since, not
even that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.orders import Order
from seenat.registry.catalog.queries import find_model_ids, has_measurements, order_names
from seenat.registry.catalog.snapshot import Details, Snapshot
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.closing import ClosesOnExit
from seenat.registry.database.engine import Database
from seenat.registry.database.generation import catalog_generation

__all__ = ["Catalog"]

# A command asks some times, for which a connection that watches commits is not worth opening.
_ASKED_OFTEN = 20


@dataclass(frozen=True, slots=True)
class _Known:
    """What is in memory, and the commit up to which it is known to be true."""

    version: int | None
    snapshot: Snapshot
    measured: dict[tuple[int, str | None], bool] = field(default_factory=dict)
    """Of orders by id and digest: whether something was measured, which no generation counts."""


class Catalog(ClosesOnExit):
    """A catalog whose schema fits this version of seenat; made by `seenat.registry.open.open_catalog`.

    Threads may share it.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._known = _Known(None, Snapshot(-1))
        self._asked = 0

    def close(self) -> None:
        """Give back the database connections."""
        self.database.close()

    @contextmanager
    def _read(self) -> Iterator[tuple[Connection, _Known]]:
        """A read transaction, and what is known of the generation that it sees."""
        version = self._version()  # Asked first: what is committed meanwhile is then asked for again.
        with self.database.read() as connection:
            generation, known = catalog_generation(connection), self._known
            if known.snapshot.generation != generation:
                known = self._known = _Known(version, Snapshot(generation))
            elif known.version != version:
                known = self._known = _Known(version, known.snapshot)
            yield connection, known

    def _unchanged(self) -> _Known | None:
        """What is known, where nothing was committed since; None where a transaction must tell."""
        known, version = self._known, self._version()
        return known if version is not None and version == known.version else None

    def _version(self) -> int | None:
        self._asked += 1
        return self.database.version() if self._asked > _ASKED_OFTEN else None

    def generation(self) -> int:
        """A number that grows whenever models, checkpoints or orders change."""
        if (known := self._unchanged()) is not None:
            return known.snapshot.generation
        with self._read() as (_, known):
            return known.snapshot.generation

    # -- models

    def model(self, name: str) -> Model:
        """The model of this name, alias or repository; raises `UnknownModel` with the nearest names."""
        if (known := self._unchanged()) is not None and (model := known.snapshot.held_model(name)) is not None:
            return model
        with self._read() as (connection, known):
            return known.snapshot.model(connection, name)

    def models(
        self, *, size: str | None = None, family: str | None = None, order: str | None = None
    ) -> tuple[Model, ...]:
        """All models, or those of a size, a family, an order; by suite, then as their suite lists them."""
        with self._read() as (connection, known):
            order_id = None if order is None else known.snapshot.order_id(connection, order)
            ids = find_model_ids(connection, size=size, family=family, order_id=order_id)
            return known.snapshot.models(connection, ids)

    def details(self, checkpoint: Checkpoint) -> Details:
        """The files of a checkpoint and the evidence for its status, as far as they are known."""
        if (known := self._unchanged()) is not None and (held := known.snapshot.held_details(checkpoint)) is not None:
            return held
        with self._read() as (connection, known):
            return known.snapshot.details(connection, checkpoint)

    def checkpoint_files(self, checkpoint: Checkpoint) -> tuple[FileRecord, ...]:
        """The files of a checkpoint as far as they are known, by name."""
        return self.details(checkpoint).files

    # -- orders

    def order(self, name: str) -> Order:
        """The order of this name; raises `UnknownOrder` with the nearest names."""
        if (known := self._unchanged()) is not None and (order := known.snapshot.held_order(name)) is not None:
            return order
        with self._read() as (connection, known):
            return known.snapshot.order(connection, known.snapshot.order_id(connection, name))

    def orders(self) -> tuple[Order, ...]:
        """All orders, those registered first first."""
        with self._read() as (connection, known):
            return tuple(known.snapshot.order(connection, order_id) for order_id in sorted(order_names(connection)))

    def has_measurements(self, order: Order) -> bool:
        """Whether some model of this order has been measured on its present content."""
        key = order.id, order.digest
        if (known := self._unchanged()) is not None and (held := known.measured.get(key)) is not None:
            return held
        with self._read() as (connection, known):
            known.measured[key] = has_measurements(connection, order)
            return known.measured[key]

    def order_or_model(self, name: str) -> tuple[Order, Model | None]:
        """The order of this name, or a model and the order it was trained on.

        Raises `UnknownOrder` for a model whose order is not published, `UnknownModel` when the name is neither.
        """
        if (known := self._unchanged()) is not None and (held := known.snapshot.held_order_or_model(name)) is not None:
            return held
        with self._read() as (connection, known):
            return known.snapshot.order_or_model(connection, name)
