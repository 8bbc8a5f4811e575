"""Studies of what changes from one checkpoint to the next: onsets, forgetting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.outputs import Target, plot_option
from seenat.cli.framework.params import by_option, open_catalog, protocol_option, where_option
from seenat.cli.framework.phrases import share_words
from seenat.cli.studies.common import models_argument, show_study

if TYPE_CHECKING:
    from seenat import Answers, Curve

__all__ = ["forgetting", "onsets"]


@click.command()
@models_argument
@by_option
@where_option
@protocol_option
@plot_option
@json_option
def onsets(
    names: tuple[str, ...],
    protocol: str | None,
    where: tuple[str, ...],
    by: str | None,
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show the share that each checkpoint has memorized, and the number of onsets so far.

    \b
    Example:
      seenat study onsets pocket-230k pocket-660k pocket-2m --plot onsets.svg
    """
    with open_catalog() as catalog:
        curves = catalog.studies.onsets(*names, protocol=protocol, where=where, by=by)
    show_study(Output(as_json), curves, plot, "onsets_chart", _show_onsets)


@click.command()
@models_argument
@by_option
@where_option
@protocol_option
@plot_option
@json_option
def forgetting(
    names: tuple[str, ...],
    by: str | None,
    where: tuple[str, ...],
    protocol: str | None,
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show how many sequences each checkpoint has forgotten and learned again.

    \b
    Example:
      seenat study forgetting pocket-230k pocket-2m --plot forgetting.svg
    """
    with open_catalog() as catalog:
        curves = catalog.studies.forgetting(*names, protocol=protocol, where=where, by=by)
    show_study(Output(as_json), curves, plot, "forgetting_chart", _show_forgetting)


def _show_onsets(out: Output, curves: Answers[Curve]) -> None:
    out.table(
        ("<model", ">step", ">measured", ">memorized", ">share", ">onsets", ">onsets so far"),
        (
            (
                curve.name,
                count(row.step),
                count(row.measured),
                count(row.memorized),
                share_words(row.share, row.share_at_least),
                count(row.onsets),
                count(row.onsets_so_far),
            )
            for curve in curves
            for row in curve.steps
        ),
        spare=("onsets",),
    )


def _show_forgetting(out: Output, curves: Answers[Curve]) -> None:
    out.table(
        ("<model", ">step", ">memorized", ">onsets", ">forgotten", ">relearned"),
        (
            (
                curve.name,
                count(row.step),
                count(row.memorized),
                count(row.onsets),
                count(row.forgotten),
                count(row.relearned),
            )
            for curve in curves
            for row in curve.steps
        ),
    )
