"""Studies of where in the order memorized sequences stand: exposures, batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, share
from seenat.cli.framework.params import Count, open_catalog, protocol_option
from seenat.cli.framework.plot_option import plot_option
from seenat.cli.studies.common import answer, models_argument, step_option

if TYPE_CHECKING:
    from seenat.memorization.studies.dispersion import BatchDispersion
    from seenat.memorization.studies.exposures import ExposureOnsets

__all__ = ["batches", "exposures"]


@click.command()
@models_argument
@click.option(
    "--until", type=Count("step"), metavar="N", help="Consider checkpoints, and read the order, up to this step."
)
@protocol_option
@plot_option
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
    answer(out, found, plot, "exposures_chart", _show_exposures)


@click.command()
@click.argument("name", metavar="MODEL")
@step_option
@click.option(
    "--slice", "size", type=Count("number of sequences"), metavar="N", help="Sequences a slice; a batch unless given."
)
@protocol_option
@plot_option
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
    from seenat.memorization.studies.dispersion import batch_dispersion

    out = Output(as_json)
    with open_catalog() as catalog:
        found = batch_dispersion(catalog, catalog.model(name), step, size, protocol)
    answer(out, found, plot, "dispersion_chart", _show_dispersion)


def _show_exposures(out: Output, found: tuple[ExposureOnsets, ...]) -> None:
    """Medians; of the exposures at onset with those at the checkpoint before, between which it happened."""
    rows = []
    for model in found:
        for one in model.classes:
            median = one.median_exposures
            between = None if median is None else f"{one.median_exposures_before:,} to {median:,}"
            rows.append(
                (
                    model.model,
                    count(one.times),
                    count(one.contents),
                    count(one.memorized),
                    count(one.median_step),
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
    out.table((">memorized", ">slices"), ((count(one.memorized), count(one.slices)) for one in spread.counts))
