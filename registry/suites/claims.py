"""Claims: facts as their sources state them.

Where sources agree, the catalog's own columns are enough. Where they do not, or where a fact needs its source to be
believed, each statement is a claim with source, date and confidence; one of a field's claims is primary. A field is
*disputed* when its claims have more than one value.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
from importlib import resources
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select

from seenat.registry.answer import Answer
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import claims

__all__ = ["Claim", "claims_of", "disputed", "record_shipped_claims"]


@dataclass(frozen=True, kw_only=True)
class Claim(Answer):
    """One statement of one source."""

    subject_kind: str
    """`model`, `order` or `suite`."""
    subject: str
    field: str
    value: Any
    source: str
    confidence: str
    """`computed`, `published`, `third-party`, `inferred` or `unknown`."""
    is_primary: bool
    date: str | None = None
    note: str | None = None
    id: int | None = dataclass_field(default=None, compare=False)
    """By which the catalog knows it; None before it is stored."""


def record_shipped_claims(connection: Connection) -> None:
    """Bring the claims of the built-in suites to what this version ships; nothing is written where nothing changed."""
    text = resources.files("seenat.registry").joinpath("data", "claims.json").read_text("utf-8")
    shipped = [Claim(**claim) for claim in json.loads(text)["claims"]]
    subjects = {(claim.subject_kind, claim.subject) for claim in shipped}
    stored = [_claim(row) for row in connection.execute(select(claims).where(_about(subjects)).order_by(claims.c.id))]
    if stored != shipped:
        connection.execute(delete(claims).where(_about(subjects)))
        connection.execute(insert(claims), [_row(claim) for claim in shipped])


def claims_of(connection: Connection, kind: str, subject: str) -> tuple[Claim, ...]:
    """The claims about one model, order or suite, by field, the primary one first."""
    query = (
        select(claims)
        .where(claims.c.subject_kind == kind, claims.c.subject == subject)
        .order_by(claims.c.field, claims.c.is_primary.desc(), claims.c.id)
    )
    return tuple(_claim(row) for row in connection.execute(query))


def disputed(connection: Connection, subject: str | None = None) -> tuple[Claim, ...]:
    """The claims of every field whose sources disagree, of one subject or of all."""
    query = select(claims).order_by(
        claims.c.subject_kind, claims.c.subject, claims.c.field, claims.c.is_primary.desc(), claims.c.id
    )
    if subject is not None:
        query = query.where(claims.c.subject == subject)
    stated = [_claim(row) for row in connection.execute(query)]
    return tuple(claim for group in _by_field(stated).values() if _disagree(group) for claim in group)


def _by_field(stated: Iterable[Claim]) -> Mapping[tuple[str, str, str], list[Claim]]:
    groups: dict[tuple[str, str, str], list[Claim]] = defaultdict(list)
    for claim in stated:
        groups[claim.subject_kind, claim.subject, claim.field].append(claim)
    return groups


def _disagree(group: list[Claim]) -> bool:
    return len({json.dumps(claim.value, sort_keys=True) for claim in group}) > 1


def _about(subjects: set[tuple[str, str]]) -> Any:
    return or_(
        *(and_(claims.c.subject_kind == kind, claims.c.subject == subject) for kind, subject in sorted(subjects))
    )


def _row(claim: Claim) -> dict[str, Any]:
    return {name: value for name, value in asdict(claim).items() if name != "id"}


def _claim(row: AnyRow) -> Claim:
    return Claim(
        subject_kind=row.subject_kind,
        subject=row.subject,
        field=row.field,
        value=row.value,
        source=row.source,
        confidence=row.confidence,
        is_primary=row.is_primary,
        date=row.date,
        note=row.note,
        id=row.id,
    )
