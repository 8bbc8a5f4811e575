"""A catalog as large as that of the whole suite: its checkpoints and batches, which ship, and onsets that nobody measured.

16 models share the onsets evenly. A sequence's onset is one of the saved steps by which it was seen, so that later steps have more
of them. Of the last model there are rows of all its blocks too, and the counts of batches at two checkpoints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.measurements import Measurement, ensure_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.jobs import measurement_rows
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences, onset_counts

__all__ = ["MODELS", "Filled", "analyze", "fill"]

MODELS = 16
_ONSETS = ("measurement_id", "sequence", "first_step", "bracket_low", "last_step", "times_memorized", "times_lost")
_COUNTS = ("measurement_id", "first_step", "block", "sequences", "lost")
_BLOCKS = ("measurement_id", "array_row", "block", "measured", "memorized", "bytes", "digest")
_BATCHES = ("measurement_id", "array_row", "batch", "measured", "memorized")
_COUNTED_ROWS = 2
_ROWS = ("measurement_id", "array_row", "checkpoint_id", "checkpoint_digest")
_DIGEST = "sha256:" + "0" * 64

Numbers = npt.NDArray[np.int64]


class Filled(NamedTuple):
    """A model, and its measurement."""

    model: Model
    measurement: Measurement


def fill(catalog: Catalog, onsets: int, *, batches: int = 143_000, blocks_a_row: int = 1 << 20) -> list[Filled]:
    """Add so many onsets, counts of so many batches, and of each row at most so many blocks."""
    filled = []
    for seed, model in enumerate(_models(catalog)):
        with catalog.database.write() as connection:
            measurement = ensure_measurement(connection, model, Protocol())
            _fill_model(connection, model, measurement, onsets // MODELS, seed)
            if seed == MODELS - 1:
                _fill_blocks(connection, model, measurement, blocks_a_row)
                _fill_counts(connection, measurement, batches)
        filled.append(Filled(model, measurement))
    return filled


def analyze(database: Database) -> None:
    """Let the database look at what is in its tables; PostgreSQL tidies them too, as it does by itself some minutes later."""
    pooled = database.engine.raw_connection()
    pooled.detach()  # It may not go back: it is changed.
    driver: Any = pooled.dbapi_connection
    if not database.is_sqlite:
        driver.autocommit = True
    driver.cursor().execute("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE")
    pooled.close()


def _models(catalog: Catalog) -> list[Model]:
    half = MODELS // 2
    known = [*catalog.models(order="pile-deduped")[:half], *catalog.models(order="pile")[:half]]
    return [catalog.model(model.name) for model in known]


def _fill_model(connection: Connection, model: Model, measurement: Measurement, count: int, seed: int) -> None:
    sequences, first = _drawn(model, count, seed)
    rows = zip(
        repeat(measurement.id),
        sequences.tolist(),
        first.tolist(),
        repeat(None),
        repeat(model.schedule.saved[-1]),
        repeat(1),
        (sequences % 7 == 0).astype(np.int64).tolist(),
        strict=False,
    )
    bulk_insert(connection, memorized_sequences, _ONSETS, rows)
    counted = Counter(zip(first.tolist(), (sequences // measurement.block_sequences).tolist(), strict=True))
    bulk_insert(
        connection,
        onset_counts,
        _COUNTS,
        ((measurement.id, *place, many, 0) for place, many in sorted(counted.items())),
    )
    # As a job does: each of its checkpoints has a row, for the content that it has.
    connection.execute(
        text("UPDATE checkpoints SET digest = :digest WHERE model_id = :model"), {"digest": _DIGEST, "model": model.id}
    )
    places = ((measurement.id, row, checkpoint.id, _DIGEST) for row, checkpoint in enumerate(model.checkpoints))
    bulk_insert(connection, measurement_rows, _ROWS, places)


def _drawn(model: Model, count: int, seed: int) -> tuple[Numbers, Numbers]:
    """Ascending sequences, half of them every model's, and the step of each one's onset."""
    generator, size = np.random.default_rng(seed), len(model.order.sequences)
    shared = np.random.default_rng(MODELS).integers(0, size, count // 2)
    sequences = np.unique(np.concatenate([shared, generator.integers(0, size, count - count // 2)]))
    saved = np.array(model.schedule.saved, np.int64)
    earliest = np.searchsorted(saved, sequences // model.schedule.sequences_per_batch + 1)
    late = generator.geometric(0.2, len(sequences)) - 1
    return sequences, saved[np.minimum(earliest + late, len(saved) - 1)]


def _fill_blocks(connection: Connection, model: Model, measurement: Measurement, most: int) -> None:
    size = measurement.block_sequences
    rows = (
        (measurement.id, row, block, size, size // 70, 24_000, _DIGEST)
        for row in range(len(model.checkpoints))
        for block in range(min(measurement.blocks, most))
    )
    bulk_insert(connection, blocks, _BLOCKS, rows)


def _fill_counts(connection: Connection, measurement: Measurement, batches: int) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        for row in range(_COUNTED_ROWS):
            yield from ((measurement.id, row, batch, 1024, batch % 20) for batch in range(batches))

    bulk_insert(connection, batch_counts, _BATCHES, rows())
