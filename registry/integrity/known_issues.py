"""Known issues: reports about checkpoints that ship with seenat, compared with what the hub lists now.

A report can name the bytes it is about, or say that a step is missing. It counts as long as the hub's listing, once there is
one, does not show otherwise; then it stays as history and names no status. `registry/data/evidence.json` holds the reports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

from sqlalchemy import Connection, select

from seenat.registry.catalog.queries import checkpoint_file_rows
from seenat.registry.catalog.status import NO_LONGER_STATED, Evidence
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import checkpoints, models, revisions
from seenat.registry.integrity.evidence import SHIPPED, Change, replace_evidence
from seenat.registry.units import HalfOpenRange

__all__ = ["record_known_issues"]

_LONGEST_RUN = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """An entry of registry/data/evidence.json."""

    models: tuple[str, ...]
    steps: tuple[int | str, ...]
    """Steps, and half-open ranges of steps such as `0:53001`."""
    kind: str
    status: str | None
    statement: str
    source: str
    date: str
    file: str | None = None
    sha256: str | None = None
    """The bytes of `file` that it is about: how their SHA-256 begins, in hexadecimal digits."""


def record_known_issues(connection: Connection) -> Change:
    """Record the shipped reports for models that the catalog has, compared with what the hub lists now."""
    reports = _reports()
    names = {name for report in reports for name in report.models}
    rows = connection.execute(
        select(checkpoints.c.id, checkpoints.c.step, checkpoints.c.commit_id, models.c.name, revisions.c.commit_id.label("listed"))
        .join(models, models.c.id == checkpoints.c.model_id)
        .outerjoin(
            revisions, (revisions.c.model_id == models.c.id) & (revisions.c.name == checkpoints.c.revision)
        )
        .where(models.c.name.in_(names), checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED))
    ).all()  # fmt: skip
    files = checkpoint_file_rows(connection, models.c.name.in_(names))
    findings: dict[int, list[Evidence]] = {row.id: [] for row in rows}
    for report in reports:
        steps = _Steps(report.steps)
        for row in rows:
            if row.name in report.models and row.step in steps:
                sha256 = {file.name: file.sha256 for file in files.get(row.id, ())}
                findings[row.id].append(_evidence(report, row, sha256))
    return replace_evidence(connection, SHIPPED, findings)


def _reports() -> tuple[_Report, ...]:
    text = resources.files("seenat.registry").joinpath("data", "evidence.json").read_text("utf-8")
    return tuple(
        _Report(**{**entry, "models": tuple(entry["models"]), "steps": tuple(entry["steps"])})
        for entry in json.loads(text)["evidence"]
    )


class _Steps:
    """The steps of a report."""

    def __init__(self, parts: Iterable[int | str]) -> None:
        self.ranges = tuple(
            HalfOpenRange(part, part + 1)
            if isinstance(part, int)
            else HalfOpenRange.parse(part, _LONGEST_RUN, is_bound=False)
            for part in parts
        )

    def __contains__(self, step: int) -> bool:
        return any(step in steps for steps in self.ranges)


def _evidence(report: _Report, row: AnyRow, files: Mapping[str, str | None]) -> Evidence:
    status, statement = report.status, report.statement
    refuted = _refutation(report, row, files)
    if refuted:
        status, statement = None, f"{statement} {refuted}"
    return Evidence(kind=report.kind, status=status, statement=statement, source=report.source, date=report.date)


def _refutation(report: _Report, row: AnyRow, files: Mapping[str, str | None]) -> str | None:
    if report.status == "missing" and row.listed is not None and row.listed == row.commit_id and files:
        return "The hub has it now."
    if report.file is None or not files:
        return None
    sha256 = files.get(report.file)
    if sha256 is None and report.file in files:  # The hub lists the file without a digest.
        return None
    if sha256 is not None and sha256.startswith(f"sha256:{report.sha256}"):
        return None
    return "The hub lists other bytes now."
