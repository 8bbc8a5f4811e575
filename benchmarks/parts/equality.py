"""Part `equality`: flag, prefix and score of each (sequence, checkpoint) cell, by the engine and by the reference.

Two suites: `trained`'s model, and the pocket suite's largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import CACHE, say
from benchmarks.material import trained
from benchmarks.page import Figure, figures, table
from benchmarks.ties import smallest_gaps, ties
from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.engine.transformers.reference import reference_scores
from seenat.memorization.pocket import POCKET, build_pocket_suite, pocket_folder
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.hub.location import CheckpointLocation

__all__ = ["section"]

_ROWS = 512
_TEXT_STEPS = trained.CONFIG.saved[-16::2]
_POCKET_STEPS = POCKET.saved[-8:]
_POCKET_MODEL = "pocket-2m"
_BOUNDS = (0, 1, 2, 4, 8, 16, 32, 33)
_TEXT = """## Equality with the reference procedure

Every cell is one sequence of real text at one checkpoint, measured by seenat and by transformers' `generate` with the same
weights, and compared number by number. *text-14m* has Pythia-14m's shape and vocabulary and was trained here on the
standard library's sources, its checkpoints stored in float16 (`benchmarks/material/trained.py`); *pocket-2m* is of the pocket suite.
"""

Rows = npt.NDArray[np.int64]


@dataclass
class _Compared:
    """What was found over all cells of a suite."""

    name: str
    steps: tuple[int, ...]
    prefixes: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    flags: int = 0
    prefix: int = 0
    score: int = 0
    gaps: list[float] = field(default_factory=list)
    """Of each cell whose prefix or score differs: the smallest distance of the two largest logits, in float64."""


def section(page: Path) -> str:
    """Compare both suites."""
    parts = [_TEXT]
    for name, steps, checkpoints in (
        (trained.NAME, _TEXT_STEPS, _text_checkpoints()),
        (_POCKET_MODEL, _POCKET_STEPS, _pocket_checkpoints()),
    ):
        found = _Compared(name, steps)
        for step, (folder, rows) in zip(steps, checkpoints, strict=True):
            _compare(found, load_checkpoint(CheckpointLocation.local(folder)), rows)
            say(f"{name}: step {step}, {found.prefix} prefixes and {found.score} scores differ so far")
        parts.append(_figures(found))
    return "\n".join(parts)


def _text_checkpoints() -> Iterator[tuple[Path, Rows]]:
    manifest = trained.build()
    rows = trained.evaluated(manifest)
    for number, step in enumerate(_TEXT_STEPS):
        yield trained.checkpoint(manifest, step), rows[number * _ROWS : (number + 1) * _ROWS]


def _pocket_checkpoints() -> Iterator[tuple[Path, Rows]]:
    folder = build_pocket_suite(pocket_folder(CACHE)).parent
    ids = np.fromfile(folder / "document.bin", "<u2").reshape(-1, POCKET.tokens_per_sequence)
    rows = ids[:: len(ids) // _ROWS, :-1].astype(np.int64)[:_ROWS]
    for step in _POCKET_STEPS:
        yield folder / "models" / _POCKET_MODEL / f"step{step}", rows


def _compare(found: _Compared, model: Any, rows: Rows) -> None:
    expected = reference_scores(model, rows, Protocol(), batch=128)
    scorer = Scorer(model, Protocol(), "cpu")
    prefixes, scores = scorer.prefixes(rows), scorer.scores(rows)
    found.prefixes.append(prefixes)
    found.flags += int(((prefixes == Protocol().continuation) != expected.memorized).sum())
    found.prefix += int((prefixes != expected.prefix).sum())
    found.score += int((scores != expected.score).sum())
    wrong = (prefixes != expected.prefix) | (scores != expected.score)
    found.gaps.extend(smallest_gaps(model, rows[wrong]))


def _figures(found: _Compared) -> str:
    prefixes = np.concatenate(found.prefixes)
    lengths = [f"{low}" if high == low + 1 else f"{low} to {high - 1}" for low, high in pairwise(_BOUNDS)]
    counts, _ = np.histogram(prefixes, bins=_BOUNDS)
    cells = f"{len(prefixes):,} cells of {found.name}, {_ROWS} at each of steps {', '.join(map(str, found.steps))}"
    compared = [
        Figure(what=f"{what} that differ", value=count, text=f"{count} of {len(prefixes):,}", most=0)
        for what, count in (("flags", found.flags), ("prefixes", found.prefix), ("scores", found.score))
    ]
    parts = [
        f"### {found.name}\n\n{cells}; prefixes by length:\n",
        table(("ids", *lengths), [("cells", *(f"{count:,}" for count in counts))]),
        figures([Figure(what="cells", value=len(prefixes), text=f"{len(prefixes):,}", least=4096), *compared]),
        ties(found.gaps),
    ]
    return "\n".join(parts)
