"""Syncing: what the hub has of a model's repository, brought into the catalog without fetching weights.

A repository's revisions are recorded first, all in one transaction. Then the files of each checkpoint's revision, and of
`main`, are listed by commit and recorded, one transaction a revision: an interrupted sync continues where it stopped, and a
revision with a known commit is not listed again. When files have changed, evidence about the earlier ones is deleted.
Statuses are derived by `seenat.registry.integrity.audit`.

A revision that is neither a checkpoint's nor `main` is recorded by name only. A checkpoint whose revision is gone keeps its
recorded files, since results were measured on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.checkpoint_tables import (
    replace_files,
    replace_revisions,
    update_checkpoints,
    update_revision,
)
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.queries import checkpoint_files_of
from seenat.registry.catalog.status import NO_LONGER_STATED
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import checkpoints, revisions
from seenat.registry.errors import HubUnavailable, InvalidValue, SeenatError, Unreachable
from seenat.registry.hub.listing import Listing, RepositoryListing
from seenat.registry.integrity.evidence import forget_evidence

__all__ = ["MAIN", "Failure", "Sync", "Synced", "sync_model", "sync_models"]

MAIN = "main"
"""The revision that a repository shows when none is named; in a suite, the last checkpoint once more."""
_REQUESTS_AT_ONCE = 8
# After this many unreachable repositories in a row, none is expected to answer.
_LOST = 2

Progress = Callable[[str, int, int], None]
"""Called with the model, the number of checkpoints done, and the number of all."""


@dataclass(frozen=True, kw_only=True)
class Synced(Answer):
    """What syncing one model did."""

    model: str
    repository: str
    listed: int
    """Revisions that the hub has."""
    read: int
    """Of them, those whose files had to be listed now."""
    changed: tuple[int, ...]
    """Steps whose files have changed."""
    missing: tuple[int, ...]
    """Steps without a revision."""
    unknown: tuple[str, ...]
    """Revisions that are no checkpoint's."""


@dataclass(frozen=True, kw_only=True)
class Failure(Answer):
    """A model whose repository could not be read."""

    json_names = ("model", "error=error_name", "message")

    model: str
    error: SeenatError

    @property
    def error_name(self) -> str:
        """The name of the error's class."""
        return type(self.error).__name__

    @property
    def message(self) -> str:
        """The error's message."""
        return str(self.error)


@dataclass(frozen=True, kw_only=True)
class Sync:
    """What syncing several models did."""

    models: tuple[Synced, ...]
    failures: tuple[Failure, ...]

    @property
    def unreached(self) -> HubUnavailable | None:
        """The error that names the repositories which could not be reached; None when all could."""
        lost = [failure for failure in self.failures if isinstance(failure.error, Unreachable)]
        if not lost:
            return None
        names = ", ".join(failure.model for failure in lost)
        return HubUnavailable(f"What the hub has of {names} could not be read: {lost[0].error}")


def sync_models(
    catalog: Catalog, models: Sequence[Model], progress: Progress = lambda _model, _done, _all: None
) -> Sync:
    """Sync several models; one whose repository cannot be read is reported and skipped.

    Raises the error when it concerns the only model, and `HubUnavailable` when two in a row cannot be reached.
    """
    synced: list[Synced] = []
    failures: list[Failure] = []
    done, lost, total = 0, 0, sum(len(model.checkpoints) for model in models)
    for model in models:
        try:
            synced.append(sync_model(catalog, model, _shifted(progress, done, total)))
            lost = 0
        except SeenatError as error:
            lost = lost + 1 if isinstance(error, Unreachable) else 0
            if len(models) == 1 or lost == _LOST:
                raise
            failures.append(Failure(model=model.name, error=error))
        done += len(model.checkpoints)
    return Sync(models=tuple(synced), failures=tuple(failures))


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    return lambda model, done, _: progress(model, before + done, total)


def sync_model(catalog: Catalog, model: Model, progress: Progress = lambda _model, _done, _all: None) -> Synced:
    """Bring what the hub has of one model into the catalog.

    Raises `InvalidValue` for a model without a repository, `UnknownCheckpoint` when the hub shows none of that name,
    `HubUnavailable` when it refuses or does not answer, and `CorruptFile` when it sends another file than it listed.
    """
    if model.repository is None:
        raise InvalidValue(f"{model.name} has no repository on a hub: {_elsewhere(model)}.")
    repository = RepositoryListing(model.repository)
    listed = repository.revisions()
    with catalog.database.write() as connection:
        _record_revisions(connection, model, listed)
        places = _places(connection, model, listed)
    outdated = _by_commit(place for place in places if place.is_outdated)
    done = len(model.checkpoints) - sum(place.step is not None for places in outdated.values() for place in places)
    progress(model.name, done, len(model.checkpoints))
    changed: list[int] = []
    for listing in _listings(repository, list(outdated)):
        changed += _record_listing(catalog, model, outdated[listing.commit], listing)
        done += sum(place.step is not None for place in outdated[listing.commit])
        progress(model.name, done, len(model.checkpoints))
    return Synced(
        model=model.name,
        repository=model.repository,
        listed=len(listed),
        read=sum(map(len, outdated.values())),
        changed=tuple(sorted(changed)),
        missing=tuple(
            checkpoint.step
            for checkpoint in model.checkpoints
            if checkpoint.revision not in listed and checkpoint.reason != NO_LONGER_STATED
        ),
        unknown=tuple(sorted(listed.keys() - {place.revision for place in places})),
    )


def _elsewhere(model: Model) -> str:
    if model.folder is None:
        return "its checkpoints are not published"
    return f"its checkpoints are in {model.folder}, and `seenat verify {model.name}` reads them"


# -- which revisions, and whether they are known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revision:
    """A revision whose files matter."""

    revision: str
    commit: str
    is_outdated: bool
    step: int | None = None
    checkpoint_id: int | None = None
    """Both None for a `main` that is no checkpoint."""


def _record_revisions(connection: Connection, model: Model, listed: Mapping[str, str]) -> None:
    """Make recorded revisions equal the listing; keep the data of unchanged commits."""
    recorded = {
        row.name: row.commit_id for row in connection.execute(select(revisions).where(revisions.c.model_id == model.id))
    }
    gone = [name for name, commit in recorded.items() if listed.get(name) != commit]
    new = {name: commit for name, commit in listed.items() if recorded.get(name) != commit}
    replace_revisions(connection, model.id, gone, new)


def _places(connection: Connection, model: Model, listed: Mapping[str, str]) -> tuple[_Revision, ...]:
    rows = connection.execute(
        select(checkpoints).where(
            checkpoints.c.model_id == model.id, checkpoints.c.reason.is_distinct_from(NO_LONGER_STATED)
        )
    ).all()
    places = [
        _Revision(
            revision=row.revision,
            commit=listed[row.revision],
            is_outdated=row.commit_id != listed[row.revision],
            step=row.step,
            checkpoint_id=row.id,
        )
        for row in rows
        if row.revision in listed
    ]
    if MAIN in listed and MAIN not in {row.revision for row in rows}:
        is_main = revisions.c.model_id == model.id, revisions.c.name == MAIN
        files = connection.execute(select(revisions.c.files).where(*is_main)).scalar()
        places.append(_Revision(revision=MAIN, commit=listed[MAIN], is_outdated=files is None))
    return tuple(places)


def _by_commit(places: Iterator[_Revision]) -> dict[str, list[_Revision]]:
    by_commit = defaultdict(list)
    for place in places:
        by_commit[place.commit].append(place)
    return by_commit


# -- their files


def _listings(repository: RepositoryListing, commits: list[str]) -> Iterator[Listing]:
    """The listings of commits as they arrive; a few requests at a time, and no more after a failure."""
    left = iter(commits)
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        requests: set[Future[Listing]] = set()
        while True:
            for commit in left:
                requests.add(pool.submit(repository.files, commit))
                if len(requests) == _REQUESTS_AT_ONCE:
                    break
            if not requests:
                return
            done, requests = wait(requests, return_when=FIRST_COMPLETED)
            for request in done:
                yield request.result()


def _record_listing(catalog: Catalog, model: Model, places: list[_Revision], listing: Listing) -> list[int]:
    """Record what these revisions hold; returns the steps whose files changed."""
    changed = []
    with catalog.database.write() as connection:
        for place in places:
            values: dict[str, Any] = {"elements": listing.elements and dict(listing.elements)}
            if place.checkpoint_id is None:
                values["files"] = {file.name: {"bytes": file.bytes, "sha256": file.sha256} for file in listing.files}
            elif _record_files(connection, place.checkpoint_id, listing) and place.step is not None:
                changed.append(place.step)
            update_revision(connection, model.id, place.revision, **values)
    return changed


def _record_files(connection: Connection, checkpoint_id: int, listing: Listing) -> bool:
    """Record a checkpoint's files; returns whether other files were recorded before."""
    before = connection.execute(select(checkpoints).where(checkpoints.c.id == checkpoint_id)).one()
    recorded = {file.name: file for file in checkpoint_files_of(connection, checkpoint_id)}
    files = [_as_recorded(file, recorded.get(file.name)) for file in listing.files]
    replace_files(connection, {checkpoint_id: files})
    update_checkpoints(connection, [checkpoint_id], commit_id=listing.commit, digest=listing.digest)
    if not _is_other(before, recorded, listing):
        return False
    forget_evidence(connection, [checkpoint_id])
    return True


def _is_other(before: AnyRow, recorded: Mapping[str, FileRecord], listing: Listing) -> bool:
    """Whether the recorded content has changed."""
    if before.digest is not None:
        return bool(before.digest != listing.digest)
    return bool(recorded) and {file.name: file.sha256 for file in recorded.values()} != {
        file.name: file.sha256 for file in listing.files
    }


def _as_recorded(file: FileRecord, recorded: FileRecord | None) -> FileRecord:
    """A listed file, with the state of a local copy where it is still the recorded one."""
    same = recorded is not None and (recorded.bytes, recorded.sha256) == (file.bytes, file.sha256)
    return recorded if recorded is not None and same else file
