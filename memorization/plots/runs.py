"""Charts of a run's own course: its learning rate by step."""

from __future__ import annotations

from typing import Any

from seenat.memorization.plots.axes import step_axis
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.registry.errors import NothingToDraw

__all__ = ["learning_rate_chart"]


def learning_rate_chart(model: Any) -> Any:
    """The learning rate of a model by step, from its `learning_rates`; raises `NothingToDraw` where none is known."""
    altair = altair_or_refuse()
    rows = [{"step": rate.step, "rate": rate.learning_rate} for rate in model.learning_rates]
    if not rows:
        raise NothingToDraw(f"How the learning rate of {model.name} decayed is not known, so there is nothing to draw.")
    return (
        altair.Chart(altair.Data(values=rows), width=440, height=200)
        .mark_line()
        .encode(
            x=step_axis(altair, [row["step"] for row in rows]),
            y=altair.Y("rate:Q", title="learning rate", axis=altair.Axis(format=".0e")),
            tooltip=[altair.Tooltip("step:Q", format=","), altair.Tooltip("rate:Q", format=".3e")],
        )
    )
