"""One job, its processes, and the faults that strike it: begun, struck, set right, and finished by whoever is left."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from support.cells import Results, results_of
from support.forked_workers import ForkedWorkers, eventually

import seenat
from faults.history import ShardKey, held_by, standing, untold
from faults.kinds.fault import Fault, NotNow, Undo
from faults.searches import check_index
from faults.worlds import ORDER, Place
from seenat.memorization.jobs.changes import retry_job
from seenat.memorization.jobs.status import find_job
from seenat.registry.errors import SeenatError

__all__ = ["Scene"]

_PLAYED_WITHIN, _FINISHED_WITHIN = 300.0, 180.0
_MAY_BE_LOST_SECONDS = 1.0
"""Leases that PostgreSQL gave so short a time before it is killed may never have been."""
_TRIES = 8
_TESTS = str(Path(__file__).parents[1])
_DRIVER = ["memorize", "mine-a", "--prompt", "8", "--continuation", "8", "--unseen", "--device", "cpu"]


class Scene:
    """See the module; `told` gets a line for each thing that happens."""

    lease_seconds = 2.0
    most_running = 3
    """Processes that work at a time, beside those that a fault adds."""

    def __init__(self, place: Place, forked: ForkedWorkers, generator: random.Random) -> None:
        self.place = place
        self.random = generator
        self.running: dict[int, str] = {}
        """What each process is, `driver` or `worker`."""
        self.struck: list[str] = []
        """The names of the faults that there were."""
        self.not_struck: Counter[str] = Counter()
        """How often each could not be, since the catalog was full, away or taken."""
        self.interrupted: dict[ShardKey, float] = {}
        """Shards whose workers were killed, and when."""
        self.owners_gone: set[str] = set()
        """Names under which processes held shards that were killed since."""
        self.slowness = 1.0
        """How much longer everything takes here than where nobody else works: faults are to strike amid the work."""
        self.needs_repair = False
        self.needs_search = False
        """Whether the index has to be searched once it is repaired."""
        self.damaged_files: set[Path] = set()
        self.is_reachable = True
        """Whether its catalog can be asked."""
        self.lines: list[str] = []
        self._forked = forked
        self._undos: list[tuple[float, str, Undo]] = []
        self._numbers = 0

    # -- what faults use

    def any_running(self, role: str) -> int:
        """A process of a role; raises `NotNow`."""
        self.reap()
        pids = [pid for pid, its in self.running.items() if its == role]
        if not pids:
            raise NotNow
        return self.random.choice(pids)

    def any_actor(self) -> tuple[int, str]:
        """An actor of Ray that works at the job: its process, and its name as an owner; raises `NotNow`."""
        self.check_reachable()
        cluster = self.place.cluster
        pids = set() if cluster is None else cluster.actors()
        found = [(owner.pid, str(owner)) for owner in standing(self.place) if owner.pid in pids]
        if not found:
            raise NotNow
        return self.random.choice(sorted(found))

    def check_reachable(self) -> None:
        """Raise `NotNow` while its catalog cannot be asked."""
        if not self.is_reachable:
            raise NotNow

    def reach_again(self) -> None:
        """Ask its catalog until it answers: connections of before are dead."""

        def answers() -> bool:
            with suppress(SeenatError):
                find_job(self.place.catalog, self.place.job_id)
                return True
            return False

        eventually(answers)
        self.is_reachable = True

    def forget_late_leases(self) -> None:
        """Expect nothing of shards that were leased just now: the server is killed, and need not know of them."""
        early = time.monotonic() - _MAY_BE_LOST_SECONDS
        self.interrupted = {key: moment for key, moment in self.interrupted.items() if moment < early}

    def is_damaged(self, path: Path) -> bool:
        """Whether a file is damaged at the moment."""
        return path in self.damaged_files

    def kill(self, pid: int) -> None:
        """Kill a process, and keep in mind what it held."""
        os.kill(pid, signal.SIGKILL)
        self._keep_in_mind(pid)
        self._forked.wait(pid)
        self.running.pop(pid)

    def kill_actor(self, pid: int) -> None:
        """The same of an actor, which is no child of ours."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            raise NotNow from None
        eventually(lambda: _has_ended(pid))
        self._keep_in_mind(pid)

    def _keep_in_mind(self, pid: int) -> None:
        held = {}
        if self.is_reachable:
            with suppress(SeenatError):
                held = held_by(self.place, pid)
        self.interrupted.update(dict.fromkeys(held, time.monotonic()))
        self.owners_gone.update(held.values())

    def begin_worker(self, **order: Any) -> int:
        """Begin a worker of this machine or, so that only its lease can tell that it is gone, of one of its own."""
        self._numbers += 1
        is_elsewhere = self.place.cluster is None and self.random.random() < 0.5
        host = {"host": f"machine-{self._numbers}"} if is_elsewhere else {}
        return self._begin("worker", lease=self.lease_seconds, **host, **order)

    def begin_driver(self) -> int:
        """Begin `seenat memorize`."""
        cluster = self.place.cluster
        by_ray = [] if cluster is None else ["--runner", "ray", "--address", cluster.address, "--workers", "2"]
        return self._begin("driver", args=[*_DRIVER, *by_ray])

    def _begin(self, role: str, **order: Any) -> int:
        order = {"output": str(self.place.folder / "output"), "environment": self.place.environment, **order}
        pid = self._forked.start(self.place.catalog, within=_TESTS, **order)
        self.running[pid] = role
        return pid

    # -- how it goes

    def play(self, kinds: list[Fault], most: int) -> None:
        """Let faults strike until the job is done, or there were so many."""
        self.begin_driver()
        deadline = time.monotonic() + _PLAYED_WITHIN
        while len(self.struck) < most and not self._is_done():
            assert time.monotonic() < deadline, "nothing works at the job"
            self._keep_up()
            self._strike(kinds)
            time.sleep(self.random.uniform(0.02, 0.3) * self.slowness)
            self._undo(time.monotonic())

    def finish(self) -> Results:
        """Set all right that is wrong, let the job be finished, and return its results."""
        self._undo(float("inf"))
        deadline = time.monotonic() + _FINISHED_WITHIN
        for _ in range(_TRIES):
            self._wait_for_all(deadline)
            if self.needs_repair:
                self.needs_repair = False
                seenat.Catalog(self.place.catalog).verify_stored(repair=True)
            elif find_job(self.place.catalog, self.place.job_id).state == "done":
                break
            if find_job(self.place.catalog, self.place.job_id).progress.failed:
                self.lines.append("shards that failed are tried again")
                retry_job(self.place.catalog, self.place.job_id)
            self.begin_worker()
        if self.needs_search:
            seenat.Catalog(self.place.catalog).index.verify(ORDER, repair=True)
            check_index(self.place, self.random)
        return results_of(self.place.catalog, self.place.job_id)

    def untold(self) -> list[str]:
        """What the catalog should say of what happened, and does not."""
        return untold(self.place, set(self.interrupted))

    def end(self) -> None:
        """Whatever happened: nothing goes on, and everything is as it was."""
        while self._undos:
            with suppress(
                AssertionError, SeenatError, OSError
            ):  # Where one could not be undone, the scene has failed already.
                self._undo(float("inf"))
        for pid in list(self.running):
            self._forked.kill(pid)
        if (cluster := self.place.cluster) is not None:  # Ray ends those of a driver that is gone.
            eventually(lambda: not cluster.actors())

    def reap(self) -> None:
        """Forget the processes that have ended."""
        for pid in [pid for pid in self.running if _has_ended(pid)]:
            code = self._forked.wait(pid)
            self.lines.append(f"{self.running.pop(pid)} {pid} ended with {code}")

    def _keep_up(self) -> None:
        self.reap()
        if "driver" not in self.running.values() and self.random.random() < 0.5:
            self.begin_driver()
        elif self.place.cluster is None and len(self.running) < self.most_running:
            self.begin_worker()

    def _strike(self, kinds: list[Fault]) -> None:
        fault = self.random.choice(kinds)
        try:
            if self.place.cluster is not None:  # Actors take seconds to begin, and faults are to strike amid the work.
                self.any_actor()
            undo = fault.strike(self)
        except NotNow:
            return
        except SeenatError:  # It may find the disk full, or the server away.
            self.not_struck[fault.name] += 1
            return
        self.struck.append(fault.name)
        self.lines.append(fault.name)
        self._undos.append((time.monotonic() + self.random.uniform(*fault.lasts), fault.name, undo))

    def _undo(self, now: float) -> None:
        for one in [one for one in self._undos if one[0] <= now]:
            self._undos.remove(one)  # Before it is tried: what cannot be undone is not tried again.
            self.lines.append(f"undone: {one[1]}")
            one[2]()

    def _is_done(self) -> bool:
        try:
            return self.is_reachable and find_job(self.place.catalog, self.place.job_id).state == "done"
        except SeenatError:
            return False

    def _wait_for_all(self, deadline: float) -> None:
        while self.running:
            assert time.monotonic() < deadline, f"{self.running} do not end"
            for pid in self.running:  # One that was to stop itself may do so only now.
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.05)
            self.reap()


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
