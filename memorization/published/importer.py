"""Importing published memorization results: which model they are of, which rows count, and each set only once.

Whose results they are is not stated. Launcher and notebook of the published procedure name only `-v0` models, so results are
attached to those, where the catalog has them; a note says so.

That procedure, run over 512 processes, wrote some rows twice, and some beyond the checkpoint, which it had not seen: both are
left out and counted. Of a run over all 146,432,000 sequences the last 304 rows were numbered one too high: rows of those
numbers are *marked*, neither repaired nor compared, since a set does not say which run it came from.

A set's file (`seenat.memorization.published.result_sets`) is written durably, then recorded with its digest. Importing the same again
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, insert, select, update

from seenat.memorization.published.result_sets import PUBLISHED_PROTOCOL, SetContent
from seenat.memorization.published.sources import PublishedData, SplitName, open_published
from seenat.memorization.results.measurements import results_folder
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.database.rows import AnyRow, now
from seenat.registry.database.tables.imports import result_sets
from seenat.registry.errors import InvalidValue, UnknownModel
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.local import write_atomic

__all__ = ["ImportedSet", "import_published"]

# Sequences of a whole Pythia run.
_ALL = 146_432_000

# Each of 512 processes scored 286,000 rows in batches of 1,024; 286,000 modulo 1,024 is the last, short batch of a run.
_SHIFTED = 304

_FOLDER = "published"
_LIKELY_V0 = "Most likely results of the -v0 model: launcher and notebook name only those, the data card does not say."
_NO_V0 = "Most likely results of the -v0 model, which this catalog does not have: attached to the later one."

Progress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class ImportedSet(Answer):
    """The result of importing one result set."""

    name: str
    model: str
    step: int
    kind: str
    sequences: int
    memorized: int
    read: int
    repeated: int
    beyond: int
    marked: int
    bytes: int
    outcome: str
    """`added`, `replaced` or `unchanged`."""
    note: str | None


def import_published(
    catalog: Catalog,
    source: str,
    *,
    split: str | None = None,
    model: str | None = None,
    step: int | str | None = None,
    deduplicated: bool | None = None,
    progress: Progress = lambda name, rows: None,
) -> tuple[ImportedSet, ...]:
    """Import a data set of published results, or one split of it; `progress` gets the split and the rows read so far.

    The name of a split says which model and checkpoint it is about, or else `model` and `step` do. Of a sample, whose columns are sizes,
    `deduplicated` says which models those are, unless the source's name does. Raises `InvalidValue` where neither says so, and
    what `seenat.memorization.published.sources` raises.
    """
    with open_published(source) as splits:
        chosen = [data for data in splits if split in (None, data.split)]
        if not chosen:
            raise InvalidValue(f"{source} has no split {split}; it has {', '.join(data.split for data in splits)}.")
        imported: list[ImportedSet] = []
        for data in chosen:
            subjects = _subjects(catalog, data, source, model, step, deduplicated)
            for subject, content in _read(data, subjects, progress):
                imported.append(_record(catalog, data, subject, content))
    return tuple(imported)


# -- whose results they are


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """One model at one checkpoint, and where its results are."""

    model: Model
    checkpoint: Checkpoint
    size: str | None
    """Whose column of a sample it is."""
    note: str | None

    @property
    def seen(self) -> int:
        return self.checkpoint.sequences_seen.stop


def _subjects(
    catalog: Catalog,
    data: PublishedData,
    source: str,
    model: str | None,
    step: int | str | None,
    deduplicated: bool | None,
) -> list[_Subject]:
    if data.sizes:
        if deduplicated is None:
            deduplicated = _deduplicated(source)
        return [_pythia(catalog, size, deduplicated, step, size) for size in data.sizes]
    if model is not None:
        named_model = catalog.model(model)
        checkpoint = named_model.checkpoint(step) if step is not None else named_model.checkpoints[-1]
        return [_Subject(model=named_model, checkpoint=checkpoint, size=None, note=None)]
    named = SplitName.parse(data.split)
    if named is None:
        raise InvalidValue(
            f"The split {data.split} of {source} does not say which model it is about; say it with --model and --step."
        )
    label = step if step is not None else None if named.label is None else f"step{named.label}"
    return [_pythia(catalog, named.size, named.deduplicated, label, None)]


def _deduplicated(source: str) -> bool:
    name = Path(source).name
    if "duped" not in name:
        raise InvalidValue(
            f"{source} does not say which models' scores it holds; say it with --corpus duped or deduped."
        )
    return "deduped" in name


def _pythia(catalog: Catalog, size: str, deduplicated: bool, step: int | str | None, column: str | None) -> _Subject:
    """The Pythia model of a size, of the first release where the catalog has it, at a step or its last checkpoint."""
    name = f"pythia-{size}{'-deduped' if deduplicated else ''}"
    try:
        model, note = catalog.model(f"{name}-v0"), _LIKELY_V0
    except UnknownModel:
        model, note = catalog.model(name), _NO_V0
    checkpoint = model.checkpoint(step) if step is not None else model.checkpoints[-1]
    return _Subject(model=model, checkpoint=checkpoint, size=column, note=note)


# -- reading


def _read(data: PublishedData, subjects: list[_Subject], progress: Progress) -> list[tuple[_Subject, SetContent]]:
    indices: list[npt.NDArray[np.int64]] = []
    scores: dict[str, list[npt.NDArray[np.uint8]]] = {size: [] for size in data.sizes}
    rows = 0
    for piece in data.pieces():
        indices.append(piece.index)
        for size, values in piece.scores.items():
            scores[size].append(values)
        rows += len(piece.index)
        progress(data.split, rows)
    if not rows:
        raise InvalidValue(f"The split {data.split} of {data.source} is empty.")
    index = np.concatenate(indices)
    columns = {size: np.concatenate(values) for size, values in scores.items()}
    return [(subject, _clean(index, columns.get(subject.size or ""), subject.seen)) for subject in subjects]


def _clean(index: npt.NDArray[np.int64], scores: npt.NDArray[np.uint8] | None, seen: int) -> SetContent:
    """The rows by sequence, each once, without those that the checkpoint had not seen."""
    distinct, place = np.unique(index, return_index=True)
    kept = distinct < seen
    return SetContent(
        sequences=distinct[kept],
        scores=None if scores is None else scores[place[kept]],
        marked_from=_ALL - _SHIFTED + 1 if seen == _ALL else None,
        read=len(index),
        repeated=len(index) - len(distinct),
        beyond=int((~kept).sum()),
    )


# -- recording


def _record(catalog: Catalog, data: PublishedData, subject: _Subject, content: SetContent) -> ImportedSet:
    """Write the file, then its row; a file that is no longer anybody's is deleted."""
    kind = "sample" if data.sizes else "memorized"
    name = f"{kind} {subject.model.name} step {subject.checkpoint.step} {data.split}"
    encoded = content.to_bytes()
    digest = sha256_of_bytes(encoded)
    file = f"{_FOLDER}/{name.replace(' ', '_')}-{digest.removeprefix('sha256:')[:12]}.npz"
    with catalog.database.read() as connection:
        before = _stored(connection, name)
    path = results_folder(catalog.database) / file
    if before is None or before.digest != digest or not path.exists():
        write_atomic(path, encoded)
    outcome = "unchanged"
    if before is None or before.digest != digest:
        outcome = "added" if before is None else "replaced"
        row = {
            "model_id": subject.model.id,
            "step": subject.checkpoint.step,
            "kind": kind,
            "protocol": PUBLISHED_PROTOCOL,
            "sequences": len(content.sequences),
            "file": file,
            "digest": digest,
            "source": data.source,
            "note": subject.note,
            "imported_at": now(),
        }
        with catalog.database.write() as connection:
            if _stored(connection, name) is None:
                connection.execute(insert(result_sets).values(name=name, **row))
            else:
                connection.execute(update(result_sets).where(result_sets.c.name == name).values(**row))
        if before is not None:
            (results_folder(catalog.database) / before.file).unlink(missing_ok=True)
    return _imported(name, kind, subject, content, len(encoded), outcome)


def _stored(connection: Connection, name: str) -> AnyRow | None:
    return connection.execute(select(result_sets).where(result_sets.c.name == name)).one_or_none()


def _imported(name: str, kind: str, subject: _Subject, content: SetContent, size: int, outcome: str) -> ImportedSet:
    return ImportedSet(
        name=name,
        model=subject.model.name,
        step=subject.checkpoint.step,
        kind=kind,
        sequences=len(content.sequences),
        memorized=len(content.memorized),
        read=content.read,
        repeated=content.repeated,
        beyond=content.beyond,
        marked=content.marked,
        bytes=size,
        outcome=outcome,
        note=subject.note,
    )
