"""Commands about the content of an order: batches and sequences, their places, ids and texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.catalog.texts import show_documents, show_recitals
from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import Target, output_option, written
from seenat.cli.framework.params import MODEL_OR_ORDER, Count, open_catalog
from seenat.cli.framework.phrases import adaptive_words, onset_words
from seenat.cli.framework.progress import Moment, progress
from seenat.cli.framework.tables import cut, terminal_width
from seenat.cli.framework.terminal import Line
from seenat.registry.printable import one_line

if TYPE_CHECKING:
    from seenat import BatchAnswer, ByteExtent, SequenceAnswer, SequenceTrajectory

__all__ = ["batch", "sequence"]


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@click.argument("index", metavar="BATCH", type=Count("batch"))
@click.option("--tokens", is_flag=True, help="Read the ids of its sequences.")
@click.option("--decode", is_flag=True, help="Read its sequences as text, a line each.")
@click.option("--documents", is_flag=True, help="Read its text whole, with line breaks, cut at the ends of documents.")
@output_option("--out", "file", endings=(".npy",), help="Write its ids to a .npy file, as an array [sequences, ids].")
@json_option
def batch(
    name: str, index: int, tokens: bool, decode: bool, documents: bool, file: Target | None, as_json: bool
) -> None:
    """Show a batch: its sequences, its bytes, and with a model the checkpoints around it.

    Batch b, from 0, turns step b into step b + 1.

    \b
    Examples:
      seenat batch pythia-70m 71490
      seenat batch pocket-order 0 --decode
      seenat batch pocket-2m 100 --documents
      seenat batch pocket-2m 383 --out last-batch.npy
    """
    with open_catalog() as catalog:
        answer = catalog.batch(name, index, tokens=tokens, decode=decode, documents=documents, **written(file))
    out = Output(as_json)
    if not out.data(answer):
        _show_batch(out, answer, file)


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@click.argument("index", metavar="SEQUENCE", type=Count("sequence"))
@click.option("--tokens", is_flag=True, help="Read its ids.")
@click.option("--decode", is_flag=True, help="Read it as text, and what each measured checkpoint said of it.")
@click.option("--documents", is_flag=True, help="Read its text cut at the ends of documents.")
@click.option("--say", is_flag=True, help="Run the measured checkpoints: all that each says in place of the truth.")
@click.option("--steps", metavar="STEPS", help="Run these measured checkpoints only: 64,128:512,last.")
@json_option
def sequence(
    name: str,
    index: int,
    tokens: bool,
    decode: bool,
    documents: bool,
    say: bool,
    steps: str | None,
    as_json: bool,
) -> None:
    """Show a sequence: its batch, the checkpoints around it, and the trajectories measured so far.

    \b
    Examples:
      seenat sequence pythia-70m 3071999
      seenat sequence pocket-2m 100 --decode
      seenat sequence pocket-230k 100 --say --steps 128,384
    """
    if steps is not None and not say:
        raise click.UsageError("--steps says which checkpoints --say runs; give both.")
    with open_catalog() as catalog, ExitStack() as shown:
        content: dict[str, Any] = {"tokens": tokens, "decode": decode, "documents": documents}
        if say:
            show = shown.enter_context(progress())
            content["say"] = True if steps is None else steps
            content["progress"] = lambda done, total: show(Moment(task="checkpoints", done=done, total=total))
        answer = catalog.sequence(name, index, **content)
    out = Output(as_json)
    if not out.data(answer):
        _show_sequence(out, answer)


def _show_batch(out: Output, answer: BatchAnswer, file: Target | None) -> None:
    start, stop = answer.sequences.start, answer.sequences.stop
    out.facts(
        [
            ("batch", f"{answer.batch:,} of {answer.order}"),
            ("sequences", f"{start:,} to {stop - 1:,} ({stop - start:,})"),
            *_around(answer.model, answer.trained_on, answer.last_checkpoint_before, answer.first_checkpoint_after),
            ("learning rate", None if answer.learning_rate is None else f"{answer.learning_rate:.4g}"),
            *_bytes(answer.bytes),
            ("written to", answer.written and str(file)),
        ]
    )
    texts = [" ".join(text.split()) for text in answer.texts or ()]
    for lines in (_id_lines(answer), texts):
        if lines:
            out.line()
            _show_lines(out, start, lines)
    show_documents(out, start, answer.documents or ())


def _show_lines(out: Output, first: int, lines: list[str]) -> None:
    """A line a sequence, cut to the width of a terminal; `--json`, `--out` and pipes get all of it."""
    width, indent = terminal_width(), len(str(first + len(lines) - 1))
    for place, line in enumerate(lines):
        number = str(first + place).rjust(indent)
        out.line(Line(f"{number}  {cut(one_line(line), width and width - indent - 2)}", indent))


def _show_sequence(out: Output, answer: SequenceAnswer) -> None:
    trajectories = answer.trajectories or ()
    out.facts(
        [
            ("sequence", f"{answer.sequence:,} of {answer.order}"),
            ("batch", f"{answer.batch:,}, position {answer.position:,}"),
            *_around(answer.model, answer.trained_on, answer.last_checkpoint_unseen, answer.first_checkpoint_seen),
            *_bytes(answer.bytes),
            ("trajectories", None if trajectories else "none measured yet"),
        ]
    )
    if trajectories:
        out.line()
        _show_trajectories(out, trajectories)
    for content in (*_id_lines(answer), *(answer.texts or ())):
        out.line()
        out.line(content)
    show_documents(out, answer.sequence, answer.documents or ())
    show_recitals(out, answer)


def _id_lines(answer: BatchAnswer | SequenceAnswer) -> list[str]:
    return [] if answer.tokens is None else [" ".join(map(str, ids)) for ids in answer.tokens.tolist()]


def _around(
    model: str | None, trained_on: bool | None, before: int | None, after: int | None
) -> list[tuple[str, object]]:
    if model is None:
        return []
    return [
        ("model", model if trained_on else f"{model}, which was not trained on it: its run ended before"),
        ("last checkpoint before", "none" if before is None else f"step {before:,}"),
        ("first checkpoint after", "none" if after is None else f"step {after:,}"),
    ]


def _bytes(extents: Iterable[ByteExtent]) -> list[tuple[str, object]]:
    return [
        ("" if place else "bytes", f"{plural(extent.length, 'byte')} of {extent.file}, from {extent.offset:,}")
        for place, extent in enumerate(extents)
    ]


def _show_trajectories(out: Output, trajectories: Sequence[SequenceTrajectory]) -> None:
    out.table(
        ("<model", "<protocol", "<measure", ">measured at", "<memorized", "<forgotten at"),
        map(_trajectory_row, trajectories),
        spare=("measured at",),
    )
    out.talk_all(adaptive_words(trajectories))


def _trajectory_row(measured: SequenceTrajectory) -> tuple[object, ...]:
    protocol, path = measured.protocol, measured.trajectory
    return (
        measured.model,
        protocol.id,
        protocol.measure,
        len(path.points),
        onset_words(path.onset) if protocol.value_type.decodes else None,
        ", ".join(f"{step:,}" for step in path.forgotten) or None,
    )
