"""Importing published memorization results: which rows count, and importing each set once.

The published procedure, run over 512 processes, wrote some rows twice, and some beyond the checkpoint, which it had not seen: both are
left out and counted. Of a run over all 146,432,000 sequences the last 304 rows were numbered one too high: rows of those
numbers are *marked*, neither repaired nor compared, since a set does not say which run it came from.

A set's file (`seenat.memorization.published.result_sets`) is written durably, then recorded with its digest; where it cannot be recorded,
it is deleted. Importing the same again changes nothing, importing a changed source replaces what came from it, and another
source of the same model, checkpoint and split is a set of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, delete, insert, select, update

from seenat.memorization.published.result_sets import NOTHING_ELSE, PUBLISHED_PROTOCOL, SetContent
from seenat.memorization.published.sources import Piece, PublishedData, open_published
from seenat.memorization.published.subjects import Stated, Subject, subjects_of
from seenat.memorization.published.token_check import TokenCheck, open_check
from seenat.memorization.results.measurements import results_folder
from seenat.registry.access.import_log import note_import
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.rows import AnyRow, now
from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.imports import result_sets
from seenat.registry.errors import CorruptFile, InvalidValue, NotMeasured
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.local import write_atomic
from seenat.registry.units import SequenceRange

__all__ = ["ImportedSet", "RemovedSet", "forget_result_sets", "import_published", "remove_imported"]

# Sequences of a whole Pythia run.
_ALL = 146_432_000

# Each of 512 processes scored 286,000 rows in batches of 1,024; 286,000 modulo 1,024 is the last, short batch of a run.
_SHIFTED = 304

_FOLDER = "published"
_ONLY_LISTED = (
    "It lists memorized sequences and does not say among which, so only these are compared; if it covers more, import it again with "
    "--sequences A:B."
)
# A set's name has 200 characters of room.
_LONGEST_NAME = 160

Progress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class ImportedSet(Answer):
    """The result of importing one result set."""

    json_names = (
        "name",
        "model",
        "step",
        "kind",
        "sequences",
        "memorized",
        "read",
        "repeated",
        "beyond",
        "marked",
        "bytes",
        "outcome",
        "note",
    )

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
    """What is kept with it."""
    covers: SequenceRange | None = None
    """Of a list: the sequences of which all others were not memorized, empty where that is not known; None for all seen."""
    remarks: tuple[str, ...] = ()
    """What to know of this import."""


def import_published(
    catalog: Catalog,
    source: str,
    *,
    split: str | None = None,
    model: str | None = None,
    step: int | str | None = None,
    deduplicated: bool | None = None,
    sequences: str | None = None,
    progress: Progress = lambda name, rows: None,
) -> tuple[ImportedSet, ...]:
    """Import a data set of published results, or one split of it; `progress` gets the split and the rows read so far.

    The name of a split says which model and checkpoint it is about, or else `model` and `step` do. Of a sample, whose columns are
    sizes, `deduplicated` says which models those are, unless the source's name does; `model` takes the scores of one.
    `sequences`, "A:B", says which sequences a list covers. Raises `InvalidValue` where nothing says one of these, or two
    things contradict each other, and what `seenat.memorization.published.sources` raises.
    """
    stated = Stated(model=model, step=step, deduplicated=deduplicated)
    with open_published(source) as splits:
        chosen = [data for data in splits if split in (None, data.split)]
        if not chosen:
            raise InvalidValue(f"{source} has no split {split}; it has {', '.join(data.split for data in splits)}.")
        imported: list[ImportedSet] = []
        for data in chosen:
            subjects = subjects_of(catalog, data, source, stated)
            covers = _coverage(data, subjects[0], sequences)
            rows, remark = _read(data, subjects, progress)
            for subject in subjects:
                content = _content(data, subject, rows, covers)
                remarks = [remark, _ONLY_LISTED if covers == NOTHING_ELSE else None]
                imported.append(_record(catalog, data, subject, content, tuple(filter(None, remarks))))
    return tuple(imported)


def _coverage(data: PublishedData, subject: Subject, sequences: str | None) -> SequenceRange | None:
    """What a list covers: what the user says, everything that was seen for Pythia's own, or nothing else."""
    if not data.columns.is_list:
        if sequences is not None:
            raise InvalidValue(
                f"The rows of {data.source} say which sequences were measured and which of them are memorized; leave out "
                "--sequences."
            )
        return None
    if sequences is not None:
        return SequenceRange.parse(sequences, subject.seen)
    return None if subject.published else NOTHING_ELSE


# -- reading


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows of a split, in the order of their sequences, each sequence once."""

    sequences: npt.NDArray[np.int64]
    scores: dict[str, npt.NDArray[np.uint8]]
    flags: npt.NDArray[np.bool_] | None
    read: int


def _read(data: PublishedData, subjects: list[Subject], progress: Progress) -> tuple[_Rows, str | None]:
    """All rows, and what to know of their ids."""
    check = _token_check(data, subjects)
    pieces: list[Piece] = []
    rows = 0
    for piece in data.pieces(tokens=isinstance(check, TokenCheck)):
        if isinstance(check, TokenCheck):
            check.check(piece.index, piece.tokens, data.source)
        pieces.append(replace(piece, tokens=None))
        rows += len(piece.index)
        progress(data.split, rows)
    if not rows:
        raise InvalidValue(f"The split {data.split} of {data.source} is empty.")
    return _joined(data, pieces), check if isinstance(check, str) else None


def _token_check(data: PublishedData, subjects: list[Subject]) -> TokenCheck | str | None:
    """None where there are no ids, or the published set holds those of several models' orders."""
    if data.columns.tokens is None:
        return None
    check = open_check(
        subjects[0].model.training_order, min(subject.seen for subject in subjects), _marked_from(subjects[0])
    )
    # Of Pythia's own sets it goes without saying: few have the order here, and its sets are known to be of it.
    return None if isinstance(check, str) and subjects[0].published else check


def _joined(data: PublishedData, pieces: list[Piece]) -> _Rows:
    """Raises `CorruptFile` where rows of one sequence say different things of it.

    Of a random sample the first counts: the published procedure scored rows that it wrote twice in two batches.
    """
    index = np.concatenate([piece.index for piece in pieces])
    distinct, place, number = np.unique(index, return_index=True, return_inverse=True)
    scores = {size: np.concatenate([piece.scores[size] for piece in pieces]) for size in pieces[0].scores}
    flags = None if pieces[0].flags is None else np.concatenate([np.asarray(piece.flags) for piece in pieces])
    for values in (scores.get(""), flags):
        differs = np.flatnonzero(values[place][number] != values) if values is not None else place[:0]
        if differs.size:
            raise CorruptFile(
                f"{data.source} holds rows of the sequence {index[differs[0]]} that say different things of it; leave one out."
            )
    return _Rows(
        sequences=distinct,
        scores={size: values[place] for size, values in scores.items()},
        flags=None if flags is None else flags[place],
        read=len(index),
    )


def _content(data: PublishedData, subject: Subject, rows: _Rows, covers: SequenceRange | None) -> SetContent:
    """The rows of one model, without those that the checkpoint had not seen."""
    kept = rows.sequences < subject.seen
    sequences, scores = rows.sequences[kept], rows.scores.get(subject.size)
    outside = sequences[(sequences < covers.start) | (sequences >= covers.stop)] if covers else sequences[:0]
    if outside.size:
        raise InvalidValue(
            f"{data.source} lists the sequence {outside[0]}, and --sequences says that it covers {covers}; state a range with all "
            "of its sequences."
        )
    return SetContent(
        sequences=sequences,
        scores=None if scores is None else scores[kept],
        flags=rows.flags[kept] if rows.flags is not None and scores is None else None,
        covers=covers,
        marked_from=_marked_from(subject),
        read=rows.read,
        repeated=rows.read - len(rows.sequences),
        beyond=int((~kept).sum()),
    )


def _marked_from(subject: Subject) -> int | None:
    return _ALL - _SHIFTED + 1 if subject.seen == _ALL and subject.published else None


# -- recording


def _record(
    catalog: Catalog, data: PublishedData, subject: Subject, content: SetContent, remarks: tuple[str, ...]
) -> ImportedSet:
    """Write the file, then its row; a file that is no longer anybody's is deleted."""
    kind = "memorized" if data.columns.is_list else "sample"
    base = f"{kind} {subject.model.name} step {subject.checkpoint.step} {data.split}"[:_LONGEST_NAME]
    encoded = content.to_bytes()
    digest = sha256_of_bytes(encoded)
    with catalog.database.read() as connection:
        name, before = _place(connection, base, data.source, digest)
    folder = results_folder(catalog.database)
    file = f"{_FOLDER}/{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{digest.removeprefix('sha256:')[:12]}.npz"
    outcome = "unchanged" if before and before.digest == digest else "replaced" if before else "added"
    if before is not None and outcome == "unchanged":
        if not (folder / before.file).exists():
            write_atomic(folder / before.file, encoded)
        return _imported(name, kind, subject, content, len(encoded), outcome, remarks)
    row = {
        "model_id": subject.model.id,
        "step": subject.checkpoint.step,
        "kind": kind,
        "protocol": PUBLISHED_PROTOCOL if subject.published else {},
        "sequences": len(content.sequences),
        "file": file,
        "digest": digest,
        "source": data.source,
        "note": subject.note,
        "imported_at": now(),
    }
    try:
        write_atomic(folder / file, encoded)
        with catalog.database.write() as connection:
            if before is None:
                connection.execute(insert(result_sets).values(name=name, **row))
            else:
                connection.execute(update(result_sets).where(result_sets.c.name == name).values(**row))
            note_import(connection, outcome, kind, name, data.source, digest=digest)
    except BaseException:
        (folder / file).unlink(missing_ok=True)
        raise
    if before is not None:
        (folder / before.file).unlink(missing_ok=True)
    return _imported(name, kind, subject, content, len(encoded), outcome, remarks)


@dataclass(frozen=True, kw_only=True)
class RemovedSet(Answer):
    """A result set that was removed, or would be."""

    name: str
    model: str
    step: int
    kind: str
    sequences: int
    source: str
    digest: str
    bytes: int
    """Of its file; 0 where that is gone."""
    done: bool
    """Whether it was removed; else nothing was changed."""


def remove_imported(catalog: Catalog, name: str, *, yes: bool = False) -> RemovedSet:
    """Remove a result set, by its name; without `yes`, only say what would go. Its row goes first, in one transaction, then its file.

    Raises `NotMeasured` where no set has that name.
    """
    with catalog.database.write() if yes else catalog.database.read() as connection:
        row = _set_of_name(connection, name)
        if yes:
            connection.execute(delete(result_sets).where(result_sets.c.name == name))
            note_import(connection, "removed", row.kind, name, row.source, digest=row.digest)
    file = results_folder(catalog.database) / row.file
    size = file.stat().st_size if file.is_file() else 0
    if yes:
        file.unlink(missing_ok=True)
    facts = {key: getattr(row, key) for key in ("model", "step", "kind", "sequences", "source", "digest")}
    return RemovedSet(name=name, bytes=size, done=yes, **facts)


def _set_of_name(connection: Connection, name: str) -> AnyRow:
    query = select(result_sets, models.c.name.label("model")).join(models, models.c.id == result_sets.c.model_id)
    rows = {row.name: row for row in connection.execute(query.order_by(result_sets.c.id))}
    if name not in rows:
        there = f"there is {', '.join(rows)}" if rows else "nothing published was imported"
        raise NotMeasured(f"No published results have the name {name!r}; {there}.", [])
    return rows[name]


def forget_result_sets(connection: Connection, model_ids: Sequence[int]) -> list[str]:
    """Delete the rows of what was imported of some models; returns their files, relative to the folder of results."""
    of_models = result_sets.c.model_id.in_(model_ids)
    files = list(connection.execute(select(result_sets.c.file).where(of_models)).scalars())
    connection.execute(delete(result_sets).where(of_models))
    return files


def _place(connection: Connection, base: str, source: str, digest: str) -> tuple[str, AnyRow | None]:
    """The name of a set, and the stored set that it is or replaces: of the same content, or from the same source."""
    rows = connection.execute(select(result_sets).order_by(result_sets.c.id)).all()
    ours = [row for row in rows if re.fullmatch(re.escape(base) + "( [0-9]+)?", row.name)]
    for is_same in (
        lambda row: row.digest == digest,
        lambda row: _without_commit(row.source) == _without_commit(source),
    ):
        if (same := next(filter(is_same, ours), None)) is not None:
            return same.name, same
    taken = {row.name for row in ours}
    names = (base if number == 1 else f"{base} {number}" for number in count(1))
    return next(name for name in names if name not in taken), None


def _without_commit(source: str) -> str:
    return source.rpartition("@")[0] if source.startswith("hf://") else source


def _imported(
    name: str,
    kind: str,
    subject: Subject,
    content: SetContent,
    size: int,
    outcome: str,
    remarks: tuple[str, ...],
) -> ImportedSet:
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
        covers=content.covers,
        remarks=remarks,
    )
