"""The chart of `seenat find --plot`: how often a text had been seen, and whether it had stuck, on one axis of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seenat.attribution.find.answers import MeasuredText
from seenat.attribution.find.curve import ExposureCurve
from seenat.memorization.plots.axes import from_zero, step_axis, whole_numbers
from seenat.memorization.plots.figure import MUTED, captioned
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.registry.errors import NothingToDraw

__all__ = ["curve_chart", "found_chart"]

_WIDTH, _HEIGHT = 560, 170
_LONGEST_TITLE = 60
# Of more checkpoints than this the points are small, or they cover each other.
_MANY = 40


def curve_chart(curve: ExposureCurve) -> Any:
    """Exposures so far by step."""
    altair = altair_or_refuse()
    if not curve.count:
        raise NothingToDraw("The text stands nowhere in what was searched, so a chart of its exposures would be empty.")
    chart = _exposures(altair, curve, _own_steps(curve))
    return captioned(altair, chart, _title(curve), _counted(curve))


def found_chart(curve: ExposureCurve, measured: MeasuredText | None) -> Any:
    """Exposures so far by step; below it what checkpoints reproduce, where they were run."""
    altair = altair_or_refuse()
    if measured is None:
        return curve_chart(curve)
    every = [*_own_steps(curve), *(point.step for point in measured.points)]
    chart = altair.vconcat(
        _exposures(altair, curve, every), _reproduced(altair, measured, _steps(altair, curve, every)), spacing=12
    )
    given = f"Below: of the text alone, its first {measured.prompt} ids given, the other {measured.continuation} by greedy decoding."
    return captioned(altair, chart, _title(curve), _counted(curve), given)


def _own_steps(curve: ExposureCurve) -> list[int]:
    """From the beginning of the run to the last exposure, or to the checkpoint that was asked for."""
    return [0, *(point.step for point in curve.points), curve.step or 0]


def _counted(curve: ExposureCurve) -> str:
    places = "once" if curve.count == 1 else f"{curve.count:,} times"
    return f"Seen {places}; each exposure counts from the update that consumed it."


def _exposures(altair: Any, curve: ExposureCurve, every: Sequence[int]) -> Any:
    rows = [
        {"step": 0, "exposures": 0},
        *({"step": point.step, "exposures": point.exposures} for point in curve.points),
        {"step": max(every), "exposures": curve.count},
    ]
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH, height=_HEIGHT)
    y = altair.Y(
        "exposures:Q",
        title="exposures so far",
        scale=from_zero(altair, [curve.count]),
        axis=whole_numbers(altair, curve.count),
    )
    return base.mark_line(interpolate="step-after", color="#1f77b4").encode(
        x=_steps(altair, curve, every), y=y, tooltip=["step:Q", "exposures:Q"]
    )


def _steps(altair: Any, curve: ExposureCurve, every: Sequence[int]) -> Any:
    """The steps of both panels; where the text comes late, they are not spaced by their logarithm."""
    return step_axis(altair, every, telling=[point.step for point in curve.points])


def _reproduced(altair: Any, measured: MeasuredText, x: Any) -> Any:
    rows = [
        {**point.to_json(), "state": "memorized" if point.memorized else "not memorized"} for point in measured.points
    ]
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH, height=_HEIGHT)
    whole = measured.continuation
    y = altair.Y(
        "prefix:Q",
        title=f"ids reproduced, of {whole}",
        scale=altair.Scale(domain=[0, whole]),
        axis=whole_numbers(altair, whole),
    )
    colour = altair.Color(
        "state:N",
        title=None,
        legend=altair.Legend(orient="bottom"),
        scale=altair.Scale(domain=["memorized", "not memorized"], range=["#c0392b", "#1f77b4"]),
    )
    points = base.mark_point(filled=True, size=70 if len(rows) <= _MANY else 16, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        tooltip=["step:Q", "exposures:Q", "prefix:Q", altair.Tooltip("surprisal:Q", format=".3f")],
    )
    return base.mark_line(color=MUTED).encode(x=x, y=y) + points


def _title(curve: ExposureCurve) -> str:
    text = "these ids" if curve.text is None else " ".join(curve.text.split())
    shown = text if len(text) <= _LONGEST_TITLE else f"{text[:_LONGEST_TITLE]}..."
    return f"{shown if curve.text is None else f'“{shown}”'} in {curve.model or curve.order}"
