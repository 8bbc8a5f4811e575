"""Trajectory parts: the files of a second Zarr v3 array beside the first, with the same rows and values.

The first array keeps a block of one checkpoint in a file, which is how values are measured; a trajectory is then a file of
every checkpoint. In the second a file is one *part*: all checkpoints over one block, compressed in chunks of some hundreds
or thousands of sequences, so that a trajectory is one chunk of one file.

It is derived, and may be deleted at any time. A part begins with the digests of the block files that it was made from, and
answers for a row only as long as the catalog says the same digest of that row; otherwise the block files are read. So no
answer is wrong; at worst it takes longer. Whatever is damaged, or no part at all, is passed over, and written anew by the next
compaction.
"""

from __future__ import annotations

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from seenat.memorization.results.array import ResultArray
from seenat.memorization.results.files.description import METADATA, VALUES, Description, write_described
from seenat.memorization.results.files.layout import LARGEST_CHUNK
from seenat.memorization.results.files.part_files import PartFiles
from seenat.registry.storage.local import PARTIAL, write_atomic
from seenat.registry.storage.regular import make_way, open_regular, read_regular, remove_regular

__all__ = ["LARGEST_CHUNK", "TrajectoryParts"]


class TrajectoryParts(PartFiles):
    """The files of the second array in a folder, beside those of the first."""

    def __init__(self, array: ResultArray, largest_chunk: int = LARGEST_CHUNK) -> None:
        super().__init__(array, largest_chunk)
        self.group = array.group.with_suffix(".trajectories.zarr")
        self.folder = self.group / VALUES if array.format > 1 else self.group

    @property
    def place(self) -> str:
        """See `PartFiles.place`."""
        return str(self.group)

    @property
    def are_there(self) -> bool:
        """See `PartFiles.are_there`."""
        return self.folder.is_dir()

    def path(self, block: int) -> Path:
        """Where the file of a part lies."""
        return self.folder.joinpath("c", "0", str(block), *["0"] * len(self.array.measure.axis))

    def prepare(self, description: Description) -> None:
        """See `PartFiles.prepare`."""
        files = self.described(description)
        metadata = files[(self.folder / METADATA).relative_to(self.group).as_posix()]
        if _described_layout(read_regular(self.folder / METADATA) or b"") != _described_layout(metadata):
            shutil.rmtree(self.group, ignore_errors=True)
        write_described(self.group, files)
        for partial in self.group.rglob(f"*{PARTIAL}"):
            remove_regular(partial)

    def write(self, block: int, data: bytes) -> None:
        """See `PartFiles.write`."""
        make_way(self.path(block), self.group)
        write_atomic(self.path(block), data)

    def bytes_of(self, block: int) -> int:
        """See `PartFiles.bytes_of`."""
        return self.path(block).stat().st_size

    def remove(self, block: int) -> None:
        """See `PartFiles.remove`."""
        remove_regular(self.path(block))

    def opened(self, block: int) -> AbstractContextManager[BinaryIO]:
        """See `PartFiles.opened`."""
        return open_regular(self.path(block))


def _described_layout(metadata: bytes) -> Any:
    """What an array's description says of its files' layout; None where it cannot be understood."""
    try:
        return {key: value for key, value in json.loads(metadata).items() if key != "attributes"}
    except (ValueError, AttributeError, RecursionError):
        return None
