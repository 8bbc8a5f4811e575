"""Evidence about checkpoints, and the status that follows from it.

A piece of evidence says one thing about one checkpoint. It names a status, or none where it is only a remark. A checkpoint's
status is the worst that its evidence names:

    unknown < ok < suspect < wrong < missing
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from seenat.registry.answer import Answer
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import checkpoints, evidence

__all__ = [
    "NO_LONGER_STATED",
    "Evidence",
    "Status",
    "count_statuses",
    "derive_status",
    "evidence_of",
    "evidence_of_checkpoints",
    "evidence_where",
]

NO_LONGER_STATED = "no longer in its suite"
"""Why a checkpoint is missing that its suite once had; its row stays, since results point to it."""

_SEVERITY = {status: place for place, status in enumerate(("unknown", "ok", "suspect", "wrong", "missing"))}


@dataclass(frozen=True, kw_only=True)
class Evidence(Answer):
    """One statement about a checkpoint, and who makes it."""

    kind: str
    """`report`, `audit`, `verification` or `identity`."""
    status: str | None
    """What the checkpoint is by this; None where it says nothing about that."""
    statement: str
    source: str
    date: str | None = None
    """Day or time of the finding; None, before it is stored, for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a checkpoint is, and by which evidence."""

    status: str = "unknown"
    reason: str | None = None
    date: str | None = None
    source: str | None = None


def derive_status(pieces: Iterable[Evidence]) -> Status:
    """The worst status that some evidence names, by the newest that names it; `unknown` where none does."""
    worst = Status()
    for piece in pieces:
        if piece.status is None:
            continue
        if (_SEVERITY[piece.status], piece.date or "") > (_SEVERITY[worst.status], worst.date or ""):
            worst = Status(status=piece.status, reason=piece.statement, date=piece.date, source=piece.source)
    return worst


def count_statuses(connection: Connection, condition: Any) -> dict[int, dict[str, int]]:
    """By model: how many of the checkpoints that fit a condition have each status by their evidence; first what comes first."""
    severity = func.coalesce(func.max(case(_SEVERITY, value=evidence.c.status)), 0)
    by_checkpoint = (
        select(checkpoints.c.model_id, checkpoints.c.step, severity.label("severity"))
        .outerjoin(evidence, evidence.c.checkpoint_id == checkpoints.c.id)
        .where(condition)
        .group_by(checkpoints.c.id)
        .subquery()
    ).c
    query = select(by_checkpoint.model_id, by_checkpoint.severity, func.count())
    names, counts = tuple(_SEVERITY), defaultdict[int, dict[str, int]](dict)
    grouped = query.group_by(by_checkpoint.model_id, by_checkpoint.severity)
    for model_id, place, number in connection.execute(grouped.order_by(func.min(by_checkpoint.step))):
        counts[model_id][names[place]] = number
    return counts


def evidence_of(connection: Connection, checkpoint_id: int) -> tuple[Evidence, ...]:
    """Everything known of a checkpoint, in the order in which it became known."""
    return tuple(evidence_of_checkpoints(connection, [checkpoint_id])[checkpoint_id])


def evidence_of_checkpoints(connection: Connection, ids: Collection[int]) -> Mapping[int, list[Evidence]]:
    """Everything known of each of these checkpoints, in the order in which it became known; at most 500 of them."""
    by_checkpoint: dict[int, list[Evidence]] = {checkpoint_id: [] for checkpoint_id in ids}
    return by_checkpoint | evidence_where(connection, evidence.c.checkpoint_id.in_(ids))


def evidence_where(connection: Connection, condition: Any) -> dict[int, list[Evidence]]:
    """The evidence about checkpoints that fits a condition on either, by checkpoint, in the order in which it became known."""
    found: dict[int, list[Evidence]] = defaultdict(list)
    query = select(evidence).join(checkpoints, checkpoints.c.id == evidence.c.checkpoint_id)
    for row in connection.execute(query.where(condition).order_by(evidence.c.id)):
        found[row.checkpoint_id].append(_evidence(row))
    return found


def _evidence(row: AnyRow) -> Evidence:
    return Evidence(kind=row.kind, status=row.status, statement=row.statement, source=row.source, date=row.date)
