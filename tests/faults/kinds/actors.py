"""Actors of Ray that are killed, or that are stopped until their leases have run out."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import and_, select, update

from faults.kinds.fault import Fault, NotNow, Undo, nothing
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.jobs import job_workers, shards

if TYPE_CHECKING:
    from faults.scene import Scene

__all__ = ["KillActor", "PauseActor"]

_LONG_AGO = "2000"


class KillActor(Fault):
    """An actor is killed; Ray begins it again, and its driver lets it work."""

    name, worlds = "actor killed", frozenset({"ray"})

    def strike(self, scene: Scene) -> Undo:
        """SIGKILL."""
        scene.kill_actor(scene.any_actor()[0])
        return nothing


class PauseActor(Fault):
    """An actor sleeps, mostly through the end of its lease, and does not know."""

    name, worlds, lasts = "actor stopped", frozenset({"ray"}), (0.05, 3.5)

    def strike(self, scene: Scene) -> Undo:
        """SIGSTOP; leases of actors last longer than a scene, so the catalog is told that the time is over."""
        pid, owner = scene.any_actor()
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            raise NotNow from None
        if scene.random.random() < 0.7:
            _run_out(scene.place.catalog.database, owner)

        def go_on() -> None:
            with suppress(ProcessLookupError):  # It may have been killed meanwhile.
                os.kill(pid, signal.SIGCONT)

        return go_on


def _run_out(database: Database, owner: str) -> None:
    """Let all leases of an owner be over, but those that it was about to write: it holds their rows for as long as it sleeps."""
    with database.write_part(None) as connection:
        for table in (shards, job_workers):
            keys = table.primary_key.columns
            its = select(*keys).where(table.c.owner == owner).with_for_update(skip_locked=True)
            for row in connection.execute(its).all():
                is_row = and_(*(key == value for key, value in zip(keys, row, strict=True)))
                connection.execute(update(table).where(is_row).values(lease_until=_LONG_AGO))
