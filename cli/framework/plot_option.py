"""`--plot FILE`: its name is checked before anything is read, and it is drawn after the answer was printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from seenat.cli.framework.output import Output
from seenat.cli.framework.progress import Moment, progress

__all__ = ["draw", "plot_option"]


def _checked(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that no chart can be saved to before anything is read."""
    if path is not None:
        from seenat.memorization.plots.save import check_plot_path

        check_plot_path(path)
    return path


plot_option = click.option(
    "--plot",
    callback=_checked,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw a chart to a .svg, .png or .html file.",
)


def draw(out: Output, plot: Path, chart: Callable[[], Any]) -> None:
    """Make a chart and save it; raises `NothingToDraw`, and writes no file, where it would be empty."""
    from seenat.memorization.plots.save import save

    with progress() as show:
        show(Moment(task="drawing", done=0, total=1))
        save(chart(), plot)
    out.talk(f"Drawn to {plot}")
