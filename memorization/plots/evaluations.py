"""Charts of benchmark results over training: a panel a task, metric and number of examples, a line a model and series."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

from seenat.memorization.plots.axes import by_model, step_axis, undashed
from seenat.memorization.plots.figure import captioned, panel_title
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.registry.errors import InvalidValue
from seenat.registry.evaluations.query import Benchmarks, BenchmarkValue

__all__ = ["benchmark_chart"]

_MOST_PANELS = 12
_PANELS_A_ROW = 3
# So many panels stand two in a row, or all but one place of the second would be empty.
_SQUARE = 4
# Powers of ten below which 2 and 5 times each have ticks too.
_DECADES = 3
# What is no more than 0 has no logarithm.
_LEAST = 1e-9

# Ends of the names of metrics that fall from millions to a few, and so need a logarithmic axis.
_PERPLEXITIES = ("ppl", "perplexity")


def benchmark_chart(models: Sequence[Benchmarks]) -> Any:
    """The results of some models by step, with a band of one standard error.

    Raises `InvalidValue` for more than 12 panels, which nobody could read.
    """
    altair = altair_or_refuse()
    panels: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for results in models:
        for value in results.values:
            panels.setdefault((value.task, value.metric, value.shots), []).append(
                _row(_line(results.model, value), value)
            )
    if len(panels) > _MOST_PANELS:
        raise InvalidValue(
            f"A plot of {len(panels)} tasks and metrics cannot be read; choose at most {_MOST_PANELS} "
            "with --task, --metric and --shots."
        )
    names = list(dict.fromkeys(_line(results.model, value) for results in models for value in results.values))
    width, height = (520, 300) if len(panels) == 1 else (300, 180)
    charts = [
        _panel(altair, key, rows, names).properties(width=width, height=height) for key, rows in sorted(panels.items())
    ]
    return captioned(
        altair,
        altair.concat(*charts, columns=_PANELS_A_ROW if len(charts) != _SQUARE else 2),
        "Benchmark results by step",
        "Bands are one standard error, where it was published.",
    )


def _panel(altair: Any, key: tuple[str, str, int], rows: list[dict[str, Any]], names: list[str]) -> Any:
    task, metric, shots = key
    is_perplexity = metric.endswith(_PERPLEXITIES)
    scale = altair.Scale(zero=False, type="log" if is_perplexity else "linear")
    axis = _decades(altair, rows) if is_perplexity else altair.Axis()
    y = altair.Y("value:Q", title=metric, scale=scale, axis=axis)
    title = panel_title(altair, f"{task}, {shots} example{'s' * (shots != 1)}")
    base = altair.Chart(altair.Data(values=rows), title=title).encode(
        x=step_axis(altair, [row["step"] for row in rows]), **by_model(altair, names)
    )
    band = undashed(altair, base).mark_area(opacity=0.2).encode(y=altair.Y("low:Q", title=metric), y2="high:Q")
    tooltip = ["model:N", "step:Q", altair.Tooltip("value:Q", format=".4f"), "stderr:Q"]
    return band + base.mark_line(point={"size": 24}).encode(y=y, tooltip=tooltip)


def _decades(altair: Any, rows: list[dict[str, Any]]) -> Any:
    """The axis of what spans powers of ten: a tick at each, and between them where they are few."""
    low = floor(log10(max(min(row["low"] for row in rows), _LEAST)))
    high = ceil(log10(max(max(row["high"] for row in rows), _LEAST)))
    parts = (1,) if high - low > _DECADES else (1, 2, 5)
    values = [part * 10**power for power in range(low, high + 1) for part in parts]
    return altair.Axis(values=values, format="~s", labelOverlap=True)


def _line(model: str, result: BenchmarkValue) -> str:
    return model if result.series is None else f"{model}, {result.series}"


def _row(model: str, result: BenchmarkValue) -> dict[str, Any]:
    error = result.error or 0.0
    low = (
        result.value - error if result.value > error else result.value
    )  # A logarithmic axis has no room for less than nothing.
    return {
        "model": model,
        "step": result.step,
        "value": result.value,
        "stderr": result.error,
        "low": low,
        "high": result.value + error,
    }
