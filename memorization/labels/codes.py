"""The file of a label: an array of codes, `[sequences of the order]`, 0 where a sequence has no value.

It is a .npy file of uint8, or of uint16 where there are more than 255 values, so 146 MB for Pythia's order, and is read by position
without being loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.local import PARTIAL, full_disk_told, sync_folder
from seenat.registry.units import SequenceRange

__all__ = ["MOST_VALUES", "CodeFile", "Codes", "CodesWriter", "CodesWritten", "Indices"]

MOST_VALUES = 65_535
"""Distinct values of a label: codes of two bytes, without 0."""

_LONGEST_VALUE = 200
_AT_ONCE = 1 << 22

Codes = npt.NDArray[np.integer]
Indices = npt.NDArray[np.int64]


class CodeFile:
    """The codes of a label, read by position; raises `CorruptFile` for a file that is no such array."""

    def __init__(self, path: Path, sequences: int, values: int) -> None:
        self._path, self._values = path, values
        try:
            self._codes = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CorruptFile(
                f"{path}, the values of a label, cannot be read: {error}; read its file again."
            ) from error
        if self._codes.shape != (sequences,) or self._codes.dtype not in (np.uint8, np.uint16):
            raise CorruptFile(f"{path} does not hold a code for each of {sequences:,} sequences; read its file again.")

    def of_range(self, sequences: SequenceRange) -> Codes:
        """The codes of consecutive sequences."""
        return self._checked(np.asarray(self._codes[sequences.start : sequences.stop]))

    def of(self, sequences: Indices) -> Codes:
        """The codes of any sequences of the order."""
        return self._checked(np.asarray(self._codes[sequences]))

    def _checked(self, codes: Codes) -> Codes:
        if codes.size and int(codes.max()) > self._values:
            raise CorruptFile(f"{self._path} holds the code {codes.max()} of no value; read its file again.")
        return codes


class CodesWritten(NamedTuple):
    """A file of codes that waits for its name."""

    partial: Path
    digest: str
    bytes: int
    counts: list[int]
    """Sequences of each code, 0 included."""

    def place(self) -> Path:
        """Give the file the name of its digest, while the lock is held under which files are deleted."""
        path = self.partial.with_name(f"{self.digest.removeprefix('sha256:')}.npy")
        self.partial.replace(path)
        sync_folder(path.parent)
        return path


class CodesWriter:
    """Collects the codes of a label in a partial file, whatever the order of its rows."""

    def __init__(self, folder: Path, name: str, sequences: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.codes_by_value: dict[str, int] = {}
        self._written: Path | None = None
        self._folder, self._sequences = folder, sequences
        self._partial = folder / f"{os.urandom(8).hex()}.{os.getpid()}{PARTIAL}"
        # A file without holes: filling one through a map would end the process on a full disk.
        with full_disk_told(self._partial), self._partial.open("wb") as file:
            for start in range(0, 2 * sequences, _AT_ONCE):
                file.write(bytes(min(_AT_ONCE, 2 * sequences - start)))
        self._codes = np.memmap(self._partial, np.uint16, "r+", shape=(sequences,))

    def add(self, sequences: Indices, values: Codes) -> None:
        """Give sequences codes, 0 for none; raises `InvalidValue` for a sequence that has another value already."""
        there = values > 0
        chosen, codes = sequences[there], values[there]
        before = self._codes[chosen]
        fits = (before == 0) | (before == codes)
        if fits.all():
            self._codes[chosen] = codes
            fits = self._codes[chosen] == codes
        if not fits.all():
            raise InvalidValue(
                f"Sequence {chosen[~fits][0]} has two values of {self.name!r}; a label has one a sequence, so leave one out."
            )

    def code_of(self, value: str) -> int:
        """The code of a value, 0 of none; raises `InvalidValue` for one value too many, or one that is no short text."""
        if not value:
            return 0
        code = self.codes_by_value.get(value)
        if code is None:
            code = self.codes_by_value[value] = len(self.codes_by_value) + 1
            self._check(value, code)
        return code

    def _check(self, value: str, code: int) -> None:
        if len(value) > _LONGEST_VALUE or not value.isprintable():
            raise InvalidValue(
                f"A value of {self.name!r} is {value!r:.60}; write a printable text of at most {_LONGEST_VALUE}."
            )
        if code > MOST_VALUES:
            raise InvalidValue(
                f"{self.name!r} has more than {MOST_VALUES:,} values, and a label groups sequences by few; name other --columns."
            )

    def _sort_values(self) -> None:
        new = np.zeros(len(self.codes_by_value) + 1, np.uint16)
        for code, value in enumerate(sorted(self.codes_by_value), 1):
            new[self.codes_by_value[value]], self.codes_by_value[value] = code, code
        for start in range(0, self._sequences, _AT_ONCE):
            self._codes[start : start + _AT_ONCE] = new[self._codes[start : start + _AT_ONCE]]

    def counts(self) -> list[int]:
        """How many sequences have each code, 0 included."""
        total = np.zeros(len(self.codes_by_value) + 1, np.int64)
        for part in self._parts():
            total += np.bincount(part, minlength=len(total))
        return [int(count) for count in total]

    def finish(self) -> CodesWritten:
        """Write all codes to the disk, as narrow as they are, still as a partial file.

        Codes are given anew, by the alphabet: equal labels have equal files, whatever the order of their rows.
        """
        self._sort_values()
        self._codes.flush()
        narrow = np.uint8 if len(self.codes_by_value) <= np.iinfo(np.uint8).max else np.uint16
        written = self._partial.with_suffix(f".npy{PARTIAL}")
        self._written = written
        with full_disk_told(written), written.open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(np.dtype(narrow)), "fortran_order": False}
            np.lib.format.write_array_header_1_0(file, {**header, "shape": (self._sequences,)})
            for part in self._parts():
                file.write(part.astype(narrow).tobytes())
            file.flush()
            os.fsync(file.fileno())
        return CodesWritten(written, sha256_of_file(written), written.stat().st_size, self.counts())

    def close(self) -> None:
        """Delete what is partial."""
        del self._codes
        for path in (self._partial, self._written):
            if path is not None:
                path.unlink(missing_ok=True)

    def _parts(self) -> Iterator[Codes]:
        return (np.asarray(self._codes[start : start + _AT_ONCE]) for start in range(0, self._sequences, _AT_ONCE))
