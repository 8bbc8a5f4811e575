"""Models and orders in memory, as the catalog held them at one generation.

Reading a model means 154 rows of checkpoints; a process that answers many questions reads it once. A snapshot is filled as
models are asked for, always within a read transaction of its own generation, so that whatever it holds belongs together.
It is never changed to another generation: a new one takes its place (`Catalog`). Threads may share it: all that two of them
can do at once is to read the same model twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from seenat.registry.catalog.models import Model
from seenat.registry.catalog.names import model_id_of, order_id_of, unknown_model
from seenat.registry.catalog.orders import Order
from seenat.registry.catalog.queries import read_models, read_order

__all__ = ["Snapshot"]


class Snapshot:
    """What was read of one generation."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self._models: dict[int, Model] = {}
        self._orders: dict[int, Order] = {}
        self._model_ids: dict[str, int] = {}
        self._order_ids: dict[str, int] = {}

    def model(self, connection: Connection, name: str) -> Model:
        """The model of a name, alias or repository; raises `UnknownModel` with the nearest names."""
        model = self.find_model(connection, name)
        if model is None:
            raise unknown_model(connection, name)
        return model

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

    def order_id(self, connection: Connection, name: str) -> int:
        """The id of the order of this name; raises `UnknownOrder` with the nearest names."""
        order_id = self._order_ids.get(name)
        if order_id is None:
            order_id = self._order_ids[name] = order_id_of(connection, name)
        return order_id

    def order(self, connection: Connection, order_id: int) -> Order:
        """The order of this id."""
        order = self._orders.get(order_id)
        if order is None:
            order = self._orders[order_id] = read_order(connection, order_id)
        return order
