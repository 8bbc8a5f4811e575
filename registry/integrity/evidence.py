"""Evidence: what is known of a checkpoint's files, by whom and since when; and the status that follows from it.

A row says one thing about one checkpoint. It names a status, or none where it only tells something. A checkpoint's status
is the worst that its evidence names:

    unknown < ok < suspect < wrong < missing

Evidence has an *owner*, told by its source: what seenat found starts with the name of the command that found it, everything
else is a report that ships with seenat. An owner's rows are replaced together, so that a finding which no longer holds is
gone, and one that still holds keeps its date. Statuses are written with the evidence, in the same transaction.

A report can name the bytes it is about, or say that a step is missing. It counts as long as the hub's listing, once there is
one, does not show otherwise; then it stays as history and names no status.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from seenat.registry.catalog.queries import NO_LONGER_STATED, AnyRow, now
from seenat.registry.database.tables import checkpoint_files, checkpoints, evidence, models, revisions
from seenat.registry.units import HalfOpenRange

__all__ = [
    "AUDIT",
    "IMPORT",
    "MEASURE",
    "REGISTER",
    "SHIPPED",
    "VERIFY",
    "Change",
    "Evidence",
    "Finding",
    "Status",
    "derive_status",
    "evidence_of",
    "forget_evidence",
    "record_shipped_evidence",
    "replace_evidence",
]

AUDIT, IMPORT, MEASURE = "seenat audit", "seenat import", "seenat memorize"
REGISTER, VERIFY = "seenat register", "seenat verify"
"""Owners: the commands with whose names their sources start."""
_OF_FILES = (AUDIT, MEASURE, REGISTER, VERIFY)
"""Owners whose evidence is of the files that the catalog has recorded."""
SHIPPED = "shipped"
"""The owner of every report that ships with seenat; its sources are those of the reports."""

_SEVERITY = {status: place for place, status in enumerate(("unknown", "ok", "suspect", "wrong", "missing"))}
_ROWS_AT_ONCE = 500
_LONGEST_RUN = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an owner has to say about a checkpoint now."""

    kind: str
    """`report`, `audit`, `verification` or `identity`."""
    status: str | None
    """What the checkpoint is by this; None where it says nothing about that."""
    statement: str
    source: str
    date: str | None = None
    """Day or time of the finding; None for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A row of the evidence table."""

    kind: str
    status: str | None
    statement: str
    source: str
    date: str

    def to_json(self) -> dict[str, str | None]:
        """Every field by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a checkpoint is, and by which evidence."""

    status: str = "unknown"
    reason: str | None = None
    date: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How many rows of evidence came and went."""

    added: int = 0
    withdrawn: int = 0


def derive_status(rows: Iterable[Evidence]) -> Status:
    """The worst status that some evidence names, by the newest that names it; `unknown` where none does."""
    worst = Status()
    for row in rows:
        if row.status is None:
            continue
        if (_SEVERITY[row.status], row.date) > (_SEVERITY[worst.status], worst.date or ""):
            worst = Status(status=row.status, reason=row.statement, date=row.date, source=row.source)
    return worst


def evidence_of(connection: Connection, checkpoint_id: int) -> tuple[Evidence, ...]:
    """Everything known of a checkpoint, in the order in which it became known."""
    query = select(evidence).where(evidence.c.checkpoint_id == checkpoint_id).order_by(evidence.c.id)
    return tuple(_evidence(row) for row in connection.execute(query))


# -- writing


def replace_evidence(connection: Connection, owner: str, found: Mapping[int, Sequence[Finding]]) -> Change:
    """Let an owner's evidence of these checkpoints be `found`, and write the statuses that follow.

    `found` has an entry for each checkpoint that was looked at, an empty one where nothing was found.
    """
    change = Change()
    for ids in _pieces(list(found)):
        _keep_what_stands(connection, ids)
        change = _sum(change, _replace(connection, owner, ids, found))
        _settle(connection, ids)
    return change


def forget_evidence(connection: Connection, ids: Collection[int]) -> None:
    """Withdraw what was found of checkpoints' files, which are others now; what is told of them otherwise stays."""
    for piece in _pieces(list(ids)):
        rows = connection.execute(select(evidence).where(evidence.c.checkpoint_id.in_(piece))).all()
        _delete(connection, [row.id for row in rows if _owner(row.source) in _OF_FILES])
        _settle(connection, piece)


def _replace(connection: Connection, owner: str, ids: list[int], found: Mapping[int, Sequence[Finding]]) -> Change:
    wanted = {(id_, one.kind, one.status, one.statement, one.source): one for id_ in ids for one in found[id_]}
    gone = []
    for row in connection.execute(select(evidence).where(evidence.c.checkpoint_id.in_(ids))).all():
        if _owner(row.source) != owner:
            continue
        same = wanted.get((row.checkpoint_id, row.kind, row.status, row.statement, row.source))
        if same is not None and same.date in (None, row.date):
            del wanted[row.checkpoint_id, row.kind, row.status, row.statement, row.source]
        else:
            gone.append(row.id)
    _delete(connection, gone)
    new = [{"checkpoint_id": key[0], **asdict(one), "date": one.date or now()} for key, one in wanted.items()]
    if new:
        connection.execute(insert(evidence), new)
    return Change(added=len(new), withdrawn=len(gone))


def _keep_what_stands(connection: Connection, ids: list[int]) -> None:
    """Make evidence of statuses that were set where files were read, before others come beside them."""
    known = select(evidence.c.id).where(evidence.c.checkpoint_id == checkpoints.c.id).exists()
    rows = connection.execute(_of(ids).where(checkpoints.c.status != "unknown", ~known)).all()
    standing = [
        {
            "checkpoint_id": row.id,
            "kind": "verification",
            "status": row.status,
            "statement": row.reason or "its files were read",
            "source": row.source or REGISTER,
            "date": row.status_date or now(),
        }
        for row in rows
    ]
    if standing:
        connection.execute(insert(evidence), standing)


def _settle(connection: Connection, ids: list[int]) -> None:
    """Write the statuses that follow from the evidence, where they are not written already."""
    by_checkpoint = defaultdict(list)
    for row in connection.execute(
        select(evidence).where(evidence.c.checkpoint_id.in_(ids)).order_by(evidence.c.id)
    ).all():
        by_checkpoint[row.checkpoint_id].append(_evidence(row))
    for row in connection.execute(_of(ids)).all():
        status = derive_status(by_checkpoint[row.id])
        values = {"status": status.status, "reason": status.reason, "status_date": status.date, "source": status.source}
        if any(getattr(row, column) != value for column, value in values.items()):
            connection.execute(update(checkpoints).where(checkpoints.c.id == row.id).values(**values))


def _of(ids: list[int]) -> Any:
    """The checkpoints of these ids, without those that are no longer in their suite."""
    return select(checkpoints).where(checkpoints.c.id.in_(ids), checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED))


def _delete(connection: Connection, ids: list[int]) -> None:
    for piece in _pieces(ids):
        connection.execute(delete(evidence).where(evidence.c.id.in_(piece)))


def _owner(source: str) -> str:
    return next((owner for owner in (AUDIT, IMPORT, MEASURE, REGISTER, VERIFY) if source.startswith(owner)), SHIPPED)


def _evidence(row: AnyRow) -> Evidence:
    return Evidence(kind=row.kind, status=row.status, statement=row.statement, source=row.source, date=row.date)


def _sum(one: Change, other: Change) -> Change:
    return Change(added=one.added + other.added, withdrawn=one.withdrawn + other.withdrawn)


def _pieces(ids: list[int]) -> Iterator[list[int]]:
    """A database takes only so many values in one statement."""
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        yield ids[start : start + _ROWS_AT_ONCE]


# -- the reports that ship with seenat


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


def record_shipped_evidence(connection: Connection) -> Change:
    """Bring the shipped reports into the catalog, as far as it has their models, held against what the hub lists now."""
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
    held = _held_files(connection, names)
    found: dict[int, list[Finding]] = {row.id: [] for row in rows}
    for report in reports:
        steps = _Steps(report.steps)
        for row in rows:
            if row.name in report.models and row.step in steps:
                found[row.id].append(_finding(report, row, held[row.id]))
    return replace_evidence(connection, SHIPPED, found)


def _reports() -> tuple[_Report, ...]:
    text = resources.files("seenat.registry").joinpath("data", "evidence.json").read_text("utf-8")
    return tuple(
        _Report(**{**one, "models": tuple(one["models"]), "steps": tuple(one["steps"])})
        for one in json.loads(text)["evidence"]
    )


class _Steps:
    """The steps of a report."""

    def __init__(self, parts: Iterable[int | str]) -> None:
        self.ranges = tuple(
            HalfOpenRange(part, part + 1) if isinstance(part, int) else HalfOpenRange.parse(part, _LONGEST_RUN)
            for part in parts
        )

    def __contains__(self, step: int) -> bool:
        return any(step in one for one in self.ranges)


def _held_files(connection: Connection, names: Collection[str]) -> dict[int, dict[str, str | None]]:
    """The recorded files of these models' checkpoints, with their digests."""
    held: dict[int, dict[str, str | None]] = defaultdict(dict)
    for row in connection.execute(
        select(checkpoint_files)
        .join(checkpoints, checkpoints.c.id == checkpoint_files.c.checkpoint_id)
        .join(models, models.c.id == checkpoints.c.model_id)
        .where(models.c.name.in_(names))
    ):
        held[row.checkpoint_id][row.name] = row.sha256
    return held


def _finding(report: _Report, row: AnyRow, files: Mapping[str, str | None]) -> Finding:
    status, statement = report.status, report.statement
    refuted = _refutation(report, row, files)
    if refuted:
        status, statement = None, f"{statement} {refuted}"
    return Finding(kind=report.kind, status=status, statement=statement, source=report.source, date=report.date)


def _refutation(report: _Report, row: AnyRow, files: Mapping[str, str | None]) -> str | None:
    if report.status == "missing" and row.listed is not None and row.listed == row.commit_id and files:
        return "The hub has it now."
    if report.file is None or not files:
        return None
    held = files.get(report.file)
    if held is None and report.file in files:
        return None
    if held is not None and held.startswith(f"sha256:{report.sha256}"):
        return None
    return "The hub lists other bytes now."
