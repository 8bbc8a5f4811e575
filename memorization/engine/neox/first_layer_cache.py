"""A cache of what the first layer makes of an id before ids are mixed: it does not depend on where the id stands.

In GPT-NeoX the first layer's query, key, value and feed-forward output depend on the id alone (the rotation by position
comes after), and attention and its output matrix are all that is left. Text uses few ids often: of a layer's
multiplications 11 of 12 fall away for nearly every id, a sixth of the pass in a model of 6 layers. Rows are kept in a
table until its bytes are used up, the first ones seen, which are the frequent ones; later ids are computed when last for.

Threads share a table: a row is written before its place is published, and is never changed.

A GPU would have to wait for the host to see which ids are absent, and has the room: `WholeTable` holds all ids, 400 MB for
Pythia-70m in float32 and 8 % of the weights for Pythia-12b.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch

__all__ = ["IdTable", "WholeTable"]

# Room for all 50,304 rows of Pythia-70m in float32, or 43,690 of Pythia-160m; only rows that are filled take memory.
_BYTES = 512 << 20

# Ids that a whole table computes at a time.
_IDS_AT_ONCE = 8192

_Parts = list[torch.Tensor]


class IdTable:
    """Rows by id: `compute` makes parts [n, width of the part] of distinct int64 ids [n], all of type `dtype`."""

    def __init__(
        self,
        compute: Callable[[torch.Tensor], _Parts],
        widths: tuple[int, ...],
        ids: int,
        *,
        dtype: torch.dtype = torch.float32,
        most_bytes: int = _BYTES,
    ) -> None:
        self._compute = compute
        rows = max(1, min(ids, most_bytes // (dtype.itemsize * sum(widths))))
        self._parts = [torch.empty(rows, width, dtype=dtype) for width in widths]
        self._places = torch.full((ids,), -1)
        self._filled = 0
        self._lock = threading.Lock()

    def rows(self, ids: torch.Tensor) -> _Parts:
        """The parts of int64 ids [n], as copies that the caller may change."""
        places = self._places[ids]
        absent = ids[places < 0]
        if not len(absent):
            return [part.index_select(0, places) for part in self._parts]
        new = torch.unique(absent)
        computed = self._compute(new)
        self._keep(new, computed)
        places = self._places[ids]
        # Ids that found no room get row 0 first, and then what was computed of them.
        rows = [part.index_select(0, places.clamp(min=0)) for part in self._parts]
        left = torch.nonzero(places < 0)[:, 0]
        for part, made in zip(rows, computed, strict=True):
            part[left] = made[torch.searchsorted(new, ids[left])]
        return rows

    def _keep(self, ids: torch.Tensor, computed: _Parts) -> None:
        """Store the rows that have room; rows that another thread stored meanwhile stay."""
        with self._lock:
            mine = torch.nonzero(self._places[ids] < 0)[:, 0][: len(self._parts[0]) - self._filled]
            stop = self._filled + len(mine)
            for part, made in zip(self._parts, computed, strict=True):
                part[self._filled : stop] = made[mine]
            self._places[ids[mine]] = torch.arange(self._filled, stop)
            self._filled = stop


class WholeTable:
    """Rows of all ids, computed at once: `compute` makes parts [n, width of the part] of int64 ids [n] on `device`."""

    def __init__(self, compute: Callable[[torch.Tensor], _Parts], ids: int, device: torch.device) -> None:
        blocks = [compute(block) for block in torch.split(torch.arange(ids, device=device), _IDS_AT_ONCE)]
        self._parts = [torch.cat(parts) for parts in zip(*blocks, strict=True)]

    def rows(self, ids: torch.Tensor) -> _Parts:
        """The parts of int64 ids [n], as copies that the caller may change."""
        return [part.index_select(0, ids) for part in self._parts]
