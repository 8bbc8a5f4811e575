"""Studies of what changes from one checkpoint to the next: onsets, forgetting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.params import open_catalog, protocol_option
from seenat.cli.framework.phrases import share_words
from seenat.cli.framework.plot_option import plot_option
from seenat.cli.studies.common import answer, models_argument

if TYPE_CHECKING:
    from seenat.memorization.studies.forgetting import Curve

__all__ = ["forgetting", "onsets"]


@click.command()
@models_argument
@protocol_option
@plot_option
@json_option
def onsets(names: tuple[str, ...], protocol: str | None, plot: Path | None, as_json: bool) -> None:
    """Show what share each checkpoint has memorized, and how many onsets so far.

    \b
    Example:
      seenat study onsets pocket-230k pocket-660k pocket-2m --plot onsets.svg
    """
    _curves(names, protocol, plot, as_json, "onsets_chart", _show_onsets)


@click.command()
@models_argument
@protocol_option
@plot_option
@json_option
def forgetting(names: tuple[str, ...], protocol: str | None, plot: Path | None, as_json: bool) -> None:
    """Show how many sequences each checkpoint has forgotten and learned again.

    \b
    Example:
      seenat study forgetting pocket-230k pocket-2m --plot forgetting.svg
    """
    _curves(names, protocol, plot, as_json, "forgetting_chart", _show_forgetting)


def _curves(
    names: tuple[str, ...],
    protocol: str | None,
    plot: Path | None,
    as_json: bool,
    chart: str,
    show: Callable[[Output, tuple[Curve, ...]], None],
) -> None:
    from seenat.memorization.studies.forgetting import curves

    with open_catalog() as catalog:
        found = curves(catalog, [catalog.model(name) for name in names], protocol)
    answer(Output(as_json), found, plot, chart, show)


def _show_onsets(out: Output, found: tuple[Curve, ...]) -> None:
    out.table(
        ("<model", ">step", ">measured", ">memorized", ">share", ">onsets", ">onsets so far"),
        (
            (
                one.model,
                count(row.step),
                count(row.measured),
                count(row.memorized),
                share_words(row.share, row.share_at_least),
                count(row.onsets),
                count(row.onsets_so_far),
            )
            for one in found
            for row in one.steps
        ),
        spare=("onsets",),
    )


def _show_forgetting(out: Output, found: tuple[Curve, ...]) -> None:
    out.table(
        ("<model", ">step", ">memorized", ">onsets", ">forgotten", ">relearned"),
        (
            (
                one.model,
                count(row.step),
                count(row.memorized),
                count(row.onsets),
                count(row.forgotten),
                count(row.relearned),
            )
            for one in found
            for row in one.steps
        ),
    )
