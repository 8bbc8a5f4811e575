"""What an adaptive job missed, judged by its audit: sequences drawn at random and measured at every chosen checkpoint.

A sequence is *missed* when it is memorized at some chosen checkpoint and at none of the grid: an adaptive job records nothing
about it. The *miss rate* is the share that is missed among the audit's sequences that are memorized at some checkpoint; its
interval is that of Clopper and Pearson, 95 %. The share that is missed among all of the audit's sequences, with an interval of
the same kind, gives how many of all sequences are missed. The cells (one sequence at one checkpoint) that are memorized and
belong to a missed sequence are counted too, but cells of one sequence are not independent of each other, so they get no
interval.

Only cells that the job asked for count: checkpoints that had seen the sequence, unless it measures unseen ones too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.selection import Selection
from seenat.memorization.protocol.sequence_list import Sequences
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import current_rows
from seenat.memorization.results.read import read_values
from seenat.memorization.statistics.proportion import SHARE_CONFIDENCE, clopper_pearson
from seenat.registry.answer import Answer
from seenat.registry.errors import CorruptFile

__all__ = ["MissRate", "count_missed", "memorized_cells"]

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MissRate(Answer):
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

    confidence: ClassVar[float] = SHARE_CONFIDENCE
    method: ClassVar[str] = "Clopper-Pearson"

    json_names = (
        "sequences",
        "audited",
        "memorized",
        "missed",
        "memorized_cells",
        "missed_cells",
        "rate",
        "rate_interval",
        "of_all",
        "of_all_interval",
        "cell_rate",
        "cells_of_all",
        "confidence",
        "method",
    )

    @property
    def rate(self) -> float | None:
        """The miss rate; None where no audited sequence is memorized, so that it cannot be estimated."""
        return self.missed / self.memorized if self.memorized else None

    @property
    def rate_interval(self) -> tuple[float, float] | None:
        """Where the true rate is, with 95 % confidence."""
        return clopper_pearson(self.missed, self.memorized) if self.memorized else None

    @property
    def of_all(self) -> float:
        """An estimate of how many of all sequences are missed."""
        return self.sequences * self.missed / self.audited

    @property
    def of_all_interval(self) -> tuple[float, float]:
        """Where their true number is, with 95 % confidence."""
        low, high = clopper_pearson(self.missed, self.audited)
        return self.sequences * low, self.sequences * high

    @property
    def cell_rate(self) -> float | None:
        """The share that belongs to missed sequences, among the memorized cells of the audit."""
        return self.missed_cells / self.memorized_cells if self.memorized_cells else None

    @property
    def cells_of_all(self) -> float:
        """An estimate of how many memorized cells of all sequences are missed."""
        return self.sequences * self.missed_cells / self.audited

    def counts(self) -> dict[str, int]:
        """What was counted; `from_counts` reads it back."""
        return asdict(self)

    @classmethod
    def from_counts(cls, value: Mapping[str, int]) -> Self:
        """Read what `counts` gave."""
        return cls(**value)


def count_missed(store: MeasurementStore, audit: Selection, grid: tuple[int, ...], sequences: int) -> MissRate:
    """Count what a grid missed of an audit that is measured at all its steps; `sequences` are those it stands for."""
    on_grid = np.isin(audit.steps, grid)
    counts = np.zeros(5, np.int64)
    for drawn, memorized in memorized_cells(store, audit):
        ever, cells = memorized.any(axis=0), memorized.sum(axis=0)
        missed = ever & ~memorized[on_grid].any(axis=0)
        counts += len(drawn), ever.sum(), missed.sum(), cells.sum(), cells[missed].sum()
    fields = ("audited", "memorized", "missed", "memorized_cells", "missed_cells")
    return MissRate(sequences=sequences, **dict(zip(fields, counts.tolist(), strict=True)))


def memorized_cells(store: MeasurementStore, selection: Selection) -> Iterator[tuple[Sequences, Flags]]:
    """A measured selection's sequences, block by block, and which are memorized, `[steps, sequences]`.

    Cells that are not asked for are not memorized. Raises `CorruptFile` where values are gone.
    """
    schedule, steps, measurement = store.model.schedule, selection.steps, store.measurement
    value_type = measurement.protocol.value_type
    with store.database.read() as connection:
        rows = {step: row for row, step in current_rows(connection, measurement)}
    # A step at which nothing is asked for need not have a row.
    with_row = [place for place, step in enumerate(steps) if step in rows]
    for block in selection.blocks(schedule, steps[-1], measurement.block_sequences):
        span = measurement.block(block)
        sequences = selection.sequences_in(schedule, steps[-1], span)
        first = int(sequences[0])
        # Sequences ascend, so what a checkpoint had seen of them are the first of them.
        asked = np.arange(len(sequences)) < np.array([[selection.count(schedule, step, span)] for step in steps])
        values = value_type.empty(*asked.shape)
        chosen = [rows[steps[place]] for place in with_row]
        with store.database.read() as connection:
            committed = read_values(store, connection, chosen, first, int(sequences[-1]) + 1)
        values[with_row] = committed[:, sequences - first]
        if (asked & ~value_type.measured(values)).any():
            raise CorruptFile(
                f"{store.array.place} lacks values of the sequences {span} that were measured; repeat the command that "
                "measured them, which measures anew what is lost."
            )
        yield sequences, asked & measurement.protocol.memorized(values)
