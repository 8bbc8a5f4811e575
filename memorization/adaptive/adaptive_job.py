"""Adaptive jobs: a coarse grid of checkpoints over all sequences, and the others only where the grid found something.

An adaptive job is two ordinary jobs, its parts:

1. The *grid* measures some of the chosen checkpoints, the last one among them, over the whole selection, so that every
   sequence that any chosen checkpoint had seen is looked at. Its plan keeps what the whole is: all chosen checkpoints, and an
   *audit*, sequences drawn at random before anything is measured.
2. The *refinement* measures the other chosen checkpoints over the sequences that were memorized at some checkpoint of the
   grid, and the audit's. They are listed when the grid is measured, and the list is frozen.

So the trajectory of a sequence that was memorized on the grid is what the exact job would have found, cell by cell, each
checkpoint is fetched once, as by the exact job, and of the audit's sequences all is known. A sequence that was memorized
only between checkpoints of the grid is missed: how many are, the audit tells (`misses`), once both parts are measured, and
that is kept beside the refinement's plan.

Everything is found again from the grid's plan: asking for the same goes on where it was, whatever was killed, and makes the
lists again where they are lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import select, update

from seenat.memorization.adaptive.coverage import GRID, REFINEMENT, AdaptivePlan, read_plan
from seenat.memorization.adaptive.miss_rate import count_missed, memorized_cells
from seenat.memorization.jobs.plan import Job, find_job, plan_job
from seenat.memorization.jobs.plan_checks import check_plan
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.protocol.sequence_list import SequenceList
from seenat.memorization.results.measurements import lists_folder
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.tables import jobs
from seenat.registry.errors import InvalidValue, JobFailed
from seenat.registry.schedule import Schedule

__all__ = ["AdaptiveJob", "coarse_steps", "find_adaptive", "plan_adaptive", "run_adaptive"]

_ONE_IN = 8
"""Chosen checkpoints for each of the grid: 19 for the 154 of Pythia."""
_FEWEST = 2
_AUDITED = 1000
"""One sequence in so many is drawn for the audit; and so many, or all, at least."""


@dataclass(frozen=True, kw_only=True)
class AdaptiveJob:
    """An adaptive job and its parts as jobs."""

    plan: AdaptivePlan
    schedule: Schedule
    grid: Job
    refinement: Job | None

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
        """What the exact job measures."""
        return self.plan.selection.all_cells(self.schedule)

    @property
    def cells(self) -> int | None:
        """What the parts measure: before the refinement is planned, grid and audit alone; None where a list is lost."""
        if self.plan.audit.is_lost if self.refinement is None else self.refinement.selection.is_lost:
            return None
        if self.refinement is not None:
            return sum(part.selection.all_cells(self.schedule) for part in self.parts)
        audit = replace(self.plan.audited, steps=self.plan.refined)
        return self.grid.selection.all_cells(self.schedule) + audit.all_cells(self.schedule)

    @property
    def refined_cells_of_all(self) -> int:
        """What the refinement would measure if everything were memorized on the grid."""
        return replace(self.plan.selection, steps=self.plan.refined).all_cells(self.schedule)

    def to_json(self) -> dict[str, Any]:
        """The job under the keys of every JSON answer."""
        protocol = self.grid.measurement.protocol
        return {
            **self.plan.to_json(),
            "state": self.state,
            "protocol": {"id": protocol.id, **protocol.to_json()},
            "selection": self.plan.selection.to_json(),
            "seed": self.plan.seed,
            "cells": {
                "exact": self.exact_cells,
                "asked": self.cells,
                "measured": sum(part.progress.measured for part in self.parts),
                "reused": sum(part.progress.reused for part in self.parts),
            },
        }


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

    `coarse` are the grid's steps or how many there shall be, an eighth of the chosen ones unless given; `audit` is how many
    sequences are drawn, by `seed`: unless given one in 1,000, but at least 1,000, or all. Raises as `check_plan` does, and
    `InvalidValue` for a grid or an audit that cannot be, and for a measure by which nothing is memorized.
    """
    if not protocol.kept.decodes:
        raise InvalidValue(f"By {protocol.measure} nothing is memorized that a grid could find; go without --adaptive.")
    check_plan(model, protocol, selection, allow_suspect=allow_suspect)
    grid = replace(selection, steps=_grid(selection.steps, coarse))
    drawn = selection.draw(model.schedule, _audit_size(selection, model.schedule, audit), seed)
    kept = SequenceList.keep(lists_folder(catalog.database), drawn)
    part = {"role": GRID, "steps": list(selection.steps), "audit": kept.to_json(), "seed": seed}
    return _of_grid(catalog, plan_job(catalog, model, protocol, grid, allow_suspect=allow_suspect, part=part))


def run_adaptive(
    catalog: Catalog, planned: AdaptiveJob, run: Callable[[Job], Job], *, allow_suspect: bool = False
) -> AdaptiveJob:
    """Measure what is left of an adaptive job and return it as it stands then; `run` runs one of its parts.

    Raises `JobFailed` when another process still measures a part, and whatever `run` raises.
    """
    grid = _finished(run(planned.grid))
    refinement = _finished(run(_plan_refinement(catalog, _of_grid(catalog, grid), allow_suspect)))
    found = _of_grid(catalog, grid)
    if found.plan.missed is None:
        _keep_missed(catalog, found, refinement)
    return _of_grid(catalog, grid)


def find_adaptive(catalog: Catalog, job: Job) -> AdaptiveJob | None:
    """The adaptive job that a job is a part of; None where it stands alone."""
    role = None if job.part is None else job.part["role"]
    if role == REFINEMENT and job.part is not None:
        return _of_grid(catalog, find_job(catalog, job.part["grid"]))
    return _of_grid(catalog, job) if role == GRID else None


def coarse_steps(steps: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Of ascending steps, those nearest to `count` that divide the training up to the last into equal lengths.

    Sequences are seen at an even pace, so between two of them equally many are first seen, and the longest time that one is
    not looked at is as short as it can be. The last step is always among them; fewer than `count` where several are nearest to
    one step.
    """
    aims = [steps[-1] * place / count for place in range(1, count + 1)]
    return tuple(sorted({min(steps, key=lambda step: abs(step - aim)) for aim in aims}))


def _grid(steps: tuple[int, ...], coarse: int | tuple[int, ...] | None) -> tuple[int, ...]:
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


def _audit_size(selection: Selection, schedule: Schedule, audit: int | None) -> int:
    there = selection.cells(schedule, selection.steps[-1])
    if audit is None:
        return min(there, max(_AUDITED, there // _AUDITED))
    if not 1 <= audit <= there:
        raise InvalidValue(f"An audit of {audit} cannot be drawn from {there} sequences; choose 1 to {there}.")
    return audit


def _plan_refinement(catalog: Catalog, found: AdaptiveJob, allow_suspect: bool) -> Job:
    """The refinement planned before, of the contents that checkpoints have now, or a new one.

    Where its list is lost, it is made again from the grid: the same list, since the grid's values are, and else another job.
    """
    grid, plan, model = found.grid, found.plan, catalog.model(found.plan.model)
    listed = None if found.refinement is None else found.refinement.selection.listed
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
    found = memorized_cells(catalog.database, model, grid.measurement, grid.selection)
    return np.concatenate([np.empty(0, np.int64), *(sequences[flags.any(axis=0)] for sequences, flags in found)])


def _keep_missed(catalog: Catalog, found: AdaptiveJob, refinement: Job) -> None:
    """Count what was missed and keep it beside the refinement's plan."""
    plan, model = found.plan, catalog.model(found.plan.model)
    sequences = plan.selection.cells(model.schedule, plan.selection.steps[-1])
    missed = count_missed(catalog.database, model, found.grid.measurement, plan.audited, plan.grid, sequences)
    is_refinement = jobs.c.id == refinement.id
    with catalog.database.write() as connection:
        kept = connection.execute(select(jobs.c.specification).where(is_refinement)).scalar_one()
        told = {**kept, "missed": missed.counts()}
        connection.execute(update(jobs).where(is_refinement).values(specification=told))


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
