"""What adaptive jobs left unmeasured, so that answers say what they rest on.

An adaptive job measures its *grid* of checkpoints over all its sequences, and the other chosen checkpoints, those it *refines*,
only over sequences that it found memorized on the grid, and an audit's. So at a refined checkpoint memorized / measured is not
a meaningful share: what is measured there was chosen for being memorized elsewhere. Memorized / *asked* is meaningful: asked
are the sequences that were measured, or that the adaptive job would have measured were it exact. Those it left out count as
not memorized, so it is a lower bound; the audit says how far it may be too low (`miss_rate`).

In doubt more was left out rather than less, so that the bound holds. Where a checkpoint's content was replaced, jobs over the
earlier one do not count as having measured anything, but adaptive ones still count as having left something out. A refinement
whose list is lost does not count as having measured anything either: which sequences it measured is unknown until its command
is repeated, which lists them again, or until an exact job asks for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from seenat.memorization.adaptive.miss_rate import MissRate
from seenat.memorization.jobs.job_table import job_row, jobs_of_measurement
from seenat.memorization.jobs.plan import plan_digest
from seenat.memorization.protocol.selection import Selection, count_union
from seenat.memorization.protocol.sequence_list import SequenceList
from seenat.memorization.results.measurements import Measurement, lists_folder
from seenat.registry.answer import Answer
from seenat.registry.catalog.models import Model
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow
from seenat.registry.errors import UnknownCheckpoint
from seenat.registry.schedule import Schedule
from seenat.registry.units import SequenceRange

__all__ = ["GRID", "REFINEMENT", "AdaptivePlan", "Coverage", "StepShare", "read_coverage", "read_plan"]

GRID, REFINEMENT = "grid", "refinement"
"""The roles of an adaptive job's parts, as their plans keep them."""


@dataclass(frozen=True, kw_only=True)
class AdaptivePlan(Answer):
    """An adaptive job as its parts keep it."""

    model: str
    grid_job: int
    refinement_job: int | None
    """None until the grid is measured."""
    selection: Selection
    """All sequences and steps that an exact job would measure."""
    grid: tuple[int, ...]
    audit: SequenceList
    seed: int
    """Of the audit."""
    memorized: int | None
    """Sequences memorized on the grid; None until it is measured."""
    missed: MissRate | None
    """None until all is measured."""

    json_names = (
        "model",
        "job=grid_job",
        "refinement=refinement_job",
        "checkpoints",
        "grid",
        "audit",
        "memorized_on_grid=memorized",
        "missed",
    )

    @property
    def checkpoints(self) -> int:
        """How many checkpoints were chosen."""
        return len(self.selection.steps)

    @property
    def refined(self) -> tuple[int, ...]:
        """The chosen steps that are not of the grid."""
        return tuple(step for step in self.selection.steps if step not in self.grid)

    @property
    def audited(self) -> Selection:
        """The audit at all chosen steps."""
        return replace(self.selection, sample=None, listed=self.audit)


@dataclass(frozen=True, kw_only=True)
class StepShare(Answer):
    """How many of the sequences that a checkpoint had seen were measured there, and how many were memorized."""

    step: int
    measured: int
    memorized: int
    asked: int
    """Those measured, or left out by adaptive jobs."""

    @property
    def share(self) -> float | None:
        """Memorized / measured; None where nothing was measured, or adaptive jobs chose what."""
        return self.memorized / self.measured if self.measured and self.asked == self.measured else None

    @property
    def share_at_least(self) -> float | None:
        """Memorized / asked: the share, or a lower bound of it where adaptive jobs left sequences out."""
        return self.memorized / self.asked if self.asked else None

    def to_json(self) -> dict[str, Any]:
        """The fields, those of subclasses too, and behind them the shares."""
        return {**super().to_json(), "share": self.share, "share_at_least": self.share_at_least}


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The adaptive jobs of a measurement, and what its finished jobs have measured, of the contents that are present."""

    schedule: Schedule
    plans: tuple[AdaptivePlan, ...]
    """Those whose refinement is planned: before that, nothing is left out."""
    finished: tuple[Selection, ...]

    @cached_property
    def adaptive(self) -> tuple[AdaptivePlan, ...]:
        """The adaptive jobs that answers rest on: they left out what no finished job has measured."""
        return tuple(plan for plan in self.plans if any(self._leaves_out(plan, step) for step in plan.refined))

    def asked(self, step: int, measured: int) -> int:
        """How many of the sequences seen by a step were measured there, `measured`, or left out by adaptive jobs.

        Exact where the jobs that measured there are finished; too many rather than too few while some are not.
        """
        refining = [plan.selection for plan in self.adaptive if step in plan.refined]
        if not refining:
            return measured
        # Jobs that are not finished have measured too, and nobody knows yet which sequences.
        unexplained = max(0, measured - self._asked_by_jobs(step))
        return min(self._asked_by_jobs(step, *refining) + unexplained, len(self.schedule.sequences_seen(step)))

    def of_sequence(self, sequence: int, measured: Collection[int]) -> tuple[AdaptivePlan, ...]:
        """The adaptive jobs that left a sequence out at some step; `measured` are the steps at which it was measured."""
        alone = SequenceRange(sequence, sequence + 1)
        return tuple(
            plan
            for plan in self.plans
            if any(step not in measured and plan.selection.count(self.schedule, step, alone) for step in plan.refined)
        )

    def _leaves_out(self, plan: AdaptivePlan, step: int) -> bool:
        return self._asked_by_jobs(step, plan.selection) > self._asked_by_jobs(step)

    def _asked_by_jobs(self, step: int, *others: Selection) -> int:
        return count_union([*self._readable, *others], self.schedule, step)

    @cached_property
    def _readable(self) -> tuple[Selection, ...]:
        return tuple(selection for selection in self.finished if not selection.is_lost)


def read_coverage(database: Database, connection: Connection, model: Model, measurement: Measurement) -> Coverage:
    """The coverage of a measurement of a model."""
    rows = jobs_of_measurement(connection, measurement.id)
    if not rows:
        return Coverage(schedule=model.schedule, plans=(), finished=())
    folder = lists_folder(database)
    selections = {row.id: Selection.from_json(row.specification, folder) for row in rows}
    # A later refinement of a grid, planned when a checkpoint had another content, takes the place of an earlier one.
    refinements = {_part(row)["grid"]: row for row in rows if _part(row).get("role") == REFINEMENT}
    plans = tuple(
        _plan(model.name, selections[row.id], row, refinements[row.id], folder) for row in rows if row.id in refinements
    )
    present = (row for row in rows if plans and _is_of(model, measurement, selections[row.id], row))
    return Coverage(
        schedule=model.schedule,
        plans=plans,
        finished=tuple(selections[row.id] for row in present if row.finished_at is not None),
    )


def read_plan(database: Database, connection: Connection, model: str, grid: int) -> AdaptivePlan:
    """The adaptive job whose grid is a job of this id."""
    folder = lists_folder(database)
    row = job_row(connection, grid)
    assert row is not None
    others = jobs_of_measurement(connection, row.measurement_id)
    refinements = [other for other in others if _part(other).get("grid") == grid]
    on_grid = Selection.from_json(row.specification, folder)
    return _plan(model, on_grid, row, refinements[-1] if refinements else None, folder)


def _part(row: AnyRow) -> Mapping[str, Any]:
    part: Mapping[str, Any] = row.specification.get("part") or {}
    return part


def _is_of(model: Model, measurement: Measurement, selection: Selection, row: AnyRow) -> bool:
    """Whether a job was planned for the contents that its checkpoints have now."""
    try:
        chosen = [model.checkpoint(step) for step in selection.steps]
    except UnknownCheckpoint:
        return False
    digest: str = row.plan_digest
    return digest == plan_digest(measurement, selection, model, chosen, row.specification.get("part"))


def _plan(model: str, on_grid: Selection, grid: AnyRow, refinement: AnyRow | None, folder: Path) -> AdaptivePlan:
    part, refined = _part(grid), {} if refinement is None else refinement.specification
    return AdaptivePlan(
        model=model,
        grid_job=grid.id,
        refinement_job=None if refinement is None else refinement.id,
        selection=replace(on_grid, steps=tuple(part["steps"])),
        grid=on_grid.steps,
        audit=SequenceList.from_json(part["audit"], folder),
        seed=part["seed"],
        memorized=refined["part"]["memorized"] if refined else None,
        missed=MissRate.from_counts(refined["missed"]) if "missed" in refined else None,
    )
