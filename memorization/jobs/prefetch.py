"""Feeding a run: each checkpoint is fetched, and if memory allows loaded, while the one before it is measured.

One thread beside the run does it all, one thing after another, one checkpoint ahead. Invariants:

* What goes wrong ahead is told in the checkpoint's own turn, and concerns nobody else.
* Nothing that was read ahead is believed: in its turn a file still has the length and time of change with which it was
  read, or it is read again.
* With a limit N, of the checkpoints that this run added to the hub's cache no more than N that it is done with stay there,
  beside the one that is measured and the one that is fetched. They go before the next is fetched, those first that were
  done with first. A file that was in the cache before is never deleted, nor a checkpoint of which another process
  measures a shard. Runs that share a shelf, as the parts of an adaptive job do, count as one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seenat.memorization.jobs.background import Background
from seenat.registry.catalog.models import Checkpoint
from seenat.registry.errors import NoRoom, SeenatError
from seenat.registry.hub.cache import evict
from seenat.registry.hub.download import DownloadObserver
from seenat.registry.integrity.content import Content

if TYPE_CHECKING:
    from seenat.memorization.engine.scorer import JointScorer

__all__ = ["CacheQuota", "PrefetchedCheckpoint", "Prefetcher"]

_SECONDS_BETWEEN_WORDS = 1.0

_log = logging.getLogger(__name__)


class _NotWanted(Exception):
    """Ends a transfer that nobody waits for any more."""


class CacheQuota:
    """What a run, or several in turn, added to the hub's cache, and may delete there; `limit` is the N above, None keeps all."""

    def __init__(self, limit: int | None, others_hold: Callable[[int], bool]) -> None:
        self._limit = limit
        self._others_hold = others_hold
        self._added: dict[int, list[Path]] = {}
        self._done: list[int] = []

    def add(self, checkpoint: Checkpoint, file: Path) -> None:
        """Note a file that a checkpoint brought."""
        self._added.setdefault(checkpoint.id, []).append(file)

    def done_with(self, checkpoint: Checkpoint) -> None:
        """Note that a checkpoint is no longer needed, and delete what is beyond the limit."""
        if self._limit is None or checkpoint.id not in self._added:
            return
        self._done.append(checkpoint.id)
        for id_ in self._done[: max(0, len(self._done) - self._limit)]:
            try:
                if not self._others_hold(id_):
                    evict(self._added[id_])
                    self._done.remove(id_)
            except (OSError, SeenatError) as error:  # It stays longer; the run can do without its room, or says so.
                _log.warning("A checkpoint stays in the hub's cache: %s", error)


class Prefetcher:
    """The checkpoints of a run in turn, as a context: leaving it by an error ends what is done ahead.

    `fetch` brings a checkpoint to this machine, `load` makes a scorer of it; `may_load_ahead` tells whether there is memory
    for one beside another. While the run waits for a checkpoint, `waiting` is told the bytes that have arrived.
    """

    def __init__(
        self,
        checkpoints: Sequence[Checkpoint],
        *,
        fetch: Callable[[Checkpoint, DownloadObserver], Content],
        load: Callable[[Path], JointScorer],
        may_load_ahead: Callable[[Content], bool],
        shelf: CacheQuota,
        waiting: Callable[[Checkpoint, int], None],
    ) -> None:
        self._checkpoints = checkpoints
        self._fetch = fetch
        self._load = load
        self._may_load_ahead = may_load_ahead
        self._shelf = shelf
        self._waiting = waiting
        self._stopped = threading.Event()
        self._background = Background("seenat-feed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._stopped.set()
        self._background.close(at_once=error is not None)

    def __iter__(self) -> Iterator[PrefetchedCheckpoint]:
        following: PrefetchedCheckpoint | None = self._begun(0)
        while (fed := following) is not None:
            fed.arrive()
            following = fed.following = self._begun(fed.place + 1)
            yield fed
            self._background.submit(partial(self._shelf.done_with, fed.checkpoint))

    def _begun(self, place: int) -> PrefetchedCheckpoint | None:
        """The checkpoint at a place, on its way."""
        return PrefetchedCheckpoint(self, place, self._checkpoints[place]) if place < len(self._checkpoints) else None


class PrefetchedCheckpoint:
    """One checkpoint of a feed."""

    def __init__(self, feed: Prefetcher, place: int, checkpoint: Checkpoint) -> None:
        self.place = place
        self.checkpoint = checkpoint
        self.following: PrefetchedCheckpoint | None = None
        self._feed = feed
        self._arrived = 0
        self._fetching = feed._background.submit(self._fetch)
        self._loading: Future[JointScorer | None] | None = None

    def arrive(self) -> None:
        """Wait until it is fetched, or will not be."""
        self._await()
        if isinstance(self._fetching.exception(), NoRoom):
            self._fetching = self._feed._background.submit(self._fetch)  # Others have made room since.
            self._await()

    def content(self) -> Content:
        """What its files held when they were read; raises what came of fetching them."""
        return self._fetching.result()

    def scorer(self) -> JointScorer:
        """Hand over what was loaded ahead, or load it now; then the next one is loaded ahead. To be asked for once."""
        scorer, loading, self._loading = None, self._loading, None
        if loading is not None:
            with suppress(Exception):  # It is tried again now, and told if it is still so.
                scorer = loading.result()
        scorer = scorer or self._feed._load(self.content().folder)
        if self.following is not None:
            self.following._loading = self._feed._background.submit(self.following._load_ahead)
        return scorer

    def _await(self) -> None:
        while not wait([self._fetching], _SECONDS_BETWEEN_WORDS).done:
            self._feed._waiting(self.checkpoint, self._arrived)

    def _fetch(self) -> Content:
        watch = DownloadObserver(arrived=self._count, added=partial(self._feed._shelf.add, self.checkpoint))
        return self._feed._fetch(self.checkpoint, watch)

    def _count(self, arrived: int) -> None:
        if self._feed._stopped.is_set():
            raise _NotWanted
        self._arrived += arrived

    def _load_ahead(self) -> JointScorer | None:
        """Its scorer, if there is memory for it; what kept it from being fetched is told in its turn."""
        content = self.content()
        return self._feed._load(content.folder) if self._feed._may_load_ahead(content) else None
