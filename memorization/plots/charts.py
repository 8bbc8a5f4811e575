"""The charts of `seenat onset` and `seenat trajectory`, made by Altair from plain values; `save` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seenat.memorization.plots.axes import by_model, from_zero, step_axis
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.queries.onsets import Onsets
from seenat.memorization.queries.trajectories import SequenceTrajectory
from seenat.registry.errors import NothingToDraw

__all__ = ["onset_chart", "trajectory_chart"]


def onset_chart(models: Sequence[Onsets]) -> Any:
    """Share of the seen sequences that each checkpoint has memorized, a line a model.

    Where adaptive jobs left sequences out it is the lower bound, and its point a triangle. Raises `NothingToDraw` where no
    share is known.
    """
    altair = altair_or_refuse()
    rows = [
        {
            "model": answer.model,
            "step": count.step,
            "share": count.share_at_least,
            "known": "exact" if count.share is not None else "at least",
            "memorized": count.memorized,
            "measured": count.measured,
        }
        for answer in models
        for count in answer.steps
        if count.share_at_least is not None
    ]
    names = [answer.model for answer in models]
    if not rows:
        raise NothingToDraw(
            f"Nothing that {' or '.join(names)} had seen has been measured, so there is no share to draw; run "
            f"`seenat memorize {names[0]}{models[0].protocol.options}`."
        )
    title = f"Memorized of what was seen, {models[0].order}"
    base = altair.Chart(altair.Data(values=rows), title=title, width=520, height=300).encode(
        x=step_axis(altair, [row["step"] for row in rows]),
        y=altair.Y(
            "share:Q",
            title="share of seen sequences memorized",
            axis=altair.Axis(format="%"),
            scale=from_zero(altair, [row["share"] for row in rows]),
        ),
        **by_model(altair, names),
    )
    some_bounds = any(row["known"] != "exact" for row in rows)
    shape = altair.Shape(
        "known:N",
        title="share",
        scale=altair.Scale(domain=["exact", "at least"], range=["circle", "triangle-up"]),
        legend=altair.Legend() if some_bounds else None,
    )
    points = base.mark_point(filled=True, opacity=1).encode(
        shape=shape,
        tooltip=["model:N", "step:Q", altair.Tooltip("share:Q", format=".3%"), "known:N", "memorized:Q", "measured:Q"],
    )
    return base.mark_line() + points


def trajectory_chart(answer: SequenceTrajectory) -> Any:
    """How many ids of the continuation each checkpoint reproduces, or its surprisal an id; from the dashed line on it had been seen."""
    altair = altair_or_refuse()
    lines = _reproduced(answer) if answer.protocol.value_type.decodes else _surprisals(answer)
    seen = answer.first_checkpoint_seen
    return altair.layer(*([] if seen is None else _seen_rule(answer, seen)), *lines)


def _reproduced(answer: SequenceTrajectory) -> list[Any]:
    altair = altair_or_refuse()
    whole, measure = answer.protocol.continuation, answer.protocol.measure
    rows = [
        {**point.to_json(), "state": "memorized" if point.memorized else "not memorized"}
        for point in answer.trajectory.points
    ]
    x = _steps(answer)
    y = altair.Y(f"{measure}:Q", title=f"ids reproduced, of {whole}", scale=altair.Scale(domain=[0, whole]))
    base = _of_sequence(answer, rows)
    line = base.mark_line(color="#888888").encode(x=x, y=y)
    colour = altair.Color(
        "state:N",
        title=None,
        scale=altair.Scale(domain=["memorized", "not memorized"], range=["#d62728", "#1f77b4"]),
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x, y=y, color=colour, tooltip=["step:Q", f"{measure}:Q", "seen:N", "memorized:N"]
    )
    return [line, points]


def _surprisals(answer: SequenceTrajectory) -> list[Any]:
    """Of the prompt, the continuation and the least likely fifth: a line each, in nats an id."""
    altair = altair_or_refuse()
    ids = {"prompt": max(1, answer.protocol.prompt - 1), "continuation": answer.protocol.continuation, "min_k": 1}
    rows = [
        {"step": point.step, "seen": point.seen, "of": name, "surprisal": point.values[name] / count}
        for point in answer.trajectory.points
        for name, count in ids.items()
    ]
    line = (
        _of_sequence(answer, rows)
        .mark_line(point=True)
        .encode(
            x=_steps(answer),
            y=altair.Y("surprisal:Q", title="surprisal of an id (nats)"),
            color=altair.Color("of:N", title=None, sort=list(ids)),
            tooltip=["step:Q", "of:N", altair.Tooltip("surprisal:Q", format=".4f"), "seen:N"],
        )
    )
    return [line]


def _steps(answer: SequenceTrajectory) -> Any:
    return step_axis(altair_or_refuse(), _all_steps(answer))


def _all_steps(answer: SequenceTrajectory) -> list[int]:
    """Those measured, and the one that the rule stands at."""
    return [*(point.step for point in answer.trajectory.points), answer.first_checkpoint_seen or 0]


def _of_sequence(answer: SequenceTrajectory, rows: list[dict[str, Any]]) -> Any:
    altair = altair_or_refuse()
    title = f"Sequence {answer.sequence:,} in {answer.model}"
    return altair.Chart(altair.Data(values=rows), title=title, width=520, height=260)


def _seen_rule(answer: SequenceTrajectory, seen: int) -> list[Any]:
    altair = altair_or_refuse()
    rule = (
        altair.Chart(altair.Data(values=[{"step": seen, "label": f"seen by step {seen:,}"}]))
        .mark_rule(strokeDash=[4, 4], color="#555555")
        .encode(x=_steps(answer), tooltip="label:N")
    )
    left = 2 * seen > max(_all_steps(answer))  # The text stays within the chart.
    text = rule.mark_text(align="right" if left else "left", dx=-4 if left else 4, dy=-118, color="#555555").encode(
        text="label:N"
    )
    return [rule, text]
