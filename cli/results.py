"""Commands that read results: trajectories and onsets, as tables, JSON and plots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.context import Count, open_catalog, protocol_option
from seenat.cli.output import Output, count, json_option, share

if TYPE_CHECKING:
    from seenat.memorization.results import Onsets, SequenceTrajectory

__all__ = ["onset", "trajectory"]

_plot_option = click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw it to a .svg, .png or .html file.",
)


@click.command()
@click.argument("name", metavar="MODEL")
@click.argument("index", metavar="SEQUENCE", type=Count("sequence"))
@protocol_option
@_plot_option
@json_option
def trajectory(name: str, index: int, protocol: str | None, plot: Path | None, as_json: bool) -> None:
    """Show one sequence over a model's checkpoints: memorized, forgotten, learned again.

    \b
    Examples:
      seenat trajectory pocket-2m 100
      seenat trajectory pocket-2m 100 --plot trajectory.svg
    """
    from seenat.memorization.results import trajectory as read

    with open_catalog() as catalog:
        found = read(catalog, catalog.model(name), index, protocol)
    if plot is not None:
        from seenat.memorization.plots import save, trajectory_chart

        save(trajectory_chart(found), plot)
    out = Output(as_json)
    if out.data(found.to_json()):
        return
    _show_trajectory(out, found)
    if plot is not None:
        out.line(f"Drawn to {plot}")


@click.command()
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@click.option("--limit", type=Count("number of sequences"), default=20, show_default=True, help="Sequences to list.")
@protocol_option
@_plot_option
@json_option
def onset(names: tuple[str, ...], limit: int, protocol: str | None, plot: Path | None, as_json: bool) -> None:
    """Show when a model memorized what: counts by checkpoint, and the first sequences.

    With several models, one after the other, and one plot of all.

    \b
    Examples:
      seenat onset pocket-2m
      seenat onset pocket-230k pocket-660k pocket-2m --plot onset.png
    """
    from seenat.memorization.results import onsets

    with open_catalog() as catalog:
        found = [onsets(catalog, catalog.model(name), protocol, limit) for name in names]
    if plot is not None:
        from seenat.memorization.plots import onset_chart, save

        save(onset_chart(found), plot)
    out = Output(as_json)
    answers = [one.to_json() for one in found]
    if out.data(answers[0] if len(answers) == 1 else answers):
        return
    for one in found:
        _show_onsets(out, one)
    if plot is not None:
        out.line(f"Drawn to {plot}")


def _show_trajectory(out: Output, found: SequenceTrajectory) -> None:
    path = found.trajectory
    out.facts(
        [
            ("sequence", f"{found.sequence:,} in {found.model}"),
            ("first seen by the checkpoint at step", count(found.first_checkpoint_seen) or "none"),
            ("memorized", "never" if path.onset is None else _bracket(path.onset.bracket_low, path.onset.step)),
            ("forgotten at step", ", ".join(map(str, path.forgotten)) or None),
            ("learned again at step", ", ".join(map(str, path.relearned)) or None),
        ]
    )
    whole = found.protocol.continuation
    out.table(
        ("step", "seen", "prefix", ""),
        (
            (
                f"{point.step:,}",
                "yes" if point.seen else "not yet",
                f"{point.prefix} of {whole}",
                "memorized" if point.memorized else "",
            )
            for point in path.points
        ),
        left=0,
    )


def _show_onsets(out: Output, found: Onsets) -> None:
    out.facts(
        [
            ("model", f"{found.model}, trained on {found.order}"),
            ("protocol", found.protocol.id),
            ("memorized", f"{found.memorized:,} sequences by some checkpoint, {found.lost:,} of them later lost"),
        ]
    )
    out.table(
        ("step", "measured", "memorized", "share", "for the first time", "not seen yet, measured", "memorized"),
        (
            (
                f"{row.step:,}",
                count(row.measured),
                count(row.memorized),
                share(row.share),
                count(row.onsets),
                count(row.unseen_measured),
                count(row.unseen_memorized),
            )
            for row in found.steps
        ),
        left=0,
    )
    if found.sequences:
        out.table(
            ("sequence", "not memorized at", "memorized by", "last memorized at", "times lost"),
            (
                (
                    f"{one.sequence:,}",
                    count(one.onset.bracket_low),
                    count(one.onset.step),
                    count(one.last_step),
                    one.times_lost,
                )
                for one in found.sequences
            ),
            left=0,
        )
        if len(found.sequences) < found.memorized:
            out.line(f"... and {found.memorized - len(found.sequences):,} more; --limit shows them.")


def _bracket(low: int | None, step: int) -> str:
    if low is None:
        return f"by step {step:,}; not measured before"
    return f"after step {low:,}, by step {step:,}"
