"""Evidence as it is written: by whom, and what it replaces.

Evidence has an *owner*, named by its source: what seenat found starts with the name of the command that found it, everything
else is a report that ships with seenat. An owner's rows are replaced together, so that a finding that no longer holds is
gone, and one that still holds keeps its date. Statuses (`seenat.registry.catalog.status`) are written with the evidence, in
the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from seenat.registry.catalog.checkpoint_tables import delete_evidence, insert_evidence, update_checkpoints
from seenat.registry.catalog.status import NO_LONGER_STATED, Evidence, derive_status, evidence_of_checkpoints
from seenat.registry.database.rows import now, pieces
from seenat.registry.database.tables.catalog import checkpoints, evidence

__all__ = [
    "AUDIT",
    "IMPORT",
    "MEASURE",
    "REGISTER",
    "SHIPPED",
    "VERIFY",
    "Change",
    "forget_evidence",
    "replace_evidence",
]

AUDIT, IMPORT, MEASURE = "seenat audit", "seenat import", "seenat memorize"
REGISTER, VERIFY = "seenat register", "seenat verify"
"""Owners: the commands with whose names their sources start."""
# Owners whose evidence is of the files that the catalog has recorded.
_OF_FILES = (AUDIT, MEASURE, REGISTER, VERIFY)
SHIPPED = "shipped"
"""The owner of every report that ships with seenat; its sources are those of the reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How many rows of evidence came and went."""

    added: int = 0
    withdrawn: int = 0


def replace_evidence(connection: Connection, owner: str, findings: Mapping[int, Sequence[Evidence]]) -> Change:
    """Let an owner's evidence of these checkpoints be `findings`, and write the statuses that follow.

    `findings` has an entry for each checkpoint that was looked at, an empty one where nothing was found.
    """
    added = withdrawn = 0
    for ids in pieces(findings):
        _keep_recorded_statuses(connection, ids)
        change = _replace(connection, owner, ids, findings)
        added, withdrawn = added + change.added, withdrawn + change.withdrawn
        _write_statuses(connection, ids)
    return Change(added=added, withdrawn=withdrawn)


def forget_evidence(connection: Connection, ids: Collection[int]) -> None:
    """Delete evidence about files that have since changed; keep all other evidence."""
    for piece in pieces(ids):
        rows = connection.execute(select(evidence).where(evidence.c.checkpoint_id.in_(piece))).all()
        delete_evidence(connection, [row.id for row in rows if _owner(row.source) in _OF_FILES])
        _write_statuses(connection, piece)


def _replace(connection: Connection, owner: str, ids: list[int], findings: Mapping[int, Sequence[Evidence]]) -> Change:
    wanted = {
        (checkpoint_id, piece.kind, piece.status, piece.statement, piece.source): piece
        for checkpoint_id in ids
        for piece in findings[checkpoint_id]
    }
    gone = []
    for row in connection.execute(select(evidence).where(evidence.c.checkpoint_id.in_(ids))).all():
        if _owner(row.source) != owner:
            continue
        key = (row.checkpoint_id, row.kind, row.status, row.statement, row.source)
        same = wanted.get(key)
        if same is not None and same.date in (None, row.date):
            del wanted[key]
        else:
            gone.append(row.id)
    delete_evidence(connection, gone)
    insert_evidence(connection, ((key[0], piece) for key, piece in wanted.items()))
    return Change(added=len(wanted), withdrawn=len(gone))


def _keep_recorded_statuses(connection: Connection, ids: list[int]) -> None:
    """Turn statuses set at registration into evidence before new evidence is added."""
    has_evidence = select(evidence.c.id).where(evidence.c.checkpoint_id == checkpoints.c.id).exists()
    rows = connection.execute(_stated(ids).where(checkpoints.c.status != "unknown", ~has_evidence)).all()
    insert_evidence(
        connection,
        (
            (
                row.id,
                Evidence(
                    kind="verification",
                    status=row.status,
                    statement=row.reason or "its files were read",
                    source=row.source or REGISTER,
                    date=row.status_date or now(),
                ),
            )
            for row in rows
        ),
    )


def _write_statuses(connection: Connection, ids: list[int]) -> None:
    """Write the statuses that follow from the evidence, where they are not written already."""
    by_checkpoint = evidence_of_checkpoints(connection, ids)
    for row in connection.execute(_stated(ids)).all():
        status = derive_status(by_checkpoint[row.id])
        values = {"status": status.status, "reason": status.reason, "status_date": status.date, "source": status.source}
        if any(getattr(row, column) != value for column, value in values.items()):
            update_checkpoints(connection, [row.id], **values)


def _stated(ids: list[int]) -> Any:
    """The checkpoints of these ids, without those that are no longer in their suite."""
    return select(checkpoints).where(checkpoints.c.id.in_(ids), checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED))


def _owner(source: str) -> str:
    return next((owner for owner in (AUDIT, IMPORT, MEASURE, REGISTER, VERIFY) if source.startswith(owner)), SHIPPED)
