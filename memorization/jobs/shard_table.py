"""The table `shards`: every statement that writes it, and those that say who works on what.

A shard is `pending`, `running` with an owner and a lease, `done`, or `failed` with an error. It is *open* where it is pending
or its lease has run out, and its job is not cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, exists, func, or_, select, update

from seenat.memorization.results.array import BlockFile
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.jobs import jobs, measurement_rows, shards
from seenat.registry.database.tables.results import blocks

__all__ = [
    "ShardLease",
    "ShardPlace",
    "checkpoint_counts",
    "committed_only_by",
    "committed_shards",
    "delete_shards",
    "fail_shards",
    "failed_shards",
    "finish_shard",
    "has_open_jobs",
    "has_unfinished",
    "insert_shards",
    "is_held",
    "jobs_to_work_at",
    "jobs_worked_at",
    "lease_next",
    "leased_counts",
    "leases_at",
    "open_blocks",
    "open_steps",
    "owners",
    "release_shards",
    "renew_shards",
    "reopen_failed",
    "reopen_shards",
    "shard_counts",
    "shards_of_block",
]

ShardPlace = tuple[int, int, int, int]
"""Checkpoint id, block, and the first sequence and the stop of the block."""

_COLUMNS = ("job_id", "checkpoint_id", "block", "start", "stop", "state", "attempts")
_TOLD = ("block", "state", "measured", "reused", "seconds")
_ROWS_AT_ONCE = 4096
_NOBODY = {"owner": None, "lease_until": None}


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


def open_steps(connection: Connection, job_ids: tuple[int, ...], now: str) -> list[int]:
    """The steps of the checkpoints that have open shards, ascending."""
    has_open = checkpoints.c.id.in_(select(shards.c.checkpoint_id).where(_is_open(job_ids, now)))
    return list(connection.execute(select(checkpoints.c.step).where(has_open).order_by(checkpoints.c.step)).scalars())


def open_blocks(connection: Connection, job_ids: tuple[int, ...], checkpoint_id: int, now: str) -> list[int]:
    """The blocks in which a checkpoint has open shards, ascending."""
    is_wanted = and_(_is_open(job_ids, now), shards.c.checkpoint_id == checkpoint_id)
    return list(
        connection.execute(select(shards.c.block).distinct().where(is_wanted).order_by(shards.c.block)).scalars()
    )


def lease_next(
    connection: Connection, job_ids: tuple[int, ...], checkpoint_id: int, last: int, owner: str, now: str, until: str
) -> list[ShardLease]:
    """Give an owner what is open at a checkpoint in the first block behind `last`, at most one shard a job; returns what it got.

    On PostgreSQL rows that others are leasing at this moment are passed over. Of several jobs a block has several rows, of which
    two runs might lock one each and wait for each other; there, a row that is locked is waited for.
    """
    is_wanted = and_(_is_open(job_ids, now), shards.c.checkpoint_id == checkpoint_id)
    first = (
        select(shards.c.block)
        .where(is_wanted, shards.c.block > last)
        .order_by(shards.c.block, shards.c.job_id)
        .limit(1)
    )
    block = first.with_for_update(of=shards, skip_locked=len(job_ids) == 1).correlate(None).scalar_subquery()
    leased = connection.execute(
        update(shards)
        .where(is_wanted, shards.c.block == block)
        .values(
            state="running",
            owner=owner,
            lease_until=until,
            attempts=shards.c.attempts + 1,
            fence=shards.c.fence + 1,
        )
        .returning(shards.c.job_id, shards.c.block, shards.c.fence)
    )
    return [
        ShardLease(job_id=row.job_id, checkpoint_id=checkpoint_id, block=row.block, owner=owner, fence=row.fence)
        for row in leased
    ]


def renew_shards(connection: Connection, job_ids: tuple[int, ...], owner: str, until: str) -> None:
    """Let an owner hold what it holds until another moment."""
    is_its = and_(shards.c.job_id.in_(job_ids), shards.c.state == "running", shards.c.owner == owner)
    connection.execute(update(shards).where(is_its).values(lease_until=until))


def is_held(connection: Connection, lease: ShardLease) -> bool:
    """Whether a lease is still the newest of its shard and was not given back; that it has run out alone does not matter."""
    return bool(connection.execute(select(func.count()).where(_is_of(lease))).scalar_one())


def owners(connection: Connection, job_ids: tuple[int, ...]) -> list[str]:
    """Who holds a lease on shards of some jobs."""
    is_leased = and_(shards.c.job_id.in_(job_ids), shards.c.state == "running")
    names = connection.execute(select(shards.c.owner).distinct().where(is_leased)).scalars()
    return [name for name in names if name is not None]


def leases_at(connection: Connection, checkpoint_id: int, now: str) -> list[str]:
    """The owners of leases on shards of a checkpoint, in any job, that have not run out."""
    is_leased = and_(shards.c.state == "running", shards.c.owner.is_not(None), shards.c.lease_until >= now)
    query = select(shards.c.owner).distinct().where(shards.c.checkpoint_id == checkpoint_id, is_leased)
    return [name for name in connection.execute(query).scalars() if name is not None]


def jobs_to_work_at(connection: Connection, now: str) -> list[int]:
    """The jobs, oldest first, that have open shards, or nothing but to be called finished."""
    of_job = select(shards.c.job_id).where(shards.c.job_id == jobs.c.id)
    has_open = exists(of_job.where(_is_pending_or_expired(now)))
    has_work = exists(of_job.where(shards.c.state.in_(("pending", "running", "failed"))))
    query = select(jobs.c.id).where(jobs.c.finished_at.is_(None), jobs.c.cancelled_at.is_(None))
    return list(connection.execute(query.where(or_(has_open, ~has_work)).order_by(jobs.c.id)).scalars())


def jobs_worked_at(connection: Connection) -> list[int]:
    """The jobs of which somebody holds shards, but for those that are cancelled."""
    is_held_one = exists(select(shards.c.job_id).where(shards.c.job_id == jobs.c.id, shards.c.state == "running"))
    query = select(jobs.c.id).where(jobs.c.finished_at.is_(None), jobs.c.cancelled_at.is_(None), is_held_one)
    return list(connection.execute(query).scalars())


def has_open_jobs(connection: Connection, job_ids: tuple[int, ...]) -> bool:
    """Whether some of these jobs are not cancelled."""
    query = select(func.count()).select_from(jobs).where(jobs.c.id.in_(job_ids), jobs.c.cancelled_at.is_(None))
    return bool(connection.execute(query).scalar_one())


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
    open_at: str | None,
) -> int:
    """Fail what an owner holds of a checkpoint, and with `open_at`, a moment, what is open then; returns how many."""
    is_held = and_(shards.c.state == "running", shards.c.owner == owner)
    is_failed = is_held if open_at is None else or_(is_held, _is_open(job_ids, open_at))
    failed = connection.execute(
        update(shards)
        .where(shards.c.job_id.in_(job_ids), shards.c.checkpoint_id == checkpoint_id, is_failed)
        # A lease has counted its attempt already.
        .values(state="failed", error=error, attempts=shards.c.attempts + case((is_held, 0), else_=1), **_NOBODY)
    )
    return failed.rowcount


# -- results


def finish_shard(connection: Connection, lease: ShardLease, *, measured: int, reused: int, seconds: float) -> None:
    """Record that a shard is done, by the lease under which it was measured."""
    connection.execute(
        update(shards)
        .where(_is_of(lease))
        .values(state="done", measured=measured, reused=reused, seconds=seconds, error=None, **_NOBODY)
    )


def reopen_shards(connection: Connection, job_id: int, places: list[tuple[int, int]]) -> None:
    """Make shards of a job pending again, each a checkpoint's id and a block."""
    is_shard = and_(shards.c.checkpoint_id == bindparam("of_checkpoint"), shards.c.block == bindparam("of_block"))
    rows = [{"of_checkpoint": checkpoint, "of_block": block} for checkpoint, block in places]
    connection.execute(
        update(shards).where(shards.c.job_id == job_id, is_shard).values(state="pending", **_NOBODY), rows
    )


def reopen_failed(connection: Connection, job_ids: tuple[int, ...]) -> None:
    """Make the failed shards of some jobs pending again."""
    connection.execute(
        update(shards).where(shards.c.job_id.in_(job_ids), shards.c.state == "failed").values(state="pending")
    )


def has_unfinished(connection: Connection, job_id: int) -> bool:
    """Whether a shard of a job is not done."""
    query = select(func.count()).where(shards.c.job_id == job_id, shards.c.state != "done")
    return bool(connection.execute(query).scalar_one())


def shard_counts(connection: Connection, job_id: int) -> dict[str, AnyRow]:
    """By state: how many `shards` of a job are in it, and the sums of `measured`, `reused` and `seconds`."""
    query = (
        select(
            shards.c.state,
            func.count().label("shards"),
            func.sum(shards.c.measured).label("measured"),
            func.sum(shards.c.reused).label("reused"),
            func.sum(shards.c.seconds).label("seconds"),
        )
        .where(shards.c.job_id == job_id)
        .group_by(shards.c.state)
    )
    return {row.state: row for row in connection.execute(query)}


def leased_counts(connection: Connection, job_id: int) -> list[AnyRow]:
    """`owner`, `lease_until`, and how many `shards` of a job are so leased, also where the lease has run out."""
    columns = (shards.c.owner, shards.c.lease_until)
    query = select(*columns, func.count().label("shards")).where(shards.c.job_id == job_id, shards.c.state == "running")
    return list(connection.execute(query.group_by(*columns)))


def checkpoint_counts(connection: Connection, job_id: int) -> list[AnyRow]:
    """By checkpoint: `step`, `state`, `owner`, `lease_until`, and how many `shards` of a job are so; ascending by step."""
    columns = (checkpoints.c.step, shards.c.state, shards.c.owner, shards.c.lease_until)
    query = (
        select(*columns, func.count().label("shards"))
        .join(checkpoints, checkpoints.c.id == shards.c.checkpoint_id)
        .where(shards.c.job_id == job_id)
    )
    return list(connection.execute(query.group_by(*columns).order_by(checkpoints.c.step)))


def failed_shards(connection: Connection, job_id: int, limit: int) -> list[AnyRow]:
    """The first failed shards of a job: `step`, `block`, `attempts`, `error`."""
    query = (
        select(checkpoints.c.step, shards.c.block, shards.c.attempts, shards.c.error)
        .join(checkpoints, checkpoints.c.id == shards.c.checkpoint_id)
        .where(shards.c.job_id == job_id, shards.c.state == "failed")
        .order_by(checkpoints.c.step, shards.c.block)
        .limit(limit)
    )
    return list(connection.execute(query))


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


def committed_shards(
    connection: Connection, job_id: int, measurement_id: int
) -> Iterator[tuple[int, int, int, BlockFile]]:
    """Every finished shard in which something is committed: checkpoint id, block, the array's row, and the file.

    Only of the checkpoints' present contents.
    """
    is_present = and_(
        measurement_rows.c.checkpoint_id == checkpoints.c.id,
        measurement_rows.c.checkpoint_digest == checkpoints.c.digest,
    )
    is_block = and_(
        blocks.c.measurement_id == measurement_rows.c.measurement_id,
        blocks.c.array_row == measurement_rows.c.array_row,
        blocks.c.block == shards.c.block,
    )
    query = (
        select(shards.c.checkpoint_id, shards.c.block, blocks.c.array_row, blocks.c.bytes, blocks.c.digest)
        .join(checkpoints, checkpoints.c.id == shards.c.checkpoint_id)
        .join(measurement_rows, is_present)
        .join(blocks, is_block)
        .where(shards.c.state == "done", shards.c.job_id == job_id)
        .where(measurement_rows.c.measurement_id == measurement_id)
    )
    with connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as rows:
        for checkpoint_id, block, row, bytes_, digest in rows:
            yield checkpoint_id, block, row, BlockFile(bytes=bytes_, digest=digest)


def committed_only_by(
    connection: Connection, job_ids: tuple[int, ...], measurement_id: int
) -> tuple[list[AnyRow], int]:
    """The blocks that shards of some jobs have finished, and no other job's: `array_row`, `block`, `measured`, `bytes`.

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
        select(blocks.c.array_row, blocks.c.block, blocks.c.measured, blocks.c.bytes)
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


def _is_of(lease: ShardLease) -> ColumnElement[bool]:
    is_shard = and_(
        shards.c.job_id == lease.job_id, shards.c.checkpoint_id == lease.checkpoint_id, shards.c.block == lease.block
    )
    return and_(is_shard, shards.c.state == "running", shards.c.owner == lease.owner, shards.c.fence == lease.fence)


def _is_open(job_ids: tuple[int, ...], now: str) -> ColumnElement[bool]:
    live = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.cancelled_at.is_(None))
    return and_(shards.c.job_id.in_(live), _is_pending_or_expired(now))


def _is_pending_or_expired(now: str) -> ColumnElement[bool]:
    return or_(shards.c.state == "pending", and_(shards.c.state == "running", shards.c.lease_until < now))
