"""Scenes until there were so many faults, and the tally of what became of cells."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from support.cells import Difference, Results, results_of
from support.forked_workers import forked_workers
from support.trained_run import Mine

from faults.kinds import ALL
from faults.kinds.fault import Fault
from faults.scene import Scene
from faults.worlds import Grounds
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.status import find_job
from seenat.registry.errors import SeenatError

__all__ = ["Tally", "campaign"]

_A_SCENE = 12
"""Faults of one job, at most."""
_SLOW = frozenset({"ray"})
"""Worlds that have half as many scenes as the others: each takes a minute."""
_MOST_FAILED = 10
"""Scenes that did not end well, after which there are no more."""
_QUIET_SECONDS = 5.0
"""Of an undisturbed job and what it stands on, where nothing else runs."""


@dataclass
class Tally:
    """What came of faults."""

    struck: Counter[str] = field(default_factory=Counter)
    not_struck: Counter[str] = field(default_factory=Counter)
    """Those that found the catalog full, away or taken; by their names, as the others."""
    jobs: Counter[str] = field(default_factory=Counter)
    """By world."""
    cells: int = 0
    difference: Difference = field(default_factory=Difference)
    untold: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Which scenes did not end well, and what happened in them."""
    seconds: float = 0.0

    @property
    def faults(self) -> int:
        """All of them."""
        return sum(self.struck.values())

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or wrong, and the catalog tells what happened."""
        return not (self.difference or self.untold or self.failed)

    def __str__(self) -> str:
        lines = [f"{times:5} {name}" for name, times in sorted(self.struck.items())]
        worlds = ", ".join(f"{jobs} {world}" for world, jobs in sorted(self.jobs.items()))
        lines.append(f"{self.faults} faults in {sum(self.jobs.values())} jobs ({worlds}), {self.seconds:.0f} s")
        could_not = ", ".join(f"{times} {name}" for name, times in sorted(self.not_struck.items()))
        lines.append(f"could not strike: {self.not_struck.total()}" + (f" ({could_not})" if could_not else ""))
        wrong = self.difference
        lines.append(f"{self.cells} cells: {wrong.lost} lost, {wrong.doubled} doubled, {wrong.wrong} wrong")
        lines += [f"not told: {line}" for line in self.untold]
        return "\n".join(lines + self.failed)


def campaign(
    folder: Path,
    mine: Mine,
    *,
    faults: int,
    seed: int,
    worlds: Iterable[str],
    kinds: Iterable[Fault] = ALL,
    told: Callable[[str], None] = lambda _: None,
) -> Tally:
    """Play scenes, one world after the other, until there were so many faults; every scene has a seed of its own."""
    tally, began, turns, number = Tally(), time.monotonic(), _turns(worlds), 0
    grounds = Grounds(folder, mine)
    try:
        right = _undisturbed(grounds)
        slowness = max(1.0, min(20.0, (time.monotonic() - began) / _QUIET_SECONDS))
        with forked_workers() as forked:
            while tally.faults < faults and len(tally.failed) < _MOST_FAILED:
                world = turns[number % len(turns)]
                with grounds.place(world) as place:
                    scene = Scene(place, forked, random.Random(f"{seed}/{number}"))
                    scene.slowness = slowness
                    may = [kind for kind in kinds if world in kind.worlds]
                    most = min(_A_SCENE, faults - tally.faults)
                    _play(scene, may, tally, right, most, f"{seed}/{number} on {world}")
                number += 1
                told(
                    f"{tally.faults} faults, {time.monotonic() - began:.0f} s, job {number} on {world}: {', '.join(scene.struck)}"
                )
    finally:
        grounds.close()
    tally.seconds = time.monotonic() - began
    return tally


def _turns(worlds: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(worlds)
    quick = tuple(world for world in chosen if world not in _SLOW)
    return (*chosen, *quick)


def _undisturbed(grounds: Grounds) -> Results:
    with grounds.place("sqlite") as place:
        run_job(place.catalog, find_job(place.catalog, place.job_id), device="cpu")
        return results_of(place.catalog, place.job_id)


def _play(scene: Scene, kinds: list[Fault], tally: Tally, right: Results, most: int, name: str) -> None:
    try:
        scene.play(kinds, most)
        results = scene.finish()
        difference, untold = results.difference(right), scene.untold()
    except (SeenatError, AssertionError, OSError) as error:
        difference, untold = Difference(), [f"{type(error).__name__}: {error}"]
    finally:
        scene.end()
    tally.struck.update(scene.struck)
    tally.not_struck.update(scene.not_struck)
    tally.jobs[scene.place.world] += 1
    tally.cells += right.counted
    tally.difference += difference
    tally.untold += untold
    if difference or untold:
        output = scene.place.folder / "output"
        said = output.read_text(errors="replace")[-2000:] if output.exists() else ""
        tally.failed.append(f"scene {name}: {difference}; {'; '.join(scene.lines)}\n{said}")
