"""The main job on the pocket suite, end to end: train it, register it, measure it, and say when what was memorized.

It uses nothing that a user's own suite could not use. The pocket suite repeats some sequences up to 64 times on purpose, so
that its three small models show in a minute what large ones show in years: larger models memorize more, and what is
repeated more is memorized earlier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seenat.memorization.plots.axes import step_axis
from seenat.memorization.plots.figure import captioned, panel_title
from seenat.memorization.plots.intervals import INTERVALS, interval_marks, share_row
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.pocket.text.order import repetitions
from seenat.memorization.queries.trajectories import measured_values
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model

__all__ = ["ClassOutcome", "demo_chart", "often_seen", "outcomes"]

# Whole words on one line, not the first of the sequence, which may be half of one.
_WORDS = re.compile(r"\b\W+\b([A-Za-z]+(?: [A-Za-z]+){6,10})\b")
# From the most repeated to what occurs once; each is seen on light and on dark ground.
_COLOURS = ("#7b3294", "#3f62b0", "#17869e", "#3d9a50", "#a58a1a", "#d0762a")


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


def often_seen(model: Model, times: int = 8) -> str | None:
    """Some words of a sequence that occurs so often in what a model was trained on; None where none has enough."""
    trained = model.schedule.sequences_seen(model.schedule.steps)
    repeated = repetitions(model.order.source().tokens(trained).astype(np.uint16), len(trained))
    for index in np.flatnonzero(repeated == times).tolist():
        if (words := _WORDS.search(model.order[index].text())) is not None:
            return words[1]
    return None


def demo_chart(found: tuple[ClassOutcome, ...]) -> Any:
    """A panel a model, from the smallest: share memorized over steps with its interval, a line a repetition class."""
    altair = altair_or_refuse()
    names = list(dict.fromkeys(outcome.model for outcome in found))
    classes = [f"{times}x" for times in sorted({outcome.times for outcome in found}, reverse=True)]
    rows = [
        {
            "model": outcome.model,
            "repeated": f"{outcome.times}x",
            "step": step,
            "share": memorized / outcome.sequences,
            **share_row(memorized, outcome.sequences),
        }
        for outcome in found
        for step, memorized in zip(outcome.steps, outcome.memorized, strict=True)
    ]
    panels = [_demo_panel(altair, [row for row in rows if row["model"] == name], classes) for name in names]
    sizes = sorted({outcome.sequences for outcome in found})
    return captioned(
        altair,
        altair.hconcat(*panels),
        "Larger models memorize more; what is repeated more, earlier",
        f"Sequences by how often they occur in training (n = {sizes[0]:,} to {sizes[-1]:,} a line), with {INTERVALS}.",
        "Memorized: greedy decoding from 32 ids gives the next 32.",
    )


def _demo_panel(altair: Any, rows: list[dict[str, Any]], classes: list[str]) -> Any:
    y = {"title": "share memorized", "axis": altair.Axis(format="%"), "scale": altair.Scale(domain=[0, 1])}
    colour = altair.Color(
        "repeated:N", title="repeated", sort=classes, scale=altair.Scale(domain=classes, range=list(_COLOURS))
    )
    x = step_axis(altair, [row["step"] for row in rows], telling=[row["step"] for row in rows if row["share"]])
    base = altair.Chart(
        altair.Data(values=rows), width=220, height=260, title=panel_title(altair, rows[0]["model"])
    ).encode(x=x, color=colour)
    lines = base.mark_line(point={"size": 24}, strokeWidth=2).encode(
        y=altair.Y("share:Q", **y),
        tooltip=["model:N", "repeated:N", "step:Q", altair.Tooltip("share:Q", format=".1%")],
    )
    return interval_marks(altair, base, rows, y) + lines
