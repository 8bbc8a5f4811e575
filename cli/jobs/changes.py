"""Commands that change a stored job: cancel, pause, resume, prioritize, retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option, moment, plural
from seenat.cli.framework.params import Count, open_catalog

if TYPE_CHECKING:
    from seenat import Job

__all__ = ["cancel", "pause", "prioritize", "resume", "retry"]

_ID = click.argument("id_", metavar="ID", type=Count("job"))


@click.command()
@_ID
@json_option
def cancel(id_: int, as_json: bool) -> None:
    """Cancel a job: whoever works at it ends after the shards that are measured, and nobody takes others.

    What is measured is kept. `seenat memorize` with the same options continues the job.

    \b
    Example:
      seenat cancel 1
    """
    with open_catalog() as catalog:
        job = catalog.cancel(id_)
    _show(as_json, job, f"Job {id_} is cancelled; {_done(job)}")


@click.command()
@_ID
@json_option
def pause(id_: int, as_json: bool) -> None:
    """Pause a job: as by `cancel` nobody takes further shards, until it is resumed.

    \b
    Example:
      seenat pause 1
    """
    with open_catalog() as catalog:
        job = catalog.pause(id_)
    _show(as_json, job, f"Job {id_} is {job.state}; {_done(job)}")


@click.command()
@_ID
@json_option
def resume(id_: int, as_json: bool) -> None:
    """Let workers take shards of a paused job again.

    \b
    Example:
      seenat resume 1
    """
    with open_catalog() as catalog:
        job = catalog.resume(id_)
    _show(as_json, job, f"Job {id_} is {job.state}; workers that run or come take {_left(job)}.")


@click.command()
@_ID
@click.argument("priority", metavar="N", type=int)
@json_option
def prioritize(id_: int, priority: int, as_json: bool) -> None:
    """Let workers take a job before those of a smaller priority than N.

    A job has 0 unless told otherwise. Workers at others go over to it after the shard that they measure. A number below 0 lets
    others go first; write it after two dashes.

    \b
    Examples:
      seenat prioritize 1 10
      seenat prioritize 1 -- -1
    """
    with open_catalog() as catalog:
        job = catalog.prioritize(id_, priority)
    _show(as_json, job, f"Job {id_} has priority {job.priority}.")


@click.command()
@_ID
@json_option
def retry(id_: int, as_json: bool) -> None:
    """Let the failed shards of a job be tried again, also those in quarantine.

    A shard that failed five times, or ended five workers, is left alone by `seenat memorize` too, until this is asked for.

    \b
    Example:
      seenat retry 1
    """
    with open_catalog() as catalog:
        job = catalog.retry(id_)
    _show(as_json, job, f"Job {id_} is {job.state}; workers that run or come take {_left(job)}.")


def _show(as_json: bool, job: Job, said: str) -> None:
    out = Output(as_json)
    if out.data(job):
        return
    if job.finished_at is not None:
        said = f"Job {job.id} was finished at {moment(job.finished_at)} UTC, so there is nothing to change."
    out.line(said)


def _done(job: Job) -> str:
    counts = job.progress
    return f"{counts.done:,} of its {counts.shards:,} shards are done, and are kept."


def _left(job: Job) -> str:
    counts = job.progress
    return f"its {plural(counts.pending + counts.running, 'shard')} that {'is' if counts.pending == 1 else 'are'} left"
