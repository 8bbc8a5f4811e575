"""Studies of where in the order memorized sequences are: exposures, batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, share
from seenat.cli.framework.outputs import Target, plot_option
from seenat.cli.framework.params import MODEL, STEP, Count, open_catalog, protocol_option, where_option
from seenat.cli.studies.common import models_argument, show_study, step_option

if TYPE_CHECKING:
    from seenat import Answers, BatchDispersion, ExposureOnsets
    from seenat.memorization.studies.exposures import ExposureClass

__all__ = ["batches", "exposures"]


@click.command()
@models_argument
@click.option("--until", type=STEP, metavar="N", help="Read the order, and use checkpoints, up to this step only.")
@click.option("--measured", is_flag=True, help="Compare only the ids that the protocol reads.")
@where_option
@protocol_option
@plot_option
@json_option
def exposures(
    names: tuple[str, ...],
    until: str | None,
    measured: bool,
    protocol: str | None,
    where: tuple[str, ...],
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show how often contents had been seen when they were first memorized.

    A content is a whole sequence of ids, or with --measured the ids of it that the protocol reads. The order is read once, up to the last checkpoint. Pythia's order has 600 GB, so
    there --until must say how much to read.

    \b
    Examples:
      seenat study exposures pocket-230k pocket-660k pocket-2m
      seenat study exposures pocket-2m --until 192
    """
    with open_catalog() as catalog:
        onsets = catalog.studies.exposures(*names, until=until, measured=measured, protocol=protocol, where=where)
    show_study(Output(as_json), onsets, plot, "exposures_chart", _show_exposures)


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@step_option
@click.option(
    "--slice", "size", type=Count("number of sequences"), metavar="N", help="Sequences in a slice. Default: a batch."
)
@protocol_option
@plot_option
@json_option
def batches(
    name: str, step: str | None, size: int | None, protocol: str | None, plot: Target | None, as_json: bool
) -> None:
    """Show whether memorized sequences are spread over batches as a Poisson process would spread them.

    \b
    Examples:
      seenat study batches pocket-2m
      seenat study batches pocket-230k --step 128 --slice 64 --plot qq.svg
    """
    with open_catalog() as catalog:
        dispersion = catalog.studies.batches(name, step=step, slice_sequences=size, protocol=protocol)
    show_study(Output(as_json), dispersion, plot, "dispersion_chart", _show_dispersion)


def _show_exposures(out: Output, onsets: Answers[ExposureOnsets]) -> None:
    """Medians. The onset lies between two checkpoints, so exposures are given at both of them."""
    rows = [(model.model, *_exposure_row(exposure_class)) for model in onsets for exposure_class in model.classes]
    out.table(("<model", ">occurrences", ">contents", ">memorized", ">median step", ">median exposures"), rows)
    out.line()
    risks = [row for model in onsets for row in _risk_rows(model)]
    out.table(("<model", ">exposures so far", ">not yet memorized", ">memorized then", ">share"), risks)


def _risk_rows(model: ExposureOnsets) -> Iterator[tuple[object, ...]]:
    """By powers of two: 1, 2, 3 to 4, 5 to 8; every number is in the JSON."""
    for power in range(max((risk.exposures for risk in model.risks), default=0).bit_length() + 1):
        low, high = 2**power // 2 + 1, 2**power
        risks = [risk for risk in model.risks if low <= risk.exposures <= high]
        if risks:
            at_risk, then = sum(risk.at_risk for risk in risks), sum(risk.onsets for risk in risks)
            exposures = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            yield model.model, exposures, count(at_risk), count(then), share(then / at_risk)


def _exposure_row(exposure_class: ExposureClass) -> tuple[object, ...]:
    medians = exposure_class.to_json()
    median, before = medians["median_exposures"], medians["median_exposures_before"]
    return (
        count(exposure_class.times),
        count(exposure_class.contents),
        count(exposure_class.memorized),
        count(medians["median_step"]),
        None if median is None else f"{before:,} to {median:,}",
    )


def _show_dispersion(out: Output, answer: BatchDispersion) -> None:
    spread = answer.dispersion
    tail = None if spread.p_value is None else f"{spread.p_value:.3g}"
    out.facts(
        [
            ("model", f"{answer.model} at step {answer.step:,}"),
            ("slices", f"{spread.slices:,} of {answer.slice_sequences:,} sequences, {answer.left_out:,} left out"),
            ("memorized", f"{spread.mean:,.3f} a slice, {share(answer.share)}"),
            ("dispersion index", None if spread.index is None else f"{spread.index:.3f}; 1 for a Poisson process"),
            ("if independent", f"{1 - answer.share:.3f}, at this share"),
            ("p-value", None if tail is None else f"{tail}, of counts at least so uneven from a Poisson process"),
        ]
    )
    out.line()
    out.table((">memorized", ">slices"), ((count(one.memorized), count(one.slices)) for one in spread.counts))
