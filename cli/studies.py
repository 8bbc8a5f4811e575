"""Studies over results: one command each, as tables, JSON and plots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.context import Count, open_catalog, protocol_option
from seenat.cli.output import Output, count, json_option, share
from seenat.cli.words import adaptive_words, share_words

if TYPE_CHECKING:
    from seenat.memorization.studies.batches import BatchDispersion
    from seenat.memorization.studies.curves import Curve
    from seenat.memorization.studies.exposures import ExposureOnsets
    from seenat.memorization.studies.prediction import Predictions
    from seenat.memorization.studies.sets import SetDifference

__all__ = ["study"]


def _checked(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that no chart can be saved to before anything is read."""
    if path is not None:
        from seenat.memorization.plots import check_plot_path

        check_plot_path(path)
    return path


_plot_option = click.option(
    "--plot",
    callback=_checked,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw it to a .svg, .png or .html file.",
)
_models_argument = click.argument("names", metavar="MODEL...", nargs=-1, required=True)
_step_option = click.option("--step", type=Count("step"), metavar="N", help="The last measured one unless given.")


class _AsWritten(click.Group):
    """A group that lists its commands in the order of the page that defines them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_AsWritten, short_help="Ask of results what papers ask of them.")
def study() -> None:
    """Ask of results what papers ask of them: each study from what jobs have stored.

    Only sequences that a checkpoint had seen count. Definitions and papers: docs/studies.md.

    \b
    Examples:
      seenat study onsets pocket-230k pocket-2m
      seenat study predict pocket-2m --plot predict.svg
    """


@study.command(short_help="Share memorized and onsets, by step.")
@_models_argument
@protocol_option
@_plot_option
@json_option
def onsets(names: tuple[str, ...], protocol: str | None, plot: Path | None, as_json: bool) -> None:
    """Show what share each checkpoint has memorized, and how many onsets so far.

    \b
    Example:
      seenat study onsets pocket-230k pocket-660k pocket-2m --plot onsets.svg
    """
    _curves(names, protocol, plot, as_json, "onsets_chart", _show_onsets)


@study.command(short_help="Exposures of a content at its onset.")
@_models_argument
@click.option(
    "--until", type=Count("step"), metavar="N", help="Consider checkpoints, and read the order, up to this step."
)
@protocol_option
@_plot_option
@json_option
def exposures(
    names: tuple[str, ...], until: int | None, protocol: str | None, plot: Path | None, as_json: bool
) -> None:
    """Show how often contents had been seen when they were memorized first.

    A content is a whole sequence of ids. The order is read once, up to the last checkpoint: of Pythia's 600 GB, which is
    refused unless --until says how far.

    \b
    Examples:
      seenat study exposures pocket-230k pocket-660k pocket-2m
      seenat study exposures pocket-2m --until 192
    """
    from seenat.memorization.studies.exposures import exposure_onsets

    out = Output(as_json)
    with open_catalog() as catalog:
        found = exposure_onsets(catalog, [catalog.model(name) for name in names], protocol, until)
    _answer(out, found, plot, "exposures_chart", _show_exposures)


@study.command(short_help="Spread over batches, against a Poisson process.")
@click.argument("name", metavar="MODEL")
@_step_option
@click.option(
    "--slice", "size", type=Count("number of sequences"), metavar="N", help="Sequences a slice; a batch unless given."
)
@protocol_option
@_plot_option
@json_option
def batches(
    name: str, step: int | None, size: int | None, protocol: str | None, plot: Path | None, as_json: bool
) -> None:
    """Show whether memorized sequences are spread over batches as a Poisson process would spread them.

    \b
    Examples:
      seenat study batches pocket-2m
      seenat study batches pocket-230k --step 128 --slice 64 --plot qq.svg
    """
    from seenat.memorization.studies.batches import batch_dispersion

    out = Output(as_json)
    with open_catalog() as catalog:
        found = batch_dispersion(catalog, catalog.model(name), step, size, protocol)
    _answer(out, found, plot, "dispersion_chart", _show_dispersion)


@study.command(short_help="Earlier and smaller ones as predictors.")
@click.argument("name", metavar="TARGET")
@click.option(
    "--from", "others", metavar="MODEL", multiple=True, help="Instead of all smaller models; may be given repeatedly."
)
@_step_option
@protocol_option
@_plot_option
@json_option
def predict(
    name: str,
    others: tuple[str, ...],
    step: int | None,
    protocol: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show how well earlier checkpoints and smaller models tell what a model memorizes.

    \b
    Examples:
      seenat study predict pocket-2m
      seenat study predict pocket-2m --from pocket-660k --step 320
    """
    from seenat.memorization.studies.prediction import predictions

    out = Output(as_json)
    with open_catalog() as catalog:
        models = [catalog.model(other) for other in others] or None
        found = predictions(catalog, catalog.model(name), models, step, protocol)
    _answer(out, found, plot, "predictions_chart", _show_predictions)


@study.command(short_help="Memorized by one model, never by another.")
@click.argument("name", metavar="MODEL")
@click.option("--never", "other", metavar="MODEL", required=True, help="The model that never memorized it.")
@click.option("--within", type=Count("number of steps"), metavar="N", help="Only N steps after it was seen, or sooner.")
@click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
@protocol_option
@_plot_option
@json_option
def sets(
    name: str,
    other: str,
    within: int | None,
    limit: int,
    protocol: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """List what one model memorized soon after seeing it, and another never.

    \b
    Example:
      seenat study sets pocket-2m --never pocket-230k --within 64
    """
    from seenat.memorization.studies.sets import memorized_only_by

    out = Output(as_json)
    with open_catalog() as catalog:
        found = memorized_only_by(catalog, catalog.model(name), catalog.model(other), within, limit, protocol)
    _answer(out, found, plot, "sets_chart", _show_sets)


@study.command(short_help="Forgotten and relearned, by step.")
@_models_argument
@protocol_option
@_plot_option
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
    from seenat.memorization.studies.curves import curves

    with open_catalog() as catalog:
        found = curves(catalog, [catalog.model(name) for name in names], protocol)
    _answer(Output(as_json), found, plot, chart, show)


def _answer(out: Output, found: Any, plot: Path | None, chart: str, show: Callable[[Output, Any], None]) -> None:
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


def _show_exposures(out: Output, found: tuple[ExposureOnsets, ...]) -> None:
    """Medians; of the exposures at onset with those at the checkpoint before, between which it happened."""
    rows = []
    for model in found:
        for one in model.classes:
            told = one.to_json()
            median = told["median_exposures"]
            between = None if median is None else f"{told['median_exposures_before']:,} to {median:,}"
            rows.append(
                (
                    model.model,
                    count(one.times),
                    count(one.contents),
                    count(one.memorized),
                    count(told["median_step"]),
                    between,
                )
            )
    out.table(("<model", ">occurrences", ">contents", ">memorized", ">median step", ">median exposures"), rows)


def _show_dispersion(out: Output, found: BatchDispersion) -> None:
    spread = found.dispersion
    tail = None if spread.p_value is None else f"{spread.p_value:.3g}"
    out.facts(
        [
            ("model", f"{found.model} at step {found.step:,}"),
            ("slices", f"{spread.slices:,} of {found.slice_sequences:,} sequences, {found.left_out:,} left out"),
            ("memorized", f"{spread.mean:,.3f} a slice, {share(found.share)}"),
            ("dispersion index", None if spread.index is None else f"{spread.index:.3f}; 1 for a Poisson process"),
            ("if independent", f"{1 - found.share:.3f}, at this share"),
            ("p-value", None if tail is None else f"{tail}, of counts at least so uneven from a Poisson process"),
        ]
    )
    out.line()
    out.table((">memorized", ">slices"), ((count(value), count(slices)) for value, slices in spread.counts))


def _show_predictions(out: Output, found: Predictions) -> None:
    out.table(
        ("<predictor", ">step", ">sequences", ">precision", ">recall", ">recall of all"),
        (
            (
                one.model,
                count(one.step),
                count(one.sequences),
                share(one.precision),
                share(one.recall),
                share(one.recall_of_all),
            )
            for one in found.predictions
        ),
    )


def _show_sets(out: Output, found: SetDifference) -> None:
    soon = "" if found.within is None else f" within {found.within:,} steps"
    out.facts(
        [
            ("memorized", f"{found.memorized:,} by {found.model}{soon}"),
            (f"never by {found.other}", count(found.never)),
            (f"also by {found.other}", count(found.also)),
            (f"not measured at {found.other}", count(found.not_measured)),
        ]
    )
    if found.sequences:
        out.line()
        out.table((">sequence",), ((count(sequence),) for sequence in found.sequences))
    left = found.never - len(found.sequences)
    if left and found.sequences:
        out.talk(f"... and {left:,} more; `--limit {found.never}` lists all.")
