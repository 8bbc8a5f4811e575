"""Charts of the studies of effects: what having been trained on did, and at which steps checkpoints may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

from seenat.memorization.plots.axes import by_model, in_place, undashed
from seenat.memorization.plots.figure import MUTED, captioned, panel_title, protocol_words, thinned
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.studies.effects.counterfactual import CounterfactualProfile, effect_words
from seenat.memorization.studies.effects.step_labels import LABEL_CONFIDENCE, StepLabels

__all__ = ["counterfactual_chart", "labels_chart"]

_WIDTH, _HEIGHT = 320, 240
_PANELS_A_ROW = 3

# Points of a map of one cohort, less those of the cohort.
_FEW = 40

# Points between two panels, with an axis, and the least that a panel takes.
_GAP, _LEAST = 90, 160

# Distance between the points of two models, in checkpoints.
_ASIDE = 0.1

_WARNING = "#c0392b"

# Points that a label of a discrete axis takes, one above or beside the other.
_ROOM = 16

# Of more points a line than this, intervals are bands.
_MOST_BARS = 40

# Of cells without a value; no number has this colour, on light or dark ground.
_NO_VALUE = "#f3e3ae"

# Points of a cell in which a mark can still be told from others.
_CELL = 8


def counterfactual_chart(profiles: Sequence[CounterfactualProfile]) -> Any:
    """The mean effect by checkpoints since training, a line a model; below, every effect, a panel a model.

    Where trends were not parallel before training, title and axes say difference instead of effect, and a line says of which model.
    """
    altair = altair_or_refuse()
    called = effect_words(profiles)
    names = in_place(profile.model for profile in profiles)
    profiles = sorted(profiles, key=lambda profile: names.index(profile.model))
    maps = altair.concat(
        *(
            _effects_map(profile, _largest_effect(profiles), called, _panel_width(len(profiles)))
            for profile in profiles
        ),
        columns=_PANELS_A_ROW,
    )
    chart = altair.vconcat(_profiles(profiles, names), maps).resolve_scale(color="independent")
    first, title = profiles[0], _effects_title(profiles)
    chart = captioned(
        altair,
        chart.configure_axis(grid=False),
        title,
        _trends(profiles),
        protocol_words(first.protocol, first.where),
        "Difference in differences, compared with sequences that the run "
        f"{'never reads' if first.control == 'never' else 'has not read yet'}.",
        "Above: means over cohorts, with intervals that hold for all points of a model at once with 95 %; 0 by definition at -1.",
        "Below: each cohort, by the first checkpoint that had seen it, at each checkpoint; yellow where there is no effect: at the one "
        "before.",
    )
    if any(profile.parallel is False for profile in profiles):
        chart.title.color = _WARNING
    return chart


_SHAPES = {"domain": ["consistent", "undecided", "inconsistent"], "range": ["circle", "triangle-up", "cross"]}
"""Of verdicts."""


def labels_chart(answer: StepLabels) -> Any:
    """The gap of every checkpoint at every step, and the steps at which it may be; the labels are the diagonal."""
    altair = altair_or_refuse()
    rows = [
        {"label": label.step, "verdict": label.verdict, **boundary.to_json()}
        for label in answer.labels
        for boundary in label.boundaries
    ]
    marks = [
        {"label": label.step, "step": step, "verdict": label.verdict}
        for label in answer.labels
        for step in label.possible
    ]
    steps = [label.step for label in answer.labels]
    size = max(_HEIGHT, min(_HEIGHT * 2, 34 * len(steps)))
    x = _discrete(altair, altair.X, "step", "step at which the gap is", steps, size)
    y = _discrete(altair, altair.Y, "label", "checkpoint, by its label", steps, size)
    largest = max(abs(row["gap"]) for row in rows)
    gaps = (
        altair.Chart(altair.Data(values=rows), width=size, height=size)
        .mark_rect()
        .encode(
            x=x,
            y=y,
            color=altair.Color("gap:Q", title=f"gap ({answer.quantity.unit})", scale=_diverging(altair, largest)),
            tooltip=["label:O", "step:O", "gap:Q", "low:Q", "high:Q", "shown:N", "excluded:N", "verdict:N"],
        )
    )
    is_small = size / len(steps) < _CELL
    found = Counter(label.verdict for label in answer.labels)
    return captioned(
        altair,
        (gaps + _possible(marks, x, y, size / len(steps))).properties(view=altair.ViewBackground(fill=_NO_VALUE)),
        f"{answer.model}: is each checkpoint what its label says?",
        protocol_words(answer.protocol, answer.where),
        f"Gap: {answer.quantity.words} of what was trained on just before a step, less that of what was just after it.",
        f"{'Grey' if is_small else 'Marked'} are the steps at which a checkpoint may be: those that intervals do not exclude which "
        f"hold for all at once with {LABEL_CONFIDENCE:.0%}. One that is what its label says has the diagonal alone.",
        "Yellow: too few sequences beside the step." if len(rows) < len(steps) ** 2 else "",
        f"Of {len(steps):,} labels, {', '.join(f'{found[verdict]:,} {verdict}' for verdict in _SHAPES['domain'])}.",
    )


def _possible(marks: list[dict[str, Any]], x: Any, y: Any, cell: float) -> Any:
    """The steps at which checkpoints may be: a mark a cell, or where cells are too small for marks a shade."""
    altair = altair_or_refuse()
    base = altair.Chart(altair.Data(values=marks)).encode(x=x, y=y, tooltip=["label:O", "step:O", "verdict:N"])
    if cell < _CELL:
        return base.mark_rect(color="black", opacity=0.25)
    shape = altair.Shape(
        "verdict:N",
        title="possible steps, label is",
        scale=altair.Scale(**_SHAPES),
        legend=altair.Legend(symbolStrokeColor=MUTED),
    )
    points = base.mark_point(size=min(70, cell**2 * 0.3), strokeWidth=min(2, cell / 8), opacity=1)
    return points.encode(shape=shape, color=altair.value("black"))


def _profiles(profiles: Sequence[CounterfactualProfile], names: list[str]) -> Any:
    """Mean effects with their intervals by checkpoints since training; 0 by definition at the one before it."""
    altair = altair_or_refuse()
    rows = [{"model": profile.model, **point.to_json()} for profile in profiles for point in profile.profile]
    rows += [{"model": name, "checkpoints_since": -1, "effect": 0, "low": 0, "high": 0} for name in names]
    for row in rows:
        # Side by side, or the intervals of several models cover each other.
        row["place"] = row["checkpoints_since"] + (names.index(row["model"]) - (len(names) - 1) / 2) * _ASIDE
    since = sorted({row["checkpoints_since"] for row in rows})
    is_many = len(since) > _MOST_BARS
    x = altair.X(
        "place:Q",
        title="checkpoints since the first that had seen it",
        axis=altair.Axis(values=_round(since, _WIDTH * 2 / (2 * _ROOM)), format="d"),
        scale=altair.Scale(domain=[since[0] - 0.5, since[-1] + 0.5]),
    )
    title = f"{effect_words(profiles)} ({profiles[0].quantity.unit})"
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH * 2, height=_HEIGHT).encode(
        x=x,
        **by_model(altair, names),
        tooltip=["model:N", "checkpoints_since:Q", "cohorts:Q", "sequences:Q", "effect:Q", "low:Q", "high:Q"],
    )
    lines = base.mark_line(point=not is_many and {"size": 24}).encode(y=altair.Y("effect:Q", title=title))
    marks = undashed(altair, base)
    marks = marks.mark_area(opacity=0.2) if is_many else marks.mark_rule(strokeWidth=1.5)
    intervals = marks.encode(y=altair.Y("low:Q", title=title), y2="high:Q")
    zero = altair.Chart(altair.Data(values=[{"zero": 0}])).mark_rule(color=MUTED).encode(y="zero:Q")
    return zero + intervals + lines


def _effects_title(profiles: Sequence[CounterfactualProfile]) -> str:
    """What is drawn; where trends were not parallel, that it is no effect."""
    label = profiles[0].quantity.label
    if effect_words(profiles) == "effect":
        return f"Effect of having been trained on: {label}"
    return f"NO EFFECT, trends are not parallel. Difference between trained on and not: {label}"


def _trends(profiles: Sequence[CounterfactualProfile]) -> str:
    """Whether the assumption held, model by model."""
    words = {True: "parallel", False: "NOT parallel, so these are no effects", None: "not known"}
    told = "; ".join(f"{profile.model}: {words[profile.parallel]}{_p_value(profile)}" for profile in profiles)
    return f"Trends before training: {told}."


def _p_value(profile: CounterfactualProfile) -> str:
    trends = profile.parallel_trends
    return "" if trends is None else f" (p = {trends.p_value:.2g})"


def _panel_width(panels: int) -> int:
    """As wide as leaves no part below the profile empty."""
    in_row = min(panels, _PANELS_A_ROW)
    return max(_LEAST, (_WIDTH * 2 - _GAP * (in_row - 1)) // in_row)


def _effects_map(profile: CounterfactualProfile, largest: float, called: str, width: int) -> Any:
    """Every effect of one model, by cohort and checkpoint."""
    altair = altair_or_refuse()
    rows = [effect.to_json() for effect in profile.effects]
    steps = sorted({row["step"] for row in rows} | {row["after"] for row in rows})
    cohorts = sorted({row["cohort"] for row in rows})
    height = min(round(_HEIGHT * 0.7), _FEW + 2 * _ROOM * len(cohorts))
    return (
        altair.Chart(altair.Data(values=rows), title=panel_title(altair, profile.model), width=width, height=height)
        .properties(view=altair.ViewBackground(fill=_NO_VALUE))
        .mark_rect()
        .encode(
            x=_discrete(altair, altair.X, "step", "checkpoint (step)", steps, width),
            y=_discrete(altair, altair.Y, "cohort", "first seen by", cohorts, height),
            color=altair.Color(
                "effect:Q", title=f"{called} ({profile.quantity.unit})", scale=_diverging(altair, largest)
            ),
            tooltip=["cohort:O", "after:O", "step:O", "effect:Q", "standard_error:Q", "treated:Q", "controls:Q"],
        )
    )


def _discrete(altair: Any, channel: Any, field: str, title: str, values: Sequence[int], points: float) -> Any:
    """An axis with a cell for each value, and labels at as many as have room."""
    axis = altair.Axis(values=thinned(values, points), format=",d", labelOverlap=False)
    return channel(f"{field}:O", title=title, sort=list(values), scale=altair.Scale(domain=list(values)), axis=axis)


def _round(values: Sequence[int], most: float) -> list[int]:
    """Round ones of ascending whole numbers, 0 among them, at most so many."""
    every = next(
        size for power in range(9) for size in (10**power, 2 * 10**power, 5 * 10**power) if len(values) <= size * most
    )
    return [value for value in values if value % every == 0]


def _largest_effect(profiles: Sequence[CounterfactualProfile]) -> float:
    return max(abs(effect.effect) for profile in profiles for effect in profile.effects)


def _diverging(altair: Any, largest: float) -> Any:
    """Blue below 0, white at 0, red above, to a round number; as wide where nothing differs from 0."""
    unit = 10 ** floor(log10(largest or 1)) / 2
    end = ceil((largest or 1) / unit) * unit
    return altair.Scale(scheme="redblue", reverse=True, domain=[-end, end], domainMid=0)
