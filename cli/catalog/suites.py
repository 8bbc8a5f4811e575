"""Commands that add suites: one's own by its SUITE.toml, and the pocket suite by training it here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.deletions import show_deletion, yes_option
from seenat.cli.framework.output import Output, json_option
from seenat.cli.framework.outputs import Target, draw, plot_option
from seenat.cli.framework.params import open_catalog
from seenat.cli.framework.progress import Moment, Show, progress, resumable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seenat import Catalog, ClassOutcome, Registered
    from seenat.memorization.pocket.progress import PocketProgress

__all__ = ["demo", "register", "run_demo", "unregister"]


@click.command()
@click.argument("path", metavar="SUITE.toml", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Record changes to a suite that was registered before.")
@json_option
def register(path: Path, replace: bool, as_json: bool) -> None:
    """Add a suite of your own: its training order, its models and their checkpoints.

    Every file is hashed and checked first. Registering again changes nothing; a suite that has changed since is refused,
    unless --replace is given.

    \b
    Examples:
      seenat register my-run/SUITE.toml
      seenat register my-run/SUITE.toml --replace
    """

    out = Output(as_json)
    with open_catalog() as catalog:
        answer = _register(catalog, path, replace=replace)
    out.talk_all(f"Note: {note}" for note in answer.notes or ())
    if out.data(answer):
        return
    for change in answer.changes:
        out.line(change)
    if not answer.changes:
        out.line(f"The suite {answer.suite} was registered already, and nothing changed.")
    for name in answer.models[:1]:
        out.talk(f"Measure it: seenat memorize {name}")


@click.command()
@click.argument("suite", metavar="SUITE")
@yes_option
@json_option
def unregister(suite: str, yes: bool, as_json: bool) -> None:
    """Delete a suite of your own from the catalog: its orders, models and all results of these. Its files stay.

    Without --yes nothing is deleted, and what would be is told.

    \b
    Example:
      seenat unregister pocket
    """
    with open_catalog() as catalog:
        deletion = catalog.unregister(suite, yes=yes)
    show_deletion(deletion, as_json)


@click.command()
@plot_option
@json_option
def demo(plot: Target | None, as_json: bool) -> None:
    """Train a small suite here, measure all its checkpoints, and show what was memorized when.

    Three GPT-NeoX models learn the documentation of torch.distributed in a recorded order, with some sequences repeated up to 64
    times. It takes a minute or two on two cores; run it again to continue a stopped one.

    \b
    Examples:
      seenat demo
      seenat demo --plot when.svg
    """
    from seenat.registry import settings

    out = Output(as_json)
    settings.home().mkdir(parents=True, exist_ok=True)
    plot = plot or Target(settings.home() / "demo.png", force=True)  # Its own, made anew each time.
    with open_catalog() as catalog:
        outcomes = run_demo(out, catalog)
        sentence = _sentence(catalog, outcomes[-1].model)
    _draw(out, outcomes, plot)
    if not out.data({"outcomes": outcomes, "plot": plot.path}):
        _show_demo(out, outcomes, plot, sentence)


def run_demo(out: Output, catalog: Catalog) -> Sequence[ClassOutcome]:
    """Train, register and measure the pocket suite, telling each step; what is done is not done again."""
    from seenat.cli.jobs.announcements import MemorizeTalk

    out.talk("1. Training the pocket suite: three GPT-NeoX models, 384 steps each")
    with resumable(), progress() as show:
        manifest = catalog.train_pocket_suite(progress=lambda now: _show_training(out, show, now))
    out.talk(f"2. Registering it, as any suite: seenat register {manifest}")
    models = _register(catalog, manifest, replace=False).models
    out.talk("3. Measuring every checkpoint over the sequences it has seen: seenat memorize MODEL")
    for model in models:
        catalog.memorize(model, steps=catalog.model(model).schedule.saved, observer=MemorizeTalk(out))
    return catalog.repetition_outcomes(*models)


def _show_training(out: Output, show: Show, now: PocketProgress) -> None:
    if now.stage == "waiting":
        out.talk("   Another process is training it; waiting for that.")
    elif now.model is not None:
        loss = "" if now.loss is None else f"loss {now.loss:.2f}"
        show(Moment(task=now.model, done=now.step, total=now.steps, note=loss))


def _register(catalog: Catalog, path: Path, *, replace: bool) -> Registered:
    with progress() as show:
        return catalog.register(
            path,
            replace=replace,
            progress=lambda what, done, total: show(Moment(task="reading", done=done, total=total, note=what)),
        )


def _sentence(catalog: Catalog, model: str) -> str | None:
    from seenat.memorization.pocket.demo import often_seen

    return often_seen(catalog.model(model))


def _draw(out: Output, outcomes: Sequence[ClassOutcome], plot: Target) -> None:
    from seenat.memorization.pocket.demo import demo_chart

    draw(out, plot, lambda: demo_chart(tuple(outcomes)))


def _show_demo(out: Output, outcomes: Sequence[ClassOutcome], plot: Target, sentence: str | None) -> None:
    names = list(dict.fromkeys(outcome.model for outcome in outcomes))
    cells = {(outcome.times, outcome.model): outcome for outcome in outcomes}
    out.line("Sequences memorized at the last checkpoint, and the median of the steps by which these first were:")
    out.line()
    out.table(
        (">repeated", ">sequences", *(f">{name}" for name in names)),
        (
            (f"{times}x", cells[times, names[0]].sequences, *(_cell(cells[times, name]) for name in names))
            for times in sorted({outcome.times for outcome in outcomes}, reverse=True)
        ),
    )
    out.line()
    out.line("Read a row from left to right: larger models memorize more, and earlier.")
    out.line("Read a column from top to bottom: what is repeated less is memorized later, or not at all.")
    out.line()
    out.line(f"The picture: {plot}")
    out.line()
    out.line("Next:")
    for command, meaning in _next_commands(names[-1]).items():
        out.line(f"  {command:<40}{meaning}")
    if sentence is not None:
        out.line(f'  seenat find "{sentence}" --model {names[-1]} --measure')
        out.line(f"{'':<42}a sentence's exposures, and when it was memorized")


def _next_commands(model: str) -> dict[str, str]:
    return {
        f"seenat onset {model}": "what this model memorized when",
        f"seenat sequence {model} 20 --decode": "a sequence: its text, its trajectories",
        f"seenat step {model} 128": "what a checkpoint had seen",
        "seenat step pythia-1.4b 71000": "the same for Pythia's 100 models",
        "seenat register SUITE.toml": "a training run of your own",
    }


def _cell(outcome: ClassOutcome) -> str:
    memorized = outcome.memorized[-1]
    if not memorized:
        return "none"
    by = f" by {outcome.median_onset}" if outcome.median_onset is not None else ""
    part = memorized / outcome.sequences
    return f"{memorized} ({f'{part:.0%}' if part >= 0.01 else '<1%'}){by}"
