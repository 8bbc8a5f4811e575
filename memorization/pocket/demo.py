"""The main job on the pocket suite, end to end: train it, register it, measure it, and say when what was memorized.

It uses nothing that a user's own suite could not use. The pocket suite repeats some sequences up to 64 times on purpose, so
that its three small models show in a minute what large ones show in years: larger models memorize more, and what is
repeated more is memorized earlier.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seenat.memorization.plots.axes import step_axis
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.pocket.text.order import repetitions
from seenat.memorization.queries.trajectories import measured_values
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model

__all__ = ["ClassOutcome", "demo_chart", "outcomes"]


@dataclass(frozen=True, kw_only=True)
class ClassOutcome:
    """What one model did with the sequences that were repeated equally often."""

    model: str
    times: int
    """How often each of them occurs in the trained part of the order."""
    sequences: int
    """How many different ones."""
    steps: tuple[int, ...]
    memorized: tuple[int, ...]
    """How many of them each checkpoint had memorized, seen by then or not."""
    onset_steps: tuple[int, ...]
    """Ascending; the first step at which each of those was memorized that are so at the last checkpoint."""

    @property
    def median_onset(self) -> int | None:
        """The middle one of the onsets, of two the lower; None when there is none."""
        return self.onset_steps[(len(self.onset_steps) - 1) // 2] if self.onset_steps else None

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {
            "model": self.model,
            "times": self.times,
            "sequences": self.sequences,
            "steps": list(self.steps),
            "memorized": list(self.memorized),
            "median_onset": self.median_onset,
        }


def outcomes(catalog: Catalog, models: tuple[Model, ...]) -> tuple[ClassOutcome, ...]:
    """The outcomes of every model and repetition class, models as given, classes from the most repeated."""
    return tuple(outcome for model in models for outcome in _outcomes(catalog, model))


def _outcomes(catalog: Catalog, model: Model) -> Iterator[ClassOutcome]:
    trained = model.schedule.sequences_seen(model.schedule.steps)
    rows = model.order.source().tokens(trained)
    times = repetitions(rows.astype(np.uint16), len(trained))
    _, first = np.unique(rows, axis=0, return_index=True)
    found = measured_values(catalog, model, trained)
    memorized = found.memorized[:, first]
    for repeated in sorted(set(times[first].tolist()), reverse=True):
        chosen = memorized[:, times[first] == repeated]
        last = chosen[-1]
        yield ClassOutcome(
            model=model.name,
            times=repeated,
            sequences=chosen.shape[1],
            steps=found.steps,
            memorized=tuple(chosen.sum(axis=1).tolist()),
            onset_steps=tuple(sorted(found.steps[place] for place in chosen[:, last].argmax(axis=0).tolist())),
        )


def demo_chart(found: tuple[ClassOutcome, ...]) -> Any:
    """A panel a model, from the smallest: share memorized over steps, a line a repetition class."""
    altair = altair_or_refuse()
    names = list(dict.fromkeys(outcome.model for outcome in found))
    classes = [f"{times}x" for times in sorted({outcome.times for outcome in found}, reverse=True)]
    rows = [
        {"model": outcome.model, "repeated": f"{outcome.times}x", "step": step, "share": memorized / outcome.sequences}
        for outcome in found
        for step, memorized in zip(outcome.steps, outcome.memorized, strict=True)
    ]
    return (
        altair.Chart(altair.Data(values=rows), width=250, height=280)
        .mark_line(point=True, strokeWidth=2.5)
        .encode(
            x=step_axis(altair, [row["step"] for row in rows]),
            y=altair.Y("share:Q", title="share of its sequences memorized", axis=altair.Axis(format="%")),
            color=altair.Color(
                "repeated:N", title="repeated", sort=classes, scale=altair.Scale(scheme="viridis", reverse=True)
            ),
            column=altair.Column("model:N", title=None, sort=names, header=altair.Header(labelFontSize=14)),
            tooltip=["model:N", "repeated:N", "step:Q", altair.Tooltip("share:Q", format=".1%")],
        )
        .properties(title="Larger models memorize more; what is repeated more, earlier")
    )
