"""Digests of any number of sequences, in files, so that equal ones are found with a part of them in memory.

A record is 24 bytes, the digest and the sequence. Records are put into files by the first bits of their digests, so equal
digests come into one file, and each file is then sorted by itself. All of Pythia's 146,432,000 sequences take 3.5 GB of disk
and, sorted in 64 parts, 190 MB of memory.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.closing import ClosesOnExit
from seenat.registry.errors import NoRoom
from seenat.registry.orders.duplicate_sequences import Digests
from seenat.registry.storage.local import full_disk_told
from seenat.registry.units import SequenceRange

__all__ = ["MEMORY", "RECORD_BYTES", "DigestParts", "Records"]

MEMORY = 1 << 28
"""Bytes that sorting a part takes at most, by default."""

_RECORD = np.dtype([("high", "<u8"), ("low", "<u8"), ("sequence", "<i8")])
RECORD_BYTES = _RECORD.itemsize
"""Bytes of disk that a sequence takes."""

# Bytes of memory of a record while it is sorted: as it was read, its place in the order, sorted, and NumPy's own.
_SORTED = 80
_MOST_PARTS = 128

Records = npt.NDArray[Any]
"""Structured: `high` and `low` of the digest, `sequence`."""


class DigestParts(ClosesOnExit):
    """A temporary folder of digests. Iterating gives each part once, sorted by digest and sequence."""

    def __init__(self, expected: int, memory: int = MEMORY) -> None:
        """`expected` is how many sequences will be added; raises `NoRoom` where the disk cannot hold them."""
        self.bits = max(0, (-(-expected * _SORTED // memory) - 1).bit_length())
        self.bits = min(self.bits, _MOST_PARTS.bit_length() - 1)
        self._temporary = tempfile.TemporaryDirectory(prefix="seenat-duplicates-")
        folder = Path(self._temporary.name)
        room = shutil.disk_usage(folder).free
        if room < expected * RECORD_BYTES:
            self.close()
            raise NoRoom(
                f"{folder.parent} has {room / 1e9:,.1f} GB of room, and the digests of {expected:,} sequences take "
                f"{expected * RECORD_BYTES / 1e9:,.1f} GB; make room there, or set TMPDIR to another folder."
            )
        self._paths = [folder / f"{part}.digests" for part in range(1 << self.bits)]
        self._files = [path.open("wb") for path in self._paths]

    def close(self) -> None:
        """Remove the folder."""
        for file in getattr(self, "_files", []):
            file.close()
        self._temporary.cleanup()

    def add(self, sequences: SequenceRange, digests: Digests) -> None:
        """Add the digests of consecutive sequences; ranges come in ascending order."""
        records = np.empty(len(sequences), _RECORD)
        records["high"], records["low"] = digests.T
        records["sequence"] = np.arange(sequences.start, sequences.stop)
        parts = (
            (records["high"] >> np.uint64(64 - self.bits)).astype(np.int64)
            if self.bits
            else np.zeros(len(records), int)
        )
        order = np.argsort(parts, kind="stable")
        ends = np.searchsorted(parts[order], np.arange(len(self._files)), side="right")
        with full_disk_told(Path(self._temporary.name)):
            for file, piece in zip(self._files, np.split(records[order], ends[:-1]), strict=True):
                file.write(piece.tobytes())

    def __iter__(self) -> Iterator[Records]:
        with full_disk_told(Path(self._temporary.name)):
            for file in self._files:
                file.close()
        for path in self._paths:
            records = np.fromfile(path, _RECORD)
            path.unlink()
            # Sequences were added in order, and this sort keeps it among equal digests.
            yield records[np.lexsort((records["low"], records["high"]))]
