"""Files and folders that a command writes: one type of option for all, checked before anything is read.

`registry/storage/outputs.py` has the rule. Here `-` is added to it, standard output, in the format of an ending behind it, `-.csv`,
or else as text: the file is made elsewhere and goes there when it is whole, and what the command would say is said on stderr.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output
from seenat.cli.framework.progress import Moment, progress
from seenat.cli.framework.terminal import STDOUT, end_without_reader, take_stdout
from seenat.registry.errors import SeenatError

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

__all__ = [
    "NEW_FOLDER",
    "PLOTS",
    "TABLES",
    "OutputType",
    "Target",
    "draw",
    "output_option",
    "plot_option",
    "with_force",
    "written",
]

PLOTS = (".svg", ".png", ".pdf", ".html")
TABLES = (".parquet", ".csv", ".jsonl", "")
_FORCE = "seenat.force"
# Points of a chart's width.
_NARROWEST, _WIDEST = 150, 5000
_TEXT = (".jsonl", ".svg", ".html", ".sbatch")


@dataclass(frozen=True)
class Target:
    """A file or folder to write, and whether it may replace another."""

    path: Path
    force: bool = False
    folder: Any = field(default=None, repr=False)
    """The temporary folder in which standard output's content is made; deleted with this."""

    def __str__(self) -> str:
        return self.shown()

    def shown(self, path: Path | None = None) -> str:
        """The file as people are told of it: as it was typed, or by another path."""
        return STDOUT if self.folder is not None else str(path or self.path)


class OutputType(click.ParamType[Target]):
    """The name of a file or folder to write."""

    name = "file"

    def __init__(self, endings: Sequence[str]) -> None:
        self.endings = tuple(endings)

    @property
    def _on_stdout(self) -> tuple[str, ...]:
        """The endings of what standard output can hold; the first is that of `-` alone."""
        return tuple(sorted(filter(None, self.endings), key=lambda ending: ending not in _TEXT))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """Check that it may be written, or fail with what may."""
        if isinstance(value, Target):
            return value
        if str(value).startswith("-"):
            return self._stdout(str(value)[1:], param, ctx)
        from seenat.registry.storage.outputs import check_output

        target = Target(Path(value), bool(ctx and ctx.meta.get(_FORCE)))
        try:
            check_output(target.path, self.endings, force=target.force)
        except SeenatError as error:
            self.fail(str(error), param, ctx)
        return target

    def _stdout(self, ending: str, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        import tempfile

        possible = self._on_stdout
        if not possible:
            self.fail("A folder cannot be written to standard output; name a new one.", param, ctx)
        if ending not in ("", *possible):
            self.fail(f"-{ending} is not standard output; write - or -{', -'.join(possible)}.", param, ctx)
        if ctx is None or ctx.params.get("as_json") or not take_stdout(ctx):
            self.fail("Only one thing can be written to standard output; name a file for the other.", param, ctx)
        folder = tempfile.TemporaryDirectory(prefix="seenat-", ignore_cleanup_errors=True)
        made = Path(folder.name, f"out{ending or possible[0]}")
        ctx.call_on_close(lambda: _pass_on(made, folder))
        return Target(made, folder=folder)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Files, as the shell itself completes them."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file" if self.endings else "dir")]


NEW_FOLDER = OutputType(())


def _pass_on(made: Path, folder: TemporaryDirectory[str]) -> None:
    """Write what is whole to standard output; where the command failed, nothing is there."""
    with folder:
        if not made.is_file():
            return
        try:
            with made.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()
        except BrokenPipeError:
            end_without_reader()
        except OSError as error:
            raise OSError(error.errno, error.strerror, STDOUT) from error


def with_force(command: Any) -> Any:
    """Add `--force` to a command, once."""
    if any(param.name == "force" for param in getattr(command, "__click_params__", ())):
        return command
    text = "Replace the file or folder that is to be written."
    return click.option("--force", is_flag=True, is_eager=True, expose_value=False, callback=_forced, help=text)(
        command
    )


def _forced(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[_FORCE] = value


def output_option(*names: str, endings: Sequence[str], **more: Any) -> Callable[[Any], Any]:
    """An option that names a file to write, with `--force` beside it."""
    option = click.option(*names, type=OutputType(endings), metavar="FILE", **more)
    return lambda command: option(with_force(command))


def written(target: Target | None, name: str = "out") -> Mapping[str, Any]:
    """A target as the arguments of a method: the path under this name, and `force`."""
    return {} if target is None else {name: target.path, "force": target.force}


# -- charts


def plot_option(command: Any) -> Any:
    """`--plot`, and beside it how the picture is to look."""
    for names, more in reversed(_LOOKS):
        command = click.option(*names, expose_value=False, callback=_looking, **more)(command)
    return output_option("--plot", endings=PLOTS, help="Draw a chart to a new .svg, .png, .pdf or .html file.")(command)


_LOOK = "seenat.look"
_LOOKS: tuple[tuple[tuple[str, str], Mapping[str, Any]], ...] = (
    (
        ("--x", "look_x"),
        {
            "type": click.Choice(("log", "symlog", "linear")),
            "help": "The chart's scale of steps. Default: as the steps are spaced.",
        },
    ),
    (
        ("--width", "look_width"),
        {"type": click.IntRange(_NARROWEST, _WIDEST), "metavar": "POINTS", "help": "The width of the whole chart."},
    ),
    (
        ("--title", "look_title"),
        {"metavar": "TEXT", "help": "The chart's title, instead of its own; '' leaves out the caption too."},
    ),
)


def _looking(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        ctx.meta.setdefault(_LOOK, {})[str(param.name).removeprefix("look_")] = value


def draw(out: Output, plot: Target, chart: Callable[[], Any]) -> None:
    """Make a chart and save it; raises `NothingToDraw`, and writes no file, where it would be empty."""
    from seenat.memorization.plots.figure import Look, drawn_as
    from seenat.memorization.plots.save import save

    asked = click.get_current_context().meta.get(_LOOK, {})
    with drawn_as(Look(**asked, places=_places())), progress() as show:
        show(Moment(task="drawing", done=0, total=1))
        save(chart(), plot.path, force=plot.force, source={"command": _command()})
    out.talk(f"Drawn to {plot}")


def _places() -> Mapping[str, int]:
    from seenat.cli.framework.params import open_catalog
    from seenat.memorization.plots.figure import places_of

    with open_catalog() as catalog:
        return places_of((model.name, model.suite) for model in catalog.models())


def _command() -> str:
    """What was typed: it holds the model, the protocol and all else that the picture shows."""
    import shlex

    return shlex.join(["seenat", *sys.argv[1:]])
