"""Prefetching: each checkpoint is fetched, and if memory allows loaded, while the one before it is measured.

One thread beside the run does it all, one thing after another, one checkpoint ahead. Invariants:

* A prefetch error is raised only when that checkpoint's turn comes, and concerns no other checkpoint.
* Nothing that was read ahead is trusted: in its turn a file still has the length and time of change with which it was
  read, or it is read again.
* A checkpoint of which nothing is left to measure, since others have it, is passed over.
* With a limit N, of the checkpoints that this run added to the hub's cache no more than N that it is done with stay there,
  beside the one that is measured and the one that is fetched. They are deleted before the next is fetched, in the order in
  which the run was done with them. A file that was in the cache before is never deleted, nor a checkpoint at which another
  process measures a shard, nor one that a process of this machine has fetched or is fetching and is not done with: it holds a
  lock on a file, SEENAT_HOME/in-use/CHECKPOINT, until then. Runs that share a quota, as the parts of an adaptive job do, count as one.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from seenat.memorization.jobs.background import Background
from seenat.registry import settings
from seenat.registry.catalog.models import Checkpoint
from seenat.registry.errors import NoRoom, SeenatError
from seenat.registry.hub.cache import evict
from seenat.registry.hub.download import DownloadObserver
from seenat.registry.integrity.content import Content
from seenat.registry.storage.locks import Use, is_in_use

if TYPE_CHECKING:
    from seenat.memorization.engine.scorer import JointScorer

__all__ = ["CacheQuota", "CheckpointLoader", "PrefetchedCheckpoint", "Prefetcher"]

_SECONDS_BETWEEN_REPORTS = 1.0

_log = logging.getLogger(__name__)


class _NotWanted(Exception):
    """Ends a transfer that nobody waits for any more."""


class CacheQuota:
    """What a run, or several in turn, added to the hub's cache, and may delete there; `limit` is the N above, None keeps all."""

    def __init__(self, limit: int | None, others_hold: Callable[[int], bool]) -> None:
        self._limit = limit
        self._others_hold = others_hold
        self._added: dict[int, list[Path]] = {}
        self._done: list[Checkpoint] = []

    def use(self, checkpoint: Checkpoint) -> Use:
        """Hold a checkpoint, to be fetched or fetched, against the runs of this machine that would delete it."""
        return Use(_use_file(checkpoint))

    def add(self, checkpoint: Checkpoint, file: Path) -> None:
        """Note a file that a checkpoint brought."""
        self._added.setdefault(checkpoint.id, []).append(file)

    def done_with(self, checkpoint: Checkpoint) -> None:
        """Note that a checkpoint is no longer needed, and delete what is beyond the limit."""
        if self._limit is None or checkpoint.id not in self._added:
            return
        self._done.append(checkpoint)
        for done in self._done[: max(0, len(self._done) - self._limit)]:
            try:
                if not self._others_hold(done.id) and not is_in_use(_use_file(done)):
                    evict(self._added[done.id])
                    self._done.remove(done)
            except (OSError, SeenatError) as error:  # It stays longer; a run that needs its room raises `NoRoom`.
                _log.warning("A checkpoint stays in the hub's cache: %s", error)


def _use_file(checkpoint: Checkpoint) -> Path:
    name = hashlib.sha256(f"{checkpoint.model} {checkpoint.step}".encode()).hexdigest()[:16]
    return settings.home() / "in-use" / name


class CheckpointLoader(Protocol):
    """What a run does to get a checkpoint's scorer. All but `report_waiting` is called in the prefetching thread too."""

    def fetch(self, checkpoint: Checkpoint, observer: DownloadObserver) -> Content:
        """Bring a checkpoint to this machine; returns what its files hold."""

    def load(self, folder: Path) -> JointScorer:
        """Make a scorer of the checkpoint in a folder."""

    def may_load_ahead(self, content: Content) -> bool:
        """Whether there is memory for another scorer beside the one that measures."""

    def report_waiting(self, checkpoint: Checkpoint, arrived: int) -> None:
        """Report that the run waits for a checkpoint, and how many of its bytes have arrived."""


class Prefetcher:
    """The checkpoints of a run in turn, as a context: leaving it by an error ends what is done ahead."""

    def __init__(
        self,
        checkpoints: Sequence[Checkpoint],
        loader: CheckpointLoader,
        quota: CacheQuota,
        is_wanted: Callable[[Checkpoint], bool] = lambda _: True,
    ) -> None:
        self.loader = loader
        self.quota = quota
        self.background = Background("seenat-prefetch")
        self.stopped = threading.Event()
        self.uses: list[Use] = []
        """Of the checkpoints that are measured or fetched."""
        self._checkpoints = checkpoints
        self._is_wanted = is_wanted

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.stopped.set()
        self.background.close(at_once=error is not None)
        for use in self.uses:
            use.close()

    def __iter__(self) -> Iterator[PrefetchedCheckpoint]:
        following: PrefetchedCheckpoint | None = self._begin(0)
        while (current := following) is not None:
            current.wait_until_fetched()
            following = current.following = self._begin(current.place + 1)
            yield current
            self.uses.remove(current.use)
            current.use.close()
            self.background.submit(partial(self.quota.done_with, current.checkpoint))

    def _begin(self, place: int) -> PrefetchedCheckpoint | None:
        """Start to fetch the first checkpoint that is wanted from a place on; None where there is none."""
        for found in range(place, len(self._checkpoints)):
            if self._is_wanted(self._checkpoints[found]):
                return PrefetchedCheckpoint(self, found, self._checkpoints[found])
        return None


class PrefetchedCheckpoint:
    """One checkpoint of a run, on its way or here."""

    def __init__(self, prefetcher: Prefetcher, place: int, checkpoint: Checkpoint) -> None:
        self.place = place
        self.checkpoint = checkpoint
        self.following: PrefetchedCheckpoint | None = None
        self._prefetcher = prefetcher
        self.use = prefetcher.quota.use(checkpoint)
        prefetcher.uses.append(self.use)
        self._arrived = 0
        self._fetching = prefetcher.background.submit(self._fetch)
        self._loading: Future[JointScorer | None] | None = None

    def wait_until_fetched(self) -> None:
        """Wait until it is fetched, or will not be."""
        self._wait()
        if isinstance(self._fetching.exception(), NoRoom):
            # The checkpoints that were done with since may have made room.
            self._fetching = self._prefetcher.background.submit(self._fetch)
            self._wait()

    def content(self) -> Content:
        """What its files held when they were read; raises what went wrong when it was fetched."""
        return self._fetching.result()

    def scorer(self) -> JointScorer:
        """Hand over what was loaded ahead, or load it now; then load the next one ahead. To be called once."""
        scorer, loading, self._loading = None, self._loading, None
        if loading is not None:
            with suppress(Exception):  # It is tried again here, where the error belongs if it is still there.
                scorer = loading.result()
        scorer = scorer or self._prefetcher.loader.load(self.content().folder)
        if self.following is not None:
            self.following._loading = self._prefetcher.background.submit(self.following._load_ahead)
        return scorer

    def _wait(self) -> None:
        while not wait([self._fetching], _SECONDS_BETWEEN_REPORTS).done:
            self._prefetcher.loader.report_waiting(self.checkpoint, self._arrived)

    def _fetch(self) -> Content:
        added = partial(self._prefetcher.quota.add, self.checkpoint)
        return self._prefetcher.loader.fetch(self.checkpoint, DownloadObserver(arrived=self._count, added=added))

    def _count(self, arrived: int) -> None:
        if self._prefetcher.stopped.is_set():
            raise _NotWanted
        self._arrived += arrived

    def _load_ahead(self) -> JointScorer | None:
        """Its scorer, if there is memory for it; an error of fetching is raised in its turn."""
        content = self.content()
        loader = self._prefetcher.loader
        return loader.load(content.folder) if loader.may_load_ahead(content) else None
