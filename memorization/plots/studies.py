"""One chart a study, from plain values; `seenat.memorization.plots.save` saves them. Those of effects are in `effects`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import Any

from seenat.memorization.plots.axes import by_model, from_zero, step_axis, whole_numbers
from seenat.memorization.plots.charts import share_words
from seenat.memorization.plots.effects import counterfactual_chart, labels_chart
from seenat.memorization.plots.exposures import exposures_chart
from seenat.memorization.plots.figure import MUTED, captioned, protocol_words
from seenat.memorization.plots.intervals import (
    INTERVALS,
    interval_marks,
    interval_words,
    share_row,
    shares_scale,
    wilson,
)
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.studies.dispersion import BatchDispersion
from seenat.memorization.studies.forgetting import Curve
from seenat.memorization.studies.prediction import Prediction, Predictions
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

# Square pixels of a point of no slices and of the largest one, of so many points at most: a single slice is still visible beside
# hundreds. More points are smaller.
_AREAS, _APART = [10, 360], 16

# Where more than this part of a Q-Q plot would lie before its first point, its axes begin there.
_EMPTY = 3

# Pixels that keep the largest point, at 0, off the labels.
_BESIDE = 10

# So much wider than the longest bar is the panel: words stand behind it.
_BESIDE_BARS = 1.5

# Sizes that a legend shows, at most.
_SIZES = 5

# Lines of more points than this have none marked: they would cover each other.
_MOST_POINTS = 40

# Shares that are all higher are drawn without the part below, and those that are all lower without the one above.
_HIGH = 0.35


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
    for row in rows:
        row["known"] = "exact" if row["share"] is not None else "at least"
        if row["known"] == "exact":
            row |= share_row(row["memorized"], row["measured"], "_share_at_least")
    bounds = ", at least" if any(row["share"] is None for row in rows) else ""
    chart = _lines(
        rows,
        [curve.name for curve in curves],
        (
            ("share_at_least", f"share of seen sequences memorized{bounds}", "%"),
            ("onsets_so_far", "onsets so far (sequences)", ",d"),
        ),
    )
    first, altair = curves[0], altair_or_refuse()
    scale = shares_scale(altair, rows, "share_at_least", "_share_at_least")
    return captioned(
        altair,
        chart,
        f"Memorized of {first.order}",
        protocol_words(first.protocol, first.where),
        *share_words(rows, scale, "_share_at_least"),
        "Onsets: sequences memorized at this checkpoint or one before, each counted once.",
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
    chart = _lines(
        list(_changes(curves)),
        [curve.name for curve in curves],
        (("forgotten", "forgotten (sequences)", ",d"), ("relearned", "relearned (sequences)", ",d")),
    )
    first = curves[0]
    return captioned(
        altair_or_refuse(),
        chart,
        f"Forgotten and learned again, {first.order}",
        protocol_words(first.protocol, first.where),
        "Forgotten: memorized at the measured checkpoint before, and not at this one. Relearned: forgotten at an earlier one, and "
        "memorized again at this one, not at the one before.",
    )


def predictions_chart(answer: Predictions) -> Any:
    """Precision and recall of every predictor by its step; a line a model, the target's own earlier checkpoints one of them.

    Raises `NothingToDraw` where there is no predictor, or none had memorized anything, nor the target.
    """
    rows = [_prediction_row(answer, prediction) for prediction in answer.predictions]
    panels = (
        ("precision", "precision", "%"),
        ("recall", "recall, of what both had seen", "%"),
        ("recall_of_all", "recall, of everything", "%"),
    )
    if all(row[field] is None for row in rows for field, _, _ in panels):
        raise _nothing_predicted(answer)
    title = f"What predicts what {answer.model} has memorized at step {answer.step:,}"
    known = tuple(panel for panel in panels if any(row[panel[0]] is not None for row in rows))
    missing = [title for field, title, _ in panels if all(row[field] is None for row in rows)]
    most = max(prediction.memorized_in_all for prediction in answer.predictions)
    altair = altair_or_refuse()
    return captioned(
        altair,
        _lines(rows, [row["model"] for row in rows], known, shares=True),
        title,
        protocol_words(answer.protocol, answer.where),
        f"Of what each earlier checkpoint or smaller model has memorized, the share that {answer.model} has too (precision);",
        f"of its {most:,} memorized sequences, the share that the predictor has (recall).",
        f"With {max((_words_of(altair, rows, field) for field, _, _ in known), key=len)}; no precision where a predictor has memorized "
        "nothing.",
        f"Not known at any step: {' and '.join(missing)}." if missing else "",
    )


def _prediction_row(answer: Predictions, prediction: Prediction) -> dict[str, Any]:
    row = {**prediction.to_json(), "model": _predictor(answer, prediction.model)}
    of = {
        "precision": prediction.predicted,
        "recall": prediction.memorized,
        "recall_of_all": prediction.memorized_in_all,
    }
    for field, number in of.items():
        if number:
            row |= share_row(prediction.both, number, f"_{field}")
    return row


def dispersion_chart(answer: BatchDispersion) -> Any:
    """The Q-Q plot: counts of slices against Poisson quantiles; what lies on the line is as a Poisson process would have it."""
    altair = altair_or_refuse()
    rows = [{"model": answer.model, **quantile.to_json()} for quantile in answer.dispersion.quantiles]
    largest = max(max(row["poisson"], row["observed"]) for row in rows)
    least = min(min(row["poisson"], row["observed"]) for row in rows)
    least = least if least * _EMPTY > largest else 0
    line = [{"poisson": end, "observed": end} for end in (least, largest)]
    same = {
        "scale": altair.Scale(domain=[least, largest or 1], nice=True, zero=False),
        "axis": whole_numbers(altair, largest, tickCount=8, **({} if least else {"labelPadding": _BESIDE})),
    }
    x = altair.X("poisson:Q", title="Poisson quantile (memorized sequences a slice)", **same)
    y = altair.Y("observed:Q", title="observed quantile", **same)
    diagonal = altair.Chart(altair.Data(values=line)).mark_line(color=MUTED, strokeDash=[4, 4]).encode(x=x, y=y)
    slices = sorted({row["slices"] for row in rows})
    size = altair.Size(
        "slices:Q",
        title="slices",
        scale=altair.Scale(domain=[0, slices[-1]], range=[_AREAS[0], _AREAS[1] * min(1, _APART / len(rows))]),
        legend=altair.Legend(
            values=_some(slices), format=",d", offset=24, symbolFillColor=MUTED, symbolStrokeColor=MUTED
        ),
    )
    points = (
        altair.Chart(altair.Data(values=rows))
        .mark_point(filled=True, opacity=0.8)
        .encode(
            x=x,
            y=y,
            size=size,
            **by_model(altair, [answer.model], legend=False),
            tooltip=["poisson:Q", "observed:Q", "slices:Q"],
        )
    )
    found = answer.dispersion
    return captioned(
        altair,
        (diagonal + points).properties(width=_WIDTH, height=_WIDTH),
        f"{answer.model} at step {answer.step:,}: memorized in a slice",
        protocol_words(answer.protocol, answer.where),
        f"n = {found.slices:,} slices of {answer.slice_sequences:,} sequences; "
        f"variance over mean {'not known' if found.index is None else f'{found.index:,.3g}'}.",
        "On the dashed line the counts are those of a Poisson process of the same mean.",
    )


def sets_chart(answer: SetDifference) -> Any:
    """What the other model made of the sequences that the first memorized: a bar a case, and its number."""
    altair = altair_or_refuse()
    cases = {"never memorized": answer.never, "also memorized": answer.also, "not measured": answer.not_measured}
    rows = [
        {
            "case": case,
            "sequences": number,
            "label": _set_words(answer, number, known=case != "not measured"),
            "model": answer.other,
        }
        for case, number in cases.items()
    ]
    largest = max(1, *cases.values())
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH * _BESIDE_BARS).encode(
        x=altair.X(
            "sequences:Q",
            title="sequences",
            axis=whole_numbers(altair, max(cases.values()), grid=False),
            scale=altair.Scale(domain=[0, largest * _BESIDE_BARS], nice=False),
        ),
        y=altair.Y("case:N", title=None, sort=None, axis=altair.Axis(labelLimit=0)),
        tooltip=["case:N", "sequences:Q"],
    )
    numbers = base.mark_text(align="left", dx=4, color=MUTED).encode(text="label:N")
    bars = base.mark_bar().encode(**by_model(altair, [answer.other], legend=False))
    return captioned(
        altair,
        (bars + numbers).configure_view(stroke=None),
        f"Memorized by {answer.soon}",
        f"What {answer.other} made of the {answer.memorized:,} sequences; shares of those measured for both, with {INTERVALS}.",
        protocol_words(answer.protocol, answer.where),
    )


def _set_words(answer: SetDifference, number: int, *, known: bool) -> str:
    """A bar's number, and what share it is of those of which it is known."""
    of = answer.never + answer.also
    if not known or not of:
        return f"{number:,}"
    low, high = wilson(number, of)
    return f"{number:,} ({number / of:.1%}; {low:.1%} to {high:.1%})"


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
    telling = [row["step"] for row in rows if any(row[field] for field, _, _ in panels)]
    encodings = {
        "x": step_axis(altair, [row["step"] for row in rows], telling=telling),
        **by_model(altair, names),
    }
    return altair.hconcat(
        *(
            _panel([row for row in rows if row[panel[0]] is not None], encodings, panel, shares=shares).properties(
                width=width, height=_HEIGHT
            )
            for panel in panels
        )
    )


def _panel(rows: list[dict[str, Any]], encodings: dict[str, Any], panel: tuple[str, str, str], *, shares: bool) -> Any:
    """One panel; a share's points with their intervals."""
    altair = altair_or_refuse()
    field, title, form = panel
    values = [row[field] for row in rows]
    scale = from_zero(altair, values)
    if form == "%":
        scale = _shares(altair, rows, field) if shares else shares_scale(altair, rows, field, f"_{field}")
    axis = altair.Axis(format="%") if form == "%" else whole_numbers(altair, max(values, default=0))
    y = {"title": title, "axis": axis, "scale": scale}
    base = altair.Chart(altair.Data(values=rows)).encode(**encodings)
    is_many = len(rows) > _MOST_POINTS * len({row["model"] for row in rows})
    points = False if is_many else {"size": 24}
    lines = base.mark_line(point=points).encode(
        y=altair.Y(f"{field}:Q", **y), tooltip=["model:N", "step:Q", f"{field}:Q"]
    )
    return interval_marks(altair, base, rows, y, f"_{field}") + lines if form == "%" else lines


def _words_of(altair: Any, rows: list[dict[str, Any]], field: str) -> str:
    """What is said of the intervals of one of several panels."""
    known = [row for row in rows if row[field] is not None]
    return interval_words(known, _shares(altair, known, field), f"_{field}")


def _shares(altair: Any, rows: list[dict[str, Any]], field: str) -> Any:
    """The scale of shares, from 0 to 100 %, but where all are high or low, which would leave its foot or its top empty."""
    low, high = min(row[f"low_{field}"] for row in rows), max(row[field] for row in rows)
    if high < _HIGH:
        return shares_scale(altair, rows, field, f"_{field}")
    return altair.Scale(domain=[floor(low * 10) / 10 if low > _HIGH else 0, 1])
