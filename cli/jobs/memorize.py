"""The command that measures: it plans jobs, or finds those planned before, and runs what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import Target, output_option, written
from seenat.cli.framework.params import MODEL, Count, Counts, open_catalog
from seenat.cli.framework.phrases import rate_words, see_words
from seenat.cli.jobs.adaptive_phrases import outcome_words
from seenat.cli.jobs.run_options import run_options

if TYPE_CHECKING:
    from seenat import Job, MemorizeAnswer

__all__ = ["memorize"]


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@click.option("--steps", default="all", show_default=True, metavar="all|1,2,64:128", help="Checkpoints to measure.")
@click.option("--sequences", metavar="START:STOP", help="Only this half-open range of sequences.")
@click.option("--sample", type=Count("number of sequences"), metavar="N", help="Only N sequences, drawn at random.")
@click.option(
    "--seed",
    type=Count("seed"),
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of the draw of the sample and of the audit.",
)
@click.option(
    "--adaptive",
    is_flag=True,
    help="Measure some checkpoints over all sequences, and the others over those found memorized there.",
)
@click.option(
    "--coarse",
    metavar="N|1,2,64:128",
    help="Checkpoints that an adaptive job measures over all sequences: how many, or which. Default: one in 8.",
)
@click.option(
    "--audit",
    type=Count("number of sequences"),
    metavar="N",
    help="Sequences that an adaptive job draws to estimate what it misses. Default: 1 in 1,000.",
)
@click.option("--unseen", is_flag=True, help="Also measure sequences that a checkpoint had not seen yet.")
@click.option(
    "--measure",
    type=click.Choice(["prefix", "score", "loss"]),
    default="prefix",
    show_default=True,
    help="prefix: ids reproduced before the first mistake; score: all ids reproduced; loss: how surprising the ids are.",
)
@click.option(
    "--prompt",
    type=Counts("prompt length", least=1),
    metavar="N[,N]",
    default="32",
    show_default=True,
    help="Ids given to the model; several lengths are measured together.",
)
@click.option(
    "--continuation",
    type=Counts("continuation length", least=1),
    metavar="N[,N]",
    default="32",
    show_default=True,
    help="Ids to reproduce; several lengths are measured together.",
)
@click.option(
    "--offset", type=Count("offset"), metavar="N", default=0, show_default=True, help="Ids before the prompt."
)
@click.option(
    "--eos",
    type=click.Choice(["banned", "allowed"]),
    show_default="banned",
    help="Whether decoding may end a document.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16", "bfloat16-rechecked"]),
    default="float32",
    show_default=True,
    help="Type of weights and arithmetic. bfloat16-rechecked gives float32's numbers, by bfloat16 where that is certain.",
)
@click.option("--allow-suspect", is_flag=True, help="Also measure checkpoints that may hold other weights.")
@run_options
@click.option("--name", "label", metavar="TEXT", help="What the job is called.")
@click.option("--note", metavar="TEXT", help="What else there is to say of the job.")
@click.option(
    "--runner",
    type=click.Choice(["local", "slurm"]),
    help="local: by processes of this machine, one a GPU; slurm: by an array of tasks. Default: by this process.",
)
@click.option("--workers", type=Count("number of workers", 1), metavar="N", help="How many the runner has.")
@output_option("--script", endings=(".sbatch", ".slurm", ".sh"), help="Only write Slurm's script, to a .sbatch file.")
@click.option("--submit", is_flag=True, help="Only plan the job, for `seenat worker` to measure.")
@json_option
def memorize(
    name: str,
    steps: str,
    coarse: str | None,
    audit: int | None,
    adaptive: bool,
    prompt: tuple[int, ...],
    continuation: tuple[int, ...],
    as_json: bool,
    label: str | None,
    script: Target | None,
    **options: Any,
) -> None:
    """Measure what each checkpoint of a model has memorized of the sequences it has seen.

    Given the first 32 ids of a sequence, how many of the next 32 does greedy decoding reproduce? A sequence with all 32 is
    memorized. With --measure loss: how likely are these 64 ids? Run the same command again to continue a stopped job; what
    any job has measured is not measured again.

    An --adaptive job costs about a sixth. It misses some sequences, and estimates how many (docs/memorization.md).

    \b
    Examples:
      seenat memorize pocket-230k
      seenat memorize pocket-2m --steps 384 --sample 200 --seed 1
      seenat memorize pocket-2m --steps 384 --dtype bfloat16-rechecked
      seenat memorize pocket-230k --steps 64,384 --measure loss --unseen
      seenat memorize pocket-230k --steps 384 --prompt 8,16,32 --continuation 8,32
      seenat memorize pocket-660k --adaptive --coarse 4
      seenat memorize pocket-230k --runner local --workers 2
      seenat memorize pocket-230k --runner slurm --workers 8 --script job.sbatch
    """
    from seenat.cli.jobs.announcements import MemorizeTalk

    _check_adaptive(adaptive, (coarse, audit), len(prompt) * len(continuation))
    out = Output(as_json)
    with open_catalog() as catalog:
        answer = catalog.memorize(
            name,
            steps=steps,
            coarse=coarse,
            audit=audit,
            adaptive=adaptive,
            prompt=prompt,
            continuation=continuation,
            name=label,
            observer=MemorizeTalk(out),
            **written(script, "script"),
            **options,
        )
    if not out.data(answer):
        _show(out, answer)


def _check_adaptive(adaptive: bool, options: tuple[str | None, int | None], protocols: int) -> None:
    """Refuse `--coarse` and `--audit` without `--adaptive`, and several protocols with it."""
    if not adaptive and options != (None, None):
        raise click.UsageError("--coarse and --audit need --adaptive.")
    if adaptive and protocols > 1:
        raise click.UsageError("An adaptive job has one prompt length and one continuation length; name one of each.")


def _show(out: Output, answer: MemorizeAnswer) -> None:
    if answer.adaptive is not None:
        out.line(outcome_words(answer.adaptive))
        out.talk(_advice(answer.job))
        return
    if answer.job.state == "pending":
        for job in answer.jobs:
            out.line(f"Job {job.id} of {job.model} is planned: {plural(job.progress.shards, 'shard')}.")
        out.talk("Measure it: seenat worker")
        return
    for job in answer.jobs:
        out.line(_summary(job))
    out.talk_all(_advice(job) for job in answer.jobs)


def _summary(job: Job) -> str:
    counts = job.progress
    words = rate_words(job)
    rate = f", {words}" if words else ""
    reused = f"; {counts.reused:,} were measured before" if counts.reused else ""
    return f"Job {job.id} of {job.model}: {plural(counts.measured, 'value')} measured{rate}{reused}."


def _advice(job: Job) -> str:
    """The command that shows what was measured, by the same protocol."""
    return see_words(job.model, job.protocol, job.selection.sequences.start)
