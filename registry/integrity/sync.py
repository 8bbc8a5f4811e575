"""Syncing: what the hub has of a model's repository, brought into the catalog without fetching weights.

A repository's revisions are recorded first, all in one transaction. Then the files of each revision that is a checkpoint's,
and of `main`, are listed by commit and recorded, a transaction a revision: a sync that is stopped goes on from there, and a
revision whose commit is known already is not asked for again. Files that are other than before take with them what was found
of the earlier ones. What it all means for the checkpoints' statuses is for `seenat.registry.integrity.audit` to say.

A revision that is neither a checkpoint's nor `main` is recorded by name and left alone. A checkpoint whose revision is gone
keeps what was known of its files: results were measured on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.queries import NO_LONGER_STATED, AnyRow, checkpoint_file, now
from seenat.registry.catalog.specs import FileRecord
from seenat.registry.database.tables import checkpoint_files, checkpoints, revisions
from seenat.registry.errors import HubUnavailable, InvalidValue, SeenatError, Unreachable
from seenat.registry.hub.listing import Listing, RepositoryListing
from seenat.registry.integrity.evidence import forget_evidence

__all__ = ["MAIN", "Failure", "Sync", "Synced", "sync_model", "sync_models"]

MAIN = "main"
"""The revision that a repository shows when none is named; in a suite, the last checkpoint once more."""
_REQUESTS_AT_ONCE = 8
_LOST = 2
"""So many repositories in a row that cannot be reached mean that none can."""

Progress = Callable[[str, int, int], None]
"""Told the model, how many checkpoints of all were dealt with, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What syncing one model did."""

    model: str
    repository: str
    listed: int
    """Revisions that the hub has."""
    read: int
    """Of them, those whose files had to be listed now."""
    changed: tuple[int, ...]
    """Steps whose files were others before."""
    missing: tuple[int, ...]
    """Steps without a revision."""
    unknown: tuple[str, ...]
    """Revisions that are no checkpoint's."""

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A model whose repository could not be read."""

    model: str
    error: SeenatError

    def to_json(self) -> dict[str, str]:
        """The model, the error's class and its message."""
        return {"model": self.model, "error": type(self.error).__name__, "message": str(self.error)}


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
    """Sync several models; one whose repository cannot be read is told and passed over.

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
    done = len(model.checkpoints) - sum(place.step is not None for one in outdated.values() for place in one)
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
            one.step for one in model.checkpoints if one.revision not in listed and one.reason != NO_LONGER_STATED
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
    """Let the recorded revisions be those that are listed; what is known of a commit stays with it."""
    known = {row.name: row for row in connection.execute(select(revisions).where(_is_of(model)))}
    gone = [name for name, row in known.items() if listed.get(name) != row.commit_id]
    for name in gone:
        connection.execute(delete(revisions).where(_is_of(model), revisions.c.name == name))
    new = [
        {"model_id": model.id, "name": name, "commit_id": commit, "seen_at": now()}
        for name, commit in listed.items()
        if name not in known or name in gone
    ]
    if new:
        connection.execute(insert(revisions), new)


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
        files = connection.execute(select(revisions.c.files).where(_is_of(model), revisions.c.name == MAIN)).scalar()
        places.append(_Revision(revision=MAIN, commit=listed[MAIN], is_outdated=files is None))
    return tuple(places)


def _is_of(model: Model) -> Any:
    return revisions.c.model_id == model.id


def _by_commit(places: Iterator[_Revision]) -> dict[str, list[_Revision]]:
    found = defaultdict(list)
    for place in places:
        found[place.commit].append(place)
    return found


# -- their files


def _listings(repository: RepositoryListing, commits: list[str]) -> Iterator[Listing]:
    """The listings of commits as they arrive; a few are asked for at a time, and no more once one failed."""
    left = iter(commits)
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        asked: set[Future[Listing]] = set()
        while True:
            for commit in left:
                asked.add(pool.submit(repository.files, commit))
                if len(asked) == _REQUESTS_AT_ONCE:
                    break
            if not asked:
                return
            arrived, asked = wait(asked, return_when=FIRST_COMPLETED)
            for one in arrived:
                yield one.result()


def _record_listing(catalog: Catalog, model: Model, places: list[_Revision], listing: Listing) -> list[int]:
    """Record what lies at these places; returns the steps that held other files before."""
    changed = []
    with catalog.database.write() as connection:
        for place in places:
            values: dict[str, Any] = {"elements": listing.elements and dict(listing.elements)}
            if place.checkpoint_id is None:
                values["files"] = {one.name: {"bytes": one.bytes, "sha256": one.sha256} for one in listing.files}
            elif _record_files(connection, place.checkpoint_id, listing) and place.step is not None:
                changed.append(place.step)
            connection.execute(
                update(revisions).where(_is_of(model), revisions.c.name == place.revision).values(**values)
            )
    return changed


def _record_files(connection: Connection, checkpoint_id: int, listing: Listing) -> bool:
    """Record a checkpoint's files; tells whether others were recorded before."""
    before = connection.execute(select(checkpoints).where(checkpoints.c.id == checkpoint_id)).one()
    rows = connection.execute(select(checkpoint_files).where(checkpoint_files.c.checkpoint_id == checkpoint_id)).all()
    known = {row.name: checkpoint_file(row) for row in rows}
    connection.execute(delete(checkpoint_files).where(checkpoint_files.c.checkpoint_id == checkpoint_id))
    if listing.files:
        connection.execute(
            insert(checkpoint_files), [_file_row(checkpoint_id, one, known.get(one.name)) for one in listing.files]
        )
    connection.execute(
        update(checkpoints)
        .where(checkpoints.c.id == checkpoint_id)
        .values(commit_id=listing.commit, digest=listing.digest)
    )
    if not _is_other(before, known, listing):
        return False
    forget_evidence(connection, [checkpoint_id])
    return True


def _is_other(before: AnyRow, known: Mapping[str, FileRecord], listing: Listing) -> bool:
    """Whether something was known of a checkpoint that is no longer so."""
    if before.digest is not None:
        return bool(before.digest != listing.digest)
    return bool(known) and {one.name: one.sha256 for one in known.values()} != {
        one.name: one.sha256 for one in listing.files
    }


def _file_row(checkpoint_id: int, file: FileRecord, known: FileRecord | None) -> dict[str, Any]:
    same = known is not None and (known.bytes, known.sha256) == (file.bytes, file.sha256)
    return {
        "checkpoint_id": checkpoint_id,
        "name": file.name,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "modified_ns": known.modified_ns if known is not None and same else None,
    }
