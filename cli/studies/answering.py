"""What the studies share: arguments, and one way to answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from seenat.cli.context import Count
from seenat.cli.output import Output
from seenat.cli.words import adaptive_words

__all__ = ["answer", "models_argument", "plot_option", "step_option"]


def _checked(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that no chart can be saved to before anything is read."""
    if path is not None:
        from seenat.memorization.plots import check_plot_path

        check_plot_path(path)
    return path


plot_option = click.option(
    "--plot",
    callback=_checked,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw it to a .svg, .png or .html file.",
)
models_argument = click.argument("names", metavar="MODEL...", nargs=-1, required=True)
step_option = click.option("--step", type=Count("step"), metavar="N", help="The last measured one unless given.")


def answer(out: Output, found: Any, plot: Path | None, chart: str, show: Callable[[Output, Any], None]) -> None:
    """Draw, and print as JSON (a list where models are listed) or as tables."""
    if plot is not None:
        from seenat.memorization.plots import save
        from seenat.memorization.studies import charts

        save(getattr(charts, chart)(found), plot)
        out.talk(f"Drawn to {plot}")
    answers = [one.to_json() for one in (found if isinstance(found, tuple) else (found,))]
    if out.data(answers if isinstance(found, tuple) else answers[0]):
        return
    show(out, found)
    out.talk_all(adaptive_words([plan for answer in answers for plan in answer["adaptive"]]))
