"""Whether anything was measured, asked without loading what reads results."""

from __future__ import annotations

from sqlalchemy import exists, select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Order
from seenat.registry.database.tables import measurement_rows, measurements, models

__all__ = ["has_measurements"]


def has_measurements(catalog: Catalog, order: Order) -> bool:
    """Whether the measuring of some model of this order, on its present content, came further than its plan."""
    query = select(
        exists().where(
            measurement_rows.c.measurement_id == measurements.c.id,
            measurements.c.model_id == models.c.id,
            models.c.order_id == order.id,
            measurements.c.order_digest == order.digest,
        )
    )
    with catalog.database.read() as connection:
        return bool(connection.execute(query).scalar())
