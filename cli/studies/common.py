"""Shared by the studies: their arguments, and how each prints its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from seenat.cli.framework.output import Output
from seenat.cli.framework.outputs import Target, draw
from seenat.cli.framework.params import MODEL, STEP
from seenat.cli.framework.phrases import basis_words

__all__ = ["models_argument", "show_study", "step_option"]

models_argument = click.argument("names", metavar="MODEL...", type=MODEL, nargs=-1, required=True)
step_option = click.option(
    "--step", type=STEP, metavar="N", help="The checkpoint to look at. Default: the last measured one."
)


def show_study(out: Output, answer: Any, plot: Target | None, chart: str, show: Callable[[Output, Any], None]) -> None:
    """Print an answer, or the answers of several models, as JSON or as tables, and then draw the chart of this name.

    The chart comes last: where there is nothing to draw, the answer was printed already.
    """
    if not out.data(answer):
        show(out, answer)
        out.talk_all(basis_words(answer if isinstance(answer, tuple) else (answer,)))
    if plot is not None:
        from seenat.memorization.plots import studies as charts

        draw(out, plot, lambda: getattr(charts, chart)(answer))
