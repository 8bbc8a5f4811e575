"""Jobs: what is measured, how far it is at each checkpoint, who works at it, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seenat.registry.printable import duration_words
from seenat.remote.actions import ACTIONS, EVENTS
from seenat.remote.routes import PREFIX
from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page

__all__ = ["JOBS_PAGE", "JOB_PAGE", "Cell", "Change", "JobView", "JobsView"]

_PATHS = {action.method: action.path for action in ACTIONS}
_CHANGES = {"pause": "Pause", "resume": "Resume", "cancel": "Cancel"}
"""What may be done to a job that has not ended, in whatever state: that may change while its page is looked at."""
_STATES = {
    "done": "all its shards are measured",
    "running": "a live process works at it",
    "pending": "nobody works at it yet",
    "stalled": "who worked at it is gone without having said so",
    "failed": "only failed shards are left",
    "paused": "nobody takes a shard of it until it is resumed",
    "cancelled": "it was cancelled; the same command continues it",
}
_OPEN = ("running", "pending", "stalled", "paused")


@dataclass(frozen=True, kw_only=True)
class JobsView:
    """All jobs, the newest first."""

    jobs: list[Mapping[str, Any]]

    @property
    def have_names(self) -> bool:
        """Whether some have a name of their own."""
        return any("name" in job for job in self.jobs)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A checkpoint of a job."""

    step: int
    counts: Mapping[str, int]

    @property
    def shards(self) -> int:
        """All of the checkpoint's."""
        return sum(self.counts.values())

    @property
    def state(self) -> str:
        """`failed` where some did, `running` where one is held, `done`, `part`, or `pending`."""
        if self.counts["failed"] or self.counts["running"]:
            return "failed" if self.counts["failed"] else "running"
        if self.counts["done"] == self.shards:
            return "done"
        return "part" if self.counts["done"] else "pending"


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that may be done to a job."""

    word: str
    command: str
    address: str
    """Where the service takes it, with a token."""


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job as its page shows it."""

    job: Mapping[str, Any]
    cells: tuple[Cell, ...]

    @property
    def state_words(self) -> str:
        """What its state means."""
        return _STATES[self.job["state"]]

    @property
    def is_open(self) -> bool:
        """Whether it may go on by itself, so that its page looks again."""
        return self.job["state"] in _OPEN

    @property
    def events(self) -> str:
        """Where the service tells of its changes."""
        return f"{PREFIX}{EVENTS.format(job=self.job['job'])}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """What may be done to it now."""
        number, found = self.job["job"], dict(_CHANGES) if self.is_open else {}
        if self.job.get("failures"):
            found["retry"] = "Try failed shards again"
        return tuple(
            Change(word=word, command=f"seenat {way} {number}", address=f"{PREFIX}{_PATHS[way].format(job=number)}")
            for way, word in found.items()
        )

    @property
    def pace(self) -> Mapping[str, Any] | None:
        """How fast all workers go on together; None where that is not known."""
        pace: Mapping[str, Any] | None = self.job.get("pace")
        return pace

    @property
    def time_left(self) -> str | None:
        """At the pace of all who work now; None where that is not known."""
        return None if self.pace is None else duration_words(self.pace["seconds_left"])

    @property
    def selection_words(self) -> str:
        """Which sequences are measured."""
        selection = self.job["selection"]
        sequences = selection.get("sequences")
        if sequences is None:
            return "those of a list"
        chosen = f"{sequences['start']:,} to {sequences['stop'] - 1:,}"
        if selection.get("sample"):
            chosen = f"{selection['sample']:,} drawn from {chosen}, seed {selection['seed']}"
        return (
            f"{chosen}, seen or not"
            if selection.get("unseen")
            else f"{chosen}, of which each checkpoint those it had seen"
        )


def jobs_view(asked: Asked) -> JobsView:
    """The page of all jobs."""
    return JobsView(jobs=asked.ask("/jobs"))


def job_view(asked: Asked) -> JobView:
    """The page of a job."""
    job = asked.ask("/jobs/{job}", job=asked.get("job"))
    names = ("pending", "running", "done", "failed")
    cells = (Cell(step=row["step"], counts={name: row[name] for name in names}) for row in job["checkpoints"])
    return JobView(job=job, cells=tuple(cells))


JOBS_PAGE = Page(path="/jobs", template="questions/jobs.html", view=jobs_view, shows=("/jobs",), label="Jobs")
JOB_PAGE = Page(path="/jobs/{job}", template="questions/job.html", view=job_view, shows=("/jobs/{job}",))
