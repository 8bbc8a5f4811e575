"""The command that measures again, on this kind of device, a sample of what others measured."""

from __future__ import annotations

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import Count, open_catalog
from seenat.cli.framework.progress import Moment, progress
from seenat.cli.jobs.run_options import device_option

__all__ = ["recheck"]


@click.command()
@click.argument("name", metavar="MODEL")
@click.option(
    "--sample", type=Count("number of values", 1), default=256, show_default=True, metavar="N", help="How many."
)
@click.option("--seed", type=Count("seed"), default=0, show_default=True, metavar="N", help="Seed of the draw.")
@device_option
@click.option("--protocol", metavar="ID", help="Values of this protocol, by the beginning of its id.")
@json_option
def recheck(name: str, sample: int, seed: int, device: str | None, protocol: str | None, as_json: bool) -> None:
    """Measure a sample of what other kinds of devices measured again on this one, and list the values that differ.

    On one kind of device values are identical. Another kind adds in another order, and where two choices are within rounding of
    each other it may decide otherwise. Nothing is changed.

    \b
    Example:
      seenat recheck pocket-230k --sample 64
    """
    with open_catalog() as catalog, progress() as show:
        answer = catalog.recheck(
            name,
            sample=sample,
            seed=seed,
            device=device,
            protocol=protocol,
            progress=lambda total, done: show(Moment(task=name, done=min(done, total), total=total, unit="values")),
        )
    out = Output(as_json)
    if out.data(answer):
        return
    if not answer.others:
        out.line(f"All values of {answer.model} were measured on {answer.device}, so there is nothing to compare.")
        return
    out.line(
        f"{plural(answer.compared, 'value')} of {' and '.join(answer.others)} measured again on {answer.device}: "
        f"{len(answer.contested):,} contested."
    )
    if answer.contested:
        out.table(
            (">step", ">sequence", ">value", ">here", "<measured on"),
            [[count(c.step), count(c.sequence), f"{c.value:g}", f"{c.here:g}", c.device] for c in answer.contested],
        )
