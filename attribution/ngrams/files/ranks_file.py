"""The file that says how rare each code is: 65,536 little-endian uint16, named by its digest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seenat.attribution.ngrams.codes import CODES, Codes
from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.local import write_atomic

__all__ = ["digest_of_ranks", "ranks_path", "read_ranks", "write_ranks"]


def write_ranks(folder: Path, ranks: Codes) -> str:
    """Write the ranks into a folder; returns their digest."""
    digest = digest_of_ranks(ranks)
    write_atomic(ranks_path(folder, digest), ranks.astype("<u2").tobytes())
    return digest


def digest_of_ranks(ranks: Codes) -> str:
    """The digest of their file."""
    return sha256_of_bytes(ranks.astype("<u2").tobytes())


def read_ranks(folder: Path, digest: str) -> Codes:
    """The ranks of this digest; raises `CorruptFile` where the file is gone or changed."""
    path = ranks_path(folder, digest)
    try:
        with path.open("rb") as file:
            data = file.read(2 * CODES + 1)
    except OSError as error:
        raise CorruptFile(f"{path} cannot be read: {error.strerror}; {_AGAIN}") from error
    if sha256_of_bytes(data) != digest:
        raise CorruptFile(f"{path} is damaged; {_AGAIN}")
    return np.frombuffer(data, "<u2")


_AGAIN = "run `seenat index verify --repair` to make it again."


def ranks_path(folder: Path, digest: str) -> Path:
    """Where the ranks of this digest lie."""
    return folder / f"{digest.removeprefix('sha256:')[:16]}.ranks"
