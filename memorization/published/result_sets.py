"""Result sets: published lists of memorized sequences, as the catalog holds them.

A *result set* is one model at one checkpoint: its memorized sequences (kind `memorized`), or some sequences, each memorized or
not (kind `sample`). A list *covers* the sequences among which every other one was not memorized: all that the checkpoint had
seen for Pythia's own, those that the user states, or none beside the listed ones. A sample covers its own sequences.

The protocol of Pythia's own is the published procedure's: 32 ids of prompt, 32 to reproduce, greedy, the end of a document
banned, half precision (`predictable-memorization/eval_memorization.py` of https://github.com/EleutherAI/pythia). That of another
set is empty: nobody stated it.

The file is an .npz of `gaps` (each sequence minus the one before it, uint32 or uint64), `scores` (uint8, of 32) or `flags` for a
sample, `covers` (start and stop) for a list of which that was stated, `marked_from` and `counts` (rows read, repeated, beyond). A
list without `covers` covers everything where it is one of Pythia's own by its name, else nothing but its sequences. The
catalog knows the file's digest.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from seenat.memorization.published.split_names import SplitName
from seenat.memorization.results.measurements import results_folder
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import models
from seenat.registry.database.tables.imports import result_sets
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.units import SequenceRange

__all__ = ["CONTINUATION", "NOTHING_ELSE", "PUBLISHED_PROTOCOL", "ResultSet", "SetContent", "result_sets_of"]

CONTINUATION = 32
"""Ids that a published score counts."""

PUBLISHED_PROTOCOL = {
    "measure": "score",
    "prompt": 32,
    "continuation": CONTINUATION,
    "offset": 0,
    "eos": "banned",
    "eos_id": 0,
    "dtype": "float16",
}
"""The published procedure in the fields of a protocol; `score` counts positions, so that 32 of 32 is memorized here as there."""


NOTHING_ELSE = SequenceRange(0, 0)
"""What a list covers beside its own sequences where nobody stated it."""


@dataclass(frozen=True, kw_only=True)
class SetContent:
    """What the file of a result set holds."""

    sequences: npt.NDArray[np.int64]
    """Ascending."""
    scores: npt.NDArray[np.uint8] | None
    """Of 32, for each; None where they are not known, or all were memorized."""
    flags: npt.NDArray[np.bool_] | None = None
    """Whether each was memorized, where that alone is known."""
    covers: SequenceRange | None = None
    """Of a list: the sequences of which all others were not memorized; None for all that the checkpoint had seen."""
    marked_from: int | None
    """From this index on, each may be that of the row before; None where none may."""
    read: int
    """Rows of the source."""
    repeated: int
    beyond: int
    """Rows that the checkpoint had not seen."""

    @cached_property
    def marked(self) -> int:
        """How many sequences may be numbered one too high."""
        return 0 if self.marked_from is None else int((self.sequences >= self.marked_from).sum())

    @property
    def memorized(self) -> npt.NDArray[np.int64]:
        """The memorized sequences, ascending."""
        flags = self.flags if self.scores is None else self.scores == CONTINUATION
        chosen: npt.NDArray[np.int64] = self.sequences if flags is None else self.sequences[flags]
        return chosen

    def covered(self, sequences: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of some sequences, each given once, the set says something about."""
        listed = np.isin(sequences, self.sequences, assume_unique=True)
        if self.scores is not None or self.flags is not None:
            return listed
        if self.covers is None:
            return np.ones(len(sequences), np.bool_)
        return listed | ((sequences >= self.covers.start) & (sequences < self.covers.stop))

    def to_bytes(self) -> bytes:
        """The file; equal content makes equal bytes."""
        buffer = io.BytesIO()
        # Sequences ascend, so gaps are small numbers that compress to a fraction of the indices.
        gaps = np.diff(self.sequences, prepend=0)
        narrow = np.uint32 if gaps.max(initial=0) <= np.iinfo(np.uint32).max else np.uint64
        np.savez_compressed(
            buffer,
            allow_pickle=False,
            gaps=gaps.astype(narrow),
            marked_from=np.array(-1 if self.marked_from is None else self.marked_from, np.int64),
            counts=np.array([self.read, self.repeated, self.beyond], np.int64),
            **({} if self.scores is None else {"scores": self.scores}),
            **({} if self.flags is None else {"flags": self.flags}),
            **({"covers": np.array([self.covers.start, self.covers.stop], np.int64)} if self.covers else {}),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> SetContent:
        """Read what `to_bytes` gave."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            read, repeated, beyond = (int(count) for count in arrays["counts"])
            marked_from = int(arrays["marked_from"])
            return cls(
                sequences=np.cumsum(arrays["gaps"], dtype=np.int64),
                scores=arrays["scores"] if "scores" in arrays.files else None,
                flags=arrays["flags"] if "flags" in arrays.files else None,
                covers=SequenceRange(*map(int, arrays["covers"])) if "covers" in arrays.files else None,
                marked_from=None if marked_from < 0 else marked_from,
                read=read,
                repeated=repeated,
                beyond=beyond,
            )


@dataclass(frozen=True, kw_only=True)
class ResultSet:
    """A result set as the catalog records it."""

    name: str
    model: str
    step: int
    kind: str
    """`memorized` or `sample`."""
    protocol: Mapping[str, Any]
    """As far as it is stated: empty for sets that are not Pythia's own."""
    sequences: int
    source: str
    note: str | None
    digest: str
    file: Path

    def content(self) -> SetContent:
        """What it holds; raises `CorruptFile` when the file is not the one that was recorded."""
        try:
            data = self.file.read_bytes()
        except OSError as error:
            raise CorruptFile(f"{self.file} cannot be read: {error.strerror}; import {self.source} again.") from error
        if sha256_of_bytes(data) != self.digest:
            raise CorruptFile(
                f"{self.file} is not the file that was recorded; delete it and import {self.source} again."
            )
        content = SetContent.from_bytes(data)
        is_list = content.scores is None and content.flags is None
        unstated = is_list and content.covers is None and not self.protocol
        return replace(content, covers=NOTHING_ELSE) if unstated else content


def result_sets_of(database: Database, connection: Connection, model_ids: Sequence[int]) -> tuple[ResultSet, ...]:
    """The result sets of some models, by step and name."""
    rows = connection.execute(
        select(result_sets, models.c.name.label("model"))
        .join(models, models.c.id == result_sets.c.model_id)
        .where(result_sets.c.model_id.in_(model_ids))
        .order_by(result_sets.c.step, result_sets.c.name)
    )
    return tuple(
        ResultSet(
            name=row.name,
            model=row.model,
            step=row.step,
            kind=row.kind,
            protocol=_stated_protocol(row.name, row.kind, row.protocol),
            sequences=row.sequences,
            source=row.source,
            note=row.note,
            digest=row.digest,
            file=results_folder(database) / row.file,
        )
        for row in rows
    )


def _stated_protocol(name: str, kind: str, recorded: Mapping[str, Any]) -> Mapping[str, Any]:
    """Earlier versions recorded the published procedure for every list."""
    return recorded if kind != "memorized" or SplitName.of_set(name) is not None else {}
