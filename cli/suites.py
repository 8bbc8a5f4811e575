"""Commands that bring suites in: one's own by its SUITE.toml, and the pocket suite by training it here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.context import open_catalog
from seenat.cli.memorize import run_with_progress
from seenat.cli.output import Output, json_option
from seenat.cli.progress import Moment, Show, progress, resumable

if TYPE_CHECKING:
    from seenat.memorization.demo import ClassOutcome
    from seenat.memorization.pocket.progress import PocketProgress
    from seenat.registry.catalog import Catalog
    from seenat.registry.entities import Model
    from seenat.registry.registering import Registered

__all__ = ["demo", "register"]

_POCKET_SEED = 1234


@click.command()
@click.argument("path", metavar="SUITE.toml", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Record changes to a suite that was registered before.")
@json_option
def register(path: Path, replace: bool, as_json: bool) -> None:
    """Add a suite of your own: its training order, its models and their checkpoints.

    Every file is hashed and checked first. Registering again changes nothing; what changed since is told, and recorded only
    with --replace.

    \b
    Examples:
      seenat register my-run/SUITE.toml
      seenat register my-run/SUITE.toml --replace
    """
    out = Output(as_json)
    with open_catalog() as catalog:
        done = _register(catalog, path, replace)
    if out.data(done.to_json()):
        return
    for change in done.changes:
        out.line(change)
    if not done.changes:
        out.line(f"The suite {done.suite} was registered already, and nothing changed.")
    for name in done.models[:1]:
        out.talk(f"Measure it: seenat memorize {name}")


@click.command()
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to draw the picture; .png, .svg or .html.",
)
@json_option
def demo(plot: Path | None, as_json: bool) -> None:
    """Train a small suite here, measure all its checkpoints, and show when what was memorized.

    Three GPT-NeoX models learn the documentation of torch.distributed in a recorded order, with some sequences repeated up to 64
    times. It takes a minute or two on two cores, and goes on where it was when it is stopped and run again.

    \b
    Examples:
      seenat demo
      seenat demo --plot when.svg
    """
    from seenat.memorization.plots import check_plot_path
    from seenat.registry import settings

    out = Output(as_json)
    plot = plot or settings.home() / "demo.png"
    check_plot_path(plot)
    with open_catalog() as catalog:
        found = _run_demo(out, catalog)
    _draw(found, plot)
    if out.data({"outcomes": [one.to_json() for one in found], "plot": str(plot)}):
        return
    _show_demo(out, found, plot)


def _run_demo(out: Output, catalog: Catalog) -> tuple[ClassOutcome, ...]:
    from seenat.memorization.demo import outcomes
    from seenat.memorization.jobs import plan_job
    from seenat.memorization.protocol import Protocol
    from seenat.memorization.selection import Selection

    out.talk("1. Training the pocket suite: three GPT-NeoX models, 384 steps each")
    manifest = _train(out)
    out.talk(f"2. Registering it, as any suite: seenat register {manifest}")
    registered = _register(catalog, manifest, replace=False)
    models: tuple[Model, ...] = tuple(catalog.model(name) for name in registered.models)
    out.talk("3. Measuring every checkpoint over the sequences it has seen: seenat memorize MODEL")
    for model in models:
        selection = Selection(steps=model.schedule.saved, sequences=model.order.sequences)
        job = plan_job(catalog, model, Protocol.usual(model.order.eos_id), selection)
        run_with_progress(out, catalog, [job])
    return outcomes(catalog, models)


def _train(out: Output) -> Path:
    from seenat.memorization.pocket import build_pocket_suite, pocket_folder
    from seenat.registry import settings

    folder = pocket_folder(settings.home(), _POCKET_SEED)
    with resumable(), progress() as show:
        return build_pocket_suite(folder, seed=_POCKET_SEED, progress=lambda now: _tell(out, show, now))


def _tell(out: Output, show: Show, now: PocketProgress) -> None:
    if now.stage == "waiting":
        out.talk("   Another process is training it; waiting for that.")
    elif now.model is not None:
        loss = "" if now.loss is None else f"loss {now.loss:.2f}"
        show(Moment(task=now.model, done=now.step, total=now.steps, note=loss))


def _register(catalog: Catalog, path: Path, replace: bool) -> Registered:
    from seenat.registry.registering import register_suite

    with progress() as show:
        return register_suite(
            catalog,
            path,
            replace_changed=replace,
            progress=lambda what, done, total: show(Moment(task="reading", done=done, total=total, note=what)),
        )


def _draw(found: tuple[ClassOutcome, ...], plot: Path) -> None:
    from seenat.memorization.demo import demo_chart
    from seenat.memorization.plots import save

    save(demo_chart(found), plot)


def _show_demo(out: Output, found: tuple[ClassOutcome, ...], plot: Path) -> None:
    names = list(dict.fromkeys(one.model for one in found))
    cells = {(one.times, one.model): one for one in found}
    out.line("Sequences memorized by the last checkpoint, and the median step by which they were:")
    out.line()
    out.table(
        (">repeated", ">sequences", *(f">{name}" for name in names)),
        (
            (f"{times}x", cells[times, names[0]].sequences, *(_cell(cells[times, name]) for name in names))
            for times in sorted({one.times for one in found}, reverse=True)
        ),
    )
    out.line()
    out.line("Read a row from left to right: larger models memorize more, and earlier.")
    out.line("Read a column from top to bottom: what is repeated less is memorized later, or not at all.")
    out.line()
    out.line(f"The picture: {plot}")
    out.line()
    out.line("Go on:")
    for command, meaning in _next_commands(names[-1]).items():
        out.line(f"  {command:<40}{meaning}")


def _next_commands(model: str) -> dict[str, str]:
    return {
        f"seenat onset {model}": "when this model memorized what",
        f"seenat sequence {model} 20 --decode": "a sequence: its text, its trajectories",
        f"seenat step {model} 128": "what a checkpoint had seen",
        "seenat step pythia-1.4b 71000": "the same for Pythia's 100 models",
        "seenat register SUITE.toml": "a training run of your own",
    }


def _cell(one: ClassOutcome) -> str:
    if not one.memorized[-1]:
        return "none"
    by = f" by {one.median_onset}" if one.median_onset is not None else ""
    part = one.memorized[-1] / one.sequences
    return f"{one.memorized[-1]} ({f'{part:.0%}' if part >= 0.01 else '<1%'}){by}"
