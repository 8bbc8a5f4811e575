"""Phrases about adaptive jobs: what they will cost, what they cost, and what they missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seenat.cli.framework.output import plural, share
from seenat.cli.framework.phrases import miss_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from seenat import AdaptiveJob

__all__ = ["adaptive_facts", "cost_words", "outcome_words", "part_words"]


def cost_words(planned: AdaptiveJob) -> tuple[str, str]:
    """What an adaptive job will do, and its cost; until the grid is measured, what each percent that it finds adds."""
    plan = planned.plan
    how = (
        f"Adaptive job {planned.grid.id}: {len(plan.grid)} of {plural(len(plan.selection.steps), 'checkpoint')} over all "
        f"sequences, the others over what these find memorized and {plan.audit.count:,} drawn at random."
    )
    if planned.refinement is not None:
        return how, f"It asks for {_cells_words(planned)}."
    percent = planned.refined_cells_of_all // 100
    return how, (
        f"It asks for {_cells_words(planned)}, and for {percent:,} more with each 1% of the sequences that the grid finds "
        "memorized."
    )


def outcome_words(finished: AdaptiveJob) -> str:
    """What an adaptive job cost, and what it missed."""
    measured = sum(part.progress.measured for part in finished.parts)
    reused = sum(part.progress.reused for part in finished.parts)
    return (
        f"Adaptive job {finished.grid.id} of {finished.grid.model}: {_cells_words(finished)}; "
        f"{plural(measured, 'value')} measured, {reused:,} measured before.\n{miss_words(finished.plan.to_json())}"
    )


def adaptive_facts(whole: AdaptiveJob) -> list[tuple[str, str]]:
    """The adaptive job that a job is a part of, as names and values."""
    parts = " and ".join(f"job {part.id} ({part.state})" for part in whole.parts)
    return [
        ("adaptive job", f"{whole.grid.id}, {whole.state}: {parts}"),
        ("whole", _cells_words(whole)),
        ("missed", miss_words(whole.plan.to_json())),
    ]


def part_words(part: Mapping[str, Any] | None) -> str | None:
    """The role of a job in an adaptive job: `grid`, `refinement of 4`."""
    if part is None:
        return None
    return f"{part['role']} of {part['grid']}" if "grid" in part else str(part["role"])


def _cells_words(job: AdaptiveJob) -> str:
    exact = f"of the exact job's {job.exact_cells:,} cells"
    if job.cells is None:
        return f"an unknown number {exact}, since its list of sequences is lost (the same command lists them again)"
    return f"{job.cells:,} {exact}, {share(job.cells / job.exact_cells)}"
