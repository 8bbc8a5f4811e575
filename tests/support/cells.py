"""What is committed of a job, and how that differs from an undisturbed run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Table, func, select

from seenat.memorization.jobs.status import find_job
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import current_rows
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.jobs import shards
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences, onset_counts

__all__ = ["Difference", "Results", "results_of"]

_DERIVED: tuple[Table, ...] = (memorized_sequences, onset_counts)
_NOT_MEASURED = 255


@dataclass(frozen=True)
class Difference:
    """Cells of a run that are not as they should be; all 0 where nothing is."""

    lost: int = 0
    doubled: int = 0
    wrong: int = 0

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.wrong)

    def __add__(self, other: Difference) -> Difference:
        return Difference(self.lost + other.lost, self.doubled + other.doubled, self.wrong + other.wrong)


@dataclass(frozen=True)
class Results:
    """All that counts of a job: its values, and the rows that are derived from them."""

    values: npt.NDArray[np.uint8]
    """`[steps, sequences]`, 255 where nothing was measured."""
    rows: dict[str, set[tuple[Any, ...]]]
    """By the table; without what names the measurement, or a file of one kind of store."""
    counted: int
    """Cells that its shards say are done."""

    def difference(self, right: Results) -> Difference:
        """How this differs from what is right."""
        here, there = self.values != _NOT_MEASURED, right.values != _NOT_MEASURED
        rows = sum(len(self.rows[name] ^ right.rows[name]) for name in right.rows)
        return Difference(
            lost=int((there & ~here).sum()) + max(0, right.counted - self.counted),
            doubled=int((here & ~there).sum()) + max(0, self.counted - right.counted),
            wrong=int((here & there & (self.values != right.values)).sum()) + rows,
        )


def results_of(catalog: Catalog, job_id: int) -> Results:
    """What is committed of a job."""
    job = find_job(catalog, job_id)
    store = MeasurementStore(catalog.database, catalog.model(job.model), job.measurement)
    blocks_in_all = -(-job.measurement.sequences // job.measurement.block_sequences)
    with catalog.database.read() as connection:
        present = current_rows(connection, job.measurement)
        step_of = dict(present)
        values = [
            np.concatenate([store.committed(connection, row, block).values for block in range(blocks_in_all)])
            for row, _ in sorted(present, key=lambda one: one[1])
        ]
        rows: dict[str, set[tuple[Any, ...]]] = {}
        for table in _DERIVED:
            columns = [column for column in table.c if column.name != "measurement_id"]
            found = connection.execute(select(*columns).where(table.c.measurement_id == job.measurement.id))
            rows[table.name] = set(map(tuple, found))
        for table, names in (
            (batch_counts, ("batch", "measured", "memorized")),
            (blocks, ("block", "measured", "memorized", "digest")),
        ):
            found = connection.execute(
                select(table.c.array_row, *(table.c[name] for name in names)).where(
                    table.c.measurement_id == job.measurement.id
                )
            )
            # Which row of the array a checkpoint has depends on who came first.
            rows[table.name] = {(step_of.get(row), *rest) for row, *rest in found}
        total = select(func.sum(shards.c.measured + shards.c.reused)).where(
            shards.c.job_id == job_id, shards.c.state == "done"
        )
        counted = int(connection.execute(total).scalar() or 0)
    return Results(np.array(values, np.uint8), rows, counted)
