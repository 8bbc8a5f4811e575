"""Adaptive jobs: a coarse grid of checkpoints over all sequences, and the others only where the grid found something.

An adaptive job is two ordinary jobs, its parts:

1. The *grid* measures some of the chosen checkpoints, the last one among them, over the whole selection, so that every
   sequence that any chosen checkpoint had seen is looked at. Its plan also stores all chosen checkpoints, and an *audit*:
   sequences drawn at random before anything is measured.
2. The *refinement* measures the other chosen checkpoints over the sequences that were memorized at some checkpoint of the
   grid, and the audit's. They are listed when the grid is measured, and the list is frozen.

So the trajectory of a sequence that was memorized on the grid is what the exact job would have found, cell by cell. Each
checkpoint is fetched once, as by the exact job, and the audit's sequences are measured everywhere. A sequence that was
memorized only between checkpoints of the grid is missed. Once both parts are measured, the audit gives how many are
(`miss_rate`), and that is stored beside the refinement's plan.

Everything is found again from the grid's plan: asking for the same resumes it, whatever was killed, and makes the lists
again where they are lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seenat.memorization.adaptive.coverage import GRID, REFINEMENT, AdaptivePlan, read_plan
from seenat.memorization.adaptive.miss_rate import count_missed, memorized_cells
from seenat.memorization.jobs.job_table import add_to_specification
from seenat.memorization.jobs.plan import are_planned, plan_job
from seenat.memorization.jobs.plan_checks import check_plan
from seenat.memorization.jobs.status import Job, find_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.protocol.sequence_list import SequenceList
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import lists_folder
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, JobFailed
from seenat.registry.schedule import Schedule

__all__ = [
    "AdaptiveJob",
    "CellCounts",
    "audit_size",
    "coarse_steps",
    "find_adaptive",
    "grid_steps",
    "is_planned_adaptively",
    "plan_adaptive",
    "run_adaptive",
]

_ONE_IN = 8
"""Chosen checkpoints for each of the grid: 19 for the 154 of Pythia."""
_FEWEST = 2
_AUDITED = 1000
"""The audit has one sequence in 1,000, but at least 1,000 or all."""


@dataclass(frozen=True, kw_only=True)
class CellCounts(Answer):
    """Cells of an adaptive job."""

    exact: int
    """What the exact job would measure."""
    asked: int | None
    """What the parts measure; None where a list is lost."""
    measured: int
    reused: int


@dataclass(frozen=True, kw_only=True)
class AdaptiveJob(Answer):
    """An adaptive job and its parts as jobs."""

    plan: AdaptivePlan
    schedule: Schedule
    grid: Job
    refinement: Job | None

    json_names = ("state", "protocol", "selection", "seed", "cells=cell_counts")
    """Behind those of the plan."""

    @property
    def parts(self) -> tuple[Job, ...]:
        """The jobs planned so far."""
        return (self.grid,) if self.refinement is None else (self.grid, self.refinement)

    @property
    def state(self) -> str:
        """`done` once what was missed is known, else the state of the part that is due; `pending` between them."""
        if self.plan.missed is not None:
            return "done"
        state = self.parts[-1].state
        return "pending" if state == "done" else state

    @property
    def exact_cells(self) -> int:
        """How many cells the exact job measures."""
        return self.plan.selection.all_cells(self.schedule)

    @property
    def cells(self) -> int | None:
        """How many cells the parts measure: before the refinement is planned, grid and audit; None where a list is lost."""
        if self.plan.audit.is_lost if self.refinement is None else self.refinement.selection.is_lost:
            return None
        if self.refinement is not None:
            return sum(part.selection.all_cells(self.schedule) for part in self.parts)
        audit = replace(self.plan.audited, steps=self.plan.refined)
        return self.grid.selection.all_cells(self.schedule) + audit.all_cells(self.schedule)

    @property
    def refined_cells_of_all(self) -> int:
        """How many cells the refinement would measure if everything were memorized on the grid."""
        return replace(self.plan.selection, steps=self.plan.refined).all_cells(self.schedule)

    @property
    def protocol(self) -> Protocol:
        """What is measured."""
        return self.grid.protocol

    @property
    def selection(self) -> Selection:
        """What the exact job would measure."""
        return self.plan.selection

    @property
    def seed(self) -> int:
        """Of the audit."""
        return self.plan.seed

    @property
    def cell_counts(self) -> CellCounts:
        """The cells that it saves, and those it measured."""
        return CellCounts(
            exact=self.exact_cells,
            asked=self.cells,
            measured=sum(part.progress.measured for part in self.parts),
            reused=sum(part.progress.reused for part in self.parts),
        )

    def to_json(self) -> dict[str, Any]:
        """The plan's keys, and behind them the job's own."""
        return {**self.plan.to_json(), **super().to_json()}


def plan_adaptive(
    catalog: Catalog,
    model: Model,
    protocol: Protocol,
    selection: Selection,
    *,
    coarse: int | tuple[int, ...] | None = None,
    audit: int | None = None,
    seed: int = 0,
    allow_suspect: bool = False,
) -> AdaptiveJob:
    """The adaptive job over a selection: the one planned before, or a new one.

    `coarse` are the grid's steps, or how many there are; by default an eighth of the chosen ones. `audit` is how many
    sequences are drawn, by `seed`; by default one in 1,000, but at least 1,000 or all. Raises as `check_plan` does, and
    `InvalidValue` for a grid or an audit that cannot be, and for a measure by which nothing is memorized.
    """
    if not protocol.value_type.decodes:
        raise InvalidValue(f"By {protocol.measure} nothing is memorized that a grid could find; go without --adaptive.")
    check_plan(model, protocol, selection, allow_suspect=allow_suspect)
    grid = replace(selection, steps=grid_steps(selection.steps, coarse))
    drawn = _audited(model, selection, audit, seed)
    part = _part(selection, SequenceList.keep(lists_folder(catalog.database), drawn), seed)
    return _of_grid(catalog, plan_job(catalog, model, protocol, grid, allow_suspect=allow_suspect, part=part))


def is_planned_adaptively(
    catalog: Catalog,
    model: Model,
    protocol: Protocol,
    selection: Selection,
    *,
    coarse: int | tuple[int, ...] | None,
    audit: int | None,
    seed: int,
    allow_suspect: bool,
) -> bool:
    """Whether `plan_adaptive` would find a job that was planned before; raises as `check_plan` does."""
    if not protocol.value_type.decodes:
        return False
    check_plan(model, protocol, selection, allow_suspect=allow_suspect)
    grid = replace(selection, steps=grid_steps(selection.steps, coarse))
    drawn = SequenceList.of(lists_folder(catalog.database), _audited(model, selection, audit, seed))
    part = _part(selection, drawn, seed)
    return are_planned(catalog, model, [protocol], grid, allow_suspect=allow_suspect, part=part)


def _audited(model: Model, selection: Selection, audit: int | None, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return selection.draw(model.schedule, audit_size(selection, model.schedule, audit), seed)


def _part(selection: Selection, audited: SequenceList, seed: int) -> dict[str, Any]:
    return {"role": GRID, "steps": list(selection.steps), "audit": audited.to_json(), "seed": seed}


def run_adaptive(
    catalog: Catalog, planned: AdaptiveJob, run: Callable[[Job], Job], *, allow_suspect: bool = False
) -> AdaptiveJob:
    """Measure what is left of an adaptive job and return it as it stands then; `run` runs one of its parts.

    Raises `JobFailed` when another process still measures a part, and whatever `run` raises.
    """
    grid = _finished(run(planned.grid))
    refinement = _finished(run(_plan_refinement(catalog, _of_grid(catalog, grid), allow_suspect)))
    measured = _of_grid(catalog, grid)
    if measured.plan.missed is None:
        _store_missed(catalog, measured, refinement)
    return _of_grid(catalog, grid)


def find_adaptive(catalog: Catalog, job: Job) -> AdaptiveJob | None:
    """The adaptive job that a job is a part of; None where it stands alone."""
    role = None if job.part is None else job.part["role"]
    if role == REFINEMENT and job.part is not None:
        return _of_grid(catalog, find_job(catalog, job.part["grid"]))
    return _of_grid(catalog, job) if role == GRID else None


def coarse_steps(steps: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Those of ascending steps nearest to `count` that divide the training up to the last into equal lengths.

    Sequences are seen at an even pace, so between two of these steps equally many are first seen, and the longest time that a
    sequence is not looked at is as short as it can be. The last step is always among them; fewer than `count` where one step is
    nearest to several.
    """
    aims = [steps[-1] * place / count for place in range(1, count + 1)]
    return tuple(sorted({min(steps, key=lambda step: abs(step - aim)) for aim in aims}))


def grid_steps(steps: tuple[int, ...], coarse: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """The steps of a grid: those named, or so many, or an eighth; raises `InvalidValue` for what is no grid of these steps."""
    if coarse is None:
        coarse = max(_FEWEST, len(steps) // _ONE_IN)
    if coarse == 0:
        raise InvalidValue("A grid of 0 checkpoints finds nothing; choose 1 or more with --coarse.")
    grid = coarse_steps(steps, min(coarse, len(steps))) if isinstance(coarse, int) else coarse
    strange = sorted(set(grid) - set(steps))
    if strange:
        raise InvalidValue(
            f"Step {strange[0]} of the grid is not among the steps to measure; choose it with --steps, or leave it out."
        )
    if steps[-1] not in grid:
        raise InvalidValue(
            f"The grid must have the last step, {steps[-1]}, or sequences seen late are never looked at; add it to --coarse."
        )
    if len(grid) == len(steps):
        raise InvalidValue(
            f"A grid of {len(grid)} checkpoints has all that are chosen; choose fewer with --coarse, or go without --adaptive."
        )
    return grid


def audit_size(selection: Selection, schedule: Schedule, audit: int | None) -> int:
    """How many sequences an audit draws; raises `InvalidValue` for more than there are."""
    population = selection.cells(schedule, selection.steps[-1])
    if audit is None:
        return min(population, max(_AUDITED, population // _AUDITED))
    if not 1 <= audit <= population:
        raise InvalidValue(
            f"An audit of {audit} cannot be drawn from {population} sequences; choose 1 to {population}."
        )
    return audit


def _plan_refinement(catalog: Catalog, adaptive: AdaptiveJob, allow_suspect: bool) -> Job:
    """The refinement planned before, of the contents that checkpoints have now, or a new one.

    A lost list is made again from the grid. If the grid's values are the same, so is the list; else it is another job.
    """
    grid, plan, model = adaptive.grid, adaptive.plan, catalog.model(adaptive.plan.model)
    listed = None if adaptive.refinement is None else adaptive.refinement.selection.listed
    memorized = plan.memorized
    if listed is None or listed.is_lost:
        on_grid = _memorized_on_grid(catalog, model, grid)
        both = np.union1d(on_grid, plan.audit.sequences)
        memorized, listed = len(on_grid), SequenceList.keep(lists_folder(catalog.database), both)
    return plan_job(
        catalog,
        model,
        grid.measurement.protocol,
        replace(plan.selection, steps=plan.refined, sample=None, seed=0, listed=listed),
        allow_suspect=allow_suspect,
        part={"role": REFINEMENT, "grid": grid.id, "memorized": memorized},
    )


def _memorized_on_grid(catalog: Catalog, model: Model, grid: Job) -> np.ndarray[Any, np.dtype[np.int64]]:
    cells = memorized_cells(MeasurementStore(catalog.database, model, grid.measurement), grid.selection)
    return np.concatenate([np.empty(0, np.int64), *(sequences[flags.any(axis=0)] for sequences, flags in cells)])


def _store_missed(catalog: Catalog, adaptive: AdaptiveJob, refinement: Job) -> None:
    """Count what was missed and store it beside the refinement's plan."""
    plan, model = adaptive.plan, catalog.model(adaptive.plan.model)
    sequences = plan.selection.cells(model.schedule, plan.selection.steps[-1])
    store = MeasurementStore(catalog.database, model, adaptive.grid.measurement)
    missed = count_missed(store, plan.audited, plan.grid, sequences)
    with catalog.database.write() as connection:
        add_to_specification(connection, refinement.id, {"missed": missed.counts()})


def _finished(job: Job) -> Job:
    if job.state != "done":
        raise JobFailed(
            f"Job {job.id} is still being measured by another process; run the same command again when it is finished."
        )
    return job


def _of_grid(catalog: Catalog, grid: Job) -> AdaptiveJob:
    model = catalog.model(grid.model)
    with catalog.database.read() as connection:
        plan = read_plan(catalog.database, connection, model.name, grid.id)
    refinement = None if plan.refinement_job is None else find_job(catalog, plan.refinement_job)
    return AdaptiveJob(plan=plan, schedule=model.schedule, grid=grid, refinement=refinement)
