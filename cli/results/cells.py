"""Commands about the cells of sequences by checkpoints: a batch of them, their texts, and where one comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.params import MODEL, STEP, Count, open_catalog, protocol_option
from seenat.cli.framework.phrases import protocol_words

if TYPE_CHECKING:
    from seenat import BatchTrajectories, Passages, Provenance

__all__ = ["passages", "trajectories", "why"]

_model = click.argument("name", metavar="MODEL", type=MODEL)


@click.command()
@_model
@click.argument("batch", type=Count("batch"))
@protocol_option
@json_option
def trajectories(name: str, batch: int, protocol: str | None, as_json: bool) -> None:
    """Show all sequences of a batch over a model's checkpoints: how many ids of each were reproduced.

    \b
    Examples:
      seenat trajectories pocket-230k 2
      seenat trajectories pocket-230k 2 --json
    """
    with open_catalog() as catalog:
        answer = catalog.trajectories(name, batch, protocol=protocol)
    out = Output(as_json)
    if not out.data(answer):
        _show_batch(out, answer)


@click.command()
@_model
@click.argument("sequences", metavar="A:B|A,B,...")
@click.option("--step", type=STEP, metavar="STEP", help="Also how many ids this checkpoint reproduced.")
@protocol_option
@json_option
def passages(name: str, sequences: str, step: str | None, protocol: str | None, as_json: bool) -> None:
    """Show what a protocol reads of sequences, as text; with --step, where the checkpoint first went another way.

    \b
    Examples:
      seenat passages pocket-230k 16:24
      seenat passages pocket-230k 3,20 --step 256
    """
    with open_catalog() as catalog:
        answer = catalog.passages(name, sequences, step=step, protocol=protocol)
    out = Output(as_json)
    if not out.data(answer):
        _show_passages(out, answer)


@click.command()
@_model
@click.argument("step", type=STEP)
@click.argument("sequence", type=Count("sequence"))
@protocol_option
@json_option
def why(name: str, step: str, sequence: int, protocol: str | None, as_json: bool) -> None:
    """Show where the value of a sequence at a checkpoint comes from: job, shard, checkpoint, files, protocol.

    \b
    Examples:
      seenat why pocket-230k 256 20
      seenat why pocket-230k 256 20 --json
    """
    with open_catalog() as catalog:
        answer = catalog.why(name, step, sequence, protocol=protocol)
    out = Output(as_json)
    if not out.data(answer):
        _show_why(out, answer)


def _show_batch(out: Output, answer: BatchTrajectories) -> None:
    out.facts([("batch", f"{answer.batch:,} of {answer.model}"), ("protocol", protocol_words(answer.protocol))])
    out.line()
    out.table(
        (">sequence", ">memorized at", *(f">{step:,}" for step in answer.steps)),
        ((count(row.sequence), count(row.onset), *row.values) for row in answer.sequences),
    )


def _show_passages(out: Output, answer: Passages) -> None:
    prompt = answer.protocol.prompt
    for passage in answer.passages:
        reproduced = "" if passage.reproduced is None else f", {passage.reproduced} of {answer.protocol.continuation}"
        out.line(f"{passage.sequence:,}{reproduced}")
        known = prompt + (passage.reproduced or 0)
        parts = (passage.pieces[:prompt], passage.pieces[prompt:known], passage.pieces[known:])
        for text, mark in zip(map("".join, parts), ("  ", "+ ", "- "), strict=True):
            if text:
                out.line(f"  {mark}{' '.join(text.split())}")


def _show_why(out: Output, answer: Provenance) -> None:
    place, block = answer.checkpoint, answer.block
    out.facts(
        [
            ("value", ", ".join(f"{name} {value}" for name, value in answer.point.values.items())),
            (
                "sequence",
                f"{answer.sequence:,} of batch {answer.batch:,}, {'seen' if answer.point.seen else 'not seen'}",
            ),
            ("protocol", protocol_words(answer.protocol)),
            ("checkpoint", f"{place.revision} of {answer.model}, {place.status}"),
            ("commit", place.commit),
            ("checkpoint digest", place.digest),
            *(("job", f"{shard.job}, shard of block {shard.block}: {shard.state}") for shard in answer.shards),
            ("block file", block.digest),
            ("measured on", block.device),
            ("order", f"{answer.order}, {answer.order_digest}"),
            *(
                ("ids", f"{file.file}, {file.length} bytes from {file.offset:,}, {file.sha256}")
                for file in answer.files
            ),
        ]
    )
