"""Every run that the check needs, seed by seed, and the losses that are kept of each, so that a stopped check goes on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.machine import say
from benchmarks.retraining.chosen import Chosen
from benchmarks.retraining.training import losses_after
from seenat.memorization.pocket.config import POCKET

__all__ = ["Trial", "run_trials"]


@dataclass(frozen=True)
class Trial:
    """One run, and the loss of every query after it."""

    way: str
    """Empty for the whole run, which leaves out nothing."""
    query: int
    draw: int
    """Tells sets of one way and query apart."""
    seed: int
    losses: tuple[float, ...]


def run_trials(
    file: Path, model: str, rows: npt.NDArray[np.int64], asked: list[int], removals: list[Chosen], seeds: list[int]
) -> list[Trial]:
    """Run what `file` does not hold yet, one line of JSON a run."""
    known = {(trial.way, trial.query, trial.draw, trial.seed): trial for trial in _read(file)}
    due = [(seed, *drawn) for seed in seeds for drawn in _numbered(removals)]
    for done, (seed, draw, removal) in enumerate(due):
        key = removal.way, removal.query, draw, seed
        if key not in known:
            losses = losses_after(
                rows[: POCKET.trained], POCKET, POCKET.model(model), seed, removal.sequences, rows[asked]
            )
            known[key] = Trial(*key, tuple(losses))
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(known[key])) + "\n")
            say(f"run {done + 1} of {len(due)}")
    return [known[removal.way, removal.query, draw, seed] for seed, draw, removal in due]


def _numbered(removals: list[Chosen]) -> Iterator[tuple[int, Chosen]]:
    """Each set, with a number that tells it from others of its way and query."""
    count: Counter[tuple[str, int]] = Counter()
    for removal in removals:
        yield count[removal.way, removal.query], removal
        count[removal.way, removal.query] += 1


def _read(file: Path) -> Iterator[Trial]:
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            yield Trial(**{**fields, "losses": tuple(fields["losses"])})
