"""The options that say what is measured, of `memorize` and of `estimate`, and how they are read."""

from __future__ import annotations

from typing import Any

import click

from seenat.cli.framework.params import Count, Counts

__all__ = ["ASKED", "check_adaptive", "measure_options"]

_OPTIONS = (
    click.option("--steps", default="all", show_default=True, metavar="all|1,2,64:128", help="Checkpoints to measure."),
    click.option("--sequences", metavar="START:STOP", help="Only this half-open range of sequences."),
    click.option("--sample", type=Count("number of sequences"), metavar="N", help="Only N sequences, drawn at random."),
    click.option(
        "--seed",
        type=Count("seed"),
        metavar="N",
        default=0,
        show_default=True,
        help="Seed of the draw of the sample and of the audit.",
    ),
    click.option(
        "--adaptive",
        is_flag=True,
        help="Measure some checkpoints over all sequences, and the others over those found memorized there.",
    ),
    click.option(
        "--coarse",
        metavar="N|1,2,64:128",
        help="Checkpoints that an adaptive job measures over all sequences: how many, or which. Default: one in 8.",
    ),
    click.option(
        "--audit",
        type=Count("number of sequences"),
        metavar="N",
        help="Sequences that an adaptive job draws to estimate what it misses. Default: 1 in 1,000.",
    ),
    click.option("--unseen", is_flag=True, help="Also measure sequences that a checkpoint had not seen yet."),
    click.option(
        "--measure",
        type=click.Choice(["prefix", "score", "loss"]),
        default="prefix",
        show_default=True,
        help="prefix: ids reproduced before the first mistake; score: all ids reproduced; loss: how surprising the ids are.",
    ),
    click.option(
        "--prompt",
        type=Counts("prompt length", least=1),
        metavar="N[,N]",
        default="32",
        show_default=True,
        help="Ids given to the model; several lengths are measured together.",
    ),
    click.option(
        "--continuation",
        type=Counts("continuation length", least=1),
        metavar="N[,N]",
        default="32",
        show_default=True,
        help="Ids to reproduce; several lengths are measured together.",
    ),
    click.option(
        "--offset", type=Count("offset"), metavar="N", default=0, show_default=True, help="Ids before the prompt."
    ),
    click.option(
        "--eos",
        type=click.Choice(["banned", "allowed"]),
        show_default="banned",
        help="Whether decoding may end a document.",
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float32", "bfloat16", "float16", "bfloat16-rechecked"]),
        default="float32",
        show_default=True,
        help="Type of weights and arithmetic. bfloat16-rechecked gives float32's numbers, by bfloat16 where that is certain.",
    ),
)

ASKED = (
    *("steps", "sequences", "sample", "seed", "unseen", "measure", "prompt", "continuation", "offset", "eos", "dtype"),
    *("adaptive", "coarse", "audit", "allow_suspect", "device", "keep_checkpoints"),
)
"""What of a measurement an estimate takes too."""


def measure_options(command: Any) -> Any:
    """Add these options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_adaptive(adaptive: bool, options: tuple[str | None, int | None], protocols: int) -> None:
    """Refuse `--coarse` and `--audit` without `--adaptive`, and several protocols with it."""
    if not adaptive and options != (None, None):
        raise click.UsageError("--coarse and --audit need --adaptive.")
    if adaptive and protocols > 1:
        raise click.UsageError("An adaptive job has one prompt length and one continuation length; name one of each.")
