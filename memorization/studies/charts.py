"""One chart a study, from plain values; `seenat.memorization.plots` saves them as SVG, PNG or HTML.

Models keep the order in which they were asked for, in every legend and panel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seenat.memorization.plots import altair_or_refuse
from seenat.memorization.studies.batches import BatchDispersion
from seenat.memorization.studies.counterfactual import CounterfactualProfile
from seenat.memorization.studies.curves import Curve
from seenat.memorization.studies.exposures import ExposureOnsets, quantile
from seenat.memorization.studies.labels import StepLabels
from seenat.memorization.studies.prediction import Predictions
from seenat.memorization.studies.sets import SetDifference

__all__ = [
    "counterfactual_chart",
    "dispersion_chart",
    "exposures_chart",
    "forgetting_chart",
    "labels_chart",
    "onsets_chart",
    "predictions_chart",
    "sets_chart",
]

_STEP = "step (optimizer updates)"
_WIDTH, _HEIGHT = 320, 240
_ASIDE = 0.1
"""Of a checkpoint, between the points of two models."""


def onsets_chart(curves: Sequence[Curve]) -> Any:
    """Share memorized at each step, or its lower bound, and onsets up to it; a line a model."""
    rows = [row for row in _changes(curves) if row["share_at_least"] is not None]
    bounds = ", at least" if any(row["share"] is None for row in rows) else ""
    return _lines(
        rows,
        [one.model for one in curves],
        (
            ("share_at_least", f"share of seen sequences memorized{bounds}", "%"),
            ("onsets_so_far", "onsets so far (sequences)", ",d"),
        ),
    )


def forgetting_chart(curves: Sequence[Curve]) -> Any:
    """Sequences forgotten and relearned since the checkpoint before; a line a model."""
    return _lines(
        list(_changes(curves)),
        [one.model for one in curves],
        (("forgotten", "forgotten (sequences)", ",d"), ("relearned", "relearned (sequences)", ",d")),
    )


def predictions_chart(found: Predictions) -> Any:
    """Precision and recall of every predictor by its step; a line a model, the target's own earlier checkpoints one of them."""
    rows = [{**one.to_json(), "model": _predictor(found, one.model)} for one in found.predictions]
    names = list(dict.fromkeys(row["model"] for row in rows))
    title = f"What tells what {found.model} has memorized at step {found.step:,}"
    panels = (
        ("precision", "precision", "%"),
        ("recall", "recall, of what both had seen", "%"),
        ("recall_of_all", "recall, of everything", "%"),
    )
    return _lines(rows, names, panels, shares=True).properties(title=title)


def exposures_chart(models: Sequence[ExposureOnsets]) -> Any:
    """Exposures at onset by how often a content occurs: the median, and a line from quartile to quartile; a panel a model."""
    altair = altair_or_refuse()
    rows = [
        {
            "model": found.model,
            "times": one.times,
            "median": quantile(one.exposures, 0.5),
            "low": quantile(one.exposures, 0.25),
            "high": quantile(one.exposures, 0.75),
            "memorized": one.memorized,
            "contents": one.contents,
        }
        for found in models
        for one in found.classes
        if one.memorized
    ]
    names = [found.model for found in models]
    x = altair.X("times:Q", title="occurrences in the order", scale=altair.Scale(type="log", base=2))
    scale = altair.Scale(type="log", base=2)
    tooltip = ["model:N", "times:Q", "median:Q", "low:Q", "high:Q", "memorized:Q", "contents:Q"]
    base = altair.Chart().encode(
        x=x, color=altair.Color("model:N", title="model", sort=names, legend=None), tooltip=tooltip
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        y=altair.Y("median:Q", title="exposures at onset", scale=scale)
    )
    rules = base.mark_rule(strokeWidth=2).encode(
        y=altair.Y("low:Q", title="exposures at onset", scale=scale), y2="high:Q"
    )
    return (
        altair.layer(rules, points, data=altair.Data(values=rows))
        .properties(width=220, height=_HEIGHT)
        .facet(column=altair.Column("model:N", title=None, sort=names))
        .properties(title="Exposures of a content when it was memorized first: median and quartiles")
    )


def dispersion_chart(found: BatchDispersion) -> Any:
    """The Q-Q plot: counts of slices against Poisson quantiles; what lies on the line is as a Poisson process would have it."""
    altair = altair_or_refuse()
    rows = [one.to_json() for one in found.dispersion.quantiles]
    largest = max(max(row["poisson"], row["observed"]) for row in rows)
    line = [{"poisson": end, "observed": end} for end in (0, largest)]
    x = altair.X("poisson:Q", title="Poisson quantile (memorized sequences a slice)")
    y = altair.Y("observed:Q", title="observed quantile")
    diagonal = altair.Chart(altair.Data(values=line)).mark_line(color="#888888", strokeDash=[4, 4]).encode(x=x, y=y)
    points = (
        altair.Chart(altair.Data(values=rows))
        .mark_point(filled=True, opacity=0.8)
        .encode(x=x, y=y, size=altair.Size("slices:Q", title="slices"), tooltip=["poisson:Q", "observed:Q", "slices:Q"])
    )
    title = f"{found.model} at step {found.step:,}, slices of {found.slice_sequences:,} sequences"
    return (diagonal + points).properties(title=title, width=_HEIGHT * 1.4, height=_HEIGHT * 1.2)


def sets_chart(found: SetDifference) -> Any:
    """What the other model made of the sequences that the first memorized: a bar a case."""
    altair = altair_or_refuse()
    cases = {"never": found.never, "also memorized": found.also, "not measured": found.not_measured}
    rows = [{"case": f"{case} by {found.other}", "sequences": number} for case, number in cases.items()]
    soon = "" if found.within is None else f" within {found.within:,} steps"
    return (
        altair.Chart(altair.Data(values=rows), title=f"Memorized by {found.model}{soon}", width=_WIDTH)
        .mark_bar()
        .encode(
            x=altair.X("sequences:Q", title="sequences"),
            y=altair.Y("case:N", title=None, sort=None, axis=altair.Axis(labelLimit=300)),
            tooltip=["case:N", "sequences:Q"],
        )
    )


def counterfactual_chart(found: Sequence[CounterfactualProfile]) -> Any:
    """The mean effect by checkpoints since training, a line a model; below, every effect, a panel a model."""
    altair = altair_or_refuse()
    title = f"Effect of having been trained on: {found[0].quantity.words}, in {found[0].quantity.unit}"
    names = [one.model for one in found]
    maps = altair.hconcat(*(_effects_map(one, _largest_effect(found)) for one in found))
    return (
        altair.vconcat(_profiles(found, names), maps)
        .resolve_scale(color="independent")
        .properties(title=title)
        .configure_axis(grid=False)
    )


def labels_chart(found: StepLabels) -> Any:
    """The gap of every checkpoint at every step, and the steps at which it may be; the labels are the diagonal."""
    altair = altair_or_refuse()
    rows = [
        {"label": label.step, "verdict": label.verdict, **one.to_json()}
        for label in found.labels
        for one in label.boundaries
    ]
    marks = [
        {"label": label.step, "step": step, "verdict": label.verdict}
        for label in found.labels
        for step in label.possible
    ]
    steps = [label.step for label in found.labels]
    size = min(_HEIGHT * 2, 34 * len(steps))
    x = altair.X("step:O", title="step at which the gap is", sort=steps, scale=altair.Scale(domain=steps))
    y = altair.Y("label:O", title="checkpoint, by its label", sort=steps, scale=altair.Scale(domain=steps))
    largest = max(abs(row["gap"]) for row in rows)
    gaps = (
        altair.Chart(altair.Data(values=rows), width=size, height=size)
        .mark_rect()
        .encode(
            x=x,
            y=y,
            color=altair.Color("gap:Q", title=f"gap ({found.quantity.unit})", scale=_diverging(altair, largest)),
            tooltip=["label:O", "step:O", "gap:Q", "low:Q", "high:Q", "shown:N", "excluded:N", "verdict:N"],
        )
    )
    possible = (
        altair.Chart(altair.Data(values=marks))
        .mark_point(size=70, strokeWidth=2, opacity=1)
        .encode(
            x=x,
            y=y,
            shape=altair.Shape(
                "verdict:N",
                title="possible steps, label is",
                scale=altair.Scale(
                    domain=["consistent", "undecided", "inconsistent"], range=["circle", "triangle-up", "cross"]
                ),
            ),
            color=altair.value("black"),
            tooltip=["label:O", "step:O", "verdict:N"],
        )
    )
    return (gaps + possible).properties(title=f"{found.model}: {found.quantity.words}, just before less just after")


def _profiles(found: Sequence[CounterfactualProfile], names: list[str]) -> Any:
    """Mean effects with their intervals by checkpoints since training; 0 by definition at the one before it."""
    altair = altair_or_refuse()
    rows = [{"model": one.model, **point.to_json()} for one in found for point in one.profile]
    rows += [{"model": name, "checkpoints_since": -1, "effect": 0, "low": 0, "high": 0} for name in names]
    for row in rows:
        # Side by side, or the intervals of several models cover each other.
        row["place"] = row["checkpoints_since"] + (names.index(row["model"]) - (len(names) - 1) / 2) * _ASIDE
    since = sorted({row["checkpoints_since"] for row in rows})
    x = altair.X(
        "place:Q",
        title="checkpoints since the first that had seen it",
        axis=altair.Axis(values=since, format="d"),
        scale=altair.Scale(domain=[since[0] - 0.5, since[-1] + 0.5]),
    )
    title = f"effect ({found[0].quantity.unit})"
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH * 2, height=_HEIGHT).encode(
        x=x,
        color=altair.Color("model:N", title="model", sort=names, scale=altair.Scale(domain=names)),
        tooltip=["model:N", "checkpoints_since:Q", "cohorts:Q", "sequences:Q", "effect:Q", "low:Q", "high:Q"],
    )
    lines = base.mark_line(point=True).encode(y=altair.Y("effect:Q", title=title))
    intervals = base.mark_rule(strokeWidth=1.5).encode(y=altair.Y("low:Q", title=title), y2="high:Q")
    zero = altair.Chart(altair.Data(values=[{"zero": 0}])).mark_rule(color="#888888").encode(y="zero:Q")
    return zero + intervals + lines


def _effects_map(found: CounterfactualProfile, largest: float) -> Any:
    """Every effect of one model, by cohort and checkpoint."""
    altair = altair_or_refuse()
    rows = [one.to_json() for one in found.effects]
    steps = sorted({row["step"] for row in rows} | {row["after"] for row in rows})
    cohorts = sorted({row["cohort"] for row in rows})
    return (
        altair.Chart(altair.Data(values=rows), title=found.model, width=_HEIGHT, height=_HEIGHT * 0.7)
        .mark_rect()
        .encode(
            x=altair.X("step:O", title="checkpoint (step)", sort=steps, scale=altair.Scale(domain=steps)),
            y=altair.Y("cohort:O", title="first checkpoint that had seen it", sort=cohorts),
            color=altair.Color("effect:Q", title=f"effect ({found.quantity.unit})", scale=_diverging(altair, largest)),
            tooltip=["cohort:O", "after:O", "step:O", "effect:Q", "standard_error:Q", "treated:Q", "controls:Q"],
        )
    )


def _largest_effect(found: Sequence[CounterfactualProfile]) -> float:
    return max(abs(effect.effect) for one in found for effect in one.effects)


def _diverging(altair: Any, largest: float) -> Any:
    """Blue below 0, white at 0, red above; as wide where nothing differs from 0."""
    end = largest or 1
    return altair.Scale(scheme="redblue", reverse=True, domain=[-end, end], domainMid=0)


def _changes(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    for one in curves:
        for change in one.steps:
            yield {"model": one.model, **change.to_json()}


def _predictor(found: Predictions, model: str) -> str:
    return f"{model}, earlier" if model == found.model else model


def _lines(
    rows: list[dict[str, Any]], names: list[str], panels: Sequence[tuple[str, str, str]], *, shares: bool = False
) -> Any:
    """A panel for each `(field, title, format)`, side by side, a line a model, over the steps."""
    altair = altair_or_refuse()
    scale = altair.Scale(domain=[0, 1]) if shares else altair.Scale()
    last = max((row["step"] for row in rows), default=1)
    width = _WIDTH if len(panels) < 3 else _HEIGHT
    return altair.hconcat(
        *(
            altair.Chart(
                altair.Data(values=[row for row in rows if row[field] is not None]), width=width, height=_HEIGHT
            )
            .mark_line(point=True)
            .encode(
                x=altair.X("step:Q", title=_STEP, scale=altair.Scale(domain=[0, last])),
                y=altair.Y(f"{field}:Q", title=title, axis=altair.Axis(format=form), scale=scale),
                color=altair.Color("model:N", title="model", sort=names, scale=altair.Scale(domain=names)),
                tooltip=["model:N", "step:Q", f"{field}:Q"],
            )
            for field, title, form in panels
        )
    )
