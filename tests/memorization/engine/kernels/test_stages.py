"""Stages: they add up, and no other choice is cheaper."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.engine.kernels.stages import Stages, best_stages, usual_stages


@pytest.mark.parametrize(
    ("continuation", "stages"),
    [(1, (1,)), (2, (2,)), (3, (2, 1)), (5, (2, 2, 1)), (32, (2, 2, 4, 8, 16)), (67, (2, 2, 4, 8, 16, 32, 3))],
)
def test_usual_stages_double(continuation: int, stages: tuple[int, ...]) -> None:
    assert usual_stages(continuation) == stages


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=200))
def test_stages_add_up(prefixes: list[int]) -> None:
    stages = best_stages(np.array(prefixes))
    assert sum(stages) == len(prefixes) - 1
    assert min(stages) >= 1


@given(st.lists(st.integers(0, 500), min_size=2, max_size=8))
def test_no_other_stages_pass_fewer_ids(prefixes: list[int]) -> None:
    counts = np.array(prefixes)
    continuation = len(counts) - 1
    every = [
        tuple(np.diff([0, *cuts, continuation]).tolist())
        for bits in range(2 ** (continuation - 1))
        for cuts in [[place + 1 for place in range(continuation - 1) if bits >> place & 1]]
    ]
    assert cost(best_stages(counts), counts) == pytest.approx(min(cost(stages, counts) for stages in every))


def test_steep_curves_want_small_stages_and_flat_ones_large() -> None:
    steep = np.array([6000, 1800, 1000, 500, 200, 100, *[10] * 26, 166])
    assert best_stages(steep)[:2] in {(1, 1), (1, 2), (1, 3)}
    assert len(best_stages(steep)) >= 4
    assert best_stages(np.array([*[0] * 32, 1000])) == (1, 31)


def test_stages_are_chosen_by_enough_prefixes_and_kept_for_the_next_model() -> None:
    stages = Stages()
    stages.begin(32)
    assert stages.best == usual_stages(32)
    stages.learn(np.full(255, 32))
    assert stages.best == usual_stages(32)
    stages.learn(np.array([32]))
    assert stages.best == (1, 31)
    stages.learn(np.full(255, 5))
    assert stages.best == (1, 31)  # Until twice as many are known.
    stages.learn(np.array([5]))
    assert stages.best == best_stages(np.array([*[0] * 5, 256, *[0] * 26, 256])) != (1, 31)
    learned = stages.best
    stages.begin(32)
    stages.learn(np.full(255, 32))
    assert stages.best == learned
    stages.learn(np.array([32]))
    assert stages.best == (1, 31)  # What the model before did does not count.
    stages.begin(8)
    assert stages.best == usual_stages(8)


def cost(stages: tuple[int, ...], prefixes: np.ndarray) -> float:
    """What the module's docstring says, written out."""
    total = prefixes.sum() + 4.0
    spent = 1.5 * stages[0]
    for reached, length in zip(accumulate(stages), stages[1:], strict=False):
        survival = (prefixes[reached:].sum() + 4.0 / (1 + reached)) / total
        spent += survival * (length + 2.0)
    return spent
