"""The audit: the rules of `seenat.registry.integrity.rules` over everything the catalog knows, written down as evidence.

It reads no file and asks no hub. All models are looked at together, since the same bytes under two names are a finding on
both. What was found before and no longer holds is withdrawn; what still holds keeps its date, so that an audit run again
changes nothing. Reports that ship with seenat are held against the listing first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.queries import NO_LONGER_STATED, AnyRow
from seenat.registry.database.tables import checkpoint_files, checkpoints, evidence, models, revisions, suites
from seenat.registry.errors import InvalidValue
from seenat.registry.hub.listing import is_weights
from seenat.registry.integrity.evidence import AUDIT, Evidence, derive_status, record_shipped_evidence, replace_evidence
from seenat.registry.integrity.rules import StoredCheckpoint, StoredFile, StoredModel, WeightIndex, check_model
from seenat.registry.learning_rate import learning_rate

__all__ = ["Audit", "AuditedModel", "CheckpointEvidence", "audit"]

_MAIN = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointEvidence:
    """One piece of evidence, and the step it is about."""

    step: int
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """The step, and every field of the evidence by name."""
        return {"step": self.step, **self.evidence.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedModel:
    """What is known of one model's checkpoints after an audit."""

    model: str
    repository: str | None
    listed: bool
    """Whether its files are known: listed by its hub, or read in a folder."""
    statuses: Mapping[str, int]
    """How many checkpoints are `ok`, `suspect`, `wrong`, `missing` and `unknown`; those that some are."""
    evidence: tuple[CheckpointEvidence, ...]
    """All but what says `ok`, by step."""

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {
            "model": self.model,
            "repository": self.repository,
            "listed": self.listed,
            "statuses": dict(self.statuses),
            "evidence": [one.to_json() for one in self.evidence],
        }


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found and changed."""

    models: tuple[AuditedModel, ...]
    added: int
    """Rows of evidence that are new, over all models."""
    withdrawn: int
    """Rows of evidence that no longer hold."""

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {
            "models": [model.to_json() for model in self.models],
            "added": self.added,
            "withdrawn": self.withdrawn,
        }


def audit(catalog: Catalog, names: Collection[str] | None = None) -> Audit:
    """Audit the whole catalog; tells what is known of the models of these names, or of all."""
    with catalog.database.write() as connection:
        shipped = record_shipped_evidence(connection)
        held = _held_models(connection)
        index = WeightIndex(held)
        found = {id_: some for model in held for id_, some in check_model(model, index).items()}
        change = replace_evidence(connection, AUDIT, found)
        told = tuple(_told(connection, [model for model in held if names is None or model.name in names]))
    return Audit(models=told, added=shipped.added + change.added, withdrawn=shipped.withdrawn + change.withdrawn)


def _told(connection: Connection, held: list[StoredModel]) -> Iterator[AuditedModel]:
    steps = {one.checkpoint_id: one.step for model in held for one in model.checkpoints}
    known = defaultdict(list)
    for row in connection.execute(
        select(evidence, models.c.name.label("model"))
        .join(checkpoints, checkpoints.c.id == evidence.c.checkpoint_id)
        .join(models, models.c.id == checkpoints.c.model_id)
        .order_by(checkpoints.c.step, evidence.c.id)
    ):
        if row.checkpoint_id in steps:
            one = Evidence(kind=row.kind, status=row.status, statement=row.statement, source=row.source, date=row.date)
            known[row.checkpoint_id].append(one)
    for model in held:
        yield AuditedModel(
            model=model.name,
            repository=model.repository,
            listed=model.is_known,
            statuses=Counter(derive_status(known[one.checkpoint_id]).status for one in model.checkpoints),
            evidence=tuple(
                CheckpointEvidence(step=one.step or 0, evidence=piece)
                for one in model.checkpoints
                for piece in known[one.checkpoint_id]
                if piece.status != "ok"
            ),
        )


# -- what the catalog knows


def _held_models(connection: Connection) -> list[StoredModel]:
    weights, listed, saved = _weights(connection), _listed(connection), _saved(connection)
    rows = connection.execute(
        select(models, suites.c.name.label("suite"))
        .join(suites, suites.c.id == models.c.suite_id)
        .order_by(models.c.id)
    ).all()
    return [_held_model(row, saved[row.id], listed[row.id], weights) for row in rows]


def _held_model(
    row: AnyRow, saved: list[AnyRow], listed: dict[str, AnyRow], weights: Mapping[int, dict[str, StoredFile]]
) -> StoredModel:
    held = tuple(_held(one, listed, weights.get(one.id, {})) for one in saved)
    main = listed.get(_MAIN)
    return StoredModel(
        name=row.name,
        suite=row.suite,
        repository=row.repository,
        is_known=bool(listed) or any(one.weights for one in held),
        checkpoints=held,
        main=_held_main(main) if main is not None and main.files is not None else None,
        parameters=row.parameters_total,
        layers=row.architecture.get("layers"),
        positions=row.architecture.get("positions"),
        order_id=row.order_id,
        altered_from_step=row.altered_from_step,
        first_update_is_idle=_first_update_is_idle(row.hyperparameters),
    )


def _held(row: AnyRow, listed: dict[str, AnyRow], weights: dict[str, StoredFile]) -> StoredCheckpoint:
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


def _held_main(row: AnyRow) -> StoredCheckpoint:
    weights = {name: StoredFile(**file) for name, file in row.files.items() if is_weights(name)}
    return StoredCheckpoint(
        step=None, checkpoint_id=None, revision=_MAIN, commit=row.commit_id, weights=weights, is_whole=True,
        elements=row.elements,
    )  # fmt: skip


def _first_update_is_idle(hyperparameters: Mapping[str, Any]) -> bool:
    """Whether update 0 changes nothing; assumed where the learning rate is not told, since warm-up from 0 is the rule."""
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
    found: dict[int, dict[str, StoredFile]] = defaultdict(dict)
    for row in connection.execute(select(checkpoint_files)):
        if is_weights(row.name):
            found[row.checkpoint_id][row.name] = StoredFile(bytes=row.bytes, sha256=row.sha256)
    return found


def _listed(connection: Connection) -> dict[int, dict[str, AnyRow]]:
    found: dict[int, dict[str, AnyRow]] = defaultdict(dict)
    for row in connection.execute(select(revisions)):
        found[row.model_id][row.name] = row
    return found
