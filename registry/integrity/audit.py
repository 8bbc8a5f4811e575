"""The audit: the rules of `seenat.registry.integrity.audit_rules` over everything the catalog knows, written down as evidence.

It reads no file and contacts no hub. All models are looked at together, since the same bytes under two names are a finding on
both. Findings that no longer hold are withdrawn; one that still holds keeps its date, so that a second audit changes nothing.
Known issues that ship with seenat are first compared with the hub's listing again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, true

from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.queries import checkpoint_file_rows
from seenat.registry.catalog.status import NO_LONGER_STATED, Evidence, derive_status, evidence_of_checkpoints
from seenat.registry.database.rows import AnyRow, pieces
from seenat.registry.database.tables.catalog import checkpoints, models, revisions, suites
from seenat.registry.errors import InvalidValue
from seenat.registry.hub.listing import is_weights
from seenat.registry.integrity.audit_rules import StoredCheckpoint, StoredFile, StoredModel, WeightIndex, check_model
from seenat.registry.integrity.evidence import AUDIT, replace_evidence
from seenat.registry.integrity.known_issues import record_known_issues
from seenat.registry.learning_rate import learning_rate

__all__ = ["Audit", "AuditedModel", "CheckpointEvidence", "audit"]

_MAIN = "main"


@dataclass(frozen=True, kw_only=True)
class CheckpointEvidence(Evidence):
    """One piece of evidence, and the step it is about."""

    json_names = ("step", "kind", "status", "statement", "source", "date")

    step: int


@dataclass(frozen=True, kw_only=True)
class AuditedModel(Answer):
    """What is known about one model's checkpoints after an audit."""

    model: str
    repository: str | None
    listed: bool
    """Whether its files are known: listed by its hub, or read in a folder."""
    statuses: Mapping[str, int]
    """How many checkpoints have each status, for statuses that occur."""
    evidence: tuple[CheckpointEvidence, ...]
    """All but what says `ok`, by step."""


@dataclass(frozen=True, kw_only=True)
class Audit(Answer):
    """What an audit found and changed."""

    models: tuple[AuditedModel, ...]
    added: int
    """Rows of evidence that are new, over all models."""
    withdrawn: int
    """Rows of evidence that no longer hold."""


def audit(catalog: Catalog, names: Collection[str] | None = None) -> Audit:
    """Audit the whole catalog; returns results for the named models, by default all."""
    with catalog.database.write() as connection:
        known_issues = record_known_issues(connection)
        stored = _stored_models(connection)
        index = WeightIndex(stored)
        findings = {
            checkpoint_id: evidence for model in stored for checkpoint_id, evidence in check_model(model, index).items()
        }
        change = replace_evidence(connection, AUDIT, findings)
        audited = tuple(_audited(connection, model) for model in stored if names is None or model.name in names)
    return Audit(
        models=audited,
        added=known_issues.added + change.added,
        withdrawn=known_issues.withdrawn + change.withdrawn,
    )


def _audited(connection: Connection, model: StoredModel) -> AuditedModel:
    ids = {
        checkpoint.checkpoint_id: checkpoint.step or 0
        for checkpoint in model.checkpoints
        if checkpoint.checkpoint_id is not None
    }
    evidence: dict[int, list[Evidence]] = {}
    for piece in pieces(ids):
        evidence |= evidence_of_checkpoints(connection, piece)
    return AuditedModel(
        model=model.name,
        repository=model.repository,
        listed=model.is_known,
        statuses=Counter(derive_status(evidence[checkpoint_id]).status for checkpoint_id in ids),
        evidence=tuple(
            CheckpointEvidence(step=step, **vars(entry))
            for checkpoint_id, step in ids.items()
            for entry in evidence[checkpoint_id]
            if entry.status != "ok"
        ),
    )


# -- what the catalog knows


def _stored_models(connection: Connection) -> list[StoredModel]:
    weights, listed, saved = _weights(connection), _listed(connection), _saved(connection)
    rows = connection.execute(
        select(models, suites.c.name.label("suite"))
        .join(suites, suites.c.id == models.c.suite_id)
        .order_by(models.c.id)
    ).all()
    return [_stored_model(row, saved[row.id], listed[row.id], weights) for row in rows]


def _stored_model(
    row: AnyRow, saved: list[AnyRow], listed: dict[str, AnyRow], weights: Mapping[int, dict[str, StoredFile]]
) -> StoredModel:
    stored = tuple(_stored_checkpoint(checkpoint, listed, weights.get(checkpoint.id, {})) for checkpoint in saved)
    main = listed.get(_MAIN)
    return StoredModel(
        name=row.name,
        suite=row.suite,
        repository=row.repository,
        is_known=bool(listed) or any(checkpoint.weights for checkpoint in stored),
        checkpoints=stored,
        main=_stored_main(main) if main is not None and main.files is not None else None,
        parameters=row.parameters_total,
        layers=row.architecture.get("layers"),
        positions=row.architecture.get("positions"),
        order_id=row.order_id,
        altered_from_step=row.altered_from_step,
        first_update_is_idle=_first_update_is_idle(row.hyperparameters),
    )


def _stored_checkpoint(row: AnyRow, listed: dict[str, AnyRow], weights: dict[str, StoredFile]) -> StoredCheckpoint:
    revision = listed.get(row.revision)
    return StoredCheckpoint(
        step=row.step,
        checkpoint_id=row.id,
        revision=row.revision,
        commit=row.commit_id,
        weights=weights,
        is_whole=row.digest is not None,
        is_listed=revision is not None or not listed,
        elements=revision.elements if revision is not None and revision.commit_id == row.commit_id else None,
    )


def _stored_main(row: AnyRow) -> StoredCheckpoint:
    weights = {name: StoredFile(**file) for name, file in row.files.items() if is_weights(name)}
    return StoredCheckpoint(
        step=None, checkpoint_id=None, revision=_MAIN, commit=row.commit_id, weights=weights, is_whole=True,
        elements=row.elements,
    )  # fmt: skip


def _first_update_is_idle(hyperparameters: Mapping[str, Any]) -> bool:
    """Whether update 0 changes nothing; assumed where the learning rate is unknown, since warm-up from 0 is the rule."""
    try:
        return learning_rate(hyperparameters, 0) == 0
    except InvalidValue:
        return True


def _saved(connection: Connection) -> dict[int, list[AnyRow]]:
    saved = defaultdict(list)
    for row in connection.execute(
        select(checkpoints)
        .where(checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED))
        .order_by(checkpoints.c.model_id, checkpoints.c.step)
    ):
        saved[row.model_id].append(row)
    return saved


def _weights(connection: Connection) -> dict[int, dict[str, StoredFile]]:
    return {
        checkpoint_id: {
            file.name: StoredFile(bytes=file.bytes, sha256=file.sha256) for file in files if is_weights(file.name)
        }
        for checkpoint_id, files in checkpoint_file_rows(connection, true()).items()
    }


def _listed(connection: Connection) -> dict[int, dict[str, AnyRow]]:
    listed: dict[int, dict[str, AnyRow]] = defaultdict(dict)
    for row in connection.execute(select(revisions)):
        listed[row.model_id][row.name] = row
    return listed
