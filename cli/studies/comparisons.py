"""Studies of one model beside another: predict, sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, share
from seenat.cli.framework.params import Count, open_catalog, protocol_option
from seenat.cli.framework.plot_option import plot_option
from seenat.cli.studies.common import answer, step_option

if TYPE_CHECKING:
    from seenat.memorization.studies.prediction import Predictions
    from seenat.memorization.studies.set_difference import SetDifference

__all__ = ["predict", "sets"]


@click.command()
@click.argument("name", metavar="TARGET")
@click.option(
    "--from", "others", metavar="MODEL", multiple=True, help="Instead of all smaller models; may be given repeatedly."
)
@step_option
@protocol_option
@plot_option
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
    answer(out, found, plot, "predictions_chart", _show_predictions)


@click.command()
@click.argument("name", metavar="MODEL")
@click.option("--never", "other", metavar="MODEL", required=True, help="The model that never memorized it.")
@click.option("--within", type=Count("number of steps"), metavar="N", help="Only N steps after it was seen, or sooner.")
@click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
@protocol_option
@plot_option
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
    from seenat.memorization.studies.set_difference import memorized_only_by

    out = Output(as_json)
    with open_catalog() as catalog:
        found = memorized_only_by(catalog, catalog.model(name), catalog.model(other), within, limit, protocol)
    answer(out, found, plot, "sets_chart", _show_sets)


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
    out.facts(
        [
            ("memorized", f"{found.memorized:,} by {found.soon}"),
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
