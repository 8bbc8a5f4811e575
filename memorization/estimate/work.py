"""What is asked for, counted: checkpoints, sequences, cells and shards. Nothing is stored, and no cell is listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seenat.memorization.adaptive.adaptive_job import audit_size, grid_steps
from seenat.memorization.protocol.blocks import block_sequences
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.models import Model

__all__ = ["FOUND_BY_A_GRID", "AdaptiveRequest", "Work", "adaptive_cells", "work_of"]

FOUND_BY_A_GRID = 0.02
"""Share of the sequences that a grid is assumed to find memorized."""


@dataclass(frozen=True, kw_only=True)
class AdaptiveRequest:
    """How an adaptive job is asked for: the grid's steps or their number, and the audit's size; None for the usual ones."""

    coarse: int | tuple[int, ...] | None = None
    audit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be measured of one model."""

    steps: tuple[int, ...]
    protocols: tuple[Protocol, ...]
    sequences: int
    """Asked for at some checkpoint."""
    exact_cells: int
    """One sequence at one checkpoint each."""
    cells: int
    """Those that are measured: of an adaptive job, about so many."""
    shards: int

    @property
    def values(self) -> int:
        """One a cell and protocol."""
        return self.cells * len(self.protocols)


def work_of(
    model: Model, selection: Selection, protocols: Sequence[Protocol], adaptive: AdaptiveRequest | None = None
) -> Work:
    """Count what a selection asks for; raises `InvalidValue` for an adaptive job that cannot be."""
    schedule = model.schedule
    exact = selection.all_cells(schedule)
    size = block_sequences(model.order.geometry.sequences, schedule.sequences_per_batch)
    return Work(
        steps=selection.steps,
        protocols=tuple(protocols),
        sequences=selection.cells(schedule, selection.steps[-1]) if selection.steps else 0,
        exact_cells=exact,
        cells=exact if adaptive is None else adaptive_cells(model, selection, adaptive),
        shards=len(protocols) * sum(len(list(selection.blocks(schedule, step, size))) for step in selection.steps),
    )


def adaptive_cells(model: Model, selection: Selection, adaptive: AdaptiveRequest) -> int:
    """About how many cells an adaptive job measures: its grid, and its audit and what the grid finds at the other steps."""
    schedule = model.schedule
    grid = grid_steps(selection.steps, adaptive.coarse)
    drawn = audit_size(selection, schedule, adaptive.audit) / max(1, selection.cells(schedule, selection.steps[-1]))
    refined = replace(selection, steps=tuple(sorted(set(selection.steps) - set(grid)))).all_cells(schedule)
    return replace(selection, steps=grid).all_cells(schedule) + round(refined * min(1.0, drawn + FOUND_BY_A_GRID))
