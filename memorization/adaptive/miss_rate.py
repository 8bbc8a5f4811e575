"""What an adaptive job missed, judged by its audit: sequences drawn at random and measured at every chosen checkpoint.

A sequence is *missed* when it is memorized at some chosen checkpoint and at none of the grid: of it, an adaptive job records
nothing. Of the audit's sequences that are memorized at some checkpoint, the share that is missed is the *miss rate*; its
interval is that of Clopper and Pearson, 95 %. The audit's missed sequences among all its sequences, likewise with their
interval, tell how many are missed of the whole. The cells (one sequence at one checkpoint) that are memorized and belong to a
missed sequence are counted too, but cells of one sequence are not independent of each other, so that they get no interval.

Only cells that the job asked for count: checkpoints that had seen the sequence, unless it measures unseen ones too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.selection import Selection
from seenat.memorization.protocol.sequence_list import Sequences
from seenat.memorization.results.commit import open_array
from seenat.memorization.results.compaction import read_values
from seenat.memorization.results.measurements import Measurement, current_rows
from seenat.memorization.statistics.proportion import SHARE_CONFIDENCE, clopper_pearson
from seenat.registry.catalog.models import Model
from seenat.registry.database.engine import Database
from seenat.registry.errors import CorruptFile

__all__ = ["MissRate", "count_missed", "memorized_cells"]

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MissRate:
    """What the audit found."""

    sequences: int
    """All that the job asked for."""
    audited: int
    """Of these, drawn and measured at every chosen checkpoint."""
    memorized: int
    """Of the audited, memorized at some chosen checkpoint."""
    missed: int
    """Of these, memorized at none of the grid."""
    memorized_cells: int
    missed_cells: int

    @property
    def rate(self) -> float | None:
        """The miss rate; None where no audited sequence is memorized, and so nothing is known of it."""
        return self.missed / self.memorized if self.memorized else None

    @property
    def rate_interval(self) -> tuple[float, float] | None:
        """Where the true rate is, with 95 % confidence."""
        return clopper_pearson(self.missed, self.memorized) if self.memorized else None

    @property
    def of_all(self) -> float:
        """How many sequences of the whole are missed, by estimate."""
        return self.sequences * self.missed / self.audited

    @property
    def of_all_interval(self) -> tuple[float, float]:
        """Where their true number is, with 95 % confidence."""
        low, high = clopper_pearson(self.missed, self.audited)
        return self.sequences * low, self.sequences * high

    @property
    def cell_rate(self) -> float | None:
        """Of the memorized cells of audited sequences, the share that belongs to missed ones."""
        return self.missed_cells / self.memorized_cells if self.memorized_cells else None

    @property
    def cells_of_all(self) -> float:
        """How many memorized cells of the whole are missed, by estimate."""
        return self.sequences * self.missed_cells / self.audited

    def counts(self) -> dict[str, int]:
        """What was counted; `from_counts` reads it back."""
        return asdict(self)

    @classmethod
    def from_counts(cls, value: Mapping[str, int]) -> Self:
        """Read what `counts` gave."""
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """Counts and estimates by name."""
        return {
            **self.counts(),
            "rate": self.rate,
            "rate_interval": None if self.rate_interval is None else list(self.rate_interval),
            "of_all": self.of_all,
            "of_all_interval": list(self.of_all_interval),
            "cell_rate": self.cell_rate,
            "cells_of_all": self.cells_of_all,
            "confidence": SHARE_CONFIDENCE,
            "method": "Clopper-Pearson",
        }


def count_missed(
    database: Database, model: Model, measurement: Measurement, audit: Selection, grid: tuple[int, ...], sequences: int
) -> MissRate:
    """Count what a grid missed of an audit that is measured at all its steps; `sequences` are those it stands for."""
    on_grid = np.isin(audit.steps, grid)
    counts = np.zeros(5, np.int64)
    for drawn, memorized in memorized_cells(database, model, measurement, audit):
        ever, cells = memorized.any(axis=0), memorized.sum(axis=0)
        missed = ever & ~memorized[on_grid].any(axis=0)
        counts += len(drawn), ever.sum(), missed.sum(), cells.sum(), cells[missed].sum()
    audited, memorized_, missed_, memorized_cells_, missed_cells = counts.tolist()
    return MissRate(
        sequences=sequences,
        audited=audited,
        memorized=memorized_,
        missed=missed_,
        memorized_cells=memorized_cells_,
        missed_cells=missed_cells,
    )


def memorized_cells(
    database: Database, model: Model, measurement: Measurement, selection: Selection
) -> Iterator[tuple[Sequences, Flags]]:
    """Of a selection that is measured: its sequences, block by block, and which are memorized, `[steps, sequences]`.

    Cells that are not asked for are not memorized. Raises `CorruptFile` where values are gone.
    """
    schedule, steps, protocol = model.schedule, selection.steps, measurement.protocol
    with database.read() as connection:
        rows = {step: row for row, step in current_rows(connection, measurement)}
    # A step at which nothing is asked for need not have a row.
    held = [place for place, step in enumerate(steps) if step in rows]
    array = open_array(database, measurement)
    for block in selection.blocks(schedule, steps[-1], measurement.block_sequences):
        span = measurement.block(block)
        sequences = selection.within(schedule, steps[-1], span)
        first = int(sequences[0])
        # What a step had seen of them are the first of them.
        asked = np.arange(len(sequences)) < np.array([[selection.count(schedule, step, span)] for step in steps])
        values = protocol.kept.empty(*asked.shape)
        chosen = [rows[steps[place]] for place in held]
        with database.read() as connection:
            there = read_values(connection, array, measurement, chosen, first, int(sequences[-1]) + 1)
        values[held] = there[:, sequences - first]
        if (asked & ~protocol.kept.measured(values)).any():
            raise CorruptFile(
                f"{array.folder} lacks values of the sequences {span} that were measured; repeat the command that measured "
                "them, which measures anew what is lost."
            )
        yield sequences, asked & protocol.memorized(values)
