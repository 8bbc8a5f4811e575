"""Commands about a training order: its batches and its sequences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.params import Count, open_catalog
from seenat.cli.framework.phrases import adaptive_words, onset_words
from seenat.cli.framework.tables import cut, printable, terminal_width

if TYPE_CHECKING:
    from seenat.registry.catalog.catalog import Catalog
    from seenat.registry.catalog.orders import Batch, Order
    from seenat.registry.units import SequenceRange

__all__ = ["batch", "sequence"]


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER")
@click.argument("index", metavar="BATCH", type=Count("batch"))
@click.option("--tokens", is_flag=True, help="Read the ids of its sequences.")
@click.option("--decode", "as_text", is_flag=True, help="Read its sequences as text.")
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.npy",
    help="Write its ids to a file, as an array [sequences, ids].",
)
@json_option
def batch(name: str, index: int, tokens: bool, as_text: bool, file: Path | None, as_json: bool) -> None:
    """Show a batch: its sequences, its bytes, and with a model the checkpoints around it.

    Batch b, from 0, turns step b into step b + 1.

    \b
    Examples:
      seenat batch pythia-70m 71490
      seenat batch pocket-order 0 --decode
      seenat batch pocket-2m 383 --out last-batch.npy
    """
    from seenat.registry.catalog.serialize import batch_answer

    with open_catalog() as catalog:
        order, model_ = catalog.order_or_model(name)
        found = model_.batch(index) if model_ else order.batch(index)
        answer = batch_answer(found, model_)
        if file is not None:
            _write_array(catalog, found, file)
            answer["written"] = str(file)
        answer |= _content(catalog, order, found.sequences, tokens=tokens, as_text=as_text)
    out = Output(as_json)
    if out.data(answer):
        return
    _show_batch(out, answer)


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER")
@click.argument("index", metavar="SEQUENCE", type=Count("sequence"))
@click.option("--tokens", is_flag=True, help="Read its ids.")
@click.option("--decode", "as_text", is_flag=True, help="Read it as text.")
@json_option
def sequence(name: str, index: int, tokens: bool, as_text: bool, as_json: bool) -> None:
    """Show a sequence: its batch, the checkpoints around it, and the trajectories measured so far.

    \b
    Examples:
      seenat sequence pythia-70m 3071999
      seenat sequence pocket-2m 100 --decode
    """
    from seenat.registry.catalog.serialize import sequence_answer
    from seenat.registry.units import SequenceRange

    with open_catalog() as catalog:
        order, model_ = catalog.order_or_model(name)
        answer = sequence_answer(order, index, model_)
        answer["trajectories"] = _trajectories(catalog, order, index)
        answer |= _content(catalog, order, SequenceRange(index, index + 1), tokens=tokens, as_text=as_text)
    out = Output(as_json)
    if out.data(answer):
        return
    _show_sequence(out, answer)


def _write_array(catalog: Catalog, batch_: Batch, file: Path) -> None:
    from io import BytesIO

    import numpy as np

    from seenat.registry.integrity.batch_digests import read_sequences
    from seenat.registry.storage.local import write_atomic

    buffer = BytesIO()
    np.save(buffer, read_sequences(catalog, batch_.order, batch_.sequences))
    write_atomic(file, buffer.getvalue())


def _content(
    catalog: Catalog, order: Order, sequences: SequenceRange, *, tokens: bool, as_text: bool
) -> dict[str, Any]:
    if not tokens and not as_text:
        return {}
    from seenat.registry.integrity.batch_digests import read_sequences

    ids = read_sequences(catalog, order, sequences)
    found: dict[str, Any] = {"tokens": ids.tolist()} if tokens else {}
    if as_text:
        from seenat.registry.orders.detokenize import decode

        found["texts"] = decode(order.tokenizer, ids, order=order.name)
    return found


def _trajectories(catalog: Catalog, order: Order, index: int) -> list[dict[str, Any]]:
    """Nothing is imported for them where nothing was measured: most look-ups are of such orders."""
    if not catalog.has_measurements(order):
        return []
    from seenat.memorization.queries.trajectories import measured_trajectories

    return [found.to_json() for found in measured_trajectories(catalog, order, index)]


def _show_batch(out: Output, answer: dict[str, Any]) -> None:
    start, stop = answer["sequences"]["start"], answer["sequences"]["stop"]
    out.facts(
        [
            ("batch", f"{answer['batch']:,} of {answer['order']}"),
            ("sequences", f"{start:,} to {stop - 1:,} ({stop - start:,})"),
            *_around(answer, "first_checkpoint_after", "last_checkpoint_before"),
            *_bytes(answer),
            ("written to", answer.get("written")),
        ]
    )
    texts = [" ".join(text.split()) for text in answer.get("texts", ())]
    for lines in ([" ".join(map(str, ids)) for ids in answer.get("tokens", ())], texts):
        if lines:
            out.line()
            _show_lines(out, start, lines)


def _show_lines(out: Output, first: int, lines: list[str]) -> None:
    """A line a sequence, on a terminal as much of it as fits; `--json`, `--out` and pipes get all."""
    width, indent = terminal_width(), len(str(first + len(lines) - 1))
    for place, line in enumerate(lines):
        number = click.style(str(first + place).rjust(indent), fg="cyan")
        out.line(f"{number}  {cut(printable(line), width and width - indent - 2)}")


def _show_sequence(out: Output, answer: dict[str, Any]) -> None:
    out.facts(
        [
            ("sequence", f"{answer['sequence']:,} of {answer['order']}"),
            ("batch", f"{answer['batch']:,}, position {answer['position']:,}"),
            *_around(answer, "first_checkpoint_seen", "last_checkpoint_unseen"),
            *_bytes(answer),
            ("trajectories", None if answer["trajectories"] else "none measured yet"),
        ]
    )
    if answer["trajectories"]:
        out.line()
        _show_trajectories(out, answer["trajectories"])
    for content in (*(" ".join(map(str, ids)) for ids in answer.get("tokens", ())), *answer.get("texts", ())):
        out.line()
        out.line(printable(content))


def _around(answer: dict[str, Any], after: str, before: str) -> list[tuple[str, object]]:
    if "model" not in answer:
        return []
    return [
        ("model", answer["model"]),
        ("last checkpoint before", "none" if answer[before] is None else f"step {answer[before]:,}"),
        ("first checkpoint after", "none" if answer[after] is None else f"step {answer[after]:,}"),
    ]


def _bytes(answer: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("" if place else "bytes", f"{plural(extent['length'], 'byte')} of {extent['file']}, from {extent['offset']:,}")
        for place, extent in enumerate(answer["bytes"])
    ]


def _show_trajectories(out: Output, trajectories: list[dict[str, Any]]) -> None:
    from seenat.memorization.protocol.measures import DECODED

    out.table(
        ("<model", "<protocol", "<measure", ">measured at", "<memorized", "<forgotten at"),
        (
            (
                row["model"],
                row["protocol"]["id"],
                row["protocol"]["measure"],
                len(row["points"]),
                onset_words(row["onset"]) if row["protocol"]["measure"] in DECODED else None,
                ", ".join(f"{step:,}" for step in row["forgotten"]) or None,
            )
            for row in trajectories
        ),
        spare=("measured at",),
    )
    out.talk_all(adaptive_words([plan for row in trajectories for plan in row["adaptive"]]))
