"""Commands that list which sequences a model memorized, and the command that makes reading them cheap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import MODEL, STEP, Count, open_catalog, protocol_option, where_option
from seenat.cli.framework.phrases import basis_words, onset_words, sequence_table
from seenat.cli.framework.progress import Moment, progress, resumable

if TYPE_CHECKING:
    from seenat import Changed, Earlier, FirstMemorized, Kept, MemorizedByBatch, Relearned

__all__ = ["compact", "which"]

_model = click.argument("name", metavar="MODEL", type=MODEL)
_limit = click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
_after = click.option("--after", type=Count("sequence"), metavar="SEQUENCE", help="Continue after this sequence.")


def _page(after: Callable[[Any], Any] = _after) -> Callable[[Any], Any]:
    """Add what a list takes: how much of it, behind what, of which sequences, by what protocol; and `--json`."""

    def add(command: Any) -> Any:
        return _limit(after(where_option(protocol_option(json_option(command)))))

    return add


def _show(as_json: bool, answer: Any, show: Callable[[Output, Any], None]) -> None:
    out = Output(as_json)
    if not out.data(answer):
        show(out, answer)
        out.talk_all(basis_words([answer]))


class _InWrittenOrder(click.Group):
    """A group that lists its commands in the order of their definitions."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InWrittenOrder)
def which() -> None:
    """List the sequences that a model memorized by a step, before another model, kept, or learned again, or that changed; or count them by batch.

    \b
    Examples:
      seenat which first pocket-230k --by 128
      seenat which kept pocket-230k --since 128
    """


@which.command(short_help="Sequences first memorized by a step.")
@_model
@click.option("--by", type=STEP, metavar="STEP", required=True, help="First memorized at this step or before.")
@_page(
    click.option(
        "--after",
        type=(Count("step"), Count("sequence")),
        metavar="STEP SEQUENCE",
        help="Continue after this onset and sequence.",
    )
)
def first(name: str, by: str, as_json: bool, **page: Any) -> None:
    """Show which sequences a model had memorized for the first time by a step, by onset and sequence, and how many.

    \b
    Examples:
      seenat which first pocket-230k --by 128 --limit 5
      seenat which first pocket-230k --by 384 --limit 5 --after 128 80
    """
    with open_catalog() as catalog:
        answer = catalog.which.first(name, by, **page)
    _show(as_json, answer, _show_first)


@which.command(short_help="Sequences that a model memorized before another.")
@_model
@click.argument("other", metavar="OTHER", type=MODEL)
@_page()
def earlier(name: str, other: str, as_json: bool, **page: Any) -> None:
    """Show which sequences MODEL memorized before OTHER, with both steps, and by how much.

    Both were trained on one order. Time is counted in sequences seen, so models of other batch sizes compare too.

    \b
    Example:
      seenat which earlier pocket-2m pocket-230k --limit 5
    """
    with open_catalog() as catalog:
        answer = catalog.which.earlier(name, other, **page)
    _show(as_json, answer, _show_earlier)


@which.command(short_help="Sequences memorized at a step and ever since.")
@_model
@click.option(
    "--since", type=STEP, metavar="STEP", required=True, help="The measured step at which they were memorized."
)
@click.option("--until", type=STEP, metavar="STEP", help="The last step to look at. Default: the last measured one.")
@_page()
def kept(name: str, since: str, until: str | None, as_json: bool, **page: Any) -> None:
    """Show which of the sequences memorized at a step were memorized at every later one that was measured.

    \b
    Examples:
      seenat which kept pocket-230k --since 128
      seenat which kept pocket-230k --since 128 --until 256 --limit 5
    """
    with open_catalog() as catalog:
        answer = catalog.which.kept(name, since, until, **page)
    _show(as_json, answer, _show_kept)


@which.command(short_help="Sequences forgotten and learned again.")
@_model
@_page()
def relearned(name: str, as_json: bool, **page: Any) -> None:
    """Show how many sequences a model forgot, which of them it learned again, and at which steps.

    \b
    Example:
      seenat which relearned pocket-230k --limit 5
    """
    with open_catalog() as catalog:
        answer = catalog.which.relearned(name, **page)
    _show(as_json, answer, _show_relearned)


@which.command(short_help="What changed from one checkpoint to another.")
@_model
@click.option("--since", type=STEP, metavar="STEP", required=True, help="The first measured step.")
@click.option("--until", type=STEP, metavar="STEP", help="The second. Default: the last measured one.")
@click.option("--other", metavar="MODEL", type=MODEL, help="The model of the second checkpoint. Default: the same one.")
@click.option(
    "--change", type=click.Choice(("gained", "forgotten", "relearned")), help="Only the sequences that became this."
)
@_page()
def changed(name: str, since: str, until: str | None, as_json: bool, **asked: Any) -> None:
    """Show what changed from one checkpoint to another: sequences gained, forgotten and learned again.

    \b
    Examples:
      seenat which changed pocket-230k --since 256 --until 384
      seenat which changed pocket-230k --since 384 --other pocket-660k --limit 5
    """
    with open_catalog() as catalog:
        answer = catalog.which.changed(name, since, until, **asked)
    _show(as_json, answer, _show_changed)


@which.command(short_help="Memorized sequences of each batch, at a step.")
@_model
@click.option("--step", type=STEP, metavar="STEP", required=True, help="A measured step.")
@click.option("--batches", metavar="START:STOP", help="Only this half-open range of batches.")
@where_option
@protocol_option
@json_option
def batches(
    name: str, step: str, batches: str | None, protocol: str | None, where: tuple[str, ...], as_json: bool
) -> None:
    """Show how many of the measured sequences of each batch a checkpoint had memorized.

    \b
    Example:
      seenat which batches pocket-230k --step 384 --batches 100:110
    """
    with open_catalog() as catalog:
        answer = catalog.which.batches(name, step, batches, protocol=protocol, where=where)
    _show(as_json, answer, _show_batches)


@click.command()
@_model
@protocol_option
@json_option
def compact(name: str, protocol: str | None, as_json: bool) -> None:
    """Store a model's results a second time, all checkpoints of a sequence together, so that a trajectory is one read.

    A job that measured most of its blocks does this when it finishes. The copy is derived and may be deleted; running this
    again writes only what has changed since.

    \b
    Example:
      seenat compact pocket-230k
    """
    out = Output(as_json)
    with open_catalog() as catalog, resumable(), progress() as show:
        answer = catalog.compact(
            name,
            protocol=protocol,
            progress=lambda done, total: show(Moment(task=name, done=done, total=total, unit="blocks")),
        )
    if out.data(answer):
        return
    left_out = f"; {plural(answer.left_out, 'damaged file')} left out" if answer.left_out else ""
    out.line(
        f"{plural(answer.blocks, 'block')} of {answer.model} by trajectory, {answer.bytes:,} bytes; {answer.written:,} written "
        f"now{left_out}."
    )


def _show_first(out: Output, answer: FirstMemorized) -> None:
    unseen = f", {answer.unseen:,} of them before it saw them" if answer.unseen else ""
    out.line(
        f"{plural(answer.count, 'sequence')} memorized first by {answer.model} at step {answer.by:,} or before{unseen}."
    )
    if answer.sequences:
        out.line()
        out.table(*sequence_table(answer.sequences))
    if answer.next is not None:
        out.talk(f"... and more; `--after {answer.next[0]} {answer.next[1]}` continues.")


def _show_earlier(out: Output, answer: Earlier) -> None:
    out.facts(
        [
            (f"memorized earlier by {answer.model}", count(answer.earlier)),
            ("at the same time", count(answer.same)),
            (f"earlier by {answer.other}", count(answer.later)),
            (f"by {answer.model} alone", count(answer.only_model)),
            (f"by {answer.other} alone", count(answer.only_other)),
        ]
    )
    if answer.sequences:
        out.line()
        out.table(
            (">sequence", f"<{answer.model}", f"<{answer.other}", ">steps earlier", ">sequences earlier", "<surely"),
            (
                (
                    count(row.sequence),
                    onset_words(row.onset),
                    onset_words(row.other_onset),
                    count(row.steps),
                    count(row.sequences),
                    "yes" if row.surely else "no",
                )
                for row in answer.sequences
            ),
            spare=("sequences earlier",),
        )
    _show_next(out, answer.next)


def _show_kept(out: Output, answer: Kept) -> None:
    out.facts(
        [
            (f"memorized at step {answer.since:,}", count(answer.memorized)),
            (f"at every step up to {answer.until:,}", count(answer.kept)),
            (f"at step {answer.until:,}", count(answer.at_until)),
            (f"not measured at step {answer.until:,}", count(answer.not_measured) if answer.not_measured else None),
        ]
    )
    if answer.sequences:
        out.line()
        out.table((">sequence",), ((count(sequence),) for sequence in answer.sequences))
    _show_next(out, answer.next)


def _show_relearned(out: Output, answer: Relearned) -> None:
    out.facts(
        [
            ("memorized", count(answer.memorized)),
            ("later forgotten", count(answer.forgotten)),
            ("learned again", count(answer.relearned)),
        ]
    )
    if answer.sequences:
        out.line()
        out.table(
            (">sequence", "<forgotten at", "<learned again at"),
            ((count(row.sequence), _steps(row.forgotten), _steps(row.relearned)) for row in answer.sequences),
        )
    _show_next(out, answer.next)


def _show_changed(out: Output, answer: Changed) -> None:
    out.line(
        f"From {answer.model} at step {answer.since:,} to {answer.other} at step {answer.until:,}, of what both are known of:"
    )
    out.facts(
        [
            ("gained", _gained(answer)),
            ("forgotten", count(answer.forgotten)),
            ("learned again", count(answer.relearned)),
            ("kept", count(answer.kept)),
            ("not yet seen by the second", count(answer.not_seen) if answer.not_seen else None),
            ("not measured at one of them", count(answer.not_measured) if answer.not_measured else None),
        ]
    )
    if answer.sequences:
        out.line()
        words = {"relearned": "learned again"}
        out.table(
            (">sequence", "<change"),
            ((count(row.sequence), words.get(row.change, row.change)) for row in answer.sequences),
        )
    _show_next(out, answer.next)


def _gained(answer: Changed) -> str:
    unseen = f", {answer.gained_unseen:,} of them not yet seen by the first" if answer.gained_unseen else ""
    return f"{answer.gained:,}{unseen}"


def _show_batches(out: Output, answer: MemorizedByBatch) -> None:
    out.line(
        f"Of batches {answer.batches} at step {answer.step:,}, {answer.model} had memorized {answer.memorized:,} of "
        f"{plural(answer.measured, 'measured sequence')}."
    )
    if answer.counts:
        out.line()
        out.table(
            (">batch", "<seen", ">measured", ">memorized"),
            ((count(row.batch), "yes" if row.seen else "no", row.measured, row.memorized) for row in answer.counts),
        )


def _show_next(out: Output, after: int | None) -> None:
    if after is not None:
        out.talk(f"... and more; `--after {after}` continues.")


def _steps(steps: tuple[int, ...]) -> str:
    return ", ".join(f"{step:,}" for step in steps)
