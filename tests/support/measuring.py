"""Planning and running jobs in a few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.runners.local import Advance, run_job
from seenat.memorization.jobs.status import Job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.units import SequenceRange

__all__ = ["measure", "plan"]


def plan(
    catalog: Catalog,
    name: str,
    protocol: Protocol | None = None,
    *,
    steps: tuple[int, ...] | None = None,
    sequences: SequenceRange | None = None,
    **selection: Any,
) -> Job:
    """Plan a job over some checkpoints and sequences, or all."""
    model = catalog.model(name)
    asked = Selection(steps=steps or model.schedule.saved, sequences=sequences or model.order.sequences, **selection)
    return plan_job(catalog, model, protocol or Protocol(), asked)


def measure(
    catalog: Catalog, *arguments: Any, progress: Callable[[Advance], None] = lambda _: None, **selection: Any
) -> Job:
    """Plan a job in the same way and run it, one `Advance` after another to `progress`."""
    return run_job(catalog, plan(catalog, *arguments, **selection), device="cpu", progress=progress)
