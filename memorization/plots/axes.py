"""What charts share: the axis of steps, axes that start at 0, and a colour for each model.

Every function takes the altair module, which is imported only where something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["by_model", "from_zero", "step_axis", "whole_numbers"]

_STEP = "step (optimizer updates)"

# Up to this many models colours alone are enough: Vega's default scheme has ten.
_FEW = 10

# Colours of the scheme for more models: ten hues, each dark and light.
_COLOURS = 20

# Even places for dark colours and odd ones for light: with 20 colours, 60 models that differ.
_DASHES = ([1, 0], [6, 3], [2, 2], [9, 3, 2, 3], [1, 4], [12, 3])

# Up to this count every number has a tick; ticks that are left to Vega fall between whole numbers there.
_EACH = 10

# Rows of a legend: about as many as a chart is high.
_LEGEND_ROWS = 20


def step_axis(altair: Any, steps: Iterable[Any]) -> Any:
    """The x of `step`: from 0 to the last step exactly, so that no label crowds at the end of a rounded axis."""
    last = max([1, *steps])
    return altair.X(
        "step:Q",
        title=_STEP,
        scale=altair.Scale(domain=[0, last], nice=False),
        axis=whole_numbers(altair, last),
    )


def whole_numbers(altair: Any, largest: int, **more: Any) -> Any:
    """The axis of counts from 0 to a largest: no fractions, and labels below their own ticks, apart from each other."""
    every = {"values": list(range(max(1, largest) + 1))} if largest <= _EACH else {}
    return altair.Axis(format=",d", labelFlush=False, labelOverlap=True, labelSeparation=4, **every, **more)


def from_zero(altair: Any, values: Iterable[Any]) -> Any:
    """The scale of what is never negative: it starts at 0, and ends at 1 where nothing is more than 0."""
    return altair.Scale() if any(values) else altair.Scale(domain=[0, 1])


def by_model(altair: Any, names: Sequence[str]) -> dict[str, Any]:
    """Encodings that give each model its own colour, in this order; of more than ten, its own colour and dashes.

    Names are never cut off in the legend.
    """
    names = list(dict.fromkeys(names))
    if len(names) <= _FEW:
        legend = altair.Legend(labelLimit=0, symbolOpacity=1)
        scale = altair.Scale(domain=names)
        return {"color": altair.Color("model:N", title="model", sort=names, scale=scale, legend=legend)}
    legend = altair.Legend(
        labelLimit=0,
        symbolOpacity=1,
        symbolType="stroke",
        symbolSize=300,
        symbolStrokeWidth=2,
        columns=-(-len(names) // _LEGEND_ROWS),
    )
    colours = altair.Scale(domain=names, scheme="tableau20")
    dashes = altair.Scale(domain=names, range=[_dash(place) for place in range(len(names))])
    return {
        "color": altair.Color("model:N", title="model", sort=names, scale=colours, legend=legend),
        "strokeDash": altair.StrokeDash("model:N", title="model", sort=names, scale=dashes, legend=legend),
    }


def _dash(place: int) -> list[int]:
    return _DASHES[(place % 2 + 2 * (place // _COLOURS)) % len(_DASHES)]
