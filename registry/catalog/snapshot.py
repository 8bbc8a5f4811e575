"""Models and orders in memory, as the catalog held them at one generation.

Reading a model means 154 rows of checkpoints; a process that answers many questions reads it once. A snapshot is filled as
models are asked for, always within a read transaction of its own generation, so that whatever it holds belongs together.
It is never changed to another generation: a new one takes its place (`Catalog`). Threads may share it: all that two of them
can do at once is to read the same model twice. What begins with `held_` reads nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.names import model_id_of, order_id_of, same_name, unknown_model
from seenat.registry.catalog.orders import Order
from seenat.registry.catalog.queries import checkpoint_file_rows, order_names, read_models, read_order
from seenat.registry.catalog.status import Evidence, evidence_where
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.database.tables.catalog import checkpoints

__all__ = ["Details", "Snapshot"]

# Files and pieces of evidence that are kept, of 300 bytes each: those of 15,000 checkpoints.
_MOST_KEPT = 100_000


class Details(NamedTuple):
    """What is known of a checkpoint beside its row."""

    files: tuple[FileRecord, ...] = ()
    """By name, as far as they are known."""
    evidence: tuple[Evidence, ...] = ()
    """What its status is drawn from, in the order in which it became known."""


class Snapshot:
    """What was read of one generation."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self._models: dict[int, Model] = {}
        self._orders: dict[int, Order] = {}
        self._model_ids: dict[str, int] = {}
        self._order_ids: dict[str, int] = {}
        self._named: dict[str, tuple[Order, Model | None]] = {}
        self._details: dict[int, Details] = {}
        self._asked_for_details: set[str] = set()
        self._kept = 0

    # -- models

    def model(self, connection: Connection, name: str) -> Model:
        """The model of a name, alias or repository; raises `UnknownModel` with the nearest names."""
        model = self.find_model(connection, name)
        if model is None:
            raise unknown_model(connection, name)
        return model

    def held_model(self, name: str) -> Model | None:
        """The model of a name that was asked for before."""
        return self._models.get(self._model_ids.get(name, -1))

    def find_model(self, connection: Connection, name: str) -> Model | None:
        """The model of a name, alias or repository; None where there is none."""
        model_id = self._model_ids.get(name)
        if model_id is None:
            model_id = model_id_of(connection, name)
            if model_id is None:
                return None
            self._model_ids[name] = model_id
        return self.models(connection, [model_id])[0]

    def models(self, connection: Connection, ids: Sequence[int]) -> tuple[Model, ...]:
        """The models of these ids, in this sequence; those that were not read yet are read together."""
        missing = [model_id for model_id in ids if model_id not in self._models]
        if missing:
            read = read_models(connection, missing, lambda order_id: self.order(connection, order_id))
            self._models.update(read)
        return tuple(self._models[model_id] for model_id in ids)

    # -- orders

    def order_id(self, connection: Connection, name: str) -> int:
        """The id of the order of this name; raises `UnknownOrder` with the nearest names."""
        order_id = self._order_ids.get(name)
        if order_id is None:
            order_id = self._order_ids[name] = order_id_of(connection, name)
        return order_id

    def held_order(self, name: str) -> Order | None:
        """The order of a name that was asked for before."""
        return self._orders.get(self._order_ids.get(name, -1))

    def order(self, connection: Connection, order_id: int) -> Order:
        """The order of this id."""
        order = self._orders.get(order_id)
        if order is None:
            order = self._orders[order_id] = read_order(connection, order_id)
        return order

    def held_order_or_model(self, name: str) -> tuple[Order, Model | None] | None:
        """What `order_or_model` found before."""
        return self._named.get(name)

    def order_or_model(self, connection: Connection, name: str) -> tuple[Order, Model | None]:
        """The order of this name, or a model and its order; raises `UnknownOrder` or `UnknownModel`."""
        if name not in self._named:
            self._named[name] = self._order_or_model(connection, name)
        return self._named[name]

    def _order_or_model(self, connection: Connection, name: str) -> tuple[Order, Model | None]:
        ids = {order_name: order_id for order_id, order_name in order_names(connection).items()}
        model = None if name in ids else self.find_model(connection, name)
        spelled = name if name in ids else same_name(name, ids)
        if model is None and spelled is not None:
            return self.order(connection, ids[spelled]), None
        if model is None:
            raise unknown_model(connection, name, or_order=True)
        return model.order, model

    # -- checkpoints

    def held_details(self, checkpoint: Checkpoint) -> Details | None:
        """What was read of a checkpoint before."""
        return self._details.get(checkpoint.id)

    def details(self, connection: Connection, checkpoint: Checkpoint) -> Details:
        """What is known of a checkpoint; where its model is asked for again, all of the model's checkpoints are read."""
        details = self._details.get(checkpoint.id)
        if details is not None:
            return details
        if checkpoint.model not in self._asked_for_details or self._kept > _MOST_KEPT:
            self._asked_for_details.add(checkpoint.model)
            condition = checkpoints.c.id == checkpoint.id
            return _details(connection, condition, [checkpoint.id])[checkpoint.id]
        owner = select(checkpoints.c.model_id).where(checkpoints.c.id == checkpoint.id).scalar_subquery()
        ids = connection.execute(select(checkpoints.c.id).where(checkpoints.c.model_id == owner)).scalars().all()
        read = _details(connection, checkpoints.c.model_id == owner, {*ids, checkpoint.id})
        self._kept += sum(len(details.files) + len(details.evidence) for details in read.values())
        self._details.update(read)
        return read[checkpoint.id]


def _details(connection: Connection, condition: Any, ids: Collection[int]) -> dict[int, Details]:
    """What is known of these checkpoints, which are those that fit the condition."""
    files, evidence = checkpoint_file_rows(connection, condition), evidence_where(connection, condition)
    return {number: Details(tuple(files.get(number, ())), tuple(evidence.get(number, ()))) for number in ids}
