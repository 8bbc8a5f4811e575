"""Planning jobs: what is asked for, cut into shards and stored before anything runs.

A *plan* is a measurement and a selection, cut into shards of one checkpoint over one block. It is stored under a digest of
what it asks for: asking for the same again finds the same job and resumes it. A plan never changes; another selection, or a
checkpoint or order with other content, is another job, which computes only what no job has yet.

A job may be a *part* of something larger; what that is, is stored with its plan and read by `adaptive`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from seenat.memorization.jobs.job_table import continue_job, insert_job, job_by_digest
from seenat.memorization.jobs.plan_checks import check_plan
from seenat.memorization.jobs.shard_table import ShardPlace, insert_shards
from seenat.memorization.jobs.status import Job, read_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.results.measurements import Measurement, ensure_measurement, measurements_of
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["are_planned", "plan_digest", "plan_job", "plan_jobs"]


def plan_job(
    catalog: Catalog,
    model: Model,
    protocol: Protocol,
    selection: Selection,
    *,
    allow_suspect: bool = False,
    part: Mapping[str, Any] | None = None,
) -> Job:
    """The job of a model, a protocol and a selection: the one planned before, or a new one; `part` is a part of the plan.

    Raises as `check_plan` does; but a list of sequences, which is not chosen by hand, may be one of nothing.
    """
    return plan_jobs(catalog, model, [protocol], selection, allow_suspect=allow_suspect, part=part)[0]


def plan_jobs(
    catalog: Catalog,
    model: Model,
    protocols: Sequence[Protocol],
    selection: Selection,
    *,
    allow_suspect: bool = False,
    part: Mapping[str, Any] | None = None,
) -> tuple[Job, ...]:
    """A job for each of some protocols, as `plan_job` plans one; all of them or, where one cannot be planned, none."""
    chosen = [check_plan(model, protocol, selection, allow_suspect=allow_suspect) for protocol in protocols]
    with catalog.database.write() as connection:
        ids = [
            _plan(connection, model, ensure_measurement(connection, model, protocol), selection, checkpoints, part)
            for protocol, checkpoints in zip(protocols, chosen, strict=True)
        ]
        return tuple(read_job(catalog.database, connection, id_) for id_ in ids)


def are_planned(
    catalog: Catalog,
    model: Model,
    protocols: Sequence[Protocol],
    selection: Selection,
    *,
    allow_suspect: bool = False,
    part: Mapping[str, Any] | None = None,
) -> bool:
    """Whether the jobs of some protocols and a selection are stored already, as this part; raises as `check_plan` does."""
    chosen = [check_plan(model, protocol, selection, allow_suspect=allow_suspect) for protocol in protocols]
    with catalog.database.read() as connection:
        known = {one.protocol: one for one in measurements_of(connection, model)}
        digests = [
            plan_digest(known[protocol], selection, model, checkpoints, part) if protocol in known else None
            for protocol, checkpoints in zip(protocols, chosen, strict=True)
        ]
        return all(digest is not None and job_by_digest(connection, digest) is not None for digest in digests)


def plan_digest(
    measurement: Measurement,
    selection: Selection,
    model: Model,
    chosen: list[Checkpoint],
    part: Mapping[str, Any] | None,
) -> str:
    """The digest of a plan: its measurement, its selection, the checkpoints' contents, and what it is a part of."""
    # A hub's checkpoint gets its digest while the job runs, and the job must stay the same.
    contents = [
        checkpoint.digest if model.repository is None else checkpoint.commit_id or checkpoint.revision
        for checkpoint in chosen
    ]
    plan = {"measurement": measurement.id, "selection": selection.to_json(), "contents": contents}
    plan |= {} if part is None else {"part": part}
    return sha256_of_bytes(json.dumps(plan, sort_keys=True).encode())


def _plan(
    connection: Connection,
    model: Model,
    measurement: Measurement,
    selection: Selection,
    chosen: list[Checkpoint],
    part: Mapping[str, Any] | None,
) -> int:
    """The id of a plan's job, which is stored unless it was before; one that was cancelled is so no more."""
    digest = plan_digest(measurement, selection, model, chosen, part)
    id_ = job_by_digest(connection, digest)
    if id_ is None:
        specification = selection.to_json() | ({} if part is None else {"part": dict(part)})
        id_ = insert_job(connection, measurement.id, digest, specification)
        insert_shards(connection, id_, _shards(measurement, selection, model, chosen))
    continue_job(connection, id_)
    return id_


def _shards(
    measurement: Measurement, selection: Selection, model: Model, chosen: list[Checkpoint]
) -> Iterator[ShardPlace]:
    for checkpoint in chosen:
        for block in selection.blocks(model.schedule, checkpoint.step, measurement.block_sequences):
            span = measurement.block(block)
            yield checkpoint.id, block, span.start, span.stop
