"""`seenat index`: building, listing, verifying and removing the indexes of orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.params import ORDER, Count, open_catalog
from seenat.cli.framework.progress import Moment, progress, resumable
from seenat.registry.errors import CorruptFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seenat import IndexStatus

__all__ = ["index"]

_ORDER = click.argument("order", metavar="ORDER", type=ORDER)


@click.group()
def index() -> None:
    """Build, list, verify and remove the indexes of orders, which `find` and `trace` search.

    \b
    Examples:
      seenat index build pocket-order
      seenat index status
    """


@index.command(short_help="Index an order, or some of its batches.")
@_ORDER
@click.option("--batches", metavar="START:STOP", help="Index these batches; all if not given.")
@click.option("--window", metavar="W", type=Count("window", 1), help="Find queries of W ids exactly; 8 if not given.")
@click.option("--dense", is_flag=True, help="Find queries of any length: --window 1, four times as large.")
@click.option(
    "--shard-batches", metavar="N", type=Count("number of batches", 1), help="Batches of a shard, which bounds memory."
)
@click.option("--fingerprints", is_flag=True, default=None, help="Keep a byte more of each position, for slow disks.")
@click.option(
    "--workers", metavar="N", type=Count("number of processes", 1), help="Processes; one a core if not given."
)
@json_option
def build(
    order: str,
    batches: str | None,
    window: int | None,
    dense: bool,
    shard_batches: int | None,
    fingerprints: bool | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Index an order, or some of its batches; running it again continues, or adds other batches.

    An index with the usual window takes one byte an id, and half a CPU-second for 20 million ids.

    \b
    Examples:
      seenat index build pocket-order
      seenat index build pocket-order --batches 0:100 --dense
    """
    if dense and window not in (None, 1):
        raise click.UsageError(f"--dense is --window 1, and --window {window} was given; leave one out")
    with open_catalog() as catalog, progress() as show, resumable():
        status = catalog.index.build(
            order,
            batches=batches,
            window=1 if dense else window,
            shard_batches=shard_batches,
            fingerprints=fingerprints,
            workers=workers,
            progress=lambda now: show(
                Moment(task=order, done=now.done, total=now.total, skipped=now.skipped, unit="sequences")
            ),
        )
    _show(Output(as_json), status, [status])


@index.command(short_help="List indexes, and which batches they cover.")
@click.argument("order", metavar="[ORDER]", type=ORDER, required=False)
@json_option
def status(order: str | None, as_json: bool) -> None:
    """List the indexes of an order, or of all, and which batches they cover.

    \b
    Example:
      seenat index status pocket-order
    """
    with open_catalog() as catalog:
        statuses = catalog.index.status(order)
    out = Output(as_json)
    _show(out, statuses, statuses)
    if not statuses:
        out.talk(
            f"{order or 'No order'} has {'no' if order else 'an'} index; build one with `seenat index build {order or 'ORDER'}`."
        )


@index.command(short_help="See whether the files of an index are whole.")
@_ORDER
@click.option("--repair", is_flag=True, help="Make damaged files again.")
@json_option
def verify(order: str, repair: bool, as_json: bool) -> None:
    """Read every file of an order's indexes and compare it with its digest; the exit code is 1 where one is damaged.

    \b
    Examples:
      seenat index verify pocket-order
      seenat index verify pocket-order --repair
    """
    with open_catalog() as catalog, progress() as show:
        answer = catalog.index.verify(
            order, repair=repair, progress=lambda done, total: show(Moment(task=order, done=done, total=total))
        )
    out = Output(as_json)
    if not out.data(answer):
        for shard in answer.damaged:
            out.line(f"{shard.file}: {shard.fault}.")
        ending = " and were built again" if answer.repaired else ""
        out.line(
            f"Of {plural(answer.shards, 'shard')} and their ranks of ids, {len(answer.damaged)} are damaged{ending}."
        )
    if answer.damaged and not answer.repaired:
        raise CorruptFile(
            f"{plural(len(answer.damaged), 'file')} of the index of {order} cannot be used; make them again with `seenat index "
            f"verify {order} --repair`."
        )


@index.command(short_help="Delete the indexes of an order.")
@_ORDER
@click.option("--window", metavar="W", type=Count("window", 1), help="Only the index with this window.")
@json_option
def remove(order: str, window: int | None, as_json: bool) -> None:
    """Delete the indexes of an order; the order itself stays.

    \b
    Example:
      seenat index remove pocket-order --window 1
    """
    with open_catalog() as catalog:
        removed = catalog.index.remove(order, window=window)
    out = Output(as_json)
    if not out.data(removed):
        for status in removed:
            out.line(
                f"The index of {status.order} with window {status.window} is removed: {plural(status.bytes, 'byte')}."
            )


def _show(out: Output, answer: object, statuses: Iterable[IndexStatus]) -> None:
    if out.data(answer):
        return
    out.table(
        ("<order", ">window", "<batches", ">shards", ">samples", ">bytes", ">an id"),
        (
            (
                status.order,
                status.window,
                "all" if status.whole else ", ".join(map(str, status.batches)),
                status.shards,
                status.samples,
                status.bytes,
                None if status.bytes_per_id is None else f"{status.bytes_per_id:.2f}",
            )
            for status in statuses
        ),
    )
