"""`python -m benchmarks [FILE]`: the engine against the published procedure, in one process, one thread, turn by turn.

Every round measures each variant once, over rows that no round before had, so that whatever else the machine does meets all
of them; what is compared is CPU time for a row, and what is printed is the median of the rounds and the spread of the ratios.
Both sides use the same weights and the same rows, and their results are compared row by row: a ratio is worth nothing where
they differ. FILE gets the same tables as Markdown.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.cases import POCKET_STEPS, Case, pocket_case, pocket_checkpoints, pythia_case
from benchmarks.limit import counted_flop, peak
from seenat.memorization.protocol import Protocol
from seenat.memorization.reference import ReferenceScores, reference_scores
from seenat.memorization.scoring import Scorer

_ROUNDS = 3
_BATCHES = (32, 64, 128)
_HEAD = """# Benchmarks

`python -m benchmarks docs/benchmarks.md` (`make bench` prints the same) on {processor}, torch {torch}, transformers
{transformers}, one thread, float32, CPU time, {rounds} rounds in turn. {date}.

The reference is transformers' `generate`, as `memorization/reference.py` calls it, with its cache at the fastest of batches of
{batches}. `x` says how many times seenat's time a row takes, the median of the rounds with the least and the largest;
beside it, on how many of the compared rows the numbers differ. Rows of a round are new to both; seenat had a round before,
in which it filled the table of its first layer and chose its stages. Rows with random weights follow the model's own decoding
for a while: 41 % for 1 id, 10 % for 4, 1.7 % to the end; their prompts are drawn by Zipf's law. `of the peak` is what
multiplications seenat issued, in a second, of those of a square product of 2,048 with packed weights, measured in the same
round. torch multiplies float32 by MKL, which is slow on processors that are not Intel's; seenat does not, which is part of
the factor; how much was not measured here.
"""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way of measuring: `run` gives the values of rows, `seconds` its CPU time a row, one a round."""

    name: str
    measure: str
    rows: int
    run: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]
    seconds: list[float] = field(default_factory=list)
    values: list[npt.NDArray[np.uint8]] = field(default_factory=list)

    def take(self, rows: npt.NDArray[np.int64]) -> None:
        """Measure one round."""
        began = time.process_time()
        self.values.append(self.run(rows[: self.rows]))
        self.seconds.append((time.process_time() - began) / len(rows[: self.rows]))


def main() -> None:
    """Measure every case; print tables, and write them to the file that is named."""
    torch.set_num_threads(1)
    parts = [_heading(), _equality()]
    for case in (
        pocket_case(_ROUNDS),
        pythia_case(128, 4, _ROUNDS, rows=512, cached=128, uncached=32),
        pythia_case(512, 8, _ROUNDS, rows=128, cached=128, uncached=8),
    ):
        parts.append(_measure(case))
        print(parts[-1], flush=True)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text("\n".join(parts), encoding="utf-8")


def _heading() -> str:
    import transformers

    return _HEAD.format(
        processor=_processor(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        rounds=_ROUNDS,
        batches=" or ".join(map(str, _BATCHES)),
        date=time.strftime("%Y-%m-%d"),
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _equality() -> str:
    """Prefix and score of every row of the pocket suite's order against the reference, checkpoint by checkpoint."""
    cells = prefixes = scores = 0
    for model, rows in pocket_checkpoints(POCKET_STEPS):
        rows = rows[::4]
        scorer = Scorer(model, Protocol(), "cpu")
        expected = reference_scores(model, rows, Protocol(), batch=128)
        cells += len(rows)
        prefixes += int((scorer.prefixes(rows) != expected.prefix).sum())
        scores += int((scorer.scores(rows) != expected.score).sum())
    told = f"Of {cells:,} (sequence, checkpoint) cells of pocket-2m, {prefixes} prefixes and {scores} scores differ from `generate`.\n"
    print(told, flush=True)
    return told


def _measure(case: Case) -> str:
    scorer = Scorer(case.model, Protocol(), "cpu")
    batch = _best_batch(case)
    ours = [
        Variant(name="seenat, prefix", measure="prefix", rows=len(case.rows[0]), run=scorer.prefixes),
        Variant(name="seenat, score", measure="score", rows=case.cached, run=scorer.scores),
    ]
    theirs = [
        Variant(
            name=f"generate, use_cache={cached}, batch {batch}",
            measure="both",
            rows=case.cached if cached else case.uncached,
            run=_reference(case.model, batch, cached),
        )
        for cached in (True, False)
    ]
    flop = [counted_flop(lambda one=one: one.run(case.rows[0][: one.rows])) / one.rows for one in ours]
    peaks = []
    for rows in case.rows[1:]:
        for variant in (*ours, *theirs):
            variant.take(rows)
        peaks.append(peak())
    return _table(case, ours, theirs, [each / statistics.median(peaks) for each in flop])


def _reference(model: Any, batch: int, cached: bool) -> Callable[[npt.NDArray[np.int64]], Any]:
    def run(rows: npt.NDArray[np.int64]) -> Any:
        return reference_scores(model, rows, Protocol(), batch=batch, use_cache=cached)

    return run


def _best_batch(case: Case) -> int:
    """The batch at which the cached reference takes the least time for a row."""
    spent = {}
    for batch in _BATCHES:
        began = time.process_time()
        reference_scores(case.model, case.rows[0][:128], Protocol(), batch=batch)
        spent[batch] = time.process_time() - began
    return min(spent, key=lambda batch: spent[batch])


def _table(case: Case, ours: list[Variant], theirs: list[Variant], least: list[float]) -> str:
    lines = [
        f"## {case.name}\n",
        "| | rows/s | of the peak | x prefix | x score |",
        "|---|---:|---:|---:|---:|",
    ]
    for one, seconds in zip(ours, least, strict=True):
        share = seconds / statistics.median(one.seconds)
        lines.append(f"| {one.name} | {1 / statistics.median(one.seconds):,.1f} | {share:.0%} | | |")
    for one in theirs:
        ratios = " | ".join(_ratio(one, mine) for mine in ours)
        lines.append(f"| {one.name} | {1 / statistics.median(one.seconds):,.1f} | | {ratios} |")
    return "\n".join([*lines, ""])


def _ratio(theirs: Variant, mine: Variant) -> str:
    ratios = [slow / fast for slow, fast in zip(theirs.seconds, mine.seconds, strict=True)]
    differing = sum(_differing(*pair, mine.measure) for pair in zip(theirs.values, mine.values, strict=True))
    return f"{statistics.median(ratios):.1f} [{min(ratios):.1f}, {max(ratios):.1f}], {differing} differ"


def _differing(expected: Any, found: npt.NDArray[np.uint8], measure: str) -> int:
    reference: ReferenceScores = expected
    values = reference.prefix if measure == "prefix" else reference.score
    both = min(len(values), len(found))
    return int((values[:both] != found[:both]).sum())


main()
