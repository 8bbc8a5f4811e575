"""The command that takes shards of jobs, beside other processes that do."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.params import Count, open_catalog
from seenat.cli.framework.phrases import see_words
from seenat.cli.framework.signals import drained
from seenat.cli.jobs.run_options import run_options
from seenat.registry.errors import JobFailed

if TYPE_CHECKING:
    from seenat import Worked

__all__ = ["worker"]


@click.command()
@click.argument("jobs", metavar="[JOB]...", nargs=-1, type=Count("job"))
@click.option("--wait", is_flag=True, help="Wait for new jobs when none is left, until a signal ends it.")
@click.option("--until-stdin-ends", is_flag=True, hidden=True, help="End as by SIGTERM once stdin has ended.")
@run_options
@json_option
def worker(jobs: tuple[int, ...], as_json: bool, until_stdin_ends: bool, **options: Any) -> None:
    """Take shards of all jobs, or of these, until none is left.

    Any number of workers may run, on all machines that reach the catalog and its results. What a worker that dies had begun
    is taken over by another within about a minute. After SIGTERM a worker finishes the shard that it measures, and ends with
    exit code 0; a second SIGTERM ends it at once. Shards that failed are tried again by `seenat memorize`, not by workers.

    \b
    Examples:
      seenat worker
      seenat worker 1 --device cpu
    """
    from seenat.cli.jobs.worker_talk import WorkerTalk

    out, stop = Output(as_json), threading.Event()
    if until_stdin_ends:
        threading.Thread(target=_stop_at_end_of_stdin, args=(stop,), daemon=True).start()
    with open_catalog() as catalog, drained(stop.set), WorkerTalk(out, stop) as talk:
        answer = catalog.work(*jobs, stop=stop, observer=talk, **options)
        worked = [catalog.job(id_).job for id_ in answer.jobs]
    if not out.data(answer):
        out.line(_summary(answer))
        out.talk_all(see_words(one.model, one.protocol, one.selection.sequences.start) for one in worked)
    if answer.failed and not answer.stopped:
        raise JobFailed(
            f"{plural(answer.failed, 'shard')} could not be measured; `seenat job ID` tells why, and `seenat memorize` with "
            "the options of the job tries again."
        )


def _stop_at_end_of_stdin(stop: threading.Event) -> None:
    # Not by `sys.stdin`: Python cannot end while a thread holds its lock.
    while os.read(0, 4096):
        pass
    stop.set()


def _summary(answer: Worked) -> str:
    if not answer.jobs:
        return "No shard was measured." if answer.stopped else "No shard is left to measure."
    jobs = ", ".join(map(str, answer.jobs))
    return (
        f"{plural(answer.shards, 'shard')} of job{'s' if len(answer.jobs) > 1 else ''} {jobs} done, "
        f"{plural(answer.values, 'value')} measured."
    )
