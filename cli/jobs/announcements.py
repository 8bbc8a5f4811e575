"""What `seenat memorize` says on stderr while it works: what it leaves out, what it plans, and how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, moment, plural
from seenat.cli.framework.phrases import protocol_words, steps_words
from seenat.cli.framework.progress import Moment, progress, resumable
from seenat.cli.framework.terminal import is_terminal
from seenat.cli.jobs.adaptive_phrases import cost_words
from seenat.cli.jobs.estimate_phrases import large_words
from seenat.memorize import MemorizeObserver

if TYPE_CHECKING:
    from seenat import AdaptiveJob, Advance, Checkpoint, Estimate, Job

__all__ = ["MemorizeTalk", "moment_of"]


class MemorizeTalk(MemorizeObserver):
    """Says a sentence for each plan, and shows progress while jobs run."""

    def __init__(self, out: Output, *, yes: bool = False) -> None:
        super().__init__()
        self._out = out
        self._yes = yes

    def left_out(self, checkpoints: tuple[Checkpoint, ...]) -> None:
        """A sentence for each reason why checkpoints are not measured."""
        by_reason: dict[tuple[str, str | None], list[int]] = {}
        for checkpoint in checkpoints:
            by_reason.setdefault((checkpoint.status, checkpoint.reason), []).append(checkpoint.step)
        for (status, reason), steps in by_reason.items():
            self._out.talk(f"Left out, since {status}: {steps_words(tuple(steps))}. {reason or ''}".rstrip())

    def does_not_pay(self, reason: str) -> None:
        """What is done instead of what was asked for."""
        self._out.talk(f"{reason} --as-asked does what was asked for.")

    def estimated(self, estimate: Estimate) -> None:
        """Ask before what a laptop could not do in an hour; without a terminal, refuse it unless `--yes` was given."""
        if not estimate.is_large or self._yes:
            return
        told = large_words(estimate)
        if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
            raise click.UsageError(f"{told} Add --yes to do it, or --dry-run to see all of the estimate")
        self._out.talk(told)
        click.confirm("Go on?", abort=True, err=True)

    def adaptive_planned(self, planned: AdaptiveJob) -> None:
        """What an adaptive job will measure, and at what cost."""
        self._out.talk_all(cost_words(planned))

    def reopened(self, job: Job, shards: int) -> None:
        """How many finished shards are measured again."""
        self._out.talk(
            f"Job {job.id} had measured {plural(shards, 'shard')} whose results are gone or damaged on the disk; "
            f"{'it is' if shards == 1 else 'they are'} measured again."
        )

    def planned(self, job: Job) -> None:
        """What a job will measure, or when it was finished."""
        if job.finished_at is not None:
            self._out.talk(f"Job {job.id} was finished at {moment(job.finished_at)} UTC; nothing is left to measure.")
            return
        done = job.progress.measured + job.progress.reused
        self._out.talk(
            f"Job {job.id}: {job.model}, {plural(len(job.selection.steps), 'checkpoint')}, "
            f"{plural(job.progress.shards, 'shard')}, {protocol_words(job.measurement.protocol)}"
            + (f"; resumed with {plural(done, 'value')} done" if done else "")
        )

    def scripted(self, script: Path, number: str | None) -> None:
        """Where the script is, and what became of it."""
        self._out.talk(
            f"{script} is written; submit it: sbatch {script}"
            if number is None
            else f"{script} is Slurm's job {number}."
        )

    @contextmanager
    def running(self, jobs: tuple[Job, ...]) -> Iterator[Callable[[Advance], None]]:
        """Progress bars, or lines in a log."""
        with resumable(), progress() as show:
            yield lambda now: show(moment_of(jobs[0].model, now))


def moment_of(task: str, now: Advance) -> Moment:
    """How far a task is, as progress shows it."""
    return Moment(
        task=task,
        done=now.done,
        total=now.total,
        skipped=now.reused,
        unit="sequences",
        note=f"step {now.step:,}" + (f", {now.fetched:,} bytes fetched" if now.fetched else ""),
    )
