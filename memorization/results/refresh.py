"""Stale onsets: when a checkpoint's content is replaced, onsets that were derived from its values are derived anew.

Whoever replaces a content marks the measurements that have a row of it, in the same transaction. Readers look at the mark
and refuse; they never write. Jobs derive anew before and after they measure, a compaction before it begins, and commands
that replace contents call `refresh_stale_onsets` at their end.

Which contents onsets were last derived from is also what the array says of itself. Those who write compare that too, so that
a description that a kill left behind is mended. One that is lost or damaged is made anew by the catalog alone.
"""

from __future__ import annotations

from sqlalchemy import Connection

from seenat.memorization.results.block_table import committed_blocks
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import (
    Measurement,
    current_rows,
    has_stale_onsets,
    mark_onsets,
    measured_models,
    measurements_of,
)
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import StaleResults

__all__ = ["check_onsets", "refresh_onsets", "refresh_stale_onsets"]


def check_onsets(connection: Connection, model: Model, measurement: Measurement) -> None:
    """Raise `StaleResults` where onsets are of contents that were replaced."""
    if has_stale_onsets(connection, measurement):
        raise StaleResults(
            f"A checkpoint of {model.name} has other files than when its onsets were counted by protocol "
            f"{measurement.protocol.id}; run `seenat compact {model.name} --protocol {measurement.protocol.id}`, which "
            "counts them anew, and ask again."
        )


def refresh_onsets(store: MeasurementStore) -> bool:
    """Derive all onsets of a measurement anew if they are stale, and mend what the array says of itself.

    Returns whether they were stale.
    """
    with store.database.read() as connection:
        is_stale = _is_stale(connection, store)
    if is_stale:
        with store.database.write() as connection:
            for block in committed_blocks(connection, store.measurement):
                store.replace_onsets(connection, block)
            mark_onsets(connection, store.measurement, stale=False)
    # Only now: an array that was described first, by a process killed before its commit, would pass for refreshed.
    with store.database.write() as connection:
        if not has_stale_onsets(connection, store.measurement):
            store.describe(connection)
    return is_stale


def refresh_stale_onsets(catalog: Catalog) -> tuple[str, ...]:
    """Refresh every measurement of every model that needs it; returns the models' names."""
    with catalog.database.read() as connection:
        names = measured_models(connection)
    return tuple(name for name in names if _refresh_model(catalog, name))


def _refresh_model(catalog: Catalog, name: str) -> bool:
    model = catalog.model(name)
    with catalog.database.read() as connection:
        measurements = measurements_of(connection, model)
    stores = [MeasurementStore(catalog.database, model, measurement) for measurement in measurements]
    refreshed = [refresh_onsets(store) for store in stores]
    return any(refreshed)


def _is_stale(connection: Connection, store: MeasurementStore) -> bool:
    if has_stale_onsets(connection, store.measurement):
        return True
    return store.array.steps not in ({}, dict(current_rows(connection, store.measurement)))
