"""What is stored of audits, as it is shown: no rule is applied anew, no file's row is made a value, and nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, select, true

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.status import NO_LONGER_STATED, count_statuses
from seenat.registry.database.tables.catalog import checkpoint_files, checkpoints, evidence, models, revisions
from seenat.registry.hub.listing import is_weights
from seenat.registry.integrity.audit import Audit, AuditedModel, CheckpointEvidence

__all__ = ["findings"]


def findings(catalog: Catalog, names: Collection[str] | None = None) -> Audit:
    """As `audit` answers, of the named models or of all, by what the last one found."""
    is_asked = true() if names is None else models.c.name.in_(names)
    of = and_(
        checkpoints.c.model_id.in_(select(models.c.id).where(is_asked)),
        checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED),
    )
    with catalog.database.read() as connection:
        statuses, told = count_statuses(connection, of), _told(connection, of)
        listed = {
            *connection.execute(select(revisions.c.model_id).distinct()).scalars(),
            *_with_weights(connection, of),
        }
        query = select(models.c.id, models.c.name, models.c.repository).where(is_asked).order_by(models.c.id)
        audited = tuple(
            AuditedModel(
                model=name,
                repository=repository,
                listed=model_id in listed,
                statuses=statuses.get(model_id, {}),
                evidence=tuple(told.get(model_id, ())),
            )
            for model_id, name, repository in connection.execute(query)
        )
    return Audit(models=audited, added=0, withdrawn=0)


def _told(connection: Connection, of: Any) -> dict[int, list[CheckpointEvidence]]:
    """By model: all evidence but what says `ok`, by step and in the order in which it became known."""
    told: dict[int, list[CheckpointEvidence]] = defaultdict(list)
    columns = (evidence.c[name] for name in ("kind", "status", "statement", "source", "date"))
    query = (
        select(checkpoints.c.model_id, checkpoints.c.step, *columns)
        .join(checkpoints, checkpoints.c.id == evidence.c.checkpoint_id)
        .where(of, evidence.c.status.is_distinct_from("ok"))
        .order_by(checkpoints.c.model_id, checkpoints.c.step, evidence.c.id)
    )
    for model_id, step, kind, status, statement, source, date in connection.execute(query):
        piece = CheckpointEvidence(step=step, kind=kind, status=status, statement=statement, source=source, date=date)
        told[model_id].append(piece)
    return told


def _with_weights(connection: Connection, of: Any) -> set[int]:
    """The models of which a file of weights is known."""
    query = (
        select(checkpoints.c.model_id, checkpoint_files.c.name)
        .join(checkpoints, checkpoints.c.id == checkpoint_files.c.checkpoint_id)
        .where(of)
        .distinct()
    )
    return {model_id for model_id, name in connection.execute(query) if is_weights(name)}
