"""The command that tells what a measurement costs, before any of it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import Counts, open_catalog
from seenat.cli.jobs.estimate_phrases import hours_words, operations_words, size_words
from seenat.cli.jobs.measure_options import check_adaptive, measure_options
from seenat.cli.jobs.run_options import run_options

if TYPE_CHECKING:
    from seenat import Estimate, GpuTime

__all__ = ["estimate", "show_estimates"]


@click.command()
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@measure_options
@click.option("--allow-suspect", is_flag=True, help="Also count checkpoints that may hold other weights.")
@run_options
@click.option(
    "--gpu",
    "gpus",
    multiple=True,
    metavar="NAME",
    help="H200, H100, A100 or L40S; several may be given. Default: H200 and A100.",
)
@click.option(
    "--workers",
    type=Counts("number of GPUs", least=1),
    metavar="N[,N]",
    default="1",
    show_default=True,
    help="How many GPUs of a kind there are, a worker each.",
)
@click.option(
    "--share-of-peak",
    type=float,
    default=0.4,
    show_default=True,
    help="Of a GPU's data sheet, that the engine reaches.",
)
@click.option(
    "--hub-bytes", type=float, default=1e9, show_default=True, help="Bytes a second from the hub, for all together."
)
@click.option("--price-per-hour", type=float, metavar="X", help="Of one GPU, to tell a price; none is known here.")
@click.option("--calibrate", is_flag=True, help="Run the engine for a second, to tell how long it takes here.")
@json_option
def estimate(
    names: tuple[str, ...],
    steps: str,
    coarse: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Tell what measuring models costs: cells, downloads, disk, and time here and on GPUs. Nothing is measured or fetched.

    The options of `seenat memorize` say what is to be measured. Time here comes from jobs that this catalog has finished, or
    from --calibrate; time on GPUs from operations and data sheets. What is assumed is said.

    \b
    Examples:
      seenat estimate pythia-70m
      seenat estimate pythia-1.4b --unseen --workers 1,8,64,512
      seenat estimate pythia-70m pythia-12b --gpu H200 --price-per-hour 3.5
      seenat estimate pocket-2m --adaptive --json
    """
    check_adaptive(
        options["adaptive"], (coarse, options["audit"]), len(options["prompt"]) * len(options["continuation"])
    )
    with open_catalog() as catalog:
        found = catalog.estimate(*names, steps=steps, coarse=coarse, **options)
    show_estimates(Output(as_json), found)


def show_estimates(out: Output, found: Sequence[Estimate]) -> None:
    """Print estimates: one as facts and a table, several as a table."""
    if out.data(found):
        return
    if len(found) == 1:
        out.facts(_facts(found[0]))
        out.line()
    _table(out, found)
    out.talk_all(f"Assumed: {sentence}" for sentence in dict.fromkeys(_assumed(found)))
    out.talk_all(f"Missing here: {sentence}" for sentence in dict.fromkeys(_missing(found)))


def _assumed(found: Sequence[Estimate]) -> list[str]:
    return [sentence for one in found for sentence in one.assumptions]


def _missing(found: Sequence[Estimate]) -> list[str]:
    return [sentence for one in found for sentence in one.here.missing]


def _facts(one: Estimate) -> list[tuple[str, object]]:
    left_out = f"; {one.left_out:,} cannot be trusted and are left out" if one.left_out else ""
    about = f"about {one.cells:,}, of {one.exact_cells:,} that an exact job measures"
    volumes = one.bytes
    fetched = size_words(volumes.fetched)
    return [
        ("model", one.model),
        ("protocol", "; ".join(one.protocols)),
        ("checkpoints", f"{one.checkpoints:,}{left_out}"),
        ("sequences", f"{one.sequences:,} of {one.order}, {'seen or not' if one.unseen else 'once seen'}"),
        ("cells", about if one.adaptive else count(one.cells)),
        ("shards", count(one.shards)),
        ("operations", _operations(one)),
        ("checkpoints take", size_words(volumes.checkpoints) or "not known"),
        ("download", "nothing" if volumes.fetched == 0 else f"at most {fetched}" if fetched else "not known"),
        ("ids kept", size_words(volumes.columns)),
        ("results", size_words(volumes.results)),
        ("time here", _here_words(one)),
    ]


def _operations(one: Estimate) -> str:
    if one.flop is None:
        return "not known, since the model's parameters are not"
    return f"{operations_words(one.flop)}, {operations_words(one.flop_per_cell)} a cell"


def _here_words(one: Estimate) -> str:
    rate = one.here.rate
    if rate is None:
        return "not known: nothing like it was measured here yet; --calibrate runs the engine for a second"
    scaled = ", scaled by operations" if rate.scaled else ""
    device = f" on {rate.device}" if rate.device else ""
    return (
        f"{hours_words(one.here.hours)}, at {rate.cells_per_second:,.4g} cells a second of one worker ({rate.basis}: "
        f"{rate.of}{device}{scaled})"
    )


def _table(out: Output, found: Sequence[Estimate]) -> None:
    """A row a model, kind and number of GPUs; and of several models a row of all."""
    rows: list[list[object]] = [_row(one, gpu) for one in found for gpu in one.gpus]
    columns: tuple[str, ...] = (
        "<model",
        ">cells",
        ">checkpoints",
        ">results",
        "<GPU",
        ">workers",
        ">GPU-hours",
        ">time",
        "<held up by",
        ">price",
    )
    if len(found) > 1:
        rows += _totals(found)
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    out.table(columns, rows, spare=("results", "cells"))


def _row(one: Estimate, gpu: GpuTime) -> list[object]:
    held_up = gpu.bottleneck if gpu.fits else f"{gpu.bottleneck}; the weights do not fit"
    time = [f"{gpu.gpu_hours:,.1f}", hours_words(gpu.hours), held_up, gpu.price and f"{gpu.price:,.0f}"]
    return [one.model, *_sizes(one), gpu.gpu, gpu.workers, *time]


def _sizes(one: Estimate) -> list[object]:
    return [count(one.cells), size_words(one.bytes.checkpoints), size_words(one.bytes.results)]


def _totals(found: Sequence[Estimate]) -> list[list[object]]:
    known = [one.bytes.checkpoints or 0 for one in found]
    sizes = [count(sum(one.cells for one in found)), size_words(sum(known))]
    sizes.append(size_words(sum(one.bytes.results for one in found)))
    groups: dict[tuple[str, int], list[GpuTime]] = {}
    for one in found:
        for gpu in one.gpus:
            groups.setdefault((gpu.gpu, gpu.workers), []).append(gpu)
    return [
        [plural(len(found), "model"), *sizes, name, workers, *_sums(parts)] for (name, workers), parts in groups.items()
    ]


def _sums(parts: Sequence[GpuTime]) -> list[object]:
    """GPU-hours, time one after the other, no bottleneck, and price, of several models."""
    prices = [one.price for one in parts if one.price is not None]
    gpu_hours, hours = sum(one.gpu_hours for one in parts), sum(one.hours for one in parts)
    return [f"{gpu_hours:,.1f}", hours_words(hours), None, f"{sum(prices):,.0f}" if prices else None]
