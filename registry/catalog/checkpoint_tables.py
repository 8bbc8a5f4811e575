"""The one module that writes what is known of checkpoints: `checkpoints`, `checkpoint_files`, `evidence`, `revisions`.

Onsets are derived from rows of results whose content is a checkpoint's present one. So wherever a digest changes here, the
measurements that have a row of the checkpoint are marked (`measurements.onsets_stale`), in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from seenat.registry.catalog.status import NO_LONGER_STATED, Evidence
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.database.rows import insert_rows, now, pieces
from seenat.registry.database.tables.catalog import checkpoint_files, checkpoints, evidence, revisions
from seenat.registry.database.tables.jobs import measurement_rows, measurements
from seenat.registry.storage.file_state import FileState

__all__ = [
    "delete_checkpoints_of",
    "delete_evidence",
    "delete_evidence_of",
    "forget_model_files",
    "insert_checkpoints",
    "insert_evidence",
    "mark_onsets_stale",
    "record_state",
    "replace_files",
    "replace_revisions",
    "update_checkpoints",
    "update_revision",
]


# -- checkpoints


def insert_checkpoints(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add checkpoints, each given by its columns."""
    insert_rows(connection, checkpoints, rows)


def update_checkpoints(connection: Connection, ids: Collection[int], **values: Any) -> None:
    """Set columns of checkpoints; a digest that changes marks the onsets derived from the earlier content."""
    for piece in pieces(ids):
        if "digest" in values:
            is_other = checkpoints.c.digest.is_distinct_from(values["digest"])
            query = select(checkpoints.c.id).where(checkpoints.c.id.in_(piece), is_other)
            mark_onsets_stale(connection, connection.execute(query).scalars().all())
        connection.execute(update(checkpoints).where(checkpoints.c.id.in_(piece)).values(**values))


def mark_onsets_stale(connection: Connection, ids: Collection[int]) -> None:
    """Mark the measurements with a row of these checkpoints: their onsets have to be derived again before they are read.

    The table belongs to the results; it is written here because this room sees the change and may not import theirs.
    """
    for piece in pieces(ids):
        affected = select(measurement_rows.c.measurement_id).where(measurement_rows.c.checkpoint_id.in_(piece))
        connection.execute(update(measurements).where(measurements.c.id.in_(affected)).values(onsets_stale=True))


def forget_model_files(connection: Connection, model_id: int) -> None:
    """Drop what was learned of a model's checkpoints, which are now those of another folder or repository."""
    of_model = checkpoints.c.model_id == model_id
    ids = connection.execute(select(checkpoints.c.id).where(of_model)).scalars().all()
    stated = select(checkpoints.c.id).where(of_model, checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED))
    replace_files(connection, dict.fromkeys(ids, ()))
    delete_evidence_of(connection, ids)
    connection.execute(delete(revisions).where(revisions.c.model_id == model_id))
    update_checkpoints(
        connection,
        connection.execute(stated).scalars().all(),
        status="unknown",
        reason=None,
        status_date=None,
        source=None,
        commit_id=None,
        digest=None,
    )


def delete_checkpoints_of(connection: Connection, model_id: int) -> None:
    """Delete a model's checkpoints, of which nothing is measured any more, with files, evidence and revisions."""
    ids = connection.execute(select(checkpoints.c.id).where(checkpoints.c.model_id == model_id)).scalars().all()
    replace_files(connection, dict.fromkeys(ids, ()))
    delete_evidence_of(connection, ids)
    connection.execute(delete(revisions).where(revisions.c.model_id == model_id))
    connection.execute(delete(checkpoints).where(checkpoints.c.model_id == model_id))


# -- files


def replace_files(connection: Connection, files: Mapping[int, Iterable[FileRecord]]) -> None:
    """Let the recorded files of each of these checkpoints be the given ones."""
    for piece in pieces(files):
        connection.execute(delete(checkpoint_files).where(checkpoint_files.c.checkpoint_id.in_(piece)))
    insert_rows(
        connection,
        checkpoint_files,
        (
            {
                "checkpoint_id": checkpoint_id,
                "name": file.name,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "modified_ns": file.modified_ns,
                "changed_ns": file.changed_ns,
                "inode": file.inode,
            }
            for checkpoint_id, records in files.items()
            for file in records
        ),
    )


def record_state(connection: Connection, checkpoint_id: int, name: str, state: FileState) -> None:
    """Keep the state in which a file had its recorded content, so that it need not be read again."""
    is_file = checkpoint_files.c.checkpoint_id == checkpoint_id, checkpoint_files.c.name == name
    connection.execute(update(checkpoint_files).where(*is_file).values(state._asdict()))


# -- evidence


def insert_evidence(connection: Connection, entries: Iterable[tuple[int, Evidence]]) -> None:
    """Add evidence, each piece with its checkpoint; one without a date gets the present one."""
    insert_rows(
        connection,
        evidence,
        (
            {"checkpoint_id": checkpoint_id, **asdict(piece), "date": piece.date or now()}
            for checkpoint_id, piece in entries
        ),
    )


def delete_evidence(connection: Connection, ids: Iterable[int]) -> None:
    """Delete rows of evidence by their own ids."""
    for piece in pieces(ids):
        connection.execute(delete(evidence).where(evidence.c.id.in_(piece)))


def delete_evidence_of(connection: Connection, checkpoint_ids: Iterable[int]) -> None:
    """Delete all evidence about checkpoints."""
    for piece in pieces(checkpoint_ids):
        connection.execute(delete(evidence).where(evidence.c.checkpoint_id.in_(piece)))


# -- revisions


def replace_revisions(connection: Connection, model_id: int, gone: Iterable[str], new: Mapping[str, str]) -> None:
    """Delete the revisions of a model that are gone, then add new ones, each with its commit."""
    for name in gone:
        connection.execute(delete(revisions).where(revisions.c.model_id == model_id, revisions.c.name == name))
    if new:
        rows = [
            {"model_id": model_id, "name": name, "commit_id": commit, "seen_at": now()} for name, commit in new.items()
        ]
        connection.execute(insert(revisions), rows)


def update_revision(connection: Connection, model_id: int, name: str, **values: Any) -> None:
    """Set columns of a revision."""
    is_revision = revisions.c.model_id == model_id, revisions.c.name == name
    connection.execute(update(revisions).where(*is_revision).values(**values))
