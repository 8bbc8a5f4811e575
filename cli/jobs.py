"""Commands that measure: running or resuming a job, and looking at jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.context import Count, open_catalog, progress_bar
from seenat.cli.output import Output, count, json_option

if TYPE_CHECKING:
    from seenat.memorization.jobs import Job
    from seenat.memorization.protocol import Protocol
    from seenat.memorization.running import Advance
    from seenat.memorization.selection import Selection
    from seenat.registry.entities import Model

__all__ = ["job", "jobs", "memorize", "run_with_progress"]


@click.command()
@click.argument("name", metavar="MODEL")
@click.option("--steps", default="all", show_default=True, metavar="all|1,2,4", help="Checkpoints to measure.")
@click.option("--sequences", metavar="START:STOP", help="Only this half-open range of sequences.")
@click.option("--sample", type=Count("number of sequences"), metavar="N", help="Only N sequences, drawn at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--unseen", is_flag=True, help="Also measure sequences that a checkpoint had not seen yet.")
@click.option("--measure", type=click.Choice(["prefix"]), default="prefix", show_default=True)
@click.option("--prompt", type=Count("prompt length"), default=32, show_default=True, help="Ids given to the model.")
@click.option(
    "--continuation", type=Count("continuation length"), default=32, show_default=True, help="Ids to reproduce."
)
@click.option("--offset", type=Count("offset"), default=0, show_default=True, help="First id of the prompt.")
@click.option(
    "--eos",
    type=click.Choice(["banned", "allowed"]),
    default="banned",
    show_default=True,
    help="Whether decoding may end a document.",
)
@click.option("--device", help="cpu, cuda, cuda:1, mps; the best there is by default.")
@json_option
def memorize(
    name: str,
    steps: str,
    sequences: str | None,
    sample: int | None,
    seed: int,
    unseen: bool,
    measure: str,
    prompt: int,
    continuation: int,
    offset: int,
    eos: str,
    device: str | None,
    as_json: bool,
) -> None:
    """Measure what each checkpoint of a model has memorized of the sequences it has seen.

    Given the first 32 ids of a sequence, how many of the next 32 does greedy decoding reproduce? All 32: memorized. Stopping
    and running the same command again goes on where it was; what some job has measured is not measured again.

    \b
    Examples:
      seenat memorize pocket-2m
      seenat memorize pocket-2m --steps 64,128,384 --unseen
      seenat memorize pythia-70m --steps 143000 --sample 1000
    """
    from seenat.memorization.jobs import plan_job

    out = Output(as_json)
    with open_catalog() as catalog:
        model = catalog.model(name)
        protocol = _protocol(model, measure, prompt, continuation, offset, eos)
        planned = plan_job(catalog, model, protocol, _selection(model, steps, sequences, sample, seed, unseen))
        finished = run_with_progress(out, catalog, planned, device)
    if out.data(finished.to_json()):
        return
    out.line(_summary(finished))
    out.line(f"See when: seenat onset {model.name}")


@click.command()
@json_option
def jobs(as_json: bool) -> None:
    """List the jobs, the newest first.

    \b
    Example:
      seenat jobs --json
    """
    from seenat.memorization.jobs import list_jobs

    with open_catalog() as catalog:
        found = list_jobs(catalog)
    out = Output(as_json)
    if out.data([one.to_json() for one in found]):
        return
    if not found:
        out.talk("There are no jobs yet; `seenat memorize MODEL` makes one.")
        return
    out.table(
        ("model", "state", "created", "job", "shards done", "measured", "reused"),
        (
            (
                one.model,
                one.state,
                one.created_at,
                one.id,
                f"{one.progress.done} of {one.progress.shards}",
                count(one.progress.measured),
                count(one.progress.reused),
            )
            for one in found
        ),
        left=3,
    )


@click.command()
@click.argument("id_", metavar="ID", type=Count("job"))
@json_option
def job(id_: int, as_json: bool) -> None:
    """Show one job: what it measures, how far it is, what failed.

    \b
    Example:
      seenat job 1
    """
    from seenat.memorization.jobs import failures, find_job

    with open_catalog() as catalog:
        found = find_job(catalog, id_)
        failed = failures(catalog, found)
    out = Output(as_json)
    if out.data({**found.to_json(), "failures": [one.to_json() for one in failed]}):
        return
    _show_job(out, found)
    if failed:
        out.table(
            ("why", "step", "block", "attempts"), ((one.error, one.step, one.block, one.attempts) for one in failed)
        )


def run_with_progress(out: Output, catalog: Any, planned: Job, device: str | None) -> Job:
    """Run a job with a bar on stderr, and say before what it skips."""
    from seenat.memorization.running import run_job

    if planned.finished_at is not None:
        out.talk(f"Job {planned.id} was finished at {planned.finished_at}; nothing is left to measure.")
        return planned
    done = planned.progress.measured + planned.progress.reused
    out.talk(
        f"Job {planned.id}: {planned.model} by protocol {planned.measurement.protocol.id}, "
        f"{planned.progress.shards:,} shards" + (f", resumed with {done:,} values done" if done else "")
    )
    with _advance_bar(planned.model) as advance:
        return run_job(catalog, planned, device=device, progress=advance)


@contextmanager
def _advance_bar(model: str) -> Iterator[Callable[[Advance], None]]:
    columns = ("{task.fields[step]}", "{task.completed:,.0f}/{task.total:,.0f}", "{task.fields[rate]}")
    with progress_bar(*columns) as bar:
        task = bar.add_task(model, total=None, step="", rate="")
        began = time.monotonic()

        def advance(now: Advance) -> None:
            rate = now.computed / max(time.monotonic() - began, 1e-9)
            skipped = f", {now.reused:,} skipped" if now.reused else ""
            bar.update(
                task,
                total=now.total,
                completed=now.done,
                step=f"step {now.step:,}",
                rate=f"{rate:,.0f} sequences/s{skipped}",
            )

        yield advance


def _protocol(model: Model, measure: str, prompt: int, continuation: int, offset: int, eos: str) -> Protocol:
    from seenat.memorization.protocol import Protocol

    eos_id = model.order.eos_id
    return Protocol(
        measure=measure,
        prompt=prompt,
        continuation=continuation,
        offset=offset,
        eos="allowed" if eos_id is None else eos,
        eos_id=eos_id or 0,
    )


def _selection(
    model: Model, steps: str, sequences: str | None, sample: int | None, seed: int, unseen: bool
) -> Selection:
    from seenat.memorization.selection import Selection
    from seenat.registry.units import SequenceRange

    whole = model.order.sequences
    return Selection(
        steps=_steps(model, steps),
        sequences=whole if sequences is None else SequenceRange.parse(sequences, whole.stop),
        sample=sample,
        seed=seed,
        unseen=unseen,
    )


def _steps(model: Model, text: str) -> tuple[int, ...]:
    if text.strip() == "all":
        return model.schedule.saved
    return tuple(sorted({model.checkpoint(part).step for part in text.split(",") if part.strip()}))


def _summary(finished: Job) -> str:
    progress = finished.progress
    rate = f" at {progress.measured / progress.seconds:,.0f} a second" if progress.measured and progress.seconds else ""
    reused = f"; {progress.reused:,} were measured before" if progress.reused else ""
    return f"Job {finished.id} of {finished.model}: {progress.measured:,} values measured{rate}{reused}."


def _show_job(out: Output, found: Job) -> None:
    progress, protocol, selection = found.progress, found.measurement.protocol, found.selection
    steps = selection.steps
    out.facts(
        [
            ("job", f"{found.id}, {found.state}"),
            ("model", found.model),
            (
                "protocol",
                f"{protocol.id}: {protocol.measure}, {protocol.prompt}+{protocol.continuation} ids, EOS {protocol.eos}",
            ),
            ("checkpoints", f"{len(steps)}, from step {steps[0]:,} to {steps[-1]:,}"),
            (
                "sequences",
                f"{selection.sequences}"
                + (f", a sample of {selection.sample:,}" if selection.sample else "")
                + (", seen or not" if selection.unseen else ", those seen"),
            ),
            (
                "shards",
                f"{progress.done:,} of {progress.shards:,} done, {progress.running:,} running, {progress.failed:,} failed",
            ),
            ("values", f"{progress.measured:,} measured, {progress.reused:,} reused"),
            ("rate", f"{progress.measured / progress.seconds:,.0f} sequences a second" if progress.seconds else None),
            ("created", found.created_at),
            ("finished", found.finished_at),
        ]
    )
