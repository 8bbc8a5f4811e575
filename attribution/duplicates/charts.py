"""Charts of duplicates, repeats and exposures, drawn by `seenat.memorization.plots.save`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from seenat.attribution.duplicates.answers import Duplicates, Repeats
from seenat.attribution.duplicates.exposure_answers import MemorizedExposures
from seenat.memorization.plots.axes import COLOURS, by_model
from seenat.memorization.plots.figure import captioned
from seenat.memorization.plots.intervals import INTERVALS, wilson
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.registry.errors import NothingToDraw

__all__ = ["chart_of"]

_WIDTH, _HEIGHT = 360, 240
# A power of 2 has a tick where the last tick is so many times as far.
_APART = 1.3


@singledispatch
def chart_of(answer: object) -> Any:
    """The chart of an answer; raises `NothingToDraw` where it would be empty."""
    raise NothingToDraw(f"{type(answer).__name__} has no chart; print it with --json.")


@chart_of.register
def _duplicates(answer: Duplicates) -> Any:
    """How many contents are held by how many sequences; both axes are logarithmic."""
    rows = [{"times": one.times, "contents": one.contents} for one in answer.by_times if one.times > 1]
    if not rows:
        raise NothingToDraw(f"No content of the sequences {answer.sequences} of {answer.order} is repeated.")
    altair = altair_or_refuse()
    x = _logarithmic(altair, altair.X, "times", "sequences that hold a content", [row["times"] for row in rows])
    y = _logarithmic(altair, altair.Y, "contents", "contents", [row["contents"] for row in rows])
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH, height=_HEIGHT)
    points = base.mark_point(filled=True, size=40, opacity=1, color=COLOURS[0])
    chart = points.encode(x=x, y=y, tooltip=["times:Q", "contents:Q"])
    words = f"Contents by how many of {len(answer.sequences):,} sequences hold them, at positions {answer.window}."
    return captioned(altair, chart, f"Repeated contents of {answer.order}", words)


@chart_of.register
def _repeats(answer: Repeats) -> Any:
    """How many maximal repeats have at least so many ids."""
    if not answer.by_length:
        raise NothingToDraw(
            f"{answer.order} has no repeat of at least {answer.minimum} ids; choose a smaller --minimum."
        )
    rows, longer = [], 0
    for one in reversed(answer.by_length):
        longer += one.repeats
        rows.append({"length": one.length, "repeats": longer})
    altair = altair_or_refuse()
    x = _logarithmic(altair, altair.X, "length", "ids of a repeat", [row["length"] for row in rows])
    y = _logarithmic(
        altair, altair.Y, "repeats", "maximal repeats of at least so many ids", [row["repeats"] for row in rows]
    )
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH, height=_HEIGHT)
    lines = base.mark_line(interpolate="step-before", color=COLOURS[0]).encode(
        x=x, y=y, tooltip=["length:Q", "repeats:Q"]
    )
    words = f"Maximal repeats at any offset of {len(answer.sequences):,} sequences, by their least length."
    return captioned(altair, lines, f"Repeats of {answer.order}", words)


@chart_of.register
def _exposures(answer: MemorizedExposures) -> Any:
    """The share of memorized sequences whose onset came by so many exposures, between its two bounds."""
    rows: list[dict[str, Any]] = []
    before, by = 0, 0
    for total in answer.totals:
        before += total.before
        by += total.sequences
        rows.append(
            {
                "model": answer.model,
                "exposures": total.exposures,
                "low": by / answer.memorized,
                "high": before / answer.memorized,
                "least": wilson(by, answer.memorized)[0],
                "most": wilson(before, answer.memorized)[1],
            }
        )
    altair = altair_or_refuse()
    largest = answer.totals[-1].exposures
    x = altair.X(
        "exposures:Q",
        title="exposures of the measured window",
        # 0 has no logarithm; this scale is linear up to 1.
        scale=altair.Scale(type="symlog", constant=1, domain=[0, max(1, largest)], nice=False),
        axis=altair.Axis(values=_to_the_last(largest), format=",d", labelOverlap=True, labelFlush=False),
    )
    share = {"axis": altair.Axis(format="%"), "scale": altair.Scale(domain=[0, 1])}
    words = {"title": "share of memorized sequences", **share}
    colour = by_model(altair, [answer.model], legend=False)
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH, height=_HEIGHT).encode(x=x, **colour)
    y = altair.Y("low:Q", **words)
    wide = base.mark_area(interpolate="step-after", opacity=0.15).encode(y=altair.Y("least:Q", **words), y2="most:Q")
    band = base.mark_area(interpolate="step-after", opacity=0.3).encode(y=y, y2="high:Q")
    line = base.mark_line(interpolate="step-after").encode(y=y, tooltip=["exposures:Q", "low:Q", "high:Q"])
    return captioned(
        altair,
        wide + band + line,
        f"{answer.model}: memorized by so many exposures",
        f"n = {answer.memorized:,} memorized sequences. Line: exposures by the checkpoint of the onset; band: up to those by the "
        f"checkpoint before it. Pale: {INTERVALS} of both ends.",
    )


def _logarithmic(altair: Any, channel: Any, field: str, title: str, values: Sequence[int]) -> Any:
    octaves = _octaves(values)
    return channel(
        f"{field}:Q",
        title=title,
        scale=altair.Scale(type="log", base=2, domain=[octaves[0] / 1.3, octaves[-1] * 1.3], nice=False),
        axis=altair.Axis(values=octaves, format=",d", labelOverlap=True, labelFlush=False),
    )


def _to_the_last(largest: int) -> list[int]:
    """0, the powers of 2 that are well below the largest value, and it."""
    return [0, *(octave for octave in _octaves([1, max(2, largest)]) if octave * _APART <= largest), max(1, largest)]


def _octaves(values: Sequence[int]) -> list[int]:
    """The powers of 2 from below the least value to above the largest."""
    low, high = max(1, min(values)).bit_length() - 1, (max(1, max(values)) - 1).bit_length()
    return [2**power for power in range(low, max(high, low + 1) + 1)]
