"""How far the reading of an order is, where a search reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from seenat.attribution.find.coverage import Segment

__all__ = ["Reading"]


class Reading:
    """Counts the sequences of some segments that are read without an index, and says how many of all were."""

    def __init__(self, parts: Iterable[Segment], progress: Callable[[int, int], None] | None) -> None:
        self._total, self._progress = _to_read(parts), progress
        self._done = self._ended = 0

    def add(self, count: int) -> None:
        """So many were read."""
        self._done += count
        if self._progress is not None and self._total:
            self._progress(self._done, self._total)

    def end(self, parts: Iterable[Segment]) -> None:
        """Nothing more of these will be read, though a page may have been full before their end."""
        self._ended += _to_read(parts)
        self.add(self._ended - self._done)


def _to_read(parts: Iterable[Segment]) -> int:
    return sum(len(part.sequences) for part in parts if part.index is None)
