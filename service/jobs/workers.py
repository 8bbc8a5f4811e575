"""Processes beside the server that work at jobs: `seenat worker --wait`, each begun again after a while where it ends by itself.

When the server is through they finish what they measure, and are waited for. After a Ctrl-C nobody waits any more, and they
finish all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seenat.memorization.jobs.runners.processes import WorkerCommand, WorkerProcesses
from seenat.registry import settings
from seenat.service.http.logs import note

__all__ = ["workers_for_jobs"]

_SECONDS_UNTIL_AGAIN = 10.0


@contextmanager
def workers_for_jobs(number: int, url: str | None) -> Iterator[None]:
    """So many workers of a catalog, until this is left."""
    command = WorkerCommand(options=("--wait",), environment=settings.environment_for(url))
    workers = WorkerProcesses(
        [command] * number, begins_again=lambda _code: True, told=note, seconds_until_again=_SECONDS_UNTIL_AGAIN
    )
    with workers:
        yield
        if number:
            note("draining workers", workers=number)
