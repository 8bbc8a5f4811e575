"""The chart of the page: rows a second of one core, a point a way of measuring, a panel a shape, on a log scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.plots.save import save

__all__ = ["Bar", "draw"]


class Bar(NamedTuple):
    """A rate of one variant at one shape."""

    shape: str
    name: str
    rate: float


def draw(bars: Sequence[Bar], path: Path) -> None:
    """Save the chart as PNG."""
    altair = altair_or_refuse()
    rows = [
        {
            "shape": f"Pythia-{bar.shape}'s shape",
            "way": bar.name.partition(", batch")[0],
            "who": bar.name.partition(",")[0],
            "rate": bar.rate,
            "text": f"{bar.rate:,.0f}" if bar.rate >= 10 else f"{bar.rate:.1f}",
        }
        for bar in bars
    ]
    ways = list(dict.fromkeys(row["way"] for row in rows))
    floor, most = min(bar.rate for bar in bars) / 2, 4 * max(bar.rate for bar in bars)
    x = altair.X(
        "rate:Q",
        title="rows a second of one core",
        scale=altair.Scale(type="log", domain=[floor, most], nice=False),
        axis=altair.Axis(values=[10.0**power for power in range(-2, 7)], format="~g"),
    )
    y = altair.Y("way:N", title=None, sort=ways)
    colour = altair.Color(
        "who:N", legend=None, scale=altair.Scale(domain=["seenat", "generate"], range=["#d62728", "#1f77b4"])
    )
    base = altair.Chart().encode(y=y)
    stems = base.mark_rule(strokeWidth=2).encode(x=altair.X("floor:Q"), x2="rate:Q", color=colour)
    points = base.mark_point(filled=True, size=90, opacity=1).encode(x=x, color=colour)
    labels = base.mark_text(align="left", dx=9).encode(x=x, text="text:N")
    data = altair.Data(values=[{**row, "floor": floor} for row in rows])
    chart = (
        altair.layer(stems, points, labels, data=data)
        .properties(width=300, height=170)
        .facet(column=altair.Column("shape:N", title=None, header=altair.Header(labelFontSize=13)))
        .properties(title="Sequences measured a second: seenat and transformers' generate")
    )
    save(chart, path, force=True)
