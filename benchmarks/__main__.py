"""`python -m benchmarks`: the engine against the published procedure, both in one process, one thread, turn by turn.

Every round measures each variant once, so that whatever else the machine does meets all of them; what is compared is CPU
time, and what is printed is the median of the rounds and the spread of the ratios. Both sides use the same weights and the
same sequences, and their prefixes are compared row by row: a ratio is worth nothing where they differ.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.cases import Case, pocket_case, pythia_14m_case
from seenat.memorization.protocol import Protocol
from seenat.memorization.reference import reference_scores
from seenat.memorization.scoring import Scorer

_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way of measuring, and its times in seconds of CPU, one a round."""

    name: str
    run: Callable[[], npt.NDArray[np.uint8]]
    seconds: list[float]


def main() -> None:
    """Measure every case and print a table."""
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread, {_ROUNDS} rounds")
    for case in (pocket_case(), pythia_14m_case()):
        _measure(case)


def _measure(case: Case) -> None:
    protocol = Protocol()
    scorer = Scorer(case.model, protocol, "cpu")
    variants = [
        Variant(name="seenat", run=lambda: scorer.prefixes(case.rows), seconds=[]),
        Variant(name="generate, use_cache=True", run=lambda: _reference(case, protocol, use_cache=True), seconds=[]),
        Variant(name="generate, use_cache=False", run=lambda: _reference(case, protocol, use_cache=False), seconds=[]),
    ]
    results: dict[str, npt.NDArray[np.uint8]] = {}
    for _ in range(_ROUNDS):
        for variant in variants:
            began = time.process_time()
            results[variant.name] = variant.run()
            variant.seconds.append(time.process_time() - began)
    _report(case, variants, results)


def _reference(case: Case, protocol: Protocol, *, use_cache: bool) -> npt.NDArray[np.uint8]:
    model: Any = case.model
    return reference_scores(model, case.rows, protocol, batch=64, use_cache=use_cache).prefix


def _report(case: Case, variants: list[Variant], results: dict[str, npt.NDArray[np.uint8]]) -> None:
    ours = variants[0]
    memorized = int((results[ours.name] == 32).sum())
    print(f"\n{case.name}: {len(case.rows)} sequences, {memorized} of them memorized")
    for variant in variants:
        ratios = [theirs / mine for theirs, mine in zip(variant.seconds, ours.seconds, strict=True)]
        differing = int((results[variant.name] != results[ours.name]).sum())
        print(
            f"  {variant.name:<28}{len(case.rows) / statistics.median(variant.seconds):>10,.1f} sequences/s"
            f"{statistics.median(ratios):>9.2f} x seenat's time [{min(ratios):.2f}, {max(ratios):.2f}]"
            f"{differing:>4} prefixes differ"
        )


main()
