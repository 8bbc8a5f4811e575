"""The charts of `seenat onset`, `seenat trajectory` and a model's learning rate, made by Altair from plain values; `save` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from seenat.memorization.plots.axes import by_model, step_axis
from seenat.memorization.plots.figure import MUTED, captioned, protocol_words
from seenat.memorization.plots.intervals import interval_marks, interval_words, share_row, shares_scale
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.queries.onsets import Onsets
from seenat.memorization.queries.trajectories import SequenceTrajectory
from seenat.registry.errors import NothingToDraw

__all__ = ["learning_rate_chart", "onset_chart", "share_words", "trajectory_chart"]

_WIDTH = 520
# Of more checkpoints than this the points are small, or they cover each other.
_MANY = 40
_MEMORIZED, _NOT = "#c0392b", "#1f77b4"


def onset_chart(models: Sequence[Onsets]) -> Any:
    """Share of the seen sequences that each checkpoint has memorized, with its interval, a line a model.

    Where adaptive jobs left sequences out it is the lower bound, and its point a triangle without an interval. Raises
    `NothingToDraw` where no share is known.
    """
    altair = altair_or_refuse()
    rows = [_share_row(answer.model, count) for answer in models for count in answer.steps]
    rows = [row for row in rows if row["share"] is not None]
    names = [answer.model for answer in models]
    if not rows:
        raise NothingToDraw(
            f"Nothing that {' or '.join(names)} had seen has been measured, so there is no share to draw; run "
            f"`seenat memorize {names[0]}{models[0].protocol.options}`."
        )
    base = altair.Chart(altair.Data(values=rows), width=_WIDTH, height=300).encode(
        x=step_axis(altair, [row["step"] for row in rows], telling=[row["step"] for row in rows if row["memorized"]]),
        **by_model(altair, names),
    )
    y = {
        "title": "share of seen sequences memorized",
        "axis": altair.Axis(format="%"),
        "scale": shares_scale(altair, rows, "share"),
    }
    share = altair.Y("share:Q", **y)
    shape = altair.Shape(
        "known:N",
        title="share",
        scale=altair.Scale(domain=["exact", "at least"], range=["circle", "triangle-up"]),
        legend=altair.Legend() if any(row["known"] != "exact" for row in rows) else None,
    )
    size = 24 if len(rows) <= _MANY * len(names) else 4
    points = base.mark_point(filled=True, opacity=1, size=size).encode(
        y=share,
        shape=shape,
        tooltip=["model:N", "step:Q", altair.Tooltip("share:Q", format=".3%"), "known:N", "memorized:Q", "measured:Q"],
    )
    chart = interval_marks(altair, base, rows, y) + base.mark_line().encode(y=share) + points
    title = f"Memorized of what was seen, {models[0].order}"
    words = protocol_words(models[0].protocol, models[0].where)
    return captioned(altair, chart, title, words, *share_words(rows, y["scale"]))


def _share_row(model: str, count: Any) -> dict[str, Any]:
    is_exact = count.share is not None
    return {
        "model": model,
        "step": count.step,
        "share": count.share_at_least,
        "known": "exact" if is_exact else "at least",
        "memorized": count.memorized,
        "measured": count.measured,
        **(share_row(count.memorized, count.measured) if is_exact else {"low": None, "high": None}),
    }


def share_words(rows: Iterable[dict[str, Any]], scale: Any, suffix: str = "") -> list[str]:
    """What a caption says of shares on a scale: of how many sequences each is, and what surrounds it."""
    rows = list(rows)
    counts = [row["measured"] for row in rows]
    least, most = min(counts), max(counts)
    sequences = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    words = [f"n = {sequences} sequences a point, with {interval_words(rows, scale, suffix)}."]
    if any(row["known"] != "exact" for row in rows):
        words.append("Triangles are lower bounds, without intervals: adaptive jobs left sequences out.")
    return words


def trajectory_chart(answer: SequenceTrajectory) -> Any:
    """How many ids of the continuation each checkpoint reproduces, or its surprisal an id; from the dashed line on it had been seen."""
    altair = altair_or_refuse()
    decodes = answer.protocol.value_type.decodes
    lines = _reproduced(answer) if decodes else _surprisals(answer)
    seen = answer.first_checkpoint_seen
    chart = altair.layer(*([] if seen is None else _seen_rule(answer, seen)), *lines)
    when = (
        "It is not part of the run." if seen is None else f"Seen by checkpoint {seen:,} and later ones (dashed line)."
    )
    points = len(answer.trajectory.points)
    number = f"Measured at {points} checkpoint{'s' * (points != 1)}."
    title = f"Sequence {answer.sequence:,} in {answer.model}"
    return captioned(altair, chart, title, protocol_words(answer.protocol), number, when)


def _reproduced(answer: SequenceTrajectory) -> list[Any]:
    altair = altair_or_refuse()
    whole, measure = answer.protocol.continuation, answer.protocol.measure
    rows = [
        {**point.to_json(), "state": "memorized" if point.memorized else "not memorized"}
        for point in answer.trajectory.points
    ]
    x = _steps(answer)
    y = altair.Y(
        f"{measure}:Q",
        title=f"ids reproduced, of {whole}",
        scale=altair.Scale(domain=[0, whole]),
        axis=altair.Axis(values=_fifths(whole)),
    )
    base = _of_sequence(rows)
    line = base.mark_line(color=MUTED, strokeWidth=1 if len(rows) > _MANY else 2).encode(x=x, y=y)
    colour = altair.Color(
        "state:N",
        title=None,
        scale=altair.Scale(domain=["memorized", "not memorized"], range=[_MEMORIZED, _NOT]),
    )
    size = 50 if len(rows) <= _MANY else 16
    points = base.mark_point(filled=True, size=size, opacity=1).encode(
        x=x, y=y, color=colour, tooltip=["step:Q", f"{measure}:Q", "seen:N", "memorized:N"]
    )
    return [line, points]


def _fifths(whole: int) -> list[int]:
    """From 0 to all ids in about four parts; all of them is the threshold of `memorized`."""
    every = max(1, whole // 4)
    return [*range(0, whole - every // 2, every), whole]


def _surprisals(answer: SequenceTrajectory) -> list[Any]:
    """Of the prompt, the continuation and the least likely fifth: a line each, in nats an id."""
    altair = altair_or_refuse()
    ids = {"prompt": max(1, answer.protocol.prompt - 1), "continuation": answer.protocol.continuation, "min_k": 1}
    names = dict(zip(ids, ("prompt", "continuation", "least likely fifth"), strict=True))
    rows = [
        {"step": point.step, "seen": point.seen, "of": names[name], "surprisal": point.values[name] / count}
        for point in answer.trajectory.points
        for name, count in ids.items()
    ]
    colours = altair.Scale(domain=[*names.values()], range=_OF)
    line = (
        _of_sequence(rows)
        .mark_line(point=len(rows) <= _MANY * len(ids))
        .encode(
            x=_steps(answer),
            y=altair.Y("surprisal:Q", title="mean surprisal of an id (nats)", scale=altair.Scale(zero=True)),
            color=altair.Color("of:N", title=None, sort=[*names.values()], scale=colours),
            tooltip=["step:Q", "of:N", altair.Tooltip("surprisal:Q", format=".4f"), "seen:N"],
        )
    )
    return [line]


_OF = ["#17869e", "#d95f02", "#7570b3"]


def _steps(answer: SequenceTrajectory) -> Any:
    seen = answer.first_checkpoint_seen
    return step_axis(altair_or_refuse(), _all_steps(answer), [] if seen is None else [seen])


def _all_steps(answer: SequenceTrajectory) -> list[int]:
    """Those measured, and the one that the rule stands at."""
    return [*(point.step for point in answer.trajectory.points), answer.first_checkpoint_seen or 0]


def _of_sequence(rows: list[dict[str, Any]]) -> Any:
    altair = altair_or_refuse()
    return altair.Chart(altair.Data(values=rows), width=_WIDTH, height=260)


def _seen_rule(answer: SequenceTrajectory, seen: int) -> list[Any]:
    """Where the first checkpoint stands that had seen it; its step is a tick."""
    altair = altair_or_refuse()
    return [
        altair.Chart(altair.Data(values=[{"step": seen, "label": f"seen by step {seen:,}"}]))
        .mark_rule(strokeDash=[4, 4], color=MUTED)
        .encode(x=_steps(answer), tooltip="label:N")
    ]


def learning_rate_chart(model: Any) -> Any:
    """The learning rate of a model by step, from its `learning_rates`; raises `NothingToDraw` where none is known."""
    altair = altair_or_refuse()
    rows = [{"model": model.name, "step": rate.step, "rate": rate.learning_rate} for rate in model.learning_rates]
    if not rows:
        raise NothingToDraw(f"How the learning rate of {model.name} decayed is not known, so there is nothing to draw.")
    return (
        altair.Chart(altair.Data(values=rows), width=440, height=200)
        .mark_line()
        .encode(
            **by_model(altair, [model.name], legend=False),
            x=step_axis(altair, [row["step"] for row in rows]),
            y=altair.Y("rate:Q", title="learning rate", axis=altair.Axis(format="~e")),
            tooltip=[altair.Tooltip("step:Q", format=","), altair.Tooltip("rate:Q", format=".3e")],
        )
    )
