"""One chart a study, from plain values; `seenat.memorization.plots.save` saves them as SVG, PNG or HTML.

Models keep the order in which they were given, in every legend and panel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seenat.memorization.plots.axes import by_model, from_zero, step_axis, whole_numbers
from seenat.memorization.plots.exposures import exposures_chart
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.studies.dispersion import BatchDispersion
from seenat.memorization.studies.effects.counterfactual import CounterfactualProfile, effect_words
from seenat.memorization.studies.effects.step_labels import StepLabels
from seenat.memorization.studies.forgetting import Curve
from seenat.memorization.studies.prediction import Predictions
from seenat.memorization.studies.set_difference import SetDifference
from seenat.registry.errors import NothingToDraw

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

_WIDTH, _HEIGHT = 320, 240

# Distance between the points of two models, in checkpoints.
_ASIDE = 0.1

# Square pixels of a point of no slices and of the largest one: a single slice is still visible beside hundreds.
_AREAS = [10, 360]

# Pixels that keep the largest point, at 0, off the labels.
_BESIDE = 10

# Sizes that a legend shows, at most.
_SIZES = 5
_PANELS_A_ROW = 4


def onsets_chart(curves: Sequence[Curve]) -> Any:
    """Share memorized at each step, or its lower bound, and onsets up to it; a line a model.

    Raises `NothingToDraw` where nothing that a checkpoint had seen was measured.
    """
    rows = [row for row in _changes(curves) if row["share_at_least"] is not None]
    if not rows:
        raise NothingToDraw(
            f"Nothing that {_names(curves)} had seen has been measured, so there is no share to draw; run "
            f"`seenat memorize {curves[0].model}{curves[0].protocol.options}`."
        )
    bounds = ", at least" if any(row["share"] is None for row in rows) else ""
    return _lines(
        rows,
        [curve.name for curve in curves],
        (
            ("share_at_least", f"share of seen sequences memorized{bounds}", "%"),
            ("onsets_so_far", "onsets so far (sequences)", ",d"),
        ),
    )


def forgetting_chart(curves: Sequence[Curve]) -> Any:
    """Sequences forgotten and relearned since the checkpoint before; a line a model.

    Raises `NothingToDraw` where no model has two measured checkpoints, between which something might be forgotten.
    """
    if all(sum(step.measured > 0 for step in curve.steps) < 2 for curve in curves):
        raise NothingToDraw(
            f"No two checkpoints of {_names(curves)} have been measured, and forgetting needs two; run "
            f"`seenat memorize {curves[0].model}{curves[0].protocol.options}`."
        )
    return _lines(
        list(_changes(curves)),
        [curve.name for curve in curves],
        (("forgotten", "forgotten (sequences)", ",d"), ("relearned", "relearned (sequences)", ",d")),
    )


def predictions_chart(answer: Predictions) -> Any:
    """Precision and recall of every predictor by its step; a line a model, the target's own earlier checkpoints one of them.

    Raises `NothingToDraw` where there is no predictor, or none had memorized anything, nor the target.
    """
    rows = [
        {**prediction.to_json(), "model": _predictor(answer, prediction.model)} for prediction in answer.predictions
    ]
    panels = (
        ("precision", "precision", "%"),
        ("recall", "recall, of what both had seen", "%"),
        ("recall_of_all", "recall, of everything", "%"),
    )
    if all(row[field] is None for row in rows for field, _, _ in panels):
        raise _nothing_predicted(answer)
    names = list(dict.fromkeys(row["model"] for row in rows))
    title = f"What predicts what {answer.model} has memorized at step {answer.step:,}"
    return _lines(rows, names, panels, shares=True).properties(title=title)


def dispersion_chart(answer: BatchDispersion) -> Any:
    """The Q-Q plot: counts of slices against Poisson quantiles; what lies on the line is as a Poisson process would have it."""
    altair = altair_or_refuse()
    rows = [quantile.to_json() for quantile in answer.dispersion.quantiles]
    largest = max(max(row["poisson"], row["observed"]) for row in rows)
    line = [{"poisson": end, "observed": end} for end in (0, largest)]
    same = {
        "scale": altair.Scale(domain=[0, largest or 1], nice=True),
        "axis": whole_numbers(altair, largest, labelPadding=_BESIDE),
    }
    x = altair.X("poisson:Q", title="Poisson quantile (memorized sequences a slice)", **same)
    y = altair.Y("observed:Q", title="observed quantile", **same)
    diagonal = altair.Chart(altair.Data(values=line)).mark_line(color="#888888", strokeDash=[4, 4]).encode(x=x, y=y)
    slices = sorted({row["slices"] for row in rows})
    size = altair.Size(
        "slices:Q",
        title="slices",
        scale=altair.Scale(domain=[0, slices[-1]], range=_AREAS),
        legend=altair.Legend(values=_some(slices), format=",d", offset=24),
    )
    points = (
        altair.Chart(altair.Data(values=rows))
        .mark_point(filled=True, opacity=0.8)
        .encode(x=x, y=y, size=size, tooltip=["poisson:Q", "observed:Q", "slices:Q"])
    )
    title = f"{answer.model} at step {answer.step:,}, slices of {answer.slice_sequences:,} sequences"
    return (diagonal + points).properties(title=title, width=_HEIGHT * 1.4, height=_HEIGHT * 1.2)


def sets_chart(answer: SetDifference) -> Any:
    """What the other model made of the sequences that the first memorized: a bar a case, and its number."""
    altair = altair_or_refuse()
    cases = {"never": answer.never, "also memorized": answer.also, "not measured": answer.not_measured}
    rows = [{"case": f"{case} by {answer.other}", "sequences": number} for case, number in cases.items()]
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH).encode(
        x=altair.X(
            "sequences:Q",
            title="sequences",
            axis=whole_numbers(altair, max(cases.values())),
            scale=from_zero(altair, [row["sequences"] for row in rows]),
        ),
        y=altair.Y("case:N", title=None, sort=None, axis=altair.Axis(labelLimit=0)),
        tooltip=["case:N", "sequences:Q"],
    )
    numbers = base.mark_text(align="left", dx=4).encode(text=altair.Text("sequences:Q", format=",d"))
    return (base.mark_bar() + numbers).properties(title=f"Memorized by {answer.soon}")


def counterfactual_chart(profiles: Sequence[CounterfactualProfile]) -> Any:
    """The mean effect by checkpoints since training, a line a model; below, every effect, a panel a model.

    Where trends were not parallel before training, title and axes say difference instead of effect, and a line says of which model.
    """
    altair = altair_or_refuse()
    title = _effects_title(altair, profiles)
    called = effect_words(profiles)
    names = [profile.model for profile in profiles]
    maps = altair.concat(
        *(_effects_map(profile, _largest_effect(profiles), called) for profile in profiles), columns=_PANELS_A_ROW
    )
    return (
        altair.vconcat(_profiles(profiles, names), maps)
        .resolve_scale(color="independent")
        .properties(title=title)
        .configure_axis(grid=False)
    )


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
            color=altair.Color("gap:Q", title=f"gap ({answer.quantity.unit})", scale=_diverging(altair, largest)),
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
    return (gaps + possible).properties(title=f"{answer.model}: {answer.quantity.words}, just before less just after")


def _profiles(profiles: Sequence[CounterfactualProfile], names: list[str]) -> Any:
    """Mean effects with their intervals by checkpoints since training; 0 by definition at the one before it."""
    altair = altair_or_refuse()
    rows = [{"model": profile.model, **point.to_json()} for profile in profiles for point in profile.profile]
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
    title = f"{effect_words(profiles)} ({profiles[0].quantity.unit})"
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH * 2, height=_HEIGHT).encode(
        x=x,
        **by_model(altair, names),
        tooltip=["model:N", "checkpoints_since:Q", "cohorts:Q", "sequences:Q", "effect:Q", "low:Q", "high:Q"],
    )
    lines = base.mark_line(point=True).encode(y=altair.Y("effect:Q", title=title))
    intervals = base.mark_rule(strokeWidth=1.5).encode(y=altair.Y("low:Q", title=title), y2="high:Q")
    zero = altair.Chart(altair.Data(values=[{"zero": 0}])).mark_rule(color="#888888").encode(y="zero:Q")
    return zero + intervals + lines


def _effects_title(altair: Any, profiles: Sequence[CounterfactualProfile]) -> Any:
    """What is drawn; where trends were not parallel, that it is no effect, and of which model."""
    label = profiles[0].quantity.label
    if effect_words(profiles) == "effect":
        return f"Effect of having been trained on: {label}"
    remarks = [
        f"{profile.model}: trends were NOT parallel before training, so these are no effects"
        for profile in profiles
        if profile.parallel is False
    ]
    return altair.TitleParams(
        f"Difference between trained on and not: {label}", subtitle=remarks, subtitleColor="#d62728"
    )


def _effects_map(profile: CounterfactualProfile, largest: float, called: str) -> Any:
    """Every effect of one model, by cohort and checkpoint."""
    altair = altair_or_refuse()
    rows = [effect.to_json() for effect in profile.effects]
    steps = sorted({row["step"] for row in rows} | {row["after"] for row in rows})
    cohorts = sorted({row["cohort"] for row in rows})
    return (
        altair.Chart(altair.Data(values=rows), title=profile.model, width=_HEIGHT, height=_HEIGHT * 0.7)
        .mark_rect()
        .encode(
            x=altair.X("step:O", title="checkpoint (step)", sort=steps, scale=altair.Scale(domain=steps)),
            y=altair.Y("cohort:O", title="first checkpoint that had seen it", sort=cohorts),
            color=altair.Color(
                "effect:Q", title=f"{called} ({profile.quantity.unit})", scale=_diverging(altair, largest)
            ),
            tooltip=["cohort:O", "after:O", "step:O", "effect:Q", "standard_error:Q", "treated:Q", "controls:Q"],
        )
    )


def _largest_effect(profiles: Sequence[CounterfactualProfile]) -> float:
    return max(abs(effect.effect) for profile in profiles for effect in profile.effects)


def _diverging(altair: Any, largest: float) -> Any:
    """Blue below 0, white at 0, red above; as wide where nothing differs from 0."""
    end = largest or 1
    return altair.Scale(scheme="redblue", reverse=True, domain=[-end, end], domainMid=0)


def _changes(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    for curve in curves:
        for change in curve.steps:
            yield {"model": curve.name, **change.to_json()}


def _predictor(answer: Predictions, model: str) -> str:
    return f"{model}, earlier" if model == answer.model else model


def _nothing_predicted(answer: Predictions) -> NothingToDraw:
    if not answer.predictions:
        return NothingToDraw(
            f"No earlier checkpoint and no smaller model has been measured that may predict what {answer.model} has "
            f"memorized at step {answer.step:,}, so there is nothing to draw; choose a later --step, or measure a smaller model."
        )
    return NothingToDraw(
        f"{answer.model} has memorized nothing at step {answer.step:,}, and no predictor of it has anything, so there is nothing to "
        "draw; choose a later --step."
    )


def _names(curves: Sequence[Curve]) -> str:
    return " or ".join(curve.model for curve in curves)


def _some(values: list[int]) -> list[int]:
    """A few of ascending values, the first and the last among them."""
    if len(values) <= _SIZES:
        return values
    return [values[round(place * (len(values) - 1) / (_SIZES - 1))] for place in range(_SIZES)]


def _lines(
    rows: list[dict[str, Any]], names: list[str], panels: Sequence[tuple[str, str, str]], *, shares: bool = False
) -> Any:
    """A panel for each `(field, title, format)`, side by side, a line a model, over the steps."""
    altair = altair_or_refuse()
    width = _WIDTH if len(panels) < 3 else _HEIGHT
    encodings = {"x": step_axis(altair, [row["step"] for row in rows]), **by_model(altair, names)}
    return altair.hconcat(
        *(
            _panel([row for row in rows if row[panel[0]] is not None], encodings, panel, shares=shares).properties(
                width=width, height=_HEIGHT
            )
            for panel in panels
        )
    )


def _panel(rows: list[dict[str, Any]], encodings: dict[str, Any], panel: tuple[str, str, str], *, shares: bool) -> Any:
    """One panel; where its field is nowhere known, it says so."""
    altair = altair_or_refuse()
    field, title, form = panel
    values = [row[field] for row in rows]
    scale = altair.Scale(domain=[0, 1]) if shares else from_zero(altair, values)
    axis = altair.Axis(format="%") if form == "%" else whole_numbers(altair, max(values, default=0))
    lines = (
        altair.Chart(altair.Data(values=rows))
        .mark_line(point=True)
        .encode(
            y=altair.Y(f"{field}:Q", title=title, axis=axis, scale=scale),
            tooltip=["model:N", "step:Q", f"{field}:Q"],
            **encodings,
        )
    )
    if rows:
        return lines
    words = altair.Chart(altair.Data(values=[{}])).mark_text(color="#555555", text="not known at any step")
    return lines + words
