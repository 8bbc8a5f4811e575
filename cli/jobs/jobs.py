"""Commands that show jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, moment, plural
from seenat.cli.framework.params import Count, open_catalog
from seenat.cli.framework.phrases import protocol_words, rate_words, see_words, steps_words
from seenat.cli.framework.progress import Moment, progress
from seenat.cli.jobs.adaptive_phrases import adaptive_facts, part_words
from seenat.registry.printable import duration_words

if TYPE_CHECKING:
    from seenat import Job, JobWorker, ShardRecord

__all__ = ["job", "jobs"]

_COLUMNS = (">job", "<model", "<state", "<created (UTC)", ">shards done", ">measured", ">reused")


@click.command()
@json_option
def jobs(as_json: bool) -> None:
    """List the jobs, the newest first.

    \b
    Example:
      seenat jobs --json
    """
    with open_catalog() as catalog:
        all_jobs = catalog.jobs()
    out = Output(as_json)
    if not all_jobs:
        out.talk("There are no jobs yet; `seenat memorize MODEL` makes one.")
    if out.data(all_jobs) or not all_jobs:
        return
    columns: tuple[str, ...] = _COLUMNS
    rows = [
        [
            row.id,
            row.model,
            row.state,
            moment(row.created_at),
            f"{row.progress.done:,} of {row.progress.shards:,}",
            count(row.progress.measured),
            count(row.progress.reused),
        ]
        for row in all_jobs
    ]
    # Columns that most lists have nothing for; then the protocol, whose words a narrow terminal wraps.
    for heading, words in (
        (">a second", _pace_words),
        ("<left", _time_words),
        ("<by", _by_words),
        ("<name", _name_words),
        ("<part", _part_words),
        ("<protocol", _protocol_words),
    ):
        if any(words(row) for row in all_jobs):
            columns = (*columns, heading)
            for cells, row in zip(rows, all_jobs, strict=True):
                cells.append(words(row))
    out.table(columns, rows, spare=("created (UTC)", "reused"))


@click.command()
@click.argument("id_", metavar="ID", type=Count("job"))
@click.option("--watch", is_flag=True, help="Show its progress until it is done, cancelled or failed.")
@json_option
def job(id_: int, watch: bool, as_json: bool) -> None:
    """Show one job: what it measures, how far it is, what failed.

    Rate and time left are those of all workers together, by what was done within the last five minutes.

    \b
    Examples:
      seenat job 1
      seenat job 1 --watch
    """
    with open_catalog() as catalog:
        if watch:
            _watch(catalog.watch(id_))
        answer = catalog.job(id_)
    out = Output(as_json)
    if out.data(answer):
        return
    out.facts([*_job_facts(answer.job), *(adaptive_facts(answer.adaptive) if answer.adaptive else ())])
    if answer.job.progress.done:
        out.talk(see_words(answer.job.model, answer.job.protocol, answer.job.selection.sequences.start))
    if answer.failures:
        out.line()
        out.table(
            (">step", ">block", ">attempts", "<why it failed"),
            ((count(shard.step), shard.block, shard.attempts, _failure_words(shard)) for shard in answer.failures),
        )
    if answer.job.progress.quarantined:
        out.talk(f"Quarantined shards are tried again by: seenat retry {id_}")


def _watch(states: Iterator[Job]) -> None:
    """Show how a job goes on, by shards."""
    with progress() as show:
        for now in states:
            counts = now.progress
            show(
                Moment(
                    task=f"job {now.id}",
                    done=counts.done + counts.failed,
                    total=counts.shards,
                    unit="shards",
                    note=", ".join(filter(None, (now.state, _pace_of(now), _time_words(now)))),
                )
            )


def _pace_of(shown: Job) -> str | None:
    """The rate of all workers of a job together."""
    if shown.pace is None:
        return None
    return f"{shown.pace.values_per_second:,.0f} values a second by {plural(shown.pace.workers, 'worker')}"


def _pace_words(shown: Job) -> str | None:
    return None if shown.pace is None else f"{shown.pace.values_per_second:,.0f}"


def _time_words(shown: Job) -> str | None:
    return None if shown.pace is None else f"{duration_words(shown.pace.seconds_left)} left"


def _failure_words(shard: ShardRecord) -> str:
    return f"In quarantine. {shard.error}" if shard.quarantined_at else shard.error


def _device_words(shown: Job) -> str | None:
    """The kind of device to which a job keeps."""
    if not shown.same_device:
        return None
    return f"{shown.device}, and no other" if shown.device else "one kind, of whoever begins"


def _by_words(shown: Job) -> str | None:
    """Who began first of those that work at a job, or, where nobody does, of those that are gone."""
    chosen = [worker for worker in shown.workers if worker.alive] or list(shown.workers)
    if not chosen:
        return None
    first = f"{chosen[0].host} {chosen[0].pid}, since {moment(chosen[0].since)}"
    return first if len(chosen) == 1 else f"{first}, and {len(chosen) - 1:,} more"


def _name_words(shown: Job) -> str | None:
    return shown.name


def _protocol_words(shown: Job) -> str:
    return protocol_words(shown.protocol)


def _part_words(shown: Job) -> str | None:
    return part_words(shown.part)


def _worker_words(worker: JobWorker) -> str:
    said = f"process {worker.pid} on {worker.host}, since {moment(worker.since)} UTC"
    return said if worker.alive else f"{said}, gone"


def _job_facts(shown: Job) -> list[tuple[str, Any]]:
    counts, selection = shown.progress, shown.selection
    states = {"done": counts.done, "running": counts.running, "failed": counts.failed}
    shards = [f"{number:,} {state}" for state, number in states.items() if number or state == "done"]
    if counts.quarantined:
        shards[-1] += f", of which {counts.quarantined:,} in quarantine"
    sampled = f", a sample of {selection.sample:,}" if selection.sample else ""
    if selection.listed is not None:
        sampled = f", {selection.listed.count:,} listed ones"
    return [
        ("job", f"{shown.id}, {shown.state}"),
        ("name", shown.name),
        ("note", shown.note),
        ("model", shown.model),
        ("part", part_words(shown.part)),
        ("protocol", protocol_words(shown.measurement.protocol)),
        ("checkpoints", steps_words(selection.steps)),
        ("sequences", f"{selection.sequences}{sampled}, {'seen or not' if selection.unseen else 'those seen'}"),
        ("shards", f"{counts.shards:,}: {', '.join(shards)}"),
        ("values", f"{counts.measured:,} measured, {counts.reused:,} reused"),
        ("rate", _pace_of(shown) or rate_words(shown)),
        ("time left", None if shown.pace is None else duration_words(shown.pace.seconds_left)),
        ("priority", shown.priority or None),
        ("device", _device_words(shown)),
        ("created", f"{moment(shown.created_at)} UTC"),
        ("finished", f"{moment(shown.finished_at)} UTC" if shown.finished_at else None),
        ("paused", f"{moment(shown.paused_at)} UTC" if shown.paused_at else None),
        ("cancelled", f"{moment(shown.cancelled_at)} UTC" if shown.cancelled_at else None),
        *(("worked at by", _worker_words(worker)) for worker in shown.workers),
    ]
