"""The catalog: every question about models, checkpoints and orders goes through here.

    catalog = open_catalog()
    catalog.model("pythia-70m").checkpoint(3000).sequences_seen
    catalog.order("pile-deduped").batch(2999).extents()

A name is a model's own, one of its aliases, or its repository on the hub; an unknown one is answered with the nearest
names. Models and orders are values (`seenat.registry.catalog.models`, `.orders`). They are read once and kept as long as the
catalog's generation stays the same, which each look-up asks for first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.names import unknown_model
from seenat.registry.catalog.orders import Order
from seenat.registry.catalog.queries import checkpoint_files_of, find_model_ids, has_measurements, order_names
from seenat.registry.catalog.snapshot import Snapshot
from seenat.registry.catalog.status import Evidence, evidence_of
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.closing import ClosesOnExit
from seenat.registry.database.engine import Database
from seenat.registry.database.generation import catalog_generation

__all__ = ["Catalog"]


class Catalog(ClosesOnExit):
    """A catalog whose schema fits this version of seenat; made by `seenat.registry.open.open_catalog`.

    Threads may share it.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._snapshot = Snapshot(-1)

    def close(self) -> None:
        """Give back the database connections."""
        self.database.close()

    @contextmanager
    def _read(self) -> Iterator[tuple[Connection, Snapshot]]:
        """A read transaction, and the snapshot of the generation that it sees."""
        with self.database.read() as connection:
            generation = catalog_generation(connection)
            snapshot = self._snapshot
            if snapshot.generation != generation:
                snapshot = self._snapshot = Snapshot(generation)
            yield connection, snapshot

    def generation(self) -> int:
        """A number that grows whenever models, checkpoints or orders change."""
        with self.database.read() as connection:
            return catalog_generation(connection)

    # -- models

    def model(self, name: str) -> Model:
        """The model of this name, alias or repository; raises `UnknownModel` with the nearest names."""
        with self._read() as (connection, snapshot):
            return snapshot.model(connection, name)

    def models(
        self, *, size: str | None = None, family: str | None = None, order: str | None = None
    ) -> tuple[Model, ...]:
        """All models, or those of a size, a family, an order; by suite, then as their suite lists them."""
        with self._read() as (connection, snapshot):
            order_id = None if order is None else snapshot.order_id(connection, order)
            ids = find_model_ids(connection, size=size, family=family, order_id=order_id)
            return snapshot.models(connection, ids)

    def checkpoint_files(self, checkpoint: Checkpoint) -> tuple[FileRecord, ...]:
        """The files of a checkpoint as far as they are known, by name."""
        with self.database.read() as connection:
            return checkpoint_files_of(connection, checkpoint.id)

    def evidence(self, checkpoint: Checkpoint) -> tuple[Evidence, ...]:
        """What the status of a checkpoint is drawn from, in the order in which it became known."""
        with self.database.read() as connection:
            return evidence_of(connection, checkpoint.id)

    # -- orders

    def order(self, name: str) -> Order:
        """The order of this name; raises `UnknownOrder` with the nearest names."""
        with self._read() as (connection, snapshot):
            return snapshot.order(connection, snapshot.order_id(connection, name))

    def orders(self) -> tuple[Order, ...]:
        """All orders, those registered first first."""
        with self._read() as (connection, snapshot):
            return tuple(snapshot.order(connection, order_id) for order_id in sorted(order_names(connection)))

    def has_measurements(self, order: Order) -> bool:
        """Whether some model of this order has been measured on its present content."""
        with self.database.read() as connection:
            return has_measurements(connection, order)

    def order_or_model(self, name: str) -> tuple[Order, Model | None]:
        """The order of this name, or a model and the order it was trained on.

        Raises `UnknownOrder` for a model whose order is not published, `UnknownModel` when the name is neither.
        """
        with self._read() as (connection, snapshot):
            for order_id, order_name in order_names(connection).items():
                if order_name == name:
                    return snapshot.order(connection, order_id), None
            model = snapshot.find_model(connection, name)
            if model is None:
                raise unknown_model(connection, name, or_order=True)
        return model.order, model
