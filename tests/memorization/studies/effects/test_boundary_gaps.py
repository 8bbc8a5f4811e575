"""Gaps at measured steps: where they are by construction, how sure they are, and what follows of labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seenat.memorization.studies.effects.boundary_gaps import Gaps, find_gaps
from seenat.memorization.studies.effects.step_labels import possible_steps
from seenat.memorization.studies.inputs.panels import Panel

K = 6
SIZE = 60


def panels_of(values: npt.NDArray[np.float64], cohorts: npt.NDArray[np.int64]) -> Iterator[Panel]:
    """Two panels that cut a cohort."""
    for part in (slice(0, 100), slice(100, None)):
        yield Panel(sequences=np.arange(len(cohorts))[part], cohorts=cohorts[part], values=values[:, part])


def trained(
    seed: int, steps: Any, effect: float = 4.0, noise: float = 1.0, cohorts: npt.NDArray[np.int64] | None = None
) -> Any:
    """Checkpoints at these places, each of which knows better what it had seen."""
    cohorts = np.repeat(np.arange(1, K + 2), SIZE).astype(np.int64) if cohorts is None else cohorts
    generator = np.random.default_rng(seed)
    difficulty = generator.normal(size=len(cohorts)) * 10
    seen = cohorts[None] <= np.array(steps)[:, None]
    return difficulty + effect * seen + noise * generator.normal(size=(len(steps), len(cohorts))), cohorts


def found_of(*arguments: Any, confidence: float = 0.99, **named: Any) -> Gaps:
    values, cohorts = trained(*arguments, **named)
    return find_gaps(panels_of(values, cohorts), len(values), confidence)


@given(st.integers(0, 999), st.floats(1, 50))
@settings(deadline=None, max_examples=20)
def test_gaps_are_where_the_steps_are(seed: int, effect: float) -> None:
    found = found_of(seed, range(K), effect=effect, noise=1e-4)
    for c in range(1, K):
        expected = np.zeros(K)
        near = [t for t in (c - 1, c + 1) if t < K]
        expected[near] = -effect / len(near)
        expected[c] = effect
        # Cohort 0 is empty where nothing is seen before the first checkpoint.
        assert found.gap[c, 1:] == pytest.approx(expected[1:], abs=0.01 * effect)
        assert np.isnan(found.gap[c, 0])


def test_errors_and_degrees_of_freedom_are_welchs() -> None:
    cohorts = np.repeat(np.arange(K + 1), (5, 40, 9, 30, 3, 25, 70)).astype(np.int64)
    generator = np.random.default_rng(1)
    values = trained(1, range(K), cohorts=cohorts)[0] + generator.normal(size=(K, len(cohorts))) * cohorts
    values[generator.random(values.shape) < 0.1] = np.nan
    found = find_gaps(panels_of(values, cohorts), K, 0.95)
    y, x = values[3], (values[2] + values[4]) / 2
    known = ~np.isnan(x + y)
    design = np.stack([x[known], *(cohorts[known] == one for one in range(K + 1))], axis=1)
    slope = np.linalg.lstsq(design, y[known])[0][0]
    before, after = ((y - slope * x)[known & (cohorts == one)] for one in (2, 3))
    spread = before.var(ddof=1) / len(before), after.var(ddof=1) / len(after)
    freedom = sum(spread) ** 2 / (spread[0] ** 2 / (len(before) - 1) + spread[1] ** 2 / (len(after) - 1))
    assert found.gap[3, 2] == pytest.approx(before.mean() - after.mean())
    assert found.error[3, 2] == pytest.approx(np.sqrt(sum(spread)))
    assert found.sequences[3, 2:4].tolist() == [len(before), len(after)]
    # 9 or fewer sequences: Student's critical value at 0.025 / 36 lies far above the normal one, 3.2.
    assert 3 < freedom < 40
    assert 3.4 < found.critical[3, 2] < 9
    assert found.high[3, 2] - found.low[3, 2] == pytest.approx(2 * found.critical[3, 2] * found.error[3, 2])


def labels_of(found: Gaps) -> list[list[int]]:
    """Possible steps of each checkpoint."""
    return [np.flatnonzero(row).tolist() for row in possible_steps(found)]


def test_steps_are_recognised() -> None:
    assert labels_of(found_of(2, range(K))) == [[0], [1], [2], [3], [4], [5]]


@pytest.mark.parametrize("pair", [(1, 2), (1, 5), (2, 4), (0, 3), (4, 5)])
def test_what_was_swapped_is_found_and_nothing_else(pair: tuple[Any, Any]) -> None:
    steps = list(range(K))
    steps[pair[0]], steps[pair[1]] = steps[pair[1]], steps[pair[0]]
    for place, possible in enumerate(labels_of(found_of(3, steps))):
        assert steps[place] in possible
        assert (place in possible) == (place not in pair)


def test_the_weights_of_a_neighbour_are_found_although_it_is_what_is_compared_with() -> None:
    values, cohorts = trained(4, range(K))
    values[3] = values[2]
    labels = labels_of(find_gaps(panels_of(values, cohorts), K, 0.99))
    assert 2 in labels[2]
    assert 3 not in labels[3]


@pytest.mark.parametrize("effect", [0.0, 0.3])
def test_little_or_nothing_to_see_is_undecided(effect: float) -> None:
    """No label is called wrong, of 60 runs with 6 labels each, and hardly any right."""
    wrong = right = 0
    for seed in range(60):
        labels = labels_of(found_of(seed, range(K), effect=effect))
        wrong += sum(place not in possible for place, possible in enumerate(labels))
        right += sum(possible == [place] for place, possible in enumerate(labels))
    assert wrong <= 3
    assert right <= 3


def test_too_few_sequences_tell_nothing() -> None:
    cohorts = np.array([1, 2, 2, 3, 3, 3, 4], np.int64)
    found = found_of(5, range(4), cohorts=cohorts)
    assert np.isnan(found.gap[:, [0, 1, 3]]).all()
    assert not np.isnan(found.gap[:, 2]).any()
    assert np.isinf(found.high[:, 3]).all()
    assert not found.shown.any()


def test_what_does_not_vary_tells_nothing() -> None:
    values, cohorts = trained(6, range(K))
    values[0] = 7.0
    values[1:, cohorts == 2] = 5.0
    found = find_gaps(panels_of(values, cohorts), K, 0.99)
    assert np.isnan(found.gap[0]).all()
    # The spread within the other cohorts stands in for that of the second one.
    assert found.error[3, 1:3] == pytest.approx(found.error[3, 3], rel=0.15)
    alone = find_gaps(panels_of(values[3:4], np.minimum(cohorts, 2)), 1, 0.99)
    assert alone.gap.shape == (1, 1)
