"""Commands that list which sequences a model memorized, and the one that makes reading them cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import Count, open_catalog, protocol_option
from seenat.cli.framework.phrases import adaptive_words, sequence_table
from seenat.cli.framework.progress import Moment, progress, resumable

if TYPE_CHECKING:
    from seenat.memorization.queries.memorized import FirstMemorized, MemorizedByBatch
    from seenat.memorization.studies.retention import Kept, Relearned

__all__ = ["compact", "which"]

_model = click.argument("name", metavar="MODEL")
_limit = click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
_after = click.option("--after", type=Count("sequence"), metavar="SEQUENCE", help="Go on after this sequence.")


class _AsWritten(click.Group):
    """A group that lists its commands as they are written."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_AsWritten)
def which() -> None:
    """List which sequences a model memorized by a step, kept, or learned again; and how many of each batch.

    \b
    Examples:
      seenat which first pocket-230k --by 128
      seenat which kept pocket-230k --since 128
    """


@which.command(short_help="Memorized first by a step.")
@_model
@click.option("--by", type=Count("step"), metavar="STEP", required=True, help="At this step or before.")
@_limit
@click.option(
    "--after",
    type=(Count("step"), Count("sequence")),
    metavar="STEP SEQUENCE",
    help="Go on after this onset and sequence.",
)
@protocol_option
@json_option
def first(name: str, by: int, limit: int, after: tuple[int, int] | None, protocol: str | None, as_json: bool) -> None:
    """Show what a model memorized first by a step: how many sequences, and the first of them, by onset and sequence.

    \b
    Examples:
      seenat which first pocket-230k --by 128 --limit 5
      seenat which first pocket-230k --by 384 --limit 5 --after 128 80
    """
    from seenat.memorization.queries.memorized import first_memorized

    with open_catalog() as catalog:
        found = first_memorized(catalog, catalog.model(name), by, protocol=protocol, limit=limit, after=after)
    out = Output(as_json)
    if not out.data(found.to_json()):
        _show_first(out, found)
        out.talk_all(adaptive_words(found.to_json()["adaptive"]))


@which.command(short_help="Memorized at a step, and ever since.")
@_model
@click.option("--since", type=Count("step"), metavar="STEP", required=True, help="Memorized at this measured step.")
@click.option("--until", type=Count("step"), metavar="STEP", help="The last measured one unless given.")
@_limit
@_after
@protocol_option
@json_option
def kept(
    name: str, since: int, until: int | None, limit: int, after: int | None, protocol: str | None, as_json: bool
) -> None:
    """Show which of the sequences memorized at a step were memorized at every later one that was measured.

    \b
    Examples:
      seenat which kept pocket-230k --since 128
      seenat which kept pocket-230k --since 128 --until 256 --limit 5
    """
    from seenat.memorization.studies import retention as keeping

    start = -1 if after is None else after
    with open_catalog() as catalog:
        model = catalog.model(name)
        found = keeping.kept(catalog, model, since, until, protocol=protocol, limit=limit, after=start)
    out = Output(as_json)
    if not out.data(found.to_json()):
        _show_kept(out, found)
        out.talk_all(adaptive_words(found.to_json()["adaptive"]))


@which.command(short_help="Forgotten and learned again.")
@_model
@_limit
@_after
@protocol_option
@json_option
def relearned(name: str, limit: int, after: int | None, protocol: str | None, as_json: bool) -> None:
    """Show how many sequences a model forgot, and which of them it learned again, at which steps.

    \b
    Example:
      seenat which relearned pocket-230k --limit 5
    """
    from seenat.memorization.studies import retention as keeping

    start = -1 if after is None else after
    with open_catalog() as catalog:
        found = keeping.relearned(catalog, catalog.model(name), protocol=protocol, limit=limit, after=start)
    out = Output(as_json)
    if not out.data(found.to_json()):
        _show_relearned(out, found)
        out.talk_all(adaptive_words(found.to_json()["adaptive"]))


@which.command(short_help="How many sequences of each batch, at a step.")
@_model
@click.option("--step", type=Count("step"), metavar="STEP", required=True, help="A measured step.")
@click.option("--batches", metavar="START:STOP", help="Only this half-open range of batches.")
@protocol_option
@json_option
def batches(name: str, step: int, batches: str | None, protocol: str | None, as_json: bool) -> None:
    """Show how many sequences of each batch a checkpoint had memorized, of those measured.

    \b
    Example:
      seenat which batches pocket-230k --step 384 --batches 100:110
    """
    from seenat.memorization.queries.memorized import memorized_by_batch
    from seenat.registry.units import BatchRange

    with open_catalog() as catalog:
        model = catalog.model(name)
        whole = -(-len(model.order.sequences) // model.schedule.sequences_per_batch)
        chosen = BatchRange(0, whole) if batches is None else BatchRange.parse(batches, whole)
        found = memorized_by_batch(catalog, model, step, chosen, protocol)
    out = Output(as_json)
    if not out.data(found.to_json()):
        _show_batches(out, found)
        out.talk_all(adaptive_words(found.to_json()["adaptive"]))


@click.command()
@_model
@protocol_option
@json_option
def compact(name: str, protocol: str | None, as_json: bool) -> None:
    """Write a model's results a second time, all checkpoints of a sequence together, so that a trajectory is one read.

    A job that measured most of its blocks does so when it is finished. What it writes is derived and may be deleted; running
    it again writes only what has changed since.

    \b
    Example:
      seenat compact pocket-230k
    """
    from seenat.memorization.results.compaction import compact as run

    out = Output(as_json)
    with open_catalog() as catalog, resumable(), progress() as show:
        found = run(
            catalog,
            catalog.model(name),
            protocol,
            lambda done, total: show(Moment(task=name, done=done, total=total, unit="blocks")),
        )
    if out.data(found.to_json()):
        return
    left_out = f"; {plural(found.left_out, 'damaged file')} left out" if found.left_out else ""
    out.line(
        f"{plural(found.blocks, 'block')} of {found.model} by trajectory, {found.bytes:,} bytes; {found.written:,} written "
        f"now{left_out}."
    )


def _show_first(out: Output, found: FirstMemorized) -> None:
    unseen = f", {found.unseen:,} of them before it saw them" if found.unseen else ""
    out.line(
        f"{plural(found.count, 'sequence')} memorized first by {found.model} at step {found.by:,} or before{unseen}."
    )
    if found.sequences:
        out.line()
        out.table(*sequence_table(found.sequences))
    if found.next is not None:
        out.talk(f"... and more; `--after {found.next[0]} {found.next[1]}` goes on.")


def _show_kept(out: Output, found: Kept) -> None:
    out.facts(
        [
            (f"memorized at step {found.since:,}", count(found.memorized)),
            (f"at every step up to {found.until:,}", count(found.kept)),
            (f"at step {found.until:,}", count(found.at_until)),
            (f"not measured at step {found.until:,}", count(found.not_measured) if found.not_measured else None),
        ]
    )
    if found.sequences:
        out.line()
        out.table((">sequence",), ((count(sequence),) for sequence in found.sequences))
    _go_on(out, found.next)


def _show_relearned(out: Output, found: Relearned) -> None:
    out.facts(
        [
            ("memorized", count(found.memorized)),
            ("later forgotten", count(found.forgotten)),
            ("learned again", count(found.relearned)),
        ]
    )
    if found.sequences:
        out.line()
        out.table(
            (">sequence", "<forgotten at", "<learned again at"),
            ((count(one.sequence), _steps(one.forgotten), _steps(one.relearned)) for one in found.sequences),
        )
    _go_on(out, found.next)


def _show_batches(out: Output, found: MemorizedByBatch) -> None:
    out.line(
        f"Of batches {found.batches} at step {found.step:,}, {found.model} had memorized {found.memorized:,} of "
        f"{plural(found.measured, 'measured sequence')}."
    )
    if found.counts:
        out.line()
        out.table(
            (">batch", "<seen", ">measured", ">memorized"),
            ((count(one.batch), "yes" if one.seen else "no", one.measured, one.memorized) for one in found.counts),
        )


def _go_on(out: Output, after: int | None) -> None:
    if after is not None:
        out.talk(f"... and more; `--after {after}` goes on.")


def _steps(steps: tuple[int, ...]) -> str:
    return ", ".join(f"{step:,}" for step in steps)
