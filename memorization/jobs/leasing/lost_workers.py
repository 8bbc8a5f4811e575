"""What workers leave behind that are gone without a word, or end by an error: their shards are freed, and it is counted."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from seenat.memorization.jobs.leasing.owners import Owner
from seenat.memorization.jobs.shard_table import give_up_shards, leased_shards, quarantine_checkpoint
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.rows import AnyRow
from seenat.registry.printable import in_a_sentence

_REASON_OF_CHECKPOINT = "Nothing of this checkpoint was measured, and one of its shards has ended too many workers."

__all__ = ["free_dead", "give_up", "is_dead"]


def is_dead(row: AnyRow, now: str) -> bool:
    """Whether a row's `lease_until` has passed, or its `owner` is known to be gone."""
    return bool(row.lease_until < now) or Owner.parse(row.owner).is_gone


def free_dead(connection: Connection, job_ids: tuple[int, ...]) -> None:
    """Free the shards of some jobs that are held by workers which are gone."""
    now = stamp(database_time(connection))
    dead = [row for row in leased_shards(connection, job_ids) if row.owner is None or is_dead(row, now)]
    _free(connection, dead, lambda row: _reason(row, now))


def give_up(connection: Connection, job_ids: tuple[int, ...], owner: str, error: Exception) -> None:
    """Free what an owner holds of some jobs, which ended by an error that its shards may have to answer for."""
    held = [row for row in leased_shards(connection, job_ids) if row.owner == owner]
    said = f"It ended its worker: {type(error).__name__}: {in_a_sentence(error, 3900)}."
    _free(connection, held, lambda _: said)


def _free(connection: Connection, held: list[AnyRow], reason: Callable[[AnyRow], str]) -> None:
    give_up_shards(connection, held, reason)
    for job_id, checkpoint_id in {(row.job_id, row.checkpoint_id) for row in held}:
        quarantine_checkpoint(connection, job_id, checkpoint_id, _REASON_OF_CHECKPOINT)


def _reason(row: AnyRow, now: str) -> str:
    if row.owner is None:
        return "Nobody is written down as its worker."
    gone = Owner.parse(row.owner)
    return f"Its worker was gone without a word: process {gone.pid} on {gone.host}, found at {now[:19]}Z."
