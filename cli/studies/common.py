"""What the studies share: arguments, and one way to answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from seenat.cli.framework.output import Output
from seenat.cli.framework.params import Count
from seenat.cli.framework.phrases import adaptive_words
from seenat.cli.framework.plot_option import draw

__all__ = ["answer", "models_argument", "step_option"]

models_argument = click.argument("names", metavar="MODEL...", nargs=-1, required=True)
step_option = click.option("--step", type=Count("step"), metavar="N", help="The last measured one unless given.")


def answer(out: Output, found: Any, plot: Path | None, chart: str, show: Callable[[Output, Any], None]) -> None:
    """Print as JSON (a list where models are listed) or as tables, and draw: last, for there may be nothing to draw."""
    answers = [one.to_json() for one in (found if isinstance(found, tuple) else (found,))]
    if not out.data(answers if isinstance(found, tuple) else answers[0]):
        show(out, found)
        out.talk_all(adaptive_words([plan for answer in answers for plan in answer["adaptive"]]))
    if plot is not None:
        from seenat.memorization.plots import studies as charts

        draw(out, plot, lambda: getattr(charts, chart)(found))
