"""The command that measures: running or resuming jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, json_option, moment, plural
from seenat.cli.framework.params import Count, Counts, open_catalog
from seenat.cli.framework.phrases import protocol_words, rate_words, steps_words
from seenat.cli.framework.progress import Moment, progress, resumable
from seenat.cli.jobs.adaptive_phrases import coarse_of, cost_words, outcome_words

if TYPE_CHECKING:
    from seenat.memorization.jobs.prefetch import CacheQuota
    from seenat.memorization.jobs.runners.local import Advance
    from seenat.memorization.jobs.status import Job
    from seenat.memorization.protocol.protocol import Protocol
    from seenat.memorization.protocol.selection import Selection
    from seenat.registry.catalog.catalog import Catalog
    from seenat.registry.catalog.models import Model

__all__ = ["memorize", "run_with_progress"]


@click.command()
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
    "--prompt",
    "prompts",
    type=Counts("prompt length", least=1),
    metavar="N[,N]",
    default="32",
    show_default=True,
    help="Ids given to the model; several lengths are measured together.",
)
@click.option(
    "--continuation",
    "continuations",
    type=Counts("continuation length", least=1),
    metavar="N[,N]",
    default="32",
    show_default=True,
    help="Ids to reproduce, likewise.",
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
      seenat memorize pocket-230k --steps 384 --prompt 8,16,32 --continuation 8,32
      seenat memorize pocket-660k --adaptive --coarse 4
    """
    from seenat.memorization.engine.transformers.loading import check_device

    out = Output(as_json)
    if not adaptive and (coarse, audit) != (None, None):
        raise click.UsageError("--coarse and --audit are of an adaptive job; add --adaptive.")
    if device is not None:
        check_device(device)
    with open_catalog() as catalog:
        model = catalog.model(name)
        selection = _selection(model, _steps(out, model, steps, allow_suspect), sequences, sample, seed, unseen)
        protocols = _protocols(model, **protocol)
        asked = MemorizeRequest(catalog, model, protocols, selection, allow_suspect, device, keep_checkpoints)
        if adaptive:
            _measure_adaptively(out, asked, coarse_of(model, coarse), audit, seed)
        else:
            _measure(out, asked)


@dataclass(frozen=True)
class MemorizeRequest:
    """What `seenat memorize` is asked for, parsed."""

    catalog: Catalog
    model: Model
    protocols: tuple[Protocol, ...]
    selection: Selection
    allow_suspect: bool
    device: str | None
    keep_checkpoints: int | None


def _measure(out: Output, asked: MemorizeRequest) -> None:
    from seenat.memorization.jobs.plan import plan_jobs

    planned = plan_jobs(asked.catalog, asked.model, asked.protocols, asked.selection, allow_suspect=asked.allow_suspect)
    finished = run_with_progress(out, asked.catalog, planned, asked.device, asked.keep_checkpoints)
    told = [one.to_json() for one in finished]
    if out.data(told if len(told) > 1 else told[0]):
        return
    for one in finished:
        out.line(_summary(one))
    out.talk(_advice(finished[0]))


def _measure_adaptively(
    out: Output, asked: MemorizeRequest, coarse: int | tuple[int, ...] | None, audit: int | None, seed: int
) -> None:
    from seenat.memorization.adaptive.adaptive_job import plan_adaptive, run_adaptive
    from seenat.memorization.jobs.runners.local import cache_quota

    if len(asked.protocols) > 1:
        raise click.UsageError("An adaptive job has one prompt length and one continuation length; name one of each.")
    planned = plan_adaptive(
        asked.catalog,
        asked.model,
        asked.protocols[0],
        asked.selection,
        coarse=coarse,
        audit=audit,
        seed=seed,
        allow_suspect=asked.allow_suspect,
    )
    out.talk_all(cost_words(planned))
    quota = cache_quota(asked.catalog, asked.keep_checkpoints)
    finished = run_adaptive(
        asked.catalog,
        planned,
        lambda part: run_with_progress(out, asked.catalog, [part], asked.device, quota)[0],
        allow_suspect=asked.allow_suspect,
    )
    if out.data(finished.to_json()):
        return
    out.line(outcome_words(finished))
    out.talk(f"See when: seenat onset {asked.model.name}")


def run_with_progress(
    out: Output,
    catalog: Catalog,
    planned: Sequence[Job],
    device: str | None = None,
    keep_checkpoints: int | CacheQuota | None = None,
) -> tuple[Job, ...]:
    """Run jobs over the same cells and show how far they are; say before what is done already, and what of it is lost."""
    from seenat.memorization.jobs.runners.local import run_jobs

    planned = [_with_lost_opened(out, catalog, one) for one in planned]
    for one in planned:
        out.talk(_announcement(one))
    if all(one.finished_at is not None for one in planned):
        return tuple(planned)
    with resumable(), progress() as show:
        return run_jobs(
            catalog,
            planned,
            device=device,
            keep_checkpoints=keep_checkpoints,
            look_for_lost=False,  # That is done, and said, above.
            progress=lambda now: show(_moment(planned[0].model, now)),
        )


def _with_lost_opened(out: Output, catalog: Catalog, planned: Job) -> Job:
    """The job, with those of its finished shards open again whose values are lost; says so."""
    from seenat.memorization.jobs.repair import reopen_lost
    from seenat.memorization.jobs.status import find_job

    lost = reopen_lost(catalog, planned)
    if not lost:
        return planned
    out.talk(
        f"Job {planned.id} had measured {plural(lost, 'shard')} whose results are gone or damaged on the disk; "
        f"{'it is' if lost == 1 else 'they are'} measured again."
    )
    return find_job(catalog, planned.id)


def _announcement(planned: Job) -> str:
    if planned.finished_at is not None:
        return f"Job {planned.id} was finished at {moment(planned.finished_at)} UTC; nothing is left to measure."
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
    if protocol.value_type.decodes:
        return f"See when: seenat onset {finished.model}"
    first = finished.selection.sequences.start
    return f"See it: seenat trajectory {finished.model} {first} --protocol {protocol.id}"


def _protocols(
    model: Model, prompts: tuple[int, ...], continuations: tuple[int, ...], **fields: Any
) -> tuple[Protocol, ...]:
    """One for every prompt length with every continuation length."""
    from seenat.memorization.protocol.protocol import Protocol

    eos_id = model.order.eos_id
    return tuple(
        Protocol.default_for(eos_id, prompt=prompt, continuation=continuation, **fields)
        for prompt, continuation in product(prompts, continuations)
    )


def _selection(
    model: Model, steps: tuple[int, ...], sequences: str | None, sample: int | None, seed: int, unseen: bool
) -> Selection:
    from seenat.memorization.protocol.selection import Selection
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
    from seenat.memorization.jobs.plan_checks import runnable_steps

    if text.strip() != "all":
        return tuple(sorted({model.checkpoint(part).step for part in text.split(",")}))
    steps, left_out = runnable_steps(model, allow_suspect=allow_suspect)
    by_reason: dict[tuple[str, str | None], list[int]] = {}
    for one in left_out:
        by_reason.setdefault((one.status, one.reason), []).append(one.step)
    for (status, reason), some in by_reason.items():
        out.talk(f"Left out, since {status}: {steps_words(tuple(some))}. {reason or ''}".rstrip())
    return steps


def _summary(finished: Job) -> str:
    progress_ = finished.progress
    rate = f", {rate_words(finished)}" if progress_.measured and progress_.seconds else ""
    reused = f"; {progress_.reused:,} were measured before" if progress_.reused else ""
    return f"Job {finished.id} of {finished.model}: {plural(progress_.measured, 'value')} measured{rate}{reused}."
