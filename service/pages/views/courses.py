"""Trajectories as small multiples on one axis of steps, one a model.

Their points are written here and not by a template, which takes five times as long: eight models with 154 checkpoints have 1,232.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from seenat.registry.printable import printable
from seenat.service.pages.views.empty import Missing

__all__ = ["Course", "CourseMark", "courses_of"]

_WIDTH, _HEIGHT = 300, 90
"""Of a small multiple, in units of its drawing."""


@dataclass(frozen=True, kw_only=True)
class CourseMark:
    """A measured step within a small multiple."""

    x: float
    y: float
    step: int
    value: int
    seen: bool
    is_memorized: bool


@dataclass(frozen=True, kw_only=True)
class Course:
    """One model's trajectory as a small multiple; all of them share the axis of steps."""

    model: str
    protocol: str
    marks: list[CourseMark]
    seen_x: float | None
    """Where the first checkpoint stands that had seen it."""
    exposures: list[float]
    onset: int | None
    forgotten: list[int]
    relearned: list[int]
    width: int = _WIDTH
    height: int = _HEIGHT

    @property
    def line(self) -> str:
        """Its points as a polyline has them."""
        return " ".join(f"{mark.x},{mark.y}" for mark in self.marks)

    @property
    def words(self) -> str:
        """What it shows, for those who do not see it."""
        return f"{self.model}: {', '.join(f'step {mark.step} {mark.value}' for mark in self.marks)}"

    def dots(self, base: str) -> Markup:
        """Its points, each a link to its step of the page at `base`."""
        name, address = escape(printable(self.model)), escape(base)
        return Markup(
            "".join(
                f'<a href="{address}?step={mark.step}" aria-label="{name}, step {mark.step:,}: {mark.value} reproduced">'
                f'<circle class="{"dot full" if mark.is_memorized else "dot"}" cx="{mark.x}" cy="{mark.y}" r="4.5"/></a>'
                for mark in self.marks
            )
        )


def courses_of(
    trajectories: Sequence[Mapping[str, Any]],
    own: Mapping[str, Any] | None,
    steps: int,
    exposures: Sequence[Mapping[str, Any]] | Missing,
) -> list[Course]:
    """A small multiple for each model that was measured by the page's protocol."""
    if own is None:
        return []
    batches = [] if isinstance(exposures, Missing) else [exposure["batch"] for exposure in exposures]
    alike = [entry for entry in trajectories if entry["protocol"] == own["protocol"] and "prefix" in entry["points"][0]]
    return [_course(entry, steps, batches) for entry in alike]


def _course(trajectory: Mapping[str, Any], steps: int, batches: Sequence[int]) -> Course:
    whole, onset = trajectory["protocol"]["continuation"], trajectory["onset"]
    first = trajectory["first_checkpoint_seen"]

    def place(step: float) -> float:
        return round(_WIDTH * step / max(1, steps), 1)

    return Course(
        model=trajectory["model"],
        protocol=trajectory["protocol"]["id"],
        marks=[
            CourseMark(
                x=place(point["step"]),
                y=round(_HEIGHT * (1 - point["prefix"] / whole), 1),
                step=point["step"],
                value=point["prefix"],
                seen=point["seen"],
                is_memorized=point["memorized"],
            )
            for point in trajectory["points"]
        ],
        seen_x=None if first is None else place(first),
        exposures=sorted({place(batch) for batch in batches}),
        onset=None if onset is None else onset["step"],
        forgotten=list(trajectory["forgotten"]),
        relearned=list(trajectory["relearned"]),
    )
