"""The table `shards`: every statement that writes it, and those that say who works on what.

A shard is `pending`, `running` with an owner and a lease, `done`, or `failed` with an error. It is *open* where it is pending
and its job is *live*: neither cancelled nor paused. One that failed too often is in quarantine: it stays `failed` until somebody
asks for it by name (`reopen_failed`). Shards that never failed are taken before those that did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, exists, func, or_, select, update

from seenat.memorization.jobs.job_table import LIVE
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.rows import AnyRow, now
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.jobs import jobs, measurement_rows, shards
from seenat.registry.database.tables.results import blocks

__all__ = [
    "MOST_FAILURES",
    "ShardLease",
    "ShardPlace",
    "committed_only_by",
    "delete_shards",
    "fail_shards",
    "failed_come_first",
    "finish_shard",
    "give_up_shards",
    "has_open_blocks",
    "has_unfinished",
    "insert_shards",
    "is_done",
    "is_held",
    "lease_next",
    "leased_shards",
    "leases_at",
    "open_steps",
    "owners",
    "quarantine_checkpoint",
    "release_shards",
    "renew_shards",
    "reopen_failed",
    "reopen_shards",
    "shards_of_block",
]

ShardPlace = tuple[int, int, int, int]
"""Checkpoint id, block, and the first sequence and the stop of the block."""

_COLUMNS = ("job_id", "checkpoint_id", "block", "start", "stop", "state", "attempts")
_TOLD = ("block", "state", "measured", "reused", "seconds")
_ROWS_AT_ONCE = 4096
_NOBODY = {"owner": None, "lease_until": None}
_KEY = (shards.c.job_id, shards.c.checkpoint_id, shards.c.block)
_KEY_NAMES = ("of_job", "of_checkpoint", "of_block")
MOST_FAILURES = 5
"""Of a shard: then it is left alone, so that it cannot end all workers in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardLease:
    """Which shard of which job somebody holds, and by which of its leases."""

    job_id: int
    checkpoint_id: int
    block: int
    owner: str
    fence: int


# -- planning


def insert_shards(connection: Connection, job_id: int, places: Iterable[ShardPlace]) -> None:
    """Store a new job's shards, all pending."""
    bulk_insert(connection, shards, _COLUMNS, ((job_id, *place, "pending", 0) for place in places))


# -- leases


def open_steps(connection: Connection, job_ids: tuple[int, ...]) -> list[int]:
    """The steps of the checkpoints that have open shards, ascending."""
    has_open = checkpoints.c.id.in_(select(shards.c.checkpoint_id).where(_is_open(job_ids)))
    return list(connection.execute(select(checkpoints.c.step).where(has_open).order_by(checkpoints.c.step)).scalars())


def has_open_blocks(
    connection: Connection, job_ids: tuple[int, ...], checkpoint_id: int, last: int = -1, *, failed: bool | None = None
) -> bool:
    """Whether a checkpoint has open shards behind a block: those that failed before, those that did not, or any."""
    query = select(shards.c.block).where(_is_open(job_ids), *_is_behind(checkpoint_id, last, failed)).limit(1)
    return connection.execute(query).scalar() is not None


def failed_come_first(connection: Connection, job_ids: tuple[int, ...], checkpoint_id: int) -> bool:
    """Whether what failed before is tried before the rest: where that are two blocks, and nothing of the checkpoint is done.

    It may be the checkpoint that cannot be measured, and each further block would cost another worker.
    """
    is_failed = and_(_is_open(job_ids), *_is_behind(checkpoint_id, -1, failed=True))
    failed = connection.execute(select(shards.c.block).distinct().where(is_failed).limit(2)).all()
    return len(failed) > 1 and not _has_done(connection, job_ids, checkpoint_id)


def lease_next(
    connection: Connection, job_ids: tuple[int, ...], place: tuple[int, int], owner: str, until: str, *, failed: bool
) -> list[ShardLease]:
    """Give an owner what is open in the first such block of a checkpoint id behind another block; returns what it got.

    That is at most one shard a job, of blocks that failed before or did not. Its own is given to it again: a transaction gave it
    that, and it did not hear of it. On PostgreSQL rows that others are leasing at this moment are passed over. Of several jobs a
    block has several rows, of which two runs might lock one each and wait for each other; there, a row that is locked is waited
    for.
    """
    checkpoint_id, last = place
    is_wanted = and_(or_(_is_open(job_ids), _is_owned(job_ids, owner)), shards.c.checkpoint_id == checkpoint_id)
    behind = select(shards.c.block).where(is_wanted, *_is_behind(checkpoint_id, last, failed))
    first = behind.order_by(shards.c.block, shards.c.job_id).limit(1)
    block = first.with_for_update(of=shards, skip_locked=len(job_ids) == 1).correlate(None).scalar_subquery()
    leased = connection.execute(
        update(shards)
        .where(is_wanted, shards.c.block == block)
        .values(
            state="running", owner=owner, lease_until=until, attempts=shards.c.attempts + 1, fence=shards.c.fence + 1
        )
        .returning(shards.c.job_id, shards.c.block, shards.c.fence)
    )
    return [
        ShardLease(job_id=row.job_id, checkpoint_id=checkpoint_id, block=row.block, owner=owner, fence=row.fence)
        for row in leased
    ]


def renew_shards(connection: Connection, job_ids: tuple[int, ...], owner: str, until: str) -> None:
    """Let an owner hold what it holds until another moment."""
    connection.execute(update(shards).where(_is_owned(job_ids, owner)).values(lease_until=until))


def is_held(connection: Connection, lease: ShardLease) -> bool:
    """Whether a lease is still the newest of its shard and was not given back; that it has run out alone does not matter.

    In a transaction that writes, it stays so until the end: on PostgreSQL, where others write too, by the lock of the row.
    """
    query = select(shards.c.fence).where(_is_of(lease)).with_for_update()
    return connection.execute(query).scalar() is not None


def is_done(connection: Connection, lease: ShardLease) -> bool:
    """Whether a shard was done under a lease, the newest that there was of it."""
    is_shard = _is_shard_of(lease)
    query = select(shards.c.fence).where(is_shard, shards.c.state == "done", shards.c.fence == lease.fence)
    return connection.execute(query).scalar() is not None


def owners(connection: Connection, job_ids: tuple[int, ...]) -> list[str]:
    """Who holds a lease on shards of some jobs."""
    is_leased = and_(shards.c.job_id.in_(job_ids), shards.c.state == "running")
    names = connection.execute(select(shards.c.owner).distinct().where(is_leased)).scalars()
    return [name for name in names if name is not None]


def leased_shards(connection: Connection, job_ids: tuple[int, ...]) -> list[AnyRow]:
    """The shards of some jobs that are held: their keys, `owner`, `lease_until`, `failures`; also where a lease has run out."""
    columns = (*_KEY, shards.c.owner, shards.c.lease_until, shards.c.failures)
    is_leased = and_(shards.c.job_id.in_(job_ids), shards.c.state == "running")
    return list(connection.execute(select(*columns).where(is_leased)))


def leases_at(connection: Connection, checkpoint_id: int, now: str) -> list[str]:
    """The owners of leases on shards of a checkpoint, in any job, that have not run out."""
    is_leased = and_(shards.c.state == "running", shards.c.owner.is_not(None), shards.c.lease_until >= now)
    query = select(shards.c.owner).distinct().where(shards.c.checkpoint_id == checkpoint_id, is_leased)
    return [name for name in connection.execute(query).scalars() if name is not None]


def release_shards(connection: Connection, job_ids: tuple[int, ...], held_by: list[str]) -> None:
    """Make pending what some owners hold."""
    connection.execute(
        update(shards)
        .where(shards.c.job_id.in_(job_ids), shards.c.state == "running", shards.c.owner.in_(held_by))
        .values(state="pending", **_NOBODY)
    )


def fail_shards(
    connection: Connection,
    job_ids: tuple[int, ...],
    checkpoint_id: int,
    error: str,
    *,
    owner: str,
    only_held: bool,
    counts: bool,
) -> int:
    """Fail what an owner holds of a checkpoint, and unless `only_held` what is open of it; returns how many.

    It `counts` towards quarantine, unless the fault is not theirs.
    """
    failures = shards.c.failures + int(counts)
    is_held = and_(shards.c.state == "running", shards.c.owner == owner)
    is_failed = is_held if only_held else or_(is_held, _is_open(job_ids))
    failed = connection.execute(
        update(shards)
        .where(shards.c.job_id.in_(job_ids), shards.c.checkpoint_id == checkpoint_id, is_failed)
        .values(
            state="failed",
            error=error,
            # A lease has counted its attempt already.
            attempts=shards.c.attempts + case((is_held, 0), else_=1),
            failures=failures,
            quarantined_at=case((failures >= MOST_FAILURES, now()), else_=None),
            **_NOBODY,
        )
    )
    return failed.rowcount


def give_up_shards(connection: Connection, held: Iterable[AnyRow], reason: Callable[[AnyRow], str]) -> None:
    """Count a failure, and its `reason`, of shards that `leased_shards` gave; open them, or where that is too often fail them."""
    rows = [
        {
            "of_job": row.job_id,
            "of_checkpoint": row.checkpoint_id,
            "of_block": row.block,
            "of_owner": row.owner,
            "why": reason(row),
            "then": "failed" if row.failures + 1 >= MOST_FAILURES else "pending",
            "since": now() if row.failures + 1 >= MOST_FAILURES else None,
        }
        for row in held
    ]
    is_shard = and_(*(column == bindparam(name) for column, name in zip(_KEY, _KEY_NAMES, strict=True)))
    is_held = and_(shards.c.state == "running", shards.c.owner == bindparam("of_owner"))
    values: dict[str, Any] = {
        "state": bindparam("then"),
        "error": bindparam("why"),
        "quarantined_at": bindparam("since"),
    }
    if rows:
        statement = update(shards).where(is_shard, is_held)
        connection.execute(statement.values(**values, failures=shards.c.failures + 1, **_NOBODY), rows)


def quarantine_checkpoint(connection: Connection, job_id: int, checkpoint_id: int, reason: str) -> None:
    """Fail all open shards of a job's checkpoint where one is in quarantine and none is done."""
    of_checkpoint = and_(shards.c.job_id == job_id, shards.c.checkpoint_id == checkpoint_id)
    is_there = select(shards.c.block).where(of_checkpoint, shards.c.quarantined_at.is_not(None)).limit(1)
    if connection.execute(is_there).scalar() is None or _has_done(connection, (job_id,), checkpoint_id):
        return
    statement = update(shards).where(of_checkpoint, shards.c.state == "pending")
    connection.execute(statement.values(state="failed", error=reason, quarantined_at=now()))


# -- results


def finish_shard(
    connection: Connection, lease: ShardLease, *, measured: int, reused: int, seconds: float, done_at: str
) -> None:
    """Record that a shard is done, by the lease under which it was measured; why it was begun again stays written down."""
    counts = {"measured": measured, "reused": reused, "seconds": seconds}
    values = {"state": "done", "done_at": done_at, "failures": 0, **counts, **_NOBODY}
    connection.execute(update(shards).where(_is_of(lease)).values(**values))


def reopen_shards(connection: Connection, job_id: int, places: list[tuple[int, int]]) -> None:
    """Make shards of a job pending again, each a checkpoint's id and a block."""
    is_shard = and_(shards.c.checkpoint_id == bindparam("of_checkpoint"), shards.c.block == bindparam("of_block"))
    rows = [{"of_checkpoint": checkpoint, "of_block": block} for checkpoint, block in places]
    connection.execute(
        update(shards).where(shards.c.job_id == job_id, is_shard).values(state="pending", **_NOBODY), rows
    )


def reopen_failed(connection: Connection, job_ids: tuple[int, ...], *, also_quarantined: bool = False) -> None:
    """Make the failed shards of some jobs pending again, and with `also_quarantined` all of them, as if they had not failed."""
    is_failed = and_(shards.c.job_id.in_(job_ids), shards.c.state == "failed")
    opened = update(shards).where(is_failed if also_quarantined else and_(is_failed, shards.c.quarantined_at.is_(None)))
    values: dict[str, Any] = {"failures": 0, "quarantined_at": None} if also_quarantined else {}
    connection.execute(opened.values(state="pending", **values))


def has_unfinished(connection: Connection, job_id: int) -> bool:
    """Whether a shard of a job is not done."""
    query = select(func.count()).where(shards.c.job_id == job_id, shards.c.state != "done")
    return bool(connection.execute(query).scalar_one())


def shards_of_block(
    connection: Connection, measurement_id: int, checkpoint_id: int, block: int, sequence: int
) -> list[AnyRow]:
    """The shards of a measurement's jobs at a checkpoint and block that hold a sequence, the oldest job first."""
    columns = (shards.c.job_id.label("job"), *(shards.c[name] for name in _TOLD))
    query = select(*columns).join(jobs, jobs.c.id == shards.c.job_id)
    is_shard = and_(shards.c.checkpoint_id == checkpoint_id, shards.c.block == block)
    is_held = and_(shards.c.start <= sequence, shards.c.stop > sequence)
    found = query.where(jobs.c.measurement_id == measurement_id, is_shard, is_held).order_by(jobs.c.id)
    return list(connection.execute(found))


def committed_only_by(
    connection: Connection, job_ids: tuple[int, ...], measurement_id: int
) -> tuple[list[AnyRow], int]:
    """The blocks that shards of some jobs have finished, and no other job's: `array_row`, `block`, `measured`, `bytes`, `object`.

    And how many blocks others have finished too, which hold values of both. Of all contents of a checkpoint.
    """
    other = shards.alias("other")
    of_block = (shards.c.checkpoint_id == other.c.checkpoint_id, shards.c.block == other.c.block)
    of_measurement = select(jobs.c.id).where(jobs.c.measurement_id == measurement_id, jobs.c.id.not_in(job_ids))
    is_shared = exists(
        select(other.c.job_id).where(*of_block, other.c.state == "done", other.c.job_id.in_(of_measurement))
    )
    is_block = and_(
        blocks.c.measurement_id == measurement_rows.c.measurement_id,
        blocks.c.array_row == measurement_rows.c.array_row,
        blocks.c.block == shards.c.block,
    )
    query = (
        select(blocks.c.array_row, blocks.c.block, blocks.c.measured, blocks.c.bytes, blocks.c.object)
        .distinct()
        .select_from(shards)
        .join(measurement_rows, measurement_rows.c.checkpoint_id == shards.c.checkpoint_id)
        .join(blocks, is_block)
        .where(shards.c.job_id.in_(job_ids), shards.c.state == "done")
        .where(measurement_rows.c.measurement_id == measurement_id)
    )
    shared = connection.execute(query.where(is_shared)).all()
    return list(connection.execute(query.where(~is_shared))), len(shared)


def delete_shards(connection: Connection, job_ids: tuple[int, ...]) -> None:
    """Delete all shards of some jobs."""
    connection.execute(delete(shards).where(shards.c.job_id.in_(job_ids)))


def _is_shard_of(lease: ShardLease) -> ColumnElement[bool]:
    return and_(
        shards.c.job_id == lease.job_id, shards.c.checkpoint_id == lease.checkpoint_id, shards.c.block == lease.block
    )


def _is_of(lease: ShardLease) -> ColumnElement[bool]:
    return and_(
        _is_shard_of(lease), shards.c.state == "running", shards.c.owner == lease.owner, shards.c.fence == lease.fence
    )


def _is_owned(job_ids: tuple[int, ...], owner: str) -> ColumnElement[bool]:
    return and_(shards.c.job_id.in_(job_ids), shards.c.state == "running", shards.c.owner == owner)


def _is_behind(checkpoint_id: int, last: int, failed: bool | None) -> list[ColumnElement[bool]]:
    conditions = [shards.c.checkpoint_id == checkpoint_id, shards.c.block > last]
    if failed is None:
        return conditions
    return [*conditions, shards.c.failures > 0 if failed else shards.c.failures == 0]


def _has_done(connection: Connection, job_ids: tuple[int, ...], checkpoint_id: int) -> bool:
    of_checkpoint = (shards.c.job_id.in_(job_ids), shards.c.checkpoint_id == checkpoint_id)
    found = select(shards.c.block).where(*of_checkpoint, shards.c.state == "done").limit(1)
    return connection.execute(found).scalar() is not None


def _is_open(job_ids: tuple[int, ...]) -> ColumnElement[bool]:
    live = select(jobs.c.id).where(jobs.c.id.in_(job_ids), *LIVE)
    return and_(shards.c.job_id.in_(live), shards.c.state == "pending")
