"""Commands that look at jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, moment
from seenat.cli.framework.params import Count, open_catalog
from seenat.cli.framework.phrases import protocol_words, rate_words, steps_words
from seenat.cli.jobs.adaptive_phrases import adaptive_facts, part_words

if TYPE_CHECKING:
    from seenat.memorization.jobs.status import Job

__all__ = ["job", "jobs"]


@click.command()
@json_option
def jobs(as_json: bool) -> None:
    """List the jobs, the newest first.

    \b
    Example:
      seenat jobs --json
    """
    from seenat.memorization.jobs.status import list_jobs

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


@click.command()
@click.argument("id_", metavar="ID", type=Count("job"))
@json_option
def job(id_: int, as_json: bool) -> None:
    """Show one job: what it measures, how far it is, what failed.

    \b
    Example:
      seenat job 1
    """
    from seenat.memorization.adaptive.adaptive_job import find_adaptive
    from seenat.memorization.jobs.status import failures, find_job

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
        ("checkpoints", steps_words(selection.steps)),
        ("sequences", f"{selection.sequences}{sampled}, {'seen or not' if selection.unseen else 'those seen'}"),
        ("shards", f"{progress_.shards:,}: {', '.join(told)}"),
        ("values", f"{progress_.measured:,} measured, {progress_.reused:,} reused"),
        ("rate", rate_words(found) if progress_.measured and progress_.seconds else None),
        ("created", f"{moment(found.created_at)} UTC"),
        ("finished", f"{moment(found.finished_at)} UTC" if found.finished_at else None),
    ]
