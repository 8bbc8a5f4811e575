"""Studies that compare one model with others: predict, sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, share
from seenat.cli.framework.outputs import Target, plot_option
from seenat.cli.framework.params import MODEL, Count, open_catalog, protocol_option, where_option
from seenat.cli.studies.common import show_study, step_option

if TYPE_CHECKING:
    from seenat import Predictions, SetDifference

__all__ = ["predict", "sets"]


@click.command()
@click.argument("name", metavar="TARGET")
@click.option(
    "--from",
    "others",
    metavar="MODEL",
    multiple=True,
    help="Predict from this model only; may be repeated. Default: all smaller ones.",
)
@step_option
@where_option
@protocol_option
@plot_option
@json_option
def predict(
    name: str,
    others: tuple[str, ...],
    step: int | None,
    protocol: str | None,
    where: tuple[str, ...],
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show how well earlier checkpoints and smaller models predict what a model memorizes.

    \b
    Examples:
      seenat study predict pocket-2m
      seenat study predict pocket-2m --from pocket-660k --step 320
    """
    with open_catalog() as catalog:
        answer = catalog.studies.predict(name, others, step=step, protocol=protocol, where=where)
    show_study(Output(as_json), answer, plot, "predictions_chart", _show_predictions)


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@click.option(
    "--never", "other", metavar="MODEL", type=MODEL, required=True, help="The model that never memorized them."
)
@click.option(
    "--within", type=Count("number of steps"), metavar="N", help="Only what was memorized within N steps of being seen."
)
@click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
@where_option
@protocol_option
@plot_option
@json_option
def sets(
    name: str,
    other: str,
    within: int | None,
    limit: int,
    protocol: str | None,
    where: tuple[str, ...],
    plot: Target | None,
    as_json: bool,
) -> None:
    """List the sequences that one model memorized soon after seeing them, and that another never memorized.

    \b
    Example:
      seenat study sets pocket-2m --never pocket-230k --within 64
    """
    with open_catalog() as catalog:
        answer = catalog.studies.sets(name, other, within=within, limit=limit, protocol=protocol, where=where)
    show_study(Output(as_json), answer, plot, "sets_chart", _show_sets)


def _show_predictions(out: Output, answer: Predictions) -> None:
    out.table(
        ("<predictor", ">step", ">sequences", ">precision", ">recall", ">recall of all"),
        (
            (
                predictor.model,
                count(predictor.step),
                count(predictor.sequences),
                share(predictor.precision),
                share(predictor.recall),
                share(predictor.recall_of_all),
            )
            for predictor in answer.predictions
        ),
    )


def _show_sets(out: Output, answer: SetDifference) -> None:
    out.facts(
        [
            ("memorized", f"{answer.memorized:,} by {answer.soon}"),
            (f"never by {answer.other}", count(answer.never)),
            (f"also by {answer.other}", count(answer.also)),
            (f"not measured at {answer.other}", count(answer.not_measured)),
        ]
    )
    if answer.sequences:
        out.line()
        out.table((">sequence",), ((count(sequence),) for sequence in answer.sequences))
    left = answer.never - len(answer.sequences)
    if left and answer.sequences:
        out.talk(f"... and {left:,} more; `--limit {answer.never}` lists all.")
