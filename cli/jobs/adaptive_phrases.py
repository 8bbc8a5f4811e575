"""Adaptive jobs in words: what they will cost, what they did cost, and what they missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seenat.cli.framework.output import plural, share
from seenat.cli.framework.phrases import miss_words
from seenat.registry.units import parse_count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from seenat.memorization.adaptive.adaptive_job import AdaptiveJob
    from seenat.registry.catalog.models import Model

__all__ = ["adaptive_facts", "coarse_of", "cost_words", "outcome_words", "part_words"]


def coarse_of(model: Model, text: str | None) -> int | tuple[int, ...] | None:
    """How many checkpoints the grid shall have, or which: steps have a comma between them."""
    if text is None:
        return None
    if "," in text:
        return tuple(sorted({model.checkpoint(part).step for part in text.split(",") if part.strip()}))
    return parse_count(text, "number of checkpoints")


def cost_words(planned: AdaptiveJob) -> tuple[str, str]:
    """What an adaptive job will do and cost; before the grid is measured, what each percent that it finds adds."""
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
    """What an adaptive job did cost and missed."""
    measured = sum(part.progress.measured for part in finished.parts)
    reused = sum(part.progress.reused for part in finished.parts)
    return (
        f"Adaptive job {finished.grid.id} of {finished.grid.model}: {_cells_words(finished)}; "
        f"{plural(measured, 'value')} measured, {reused:,} measured before.\n{miss_words(finished.plan.to_json())}"
    )


def adaptive_facts(found: AdaptiveJob) -> list[tuple[str, str]]:
    """The adaptive job that a job is a part of, as names and values."""
    parts = " and ".join(f"job {part.id} ({part.state})" for part in found.parts)
    return [
        ("adaptive job", f"{found.grid.id}, {found.state}: {parts}"),
        ("whole", _cells_words(found)),
        ("missed", miss_words(found.plan.to_json())),
    ]


def part_words(part: Mapping[str, Any] | None) -> str | None:
    """What a job is a part of: `grid`, `refinement of 4`."""
    if part is None:
        return None
    return f"{part['role']} of {part['grid']}" if "grid" in part else str(part["role"])


def _cells_words(found: AdaptiveJob) -> str:
    exact = f"of the exact job's {found.exact_cells:,} cells"
    if found.cells is None:
        return f"an unknown number {exact}, since its list of sequences is lost (the same command lists them again)"
    return f"{found.cells:,} {exact}, {share(found.cells / found.exact_cells)}"
