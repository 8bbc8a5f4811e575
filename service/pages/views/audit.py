"""The audit: which checkpoints cannot be trusted, and by what evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page

__all__ = ["AUDIT_PAGE", "AuditView", "AuditedRun", "Finding", "audit_view", "findings_of"]

_WORST = ("missing", "wrong", "suspect")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A statement against checkpoints, and all steps that it is about."""

    status: str
    statement: str
    source: str
    date: str
    steps: list[int]


@dataclass(frozen=True, kw_only=True)
class AuditedRun:
    """A model of which something was found."""

    model: str
    statuses: dict[str, int]
    findings: list[Finding]
    remarks: int
    """Statements that are against no checkpoint."""


@dataclass(frozen=True, kw_only=True)
class AuditView:
    """What the last audit found."""

    chosen: str | None
    """The one model that was asked for."""
    runs: list[AuditedRun]
    trusted: list[str]
    """Models of which files are known and nothing was found."""
    unread: list[str]
    """Models whose files nobody has listed yet."""


def audit_view(asked: Asked) -> AuditView:
    """The page of the audit."""
    chosen = asked.get("model")
    models = asked.ask("/audits", models=None if chosen is None else [chosen])["models"]
    runs = [_run(model) for model in models]
    found = [run for run in runs if run.findings or chosen is not None]
    others = [model for model in models if not any(run.model == model["model"] for run in found)]
    return AuditView(
        chosen=chosen,
        runs=sorted(found, key=_bad, reverse=True),
        trusted=[model["model"] for model in others if _is_known(model)],
        unread=[model["model"] for model in others if not _is_known(model)],
    )


def _is_known(model: Mapping[str, Any]) -> bool:
    return bool(model["listed"] or set(model["statuses"]) - {"unknown"})


def _bad(run: AuditedRun) -> tuple[int, ...]:
    missing, wrong, suspect = (run.statuses.get(status, 0) for status in _WORST)
    return missing + wrong, suspect


def _run(model: Mapping[str, Any]) -> AuditedRun:
    evidence: Sequence[Mapping[str, Any]] = model["evidence"]
    return AuditedRun(
        model=model["model"],
        statuses=dict(model["statuses"]),
        findings=findings_of(evidence),
        remarks=sum(piece["status"] is None for piece in evidence),
    )


def findings_of(evidence: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Statements that name a status, each once with all its steps; the worst first."""
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for piece in evidence:
        if piece["status"] is not None:
            found.setdefault((piece["status"], piece["statement"], piece["source"]), []).append(piece)
    findings = [
        Finding(
            status=status,
            statement=statement,
            source=source,
            date=(pieces[0]["date"] or "")[:10],
            steps=[piece["step"] for piece in pieces],
        )
        for (status, statement, source), pieces in found.items()
    ]
    return sorted(
        findings, key=lambda finding: _WORST.index(finding.status) if finding.status in _WORST else len(_WORST)
    )


AUDIT_PAGE = Page(
    path="/audit", template="audit.html", view=audit_view, shows=("/audits",), query=("model",), label="Audit"
)
