"""The chart of exposures at onset: a panel a model, over how often a content occurs in what was read.

A class's point lies at the median of its exposures, with a line from quartile to quartile, and is as large as the share of the
class that was memorized; above it stands how many contents that is. A class of which nothing was memorized has no
exposures: only what stands above it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log2
from typing import Any

from seenat.memorization.plots.axes import by_model, in_place
from seenat.memorization.plots.figure import MUTED, captioned, panel_title, protocol_words
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.studies.exposures import ExposureClass, ExposureOnsets, quantile
from seenat.registry.errors import NothingToDraw

__all__ = ["exposures_chart"]

_WIDTH, _HEIGHT = 260, 240
_PANELS_A_ROW = 3
_SHARES = [0.01, 0.1, 0.5, 1]

# Square pixels of the points of no content and of all of a class.
_AREAS = [15, 220]

# More classes than this are drawn by octaves of their occurrences.
_MOST_CLASSES = 12
# Of classes nearer to each other than this, the labels would lie over each other, and one would be taken for the other's.
_APART = 1.3
_BINNED = "Contents are grouped by how often they occur, each with the nearest power of 2."

# Points of a character of a label.
_LABEL = 5.2

# Octaves between the outermost points and the frame.
_ROOM = 0.4


def exposures_chart(models: Sequence[ExposureOnsets]) -> Any:
    """Exposures at onset by occurrences: median and quartiles, and of how many contents.

    Raises `NothingToDraw` where no model memorized any content.
    """
    altair = altair_or_refuse()
    onsets = [group for answer in models for group in answer.classes if group.memorized]
    if not onsets:
        raise _nothing(models)
    times = _octaves([group.times for answer in models for group in answer.classes])
    exposures = _octaves([value for group in onsets for value in _quartiles(group)])
    names = in_place(answer.model for answer in models)
    colours = by_model(altair, names, legend=False)["color"]
    models = sorted(models, key=lambda answer: names.index(answer.model))
    room = _LABEL * max(len(words) for answer in models for words in _counted(answer).values())
    chart = altair.concat(
        *(_panel(altair, answer, times, exposures, colours, room) for answer in models), columns=_PANELS_A_ROW
    )
    return captioned(
        altair,
        chart,
        "Exposures of a content when it was memorized first",
        protocol_words(models[0].protocol, models[0].where),
        "Points: medians over the contents that were memorized, as large as their share; bars: quartiles. A class of which none was "
        "memorized has no point.",
        _BINNED if any(_is_crowded(answer.classes) for answer in models) else "",
    )


def _panel(
    altair: Any, answer: ExposureOnsets, times: list[int], exposures: list[int], colours: Any, room: float
) -> Any:
    title = f"occurrences in what was read, up to step {answer.until:,}"
    below = altair.X("times:Q", title=title, scale=_scale(altair, times), axis=_ticks(altair, times))
    above = altair.X("times:Q", title=title, scale=_scale(altair, times), axis=_counts(altair, answer, room))
    y, x = {"title": "exposures at onset", "scale": _scale(altair, exposures), "axis": _ticks(altair, exposures)}, below
    base = altair.Chart().encode(
        color=colours,
        tooltip=["model:N", "times:Q", "median:Q", "low:Q", "high:Q", "memorized:Q", "contents:Q"],
    )
    rules = base.mark_rule(strokeWidth=2).encode(x=x, y=altair.Y("low:Q", **y), y2="high:Q")
    size = altair.Size(
        "share:Q",
        title="share memorized",
        scale=altair.Scale(domain=[0, 1], range=_AREAS),
        legend=altair.Legend(
            values=_SHARES, format=".0%", symbolType="circle", symbolFillColor=MUTED, symbolStrokeColor=MUTED
        ),
    )
    points = base.mark_point(filled=True, opacity=1).encode(x=above, y=altair.Y("median:Q", **y), size=size)
    rows = [_row(answer.model, group) for group in _binned(answer.classes)]
    return (
        altair.layer(rules, points, data=altair.Data(values=rows))
        .resolve_axis(x="independent")
        .properties(width=_WIDTH, height=_HEIGHT, title=panel_title(altair, answer.model))
    )


def _binned(classes: Sequence[ExposureClass]) -> list[ExposureClass]:
    """The classes; where they are many, those about a power of 2 as one, at the mean occurrences of its contents."""
    if not _is_crowded(classes):
        return list(classes)
    octaves: dict[int, list[ExposureClass]] = {}
    for group in classes:
        octaves.setdefault(round(log2(group.times)), []).append(group)
    return [_together(groups) for groups in octaves.values()]


def _is_crowded(classes: Sequence[ExposureClass]) -> bool:
    times = sorted(group.times for group in classes)
    return len(times) > _MOST_CLASSES or any(later < _APART * one for one, later in pairwise(times))


def _together(groups: Sequence[ExposureClass]) -> ExposureClass:
    contents = sum(group.contents for group in groups)
    return ExposureClass(
        times=round(sum(group.times * group.contents for group in groups) / contents) if contents else groups[0].times,
        contents=contents,
        memorized=sum(group.memorized for group in groups),
        steps=tuple(sorted(step for group in groups for step in group.steps)),
        exposures=tuple(sorted(value for group in groups for value in group.exposures)),
        exposures_before=tuple(sorted(value for group in groups for value in group.exposures_before)),
    )


def _row(model: str, group: ExposureClass) -> dict[str, Any]:
    low, median, high = _quartiles(group)
    return {
        "model": model,
        "times": group.times,
        "median": median,
        "low": low,
        "high": high,
        "memorized": group.memorized,
        "contents": group.contents,
        "share": group.memorized / group.contents,
    }


def _quartiles(group: ExposureClass) -> list[int | None]:
    return [quantile(group.exposures, share) for share in (0.25, 0.5, 0.75)]


def _octaves(values: Sequence[int | None]) -> list[int]:
    """The powers of 2 from below the least value to above the largest, two at least."""
    logarithms = [log2(value) for value in values if value]
    low = floor(min(logarithms))
    return [2**power for power in range(low, max(low + 1, ceil(max(logarithms))) + 1)]


def _scale(altair: Any, octaves: list[int]) -> Any:
    ends = [octaves[0] * 2**-_ROOM, octaves[-1] * 2**_ROOM]
    return altair.Scale(type="log", base=2, domain=ends, nice=False)


def _ticks(altair: Any, octaves: list[int]) -> Any:
    return altair.Axis(values=octaves, format=",d", labelFlush=False, labelOverlap="greedy", labelSeparation=4)


def _counted(answer: ExposureOnsets) -> dict[int, str]:
    """By the occurrences of each class, how many of its contents were memorized, of how many."""
    return {group.times: f"{group.memorized:,} of {group.contents:,}" for group in _binned(answer.classes)}


def _counts(altair: Any, answer: ExposureOnsets, room: float) -> Any:
    """Above the panel, for each class: how many contents were memorized; no two over each other, and as high in every panel."""
    words = _counted(answer)
    return altair.Axis(
        orient="top",
        title="contents memorized, of those measured",
        titleFontWeight="normal",
        values=list(words),
        labelExpr=f"{json.dumps(words)}[datum.value]",
        labelAngle=-90,
        labelOverlap="greedy",
        labelFlush=False,
        minExtent=room,
        grid=False,
    )


def _nothing(models: Sequence[ExposureOnsets]) -> NothingToDraw:
    names = " or ".join(answer.model for answer in models)
    until = max(answer.until for answer in models)
    return NothingToDraw(
        f"No content was memorized by {names} up to step {until:,}, so there are no exposures to draw; choose a "
        f"later --until, or measure later checkpoints with `seenat memorize {models[0].model}{models[0].protocol.options}`."
    )
