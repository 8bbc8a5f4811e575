"""Commands that read results: trajectories and onsets, as tables, JSON and plots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.params import Count, open_catalog, protocol_option
from seenat.cli.framework.phrases import adaptive_words, onset_words, protocol_words, sequence_table, share_words
from seenat.cli.framework.plot_option import draw, plot_option

if TYPE_CHECKING:
    from seenat.memorization.queries.onsets import Onsets, StepCount
    from seenat.memorization.queries.trajectories import SequenceTrajectory
    from seenat.memorization.results.trajectory import Trajectory

__all__ = ["onset", "trajectory"]


@click.command()
@click.argument("name", metavar="MODEL")
@click.argument("index", metavar="SEQUENCE", type=Count("sequence"))
@protocol_option
@plot_option
@json_option
def trajectory(name: str, index: int, protocol: str | None, plot: Path | None, as_json: bool) -> None:
    """Show one sequence over a model's checkpoints: memorized, forgotten, learned again; or its loss.

    \b
    Examples:
      seenat trajectory pocket-230k 100
      seenat trajectory pocket-230k 100 --plot trajectory.svg
    """
    from seenat.memorization.queries.trajectories import trajectory as read

    with open_catalog() as catalog:
        found = read(catalog, catalog.model(name), index, protocol)
    out = Output(as_json)
    if not out.data(found.to_json()):
        _show_trajectory(out, found)
    if plot is not None:
        from seenat.memorization.plots.charts import trajectory_chart

        draw(out, plot, lambda: trajectory_chart(found))


@click.command()
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
@protocol_option
@plot_option
@json_option
def onset(names: tuple[str, ...], limit: int, protocol: str | None, plot: Path | None, as_json: bool) -> None:
    """Show when a model memorized what: counts by checkpoint, and the first sequences.

    With several models, one after the other (in JSON a list of them), and one plot of all.

    \b
    Examples:
      seenat onset pocket-230k
      seenat onset pocket-230k pocket-2m --limit 0 --plot onset.png
    """
    from seenat.memorization.queries.onsets import onsets

    with open_catalog() as catalog:
        found = [onsets(catalog, catalog.model(name), protocol, limit) for name in names]
    out = Output(as_json)
    answers = [one.to_json() for one in found]
    if not out.data(answers[0] if len(answers) == 1 else answers):
        _show_all_onsets(out, found)
    if plot is not None:
        from seenat.memorization.plots.charts import onset_chart

        draw(out, plot, lambda: onset_chart(found))


def _show_trajectory(out: Output, found: SequenceTrajectory) -> None:
    decodes = found.protocol.value_type.decodes
    out.facts(
        [
            ("sequence", f"{found.sequence:,} in {found.model}"),
            ("protocol", protocol_words(found.protocol)),
            ("first checkpoint that saw it", _step(found.first_checkpoint_seen)),
            *(_memorized_facts(found.trajectory) if decodes else ()),
        ]
    )
    out.line()
    (_show_reproduced if decodes else _show_losses)(out, found)
    out.talk_all(adaptive_words([plan.to_json() for plan in found.adaptive]))


def _memorized_facts(path: Trajectory) -> list[tuple[str, str | None]]:
    return [
        ("memorized", onset_words(None if path.onset is None else path.onset.to_json())),
        ("forgotten", _at(path.forgotten)),
        ("learned again", _at(path.relearned)),
    ]


def _show_reproduced(out: Output, found: SequenceTrajectory) -> None:
    whole, measure = found.protocol.continuation, found.protocol.measure
    out.table(
        (">step", "<had seen it", ">reproduced", "<memorized"),
        (
            (
                count(point.step),
                "yes" if point.seen else "no",
                f"{point.values[measure]} of {whole}",
                "yes" if point.memorized else "no",
            )
            for point in found.trajectory.points
        ),
    )


def _show_losses(out: Output, found: SequenceTrajectory) -> None:
    """In nats, the sums of prompt and continuation, the mean of the least likely fifth, and the mean rank."""
    quantities = found.protocol.value_type.quantities
    out.table(
        (">step", "<had seen it", *(f">{name}" for name in quantities)),
        (
            (
                count(point.step),
                "yes" if point.seen else "no",
                *(f"{point.values[name]:,.2f}" for name in quantities),
            )
            for point in found.trajectory.points
        ),
    )


def _step(step: int | None) -> str:
    return "none" if step is None else f"step {step:,}"


def _at(steps: tuple[int, ...]) -> str | None:
    return f"at step {', '.join(f'{step:,}' for step in steps)}" if steps else None


def _show_all_onsets(out: Output, found: list[Onsets]) -> None:
    for place, one in enumerate(found):
        if place:
            out.line()
        _show_onsets(out, one)


def _show_onsets(out: Output, found: Onsets) -> None:
    unseen = sum(row.unseen_onsets for row in found.steps)
    before = f", {unseen:,} of them before it had seen them" if unseen else ""
    out.facts(
        [
            ("model", f"{found.model}, trained on {found.order}"),
            ("protocol", protocol_words(found.protocol)),
            (
                "memorized",
                f"{found.memorized:,} sequences by some checkpoint{before}, {found.lost:,} of them later lost",
            ),
        ]
    )
    out.line()
    _show_steps(out, found.steps)
    if found.sequences:
        out.line()
        out.table(*sequence_table(found.sequences))
    left = found.memorized - len(found.sequences)
    if left and found.sequences:
        out.talk(f"... and {left:,} more; `--limit {found.memorized}` lists all.")
    out.talk_all(adaptive_words([plan.to_json() for plan in found.adaptive]))


def _show_steps(out: Output, steps: tuple[StepCount, ...]) -> None:
    """Counts of sequences seen by each checkpoint; of those not seen only where some were measured."""
    columns: tuple[str, ...] = (">step", ">measured", ">memorized", ">share", ">for the first time")
    rows = [
        [
            count(row.step),
            count(row.measured),
            count(row.memorized),
            share_words(row.share, row.share_at_least),
            count(row.onsets - row.unseen_onsets),
        ]
        for row in steps
    ]
    if any(row.unseen_measured for row in steps):
        columns = (*columns, ">unseen measured", ">memorized", ">for the first time")
        for cells, row in zip(rows, steps, strict=True):
            cells += [count(row.unseen_measured), count(row.unseen_memorized), count(row.unseen_onsets)]
    out.table(columns, rows)
