"""One shard: the samples of consecutive sequences, in one file.

    header        512 bytes of JSON, padded with blanks
    starts        uint32 [65,537]: the first sample of each code, and the number of samples
    middles       uint32: the middle of the key of every 32nd sample, or 64th in a dense index
    positions     uint32: the position of each sample in the shard, in the order of the keys
    fingerprints  uint8: one a sample; in indexes that keep them

All little-endian. A position is (sequence - first sequence) * ids in a sequence + place in the sequence. The catalog
records the digest of the file, and the state in which the file system had it: a file in another state is refused until
`seenat index verify` has read it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

from seenat.attribution.ngrams.codes import CODES
from seenat.attribution.ngrams.keys import Keys, fingerprints_of, middles_of, positions_of
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.local import full_disk_told, sync_folder, written_atomically
from seenat.registry.units import SequenceRange

__all__ = ["BuiltShard", "ShardLayout", "write_shard"]


_HEADER = 512
_FORMAT = "seenat-ngrams-1"
# Samples that are converted and written together, 8 MiB of keys.
_AT_ONCE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ShardLayout:
    """Where the parts of a shard's file begin; all follows from the header's numbers."""

    first_sequence: int
    sequences: int
    window: int
    bits: int
    """B, the bits of a position."""
    samples: int
    fingerprints: bool

    @property
    def samples_a_middle(self) -> int:
        """For how many samples one middle is kept: a look-up compares so many that it does not look for, in each shard.

        An eighth of a byte a sample, or a sixteenth where every position is one.
        """
        return 32 if self.window > 1 else 64

    @property
    def middles(self) -> int:
        """How many middles there are."""
        return -(-self.samples // self.samples_a_middle)

    @property
    def starts_at(self) -> int:
        """First byte of `starts`."""
        return _HEADER

    @property
    def middles_at(self) -> int:
        """First byte of `middles`."""
        return self.starts_at + 4 * (CODES + 1)

    @property
    def positions_at(self) -> int:
        """First byte of `positions`."""
        return self.middles_at + 4 * self.middles

    @property
    def fingerprints_at(self) -> int:
        """First byte of `fingerprints`."""
        return self.positions_at + 4 * self.samples

    @property
    def file_bytes(self) -> int:
        """Length of the file."""
        return self.fingerprints_at + (self.samples if self.fingerprints else 0)

    def header(self) -> bytes:
        """The first bytes of the file."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, sort_keys=True).encode().ljust(_HEADER)

    def check(self, path: Path) -> None:
        """Raise `CorruptFile` unless the file has this header and length."""
        try:
            with path.open("rb") as file:
                header, length = file.read(_HEADER), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise CorruptFile(f"{path} cannot be read: {error.strerror}; {_REPAIR}") from error
        if length != self.file_bytes or header != self.header():
            raise CorruptFile(f"{path} is damaged: it is not the shard that the catalog has recorded; {_REPAIR}")


@dataclass(frozen=True, kw_only=True)
class BuiltShard:
    """A shard as it was written."""

    sequences: SequenceRange
    samples: int
    bytes: int
    digest: str


_REPAIR = "run `seenat index verify --repair` to build it again."


def write_shard(path: Path, layout: ShardLayout, keys: Keys) -> str:
    """Write a shard from its sorted keys, so that it is whole or absent; returns its digest."""
    with full_disk_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_atomically(path) as file:
            digest = _write_parts(file, _parts(layout, keys))
        sync_folder(path.parent)
    return digest


def _write_parts(file: IO[bytes], parts: Iterator[bytes | memoryview]) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part)
        file.write(part)
    return "sha256:" + hasher.hexdigest()


def _parts(layout: ShardLayout, keys: Keys) -> Iterator[bytes | memoryview]:
    yield layout.header()
    first_keys = np.arange(CODES, dtype=np.uint64) << np.uint64(48)
    yield np.append(np.searchsorted(keys, first_keys), len(keys)).astype("<u4").data
    yield middles_of(keys[:: layout.samples_a_middle], layout.bits).astype("<u4", copy=False).data
    pieces = [slice(first, first + _AT_ONCE) for first in range(0, len(keys), _AT_ONCE)]
    for piece in pieces:
        yield positions_of(keys[piece], layout.bits).astype("<u4", copy=False).data
    if layout.fingerprints:
        for piece in pieces:
            yield fingerprints_of(middles_of(keys[piece], layout.bits)).data
