"""Commands that measure: running or resuming a job, and looking at jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.adaptive import adaptive_facts, coarse_of, cost_words, outcome_words, part_words
from seenat.cli.context import Count, open_catalog
from seenat.cli.output import Output, count, json_option, moment, plural
from seenat.cli.progress import Moment, progress, resumable
from seenat.cli.words import protocol_words

if TYPE_CHECKING:
    from seenat.memorization.jobs import Job
    from seenat.memorization.protocol import Protocol
    from seenat.memorization.running import Advance
    from seenat.memorization.selection import Selection
    from seenat.registry.catalog import Catalog
    from seenat.registry.entities import Model

__all__ = ["job", "jobs", "memorize", "run_with_progress"]


@click.command(short_help="Measure what a model's checkpoints have memorized.")
@click.argument("name", metavar="MODEL")
@click.option("--steps", default="all", show_default=True, metavar="all|1,2,4", help="Checkpoints to measure.")
@click.option("--sequences", metavar="START:STOP", help="Only this half-open range of sequences.")
@click.option("--sample", type=Count("number of sequences"), metavar="N", help="Only N sequences, drawn at random.")
@click.option(
    "--seed", type=Count("seed"), metavar="N", default=0, show_default=True, help="Of the sample and the audit."
)
@click.option(
    "--adaptive", is_flag=True, help="Measure some checkpoints over all, the others over what these find memorized."
)
@click.option(
    "--coarse", metavar="N|1,2,4", help="With --adaptive: how many those are, or which; one in 8 unless given."
)
@click.option(
    "--audit",
    type=Count("number of sequences"),
    metavar="N",
    help="With --adaptive: drawn to tell what it missed; 1 in 1,000 unless given.",
)
@click.option("--unseen", is_flag=True, help="Also measure sequences that a checkpoint had not seen yet.")
@click.option(
    "--measure",
    type=click.Choice(["prefix", "score", "loss"]),
    default="prefix",
    show_default=True,
    help="How many ids are reproduced, before the first mistake (prefix) or at all (score); or how surprising they are (loss).",
)
@click.option(
    "--prompt", type=Count("prompt length"), metavar="N", default=32, show_default=True, help="Ids given to the model."
)
@click.option(
    "--continuation",
    type=Count("continuation length"),
    metavar="N",
    default=32,
    show_default=True,
    help="Ids to reproduce.",
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
    help="Type of weights and arithmetic; rechecked: float32's numbers, got by bfloat16 where it is beyond doubt.",
)
@click.option("--allow-suspect", is_flag=True, help="Also measure checkpoints that may hold other weights.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps; by default cuda where there is one, else cpu.")
@click.option(
    "--keep-checkpoints",
    type=Count("number of checkpoints"),
    metavar="N",
    help="Of those fetched from a hub, keep N once they are measured; by default all.",
)
@json_option
def memorize(
    name: str,
    steps: str,
    sequences: str | None,
    sample: int | None,
    seed: int,
    adaptive: bool,
    coarse: str | None,
    audit: int | None,
    unseen: bool,
    allow_suspect: bool,
    device: str | None,
    keep_checkpoints: int | None,
    as_json: bool,
    **protocol: Any,
) -> None:
    """Measure what each checkpoint of a model has memorized of the sequences it has seen.

    Given the first 32 ids of a sequence, how many of the next 32 does greedy decoding reproduce? All 32: memorized. With
    --measure loss: how likely are these 64 ids to it? Stopping and running the same command again goes on where it was; what
    some job has measured is not measured again.

    An --adaptive job costs about a sixth and misses some sequences; it tells how many (docs/memorization.md).

    \b
    Examples:
      seenat memorize pocket-230k
      seenat memorize pocket-230k --steps 64,128,384 --unseen
      seenat memorize pocket-2m --steps 384 --sample 200 --seed 1
      seenat memorize pocket-2m --steps 384 --dtype bfloat16-rechecked
      seenat memorize pocket-230k --steps 64,384 --measure loss --unseen
      seenat memorize pocket-660k --adaptive --coarse 4
    """
    from seenat.memorization.loading import check_device

    out = Output(as_json)
    if not adaptive and (coarse, audit) != (None, None):
        raise click.UsageError("--coarse and --audit are of an adaptive job; add --adaptive.")
    if device is not None:
        check_device(device)
    with open_catalog() as catalog:
        model = catalog.model(name)
        selection = _selection(model, _steps(out, model, steps, allow_suspect), sequences, sample, seed, unseen)
        asked = _Asked(catalog, model, _protocol(model, **protocol), selection, allow_suspect, device, keep_checkpoints)
        if adaptive:
            _measure_adaptively(out, asked, coarse_of(model, coarse), audit, seed)
        else:
            _measure(out, asked)


@dataclass(frozen=True)
class _Asked:
    """What `seenat memorize` is asked for, parsed."""

    catalog: Catalog
    model: Model
    protocol: Protocol
    selection: Selection
    allow_suspect: bool
    device: str | None
    keep_checkpoints: int | None


def _measure(out: Output, asked: _Asked) -> None:
    from seenat.memorization.jobs import plan_job

    planned = plan_job(asked.catalog, asked.model, asked.protocol, asked.selection, allow_suspect=asked.allow_suspect)
    finished = run_with_progress(out, asked.catalog, planned, asked.device, asked.keep_checkpoints)
    if out.data(finished.to_json()):
        return
    out.line(_summary(finished))
    out.talk(_advice(finished))


def _measure_adaptively(
    out: Output, asked: _Asked, coarse: int | tuple[int, ...] | None, audit: int | None, seed: int
) -> None:
    from seenat.memorization.adaptive import plan_adaptive, run_adaptive

    planned = plan_adaptive(
        asked.catalog,
        asked.model,
        asked.protocol,
        asked.selection,
        coarse=coarse,
        audit=audit,
        seed=seed,
        allow_suspect=asked.allow_suspect,
    )
    out.talk_all(cost_words(planned))
    finished = run_adaptive(
        asked.catalog,
        planned,
        lambda part: run_with_progress(out, asked.catalog, part, asked.device, asked.keep_checkpoints),
        allow_suspect=asked.allow_suspect,
    )
    if out.data(finished.to_json()):
        return
    out.line(outcome_words(finished))
    out.talk(f"See when: seenat onset {asked.model.name}")


@click.command(short_help="List the jobs, the newest first.")
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
    if not found:
        out.talk("There are no jobs yet; `seenat memorize MODEL` makes one.")
    if out.data([one.to_json() for one in found]) or not found:
        return
    columns: tuple[str, ...] = (">job", "<model", "<state", "<created (UTC)", ">shards done", ">measured", ">reused")
    rows = [
        [
            one.id,
            one.model,
            one.state,
            moment(one.created_at),
            f"{one.progress.done:,} of {one.progress.shards:,}",
            count(one.progress.measured),
            count(one.progress.reused),
        ]
        for one in found
    ]
    if any(one.part for one in found):
        columns = (*columns, "<part")
        for cells, one in zip(rows, found, strict=True):
            cells.append(part_words(one.part))
    out.table(columns, rows, spare=("created (UTC)",))


@click.command(short_help="Show one job: what it measures, how far it is.")
@click.argument("id_", metavar="ID", type=Count("job"))
@json_option
def job(id_: int, as_json: bool) -> None:
    """Show one job: what it measures, how far it is, what failed.

    \b
    Example:
      seenat job 1
    """
    from seenat.memorization.adaptive import find_adaptive
    from seenat.memorization.jobs import failures, find_job

    with open_catalog() as catalog:
        found = find_job(catalog, id_)
        failed = failures(catalog, found)
        whole = find_adaptive(catalog, found)
    out = Output(as_json)
    told = {"adaptive": whole.to_json() if whole else None, "failures": [one.to_json() for one in failed]}
    if out.data({**found.to_json(), **told}):
        return
    out.facts([*_job_facts(found), *(adaptive_facts(whole) if whole else ())])
    if failed:
        out.line()
        out.table(
            (">step", ">block", ">attempts", "<why it failed"),
            ((count(one.step), one.block, one.attempts, one.error) for one in failed),
        )


def run_with_progress(
    out: Output, catalog: Catalog, planned: Job, device: str | None, keep_checkpoints: int | None = None
) -> Job:
    """Run a job and show how far it is; say before what is done already."""
    from seenat.memorization.running import run_job

    if planned.finished_at is not None:
        out.talk(f"Job {planned.id} was finished at {moment(planned.finished_at)} UTC; nothing is left to measure.")
        return planned
    out.talk(_announcement(planned))
    with resumable(), progress() as show:
        return run_job(
            catalog,
            planned,
            device=device,
            keep_checkpoints=keep_checkpoints,
            progress=lambda now: show(_moment(planned.model, now)),
        )


def _announcement(planned: Job) -> str:
    done = planned.progress.measured + planned.progress.reused
    return (
        f"Job {planned.id}: {planned.model}, {plural(len(planned.selection.steps), 'checkpoint')}, "
        f"{plural(planned.progress.shards, 'shard')}, {protocol_words(planned.measurement.protocol)}"
        + (f"; resumed with {plural(done, 'value')} done" if done else "")
    )


def _moment(model: str, now: Advance) -> Moment:
    return Moment(
        task=model,
        done=now.done,
        total=now.total,
        skipped=now.reused,
        unit="sequences",
        note=f"step {now.step:,}" + (f", {now.fetched:,} bytes fetched" if now.fetched else ""),
    )


def _advice(finished: Job) -> str:
    protocol = finished.measurement.protocol
    if protocol.kept.decodes:
        return f"See when: seenat onset {finished.model}"
    first = finished.selection.sequences.start
    return f"See it: seenat trajectory {finished.model} {first} --protocol {protocol.id}"


def _protocol(model: Model, **fields: Any) -> Protocol:
    from seenat.memorization.protocol import Protocol

    return Protocol.usual(model.order.eos_id, **fields)


def _selection(
    model: Model, steps: tuple[int, ...], sequences: str | None, sample: int | None, seed: int, unseen: bool
) -> Selection:
    from seenat.memorization.selection import Selection
    from seenat.registry.units import SequenceRange

    whole = model.order.sequences
    return Selection(
        steps=steps,
        sequences=whole if sequences is None else SequenceRange.parse(sequences, whole.stop),
        sample=sample,
        seed=seed,
        unseen=unseen,
    )


def _steps(out: Output, model: Model, text: str, allow_suspect: bool) -> tuple[int, ...]:
    """The steps that are named; `all` are those that can be trusted, and the others are told."""
    from seenat.memorization.plan_checks import runnable_steps

    if text.strip() != "all":
        return tuple(sorted({model.checkpoint(part).step for part in text.split(",")}))
    steps, left_out = runnable_steps(model, allow_suspect=allow_suspect)
    by_reason: dict[tuple[str, str | None], list[int]] = {}
    for one in left_out:
        by_reason.setdefault((one.status, one.reason), []).append(one.step)
    for (status, reason), some in by_reason.items():
        out.talk(f"Left out, since {status}: {_span(tuple(some))}. {reason or ''}".rstrip())
    return steps


def _summary(finished: Job) -> str:
    progress_ = finished.progress
    rate = f", {_rate(finished)}" if progress_.measured and progress_.seconds else ""
    reused = f"; {progress_.reused:,} were measured before" if progress_.reused else ""
    return f"Job {finished.id} of {finished.model}: {plural(progress_.measured, 'value')} measured{rate}{reused}."


def _rate(found: Job) -> str:
    return f"{found.progress.measured / found.progress.seconds:,.0f} sequences a second"


def _job_facts(found: Job) -> list[tuple[str, Any]]:
    progress_, selection = found.progress, found.selection
    states = {"done": progress_.done, "running": progress_.running, "failed": progress_.failed}
    told = [f"{number:,} {state}" for state, number in states.items() if number or state == "done"]
    sampled = f", a sample of {selection.sample:,}" if selection.sample else ""
    if selection.listed is not None:
        sampled = f", {selection.listed.count:,} listed ones"
    return [
        ("job", f"{found.id}, {found.state}"),
        ("model", found.model),
        ("part", part_words(found.part)),
        ("protocol", protocol_words(found.measurement.protocol)),
        ("checkpoints", _span(selection.steps)),
        ("sequences", f"{selection.sequences}{sampled}, {'seen or not' if selection.unseen else 'those seen'}"),
        ("shards", f"{progress_.shards:,}: {', '.join(told)}"),
        ("values", f"{progress_.measured:,} measured, {progress_.reused:,} reused"),
        ("rate", _rate(found) if progress_.measured and progress_.seconds else None),
        ("created", f"{moment(found.created_at)} UTC"),
        ("finished", f"{moment(found.finished_at)} UTC" if found.finished_at else None),
    ]


def _span(steps: tuple[int, ...]) -> str:
    if len(steps) == 1:
        return f"1, at step {steps[0]:,}"
    return f"{len(steps):,}, from step {steps[0]:,} to {steps[-1]:,}"
