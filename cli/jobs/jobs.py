"""Commands that show jobs, and the one that cancels them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, moment
from seenat.cli.framework.params import Count, open_catalog
from seenat.cli.framework.phrases import protocol_words, rate_words, see_words, steps_words
from seenat.cli.jobs.adaptive_phrases import adaptive_facts, part_words

if TYPE_CHECKING:
    from seenat import Job, JobWorker

__all__ = ["cancel", "job", "jobs"]

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
@json_option
def job(id_: int, as_json: bool) -> None:
    """Show one job: what it measures, how far it is, what failed.

    \b
    Example:
      seenat job 1
    """
    with open_catalog() as catalog:
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
            ((count(shard.step), shard.block, shard.attempts, shard.error) for shard in answer.failures),
        )


@click.command()
@click.argument("id_", metavar="ID", type=Count("job"))
@json_option
def cancel(id_: int, as_json: bool) -> None:
    """Cancel a job: whoever works at it ends after the shards that are measured, and nobody takes others.

    What is measured is kept. `seenat memorize` with the same options continues the job.

    \b
    Example:
      seenat cancel 1
    """
    with open_catalog() as catalog:
        cancelled = catalog.cancel(id_)
    out = Output(as_json)
    if out.data(cancelled):
        return
    if cancelled.finished_at is not None:
        out.line(f"Job {id_} was finished at {moment(cancelled.finished_at)} UTC, so there is nothing to cancel.")
        return
    counts = cancelled.progress
    out.line(f"Job {id_} is cancelled; {counts.done:,} of its {counts.shards:,} shards are done, and are kept.")


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
        ("rate", rate_words(shown)),
        ("created", f"{moment(shown.created_at)} UTC"),
        ("finished", f"{moment(shown.finished_at)} UTC" if shown.finished_at else None),
        ("cancelled", f"{moment(shown.cancelled_at)} UTC" if shown.cancelled_at else None),
        *(("worked at by", _worker_words(worker)) for worker in shown.workers),
    ]
