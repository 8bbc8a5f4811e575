"""What charts share: the axis of steps, axes that start at 0, and for each model its colour and place.

Every function takes the altair module, which is imported only where something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from seenat.memorization.plots.figure import look

__all__ = ["COLOURS", "by_model", "from_zero", "in_place", "step_axis", "step_scale", "undashed", "whole_numbers"]

_STEP = "step (optimizer updates)"

# Ten hues that are told apart by most people who see few, each with a contrast of 3 or more on white and on the dark pages' ground.
COLOURS = (
    *("#1f77b4", "#d95f02", "#1b9e77", "#e7298a", "#7570b3"),
    *("#8c6d31", "#17869e", "#6b8e23", "#c0392b", "#767676"),
)
_DASHES = ([1, 0], [6, 3], [2, 2], [9, 3, 2, 3], [1, 4], [12, 3])

# Up to this count every number has a tick; ticks that are left to Vega fall between whole numbers there.
_EACH = 10

# Rows of a legend: about as many as a chart is high.
_LEGEND_ROWS = 20

# Steps are spaced by their logarithm where so many distances, or this share of all, are less than an eighth of the mean one, and
# lie within the first eighth of the axis.
_CLOSE, _SHARE, _LITTLE = 3, 0.25, 8

# Where more than this part of an axis would lie before the first step, it begins there instead of at 0.
_EMPTY = 3


def step_axis(altair: Any, steps: Iterable[Any], marks: Iterable[Any] = (), telling: Iterable[Any] = ()) -> Any:
    """The x of `step`, to the last step exactly, with ticks at it and at `marks`; its scale is the one asked for, or suits the steps.

    `telling` are the steps at which something is other than nothing: where early ones are not, a logarithm would draw little else.
    """
    steps = [*steps, *marks]
    kind, first, last = step_scale(steps, telling)
    # From 0 to the first step after it there is nothing to see: that part is short.
    more = {"constant": min(step for step in [*steps, last] if step > 0)} if kind == "symlog" else {}
    return altair.X(
        "step:Q",
        title=_STEP,
        scale=altair.Scale(type=kind, domain=[first, last], nice=False, **more),
        axis=altair.Axis(format=",d", labelFlush=False, values=list(marks)),
    )


def step_scale(steps: Sequence[int], telling: Iterable[int] = ()) -> tuple[str, int, int]:
    """The scale of steps, and the ends of its axis: `symlog` and `log` where early ones are close, log only without step 0."""
    last, since = max([1, *steps]), min(telling, default=0)
    before = max((step for step in steps if step < since), default=0)
    is_logarithmic = _is_logarithmic([step for step in steps if step >= before])
    kind = look().x or (("symlog" if 0 in steps else "log") if is_logarithmic else "linear")
    first = min((step for step in steps if step > 0), default=1) if kind == "log" else 0
    if kind == "linear" and min(steps, default=0) * _EMPTY > last:
        first = min(steps)
    return kind, (first if first < last else 0 if kind != "log" else 1), max(last, 2 if kind == "log" else 1)


def _is_logarithmic(steps: Sequence[int]) -> bool:
    ascending = sorted(set(steps))
    gaps = [(later - earlier, later) for earlier, later in pairwise(ascending)]
    if not gaps:
        return False
    mean = (ascending[-1] - ascending[0]) / len(gaps)
    close = sum(gap * _LITTLE < mean and later * _LITTLE < ascending[-1] for gap, later in gaps)
    return close >= min(_CLOSE, max(1, _SHARE * len(gaps)))


def whole_numbers(altair: Any, largest: int, **more: Any) -> Any:
    """The axis of counts from 0 to a largest: no fractions, and labels below their own ticks, apart from each other."""
    every = {"values": list(range(max(1, largest) + 1))} if largest <= _EACH else {}
    return altair.Axis(format=",d", labelFlush=False, labelOverlap=True, labelSeparation=4, **every, **more)


def from_zero(altair: Any, values: Iterable[Any]) -> Any:
    """The scale of what is never negative: it starts at 0, and ends at 1 where nothing is more than 0."""
    return altair.Scale() if any(values) else altair.Scale(domain=[0, 1])


def in_place(names: Iterable[str]) -> list[str]:
    """Names of models, or of lines of them (`pocket-2m, earlier`), as the catalog lists the models; others behind, as given."""
    known = {name: place for place, name in enumerate(look().places)}
    return sorted(dict.fromkeys(names), key=lambda name: known.get(_model(name), len(known)))


def by_model(altair: Any, names: Iterable[str], *, legend: bool = True) -> dict[str, Any]:
    """Encodings that give each model its own colour, the same in every figure; of more than ten, its own colour and dashes.

    Names are never cut off in the legend.
    """
    looks = _looks(names)
    names = list(looks)
    is_dashed = any(dash for _, dash in looks.values())
    colours = altair.Scale(domain=names, range=[COLOURS[colour] for colour, _ in looks.values()])
    key = _legend(altair, len(names), is_dashed=is_dashed) if legend else None
    encodings = {"color": altair.Color("model:N", title="model", sort=names, scale=colours, legend=key)}
    if is_dashed:
        dashes = altair.Scale(domain=names, range=[_DASHES[dash] for _, dash in looks.values()])
        encodings["strokeDash"] = altair.StrokeDash("model:N", title="model", sort=names, scale=dashes, legend=key)
    return encodings


def undashed(altair: Any, chart: Any) -> Any:
    """The chart without its lines' dashes: for areas, which have none, and for bars."""
    chart = chart.copy(deep=["encoding"])  # What is drawn stays the same object, so that layers share it.
    chart.encoding.strokeDash = altair.Undefined
    return chart


def _legend(altair: Any, names: int, *, is_dashed: bool) -> Any:
    strokes = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2} if is_dashed else {}
    return altair.Legend(labelLimit=0, symbolOpacity=1, columns=-(-names // _LEGEND_ROWS), **strokes)


def _looks(names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Of each name, in its place: the colour and the dashes.

    Both follow from the model's place in its suite. Where two lines would look alike, of two suites or of one model, the later one
    has the next dashes. Lines of one model alone have colours of their own.
    """
    places, unknown, names = look().places, 0, in_place(names)
    if len(names) > 1 and len({_model(name) for name in names}) == 1:
        return {name: (place % len(COLOURS), place // len(COLOURS) % len(_DASHES)) for place, name in enumerate(names)}
    found: dict[str, tuple[int, int]] = {}
    for name in names:
        place = places.get(_model(name))
        if place is None:
            place, unknown = unknown, unknown + 1
        colour, dash = place % len(COLOURS), place // len(COLOURS) % len(_DASHES)
        while (colour, dash) in found.values() and len(found) < len(COLOURS) * len(_DASHES):
            dash = (dash + 1) % len(_DASHES)
            colour = colour if dash else (colour + 1) % len(COLOURS)
        found[name] = (colour, dash)
    return found


def _model(name: str) -> str:
    """The model of a line: `pocket-2m` of `pocket-2m, earlier`."""
    return name.partition(", ")[0]
