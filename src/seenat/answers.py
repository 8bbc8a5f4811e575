"""Answers that hold others: a job with what failed, and a sync with the audit after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seenat.registry.answer import Answer, to_json
from seenat.registry.errors import HubUnavailable

if TYPE_CHECKING:
    from seenat.memorization.adaptive.adaptive_job import AdaptiveJob
    from seenat.memorization.jobs.status import Job, ShardRecord
    from seenat.registry.integrity.audit import Audit
    from seenat.registry.integrity.sync import Failure, Synced

__all__ = ["JobAnswer", "SyncAnswer"]


@dataclass(frozen=True, kw_only=True)
class JobAnswer(Answer):
    """A job, the adaptive job that it is a part of, and why some of its shards failed."""

    job: Job
    adaptive: AdaptiveJob | None
    failures: tuple[ShardRecord, ...]

    def to_json(self) -> dict[str, Any]:
        """The job's own keys, and two beside them."""
        return {**to_json(self.job), "adaptive": to_json(self.adaptive), "failures": to_json(self.failures)}


@dataclass(frozen=True, kw_only=True)
class SyncAnswer(Answer):
    """What the hub has of some models, and what an audit then finds."""

    models: tuple[Synced, ...]
    failures: tuple[Failure, ...]
    """Models whose repositories could not be read."""
    audit: Audit
    unreached: HubUnavailable | None = None
    """Why nothing could be read any more, where the hub stopped answering."""

    json_names = ("models", "failures", "audit")
