"""The command that measures: it plans jobs, or finds those planned before, and runs what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import output_option, written
from seenat.cli.framework.params import MODEL, Count, open_catalog
from seenat.cli.framework.phrases import rate_words, see_words
from seenat.cli.jobs.adaptive_phrases import outcome_words
from seenat.cli.jobs.estimate import show_estimates
from seenat.cli.jobs.measure_options import ASKED, check_adaptive, measure_options
from seenat.cli.jobs.run_options import cost_options, run_options

if TYPE_CHECKING:
    from seenat import Job, MemorizeAnswer

__all__ = ["memorize"]


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@measure_options
@click.option("--allow-suspect", is_flag=True, help="Also measure checkpoints that may hold other weights.")
@run_options
@cost_options
@click.option("--name", "label", metavar="TEXT", help="What the job is called.")
@click.option("--note", metavar="TEXT", help="What else there is to say of the job.")
@click.option(
    "--runner",
    type=click.Choice(["local", "slurm", "ray"]),
    help="local: by processes of this machine, one a GPU; slurm: by an array of tasks; ray: by actors of a cluster. "
    "Default: by this process.",
)
@click.option("--workers", type=Count("number of workers", 1), metavar="N", help="How many the runner has.")
@output_option("--script", endings=(".sbatch", ".slurm", ".sh"), help="Only write Slurm's script, to a .sbatch file.")
@click.option(
    "--address", metavar="ADDRESS", help="Ray's cluster. Default: that of RAY_ADDRESS, or one of this machine."
)
@click.option("--priority", type=int, metavar="N", help="Workers take jobs of a greater one first. Default: 0.")
@click.option("--same-device", is_flag=True, help="Measure all of it on one kind of device, and refuse others.")
@click.option("--submit", is_flag=True, help="Only plan the job, for `seenat worker` to measure.")
@json_option
def memorize(
    name: str,
    coarse: str | None,
    audit: int | None,
    adaptive: bool,
    prompt: tuple[int, ...],
    continuation: tuple[int, ...],
    as_json: bool,
    label: str | None,
    dry_run: bool,
    yes: bool,
    as_asked: bool,
    **options: Any,
) -> None:
    """Measure what each checkpoint of a model has memorized of the sequences it has seen.

    Given the first 32 ids of a sequence, how many of the next 32 does greedy decoding reproduce? A sequence with all 32 is
    memorized. With --measure loss: how likely are these 64 ids? Run the same command again to continue a stopped job; what
    any job has measured is not measured again.

    An --adaptive job costs about a sixth. It misses some sequences, and estimates how many (docs/adaptive.md). What a
    laptop could not do in an hour asks first, or needs --yes; --dry-run tells what it costs and does nothing.

    \b
    Examples:
      seenat memorize pocket-230k
      seenat memorize pocket-2m --steps 384 --sample 200 --seed 1
      seenat memorize pocket-2m --steps 384 --dtype bfloat16-rechecked
      seenat memorize pocket-230k --steps 64,384 --measure loss --unseen
      seenat memorize pocket-230k --steps 384 --prompt 8,16,32 --continuation 8,32
      seenat memorize pocket-660k --adaptive --coarse 4
      seenat memorize pythia-70m --steps 143000 --dry-run
      seenat memorize pocket-230k --runner local --workers 2
      seenat memorize pocket-230k --runner slurm --workers 8 --script job.sbatch
    """
    from seenat.cli.jobs.announcements import MemorizeTalk

    check_adaptive(adaptive, (coarse, audit), len(prompt) * len(continuation))
    out, ways = Output(as_json), {"adaptive": adaptive, "prompt": prompt, "continuation": continuation, "audit": audit}
    script, chosen = options.pop("script"), dict[str, Any](ways | {"coarse": coarse} | options)
    if dry_run:
        _tell_cost(out, name, chosen)
        return
    with open_catalog() as catalog:
        talk = MemorizeTalk(out, yes=yes)
        answer = catalog.memorize(
            name, name=label, faster=not as_asked, observer=talk, **written(script, "script"), **chosen
        )
    if not out.data(answer):
        _show(out, answer)


def _tell_cost(out: Output, name: str, chosen: dict[str, Any]) -> None:
    with open_catalog() as catalog:
        found = catalog.estimate(name, check=True, **{key: chosen[key] for key in ASKED})
    show_estimates(out, found)
    out.talk("Nothing was planned; without --dry-run it is measured.")


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
