"""Lists of sequences that a plan names one by one: frozen in a file before anything is measured by it.

A list lies in `lists/` beside the results, under the digest of its own bytes, and a plan stores that digest: what the file
holds when it is read is what was planned, or it is refused. Answers do without a lost list (`coverage`). It is a .npy file of
int64, ascending and distinct, 8 bytes a sequence: 24 MB for the 3 million sequences that a large model of Pythia memorizes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.local import write_atomic

__all__ = ["SequenceList", "Sequences"]

Sequences = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SequenceList:
    """A list as a plan stores it."""

    folder: Path
    count: int
    digest: str

    @classmethod
    def keep(cls, folder: Path, sequences: Sequences) -> Self:
        """Write a list durably; equal lists are one file."""
        kept, data = cls._of(folder, sequences)
        write_atomic(kept.file, data)
        return kept

    @classmethod
    def of(cls, folder: Path, sequences: Sequences) -> Self:
        """A list as it would be kept."""
        return cls._of(folder, sequences)[0]

    @classmethod
    def _of(cls, folder: Path, sequences: Sequences) -> tuple[Self, bytes]:
        """A list, and what its file holds."""
        distinct, data = np.unique(sequences).astype("<i8"), io.BytesIO()
        np.save(data, distinct, allow_pickle=False)
        content = data.getvalue()
        return cls(folder=folder, count=len(distinct), digest=sha256_of_bytes(content)), content

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self.folder / f"{self.digest.removeprefix('sha256:')}.npy"

    @cached_property
    def sequences(self) -> Sequences:
        """Ascending and distinct, `[count]`; raises `CorruptFile` when the file is gone or another one."""
        try:
            data = self.file.read_bytes()
        except OSError as error:
            raise CorruptFile(f"{self.file} cannot be read: {error.strerror}; {_REMEDY}.") from error
        if sha256_of_bytes(data) != self.digest:
            raise CorruptFile(f"{self.file} is not the list that was planned; {_REMEDY}.")
        listed: Sequences = np.load(io.BytesIO(data), allow_pickle=False)
        return listed

    @property
    def is_lost(self) -> bool:
        """Whether the file is gone or another one."""
        try:
            return len(self.sequences) != self.count
        except CorruptFile:
            return True

    def to_json(self) -> dict[str, Any]:
        """Count and digest; `from_json` reads them back."""
        return {"count": self.count, "digest": self.digest}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], folder: Path) -> Self:
        """Read what `to_json` gave; the list itself is read when it is needed."""
        return cls(folder=folder, count=value["count"], digest=value["digest"])


_REMEDY = "repeat the `seenat memorize --adaptive` command that planned it, which lists the same sequences again"
