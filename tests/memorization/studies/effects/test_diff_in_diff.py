"""Difference-in-differences: effects that are known come back, and errors are those of the definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seenat.memorization.studies.effects.diff_in_diff import CONTROLS, differences, mean_changes, normal_maxima
from seenat.memorization.studies.inputs.panels import Panel

K = 5
SIZES = (3, 9, 7, 8, 6, 5, 11)
"""Sequences of each cohort, 0 to K + 1."""
COHORTS = np.repeat(np.arange(K + 2), SIZES).astype(np.int64)
TREATED = [(g, c) for g in range(1, K) for c in range(K) if c != g - 1]
numbers = st.floats(-50, 50, allow_nan=False)


def panel_of(values: npt.NDArray[np.float64], cohorts: npt.NDArray[np.int64] = COHORTS) -> Panel:
    return Panel(sequences=np.arange(len(cohorts)), cohorts=cohorts, values=values)


def untreated(seed: int, trend: list[float]) -> npt.NDArray[np.float64]:
    """Sequences of different difficulty that follow one trend."""
    difficulty = np.random.default_rng(seed).normal(size=len(COHORTS))
    return difficulty[None] + np.array(trend)[:, None]


@given(st.integers(0, 99), st.lists(numbers, min_size=K, max_size=K), numbers)
def test_a_constant_effect_comes_back(seed: int, trend: list[float], effect: float) -> None:
    seen = COHORTS[None] <= np.arange(K)[:, None]
    values = untreated(seed, trend) + effect * seen
    for control in CONTROLS:
        found = mean_changes([panel_of(values)], K, control).effects
        for g, c in TREATED:
            assert found[g, c] == pytest.approx(effect if c >= g else 0, abs=1e-9)


@given(st.integers(0, 99), st.lists(numbers, min_size=K, max_size=K), st.floats(0, 1), st.lists(numbers, min_size=K))
def test_an_effect_that_decays_and_differs_by_cohort_comes_back(
    seed: int, trend: list[float], rate: float, effects: list[float]
) -> None:
    values = untreated(seed, trend)
    for g in range(K):
        for c in range(g, K):
            values[c, g == COHORTS] += effects[g] * rate ** (c - g)
    for control in CONTROLS:
        found = mean_changes([panel_of(values)], K, control).effects
        for g, c in TREATED:
            assert found[g, c] == pytest.approx(effects[g] * rate ** (c - g) if c >= g else 0, abs=1e-9)


@given(st.integers(0, 99))
def test_trends_that_are_not_parallel_show_before(seed: int) -> None:
    values = untreated(seed, [0] * K) + 0.5 * np.arange(K)[:, None] * (COHORTS == 3)
    found = mean_changes([panel_of(values)], K, "never").effects
    assert found[3] == pytest.approx([-1, -0.5, 0, 0.5, 1], abs=1e-9)
    assert found[2] == pytest.approx([0] * K, abs=1e-9)


def groups(values: npt.NDArray[np.float64], control: str, g: int, c: int) -> list[npt.NDArray[np.float64]]:
    """Changes of cohort and controls, of the sequences measured at both, by the definition."""
    change = values[c] - values[g - 1]
    unseen = COHORTS == K + 1 if control == "never" else (max(g, c) < COHORTS)
    return [change[group & ~np.isnan(change)] for group in (g == COHORTS, unseen)]


@settings(deadline=None)
@given(st.integers(0, 999), st.sampled_from(CONTROLS), st.integers(1, 48))
def test_holes_and_panels_change_nothing(seed: int, control: str, cut: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(K, len(COHORTS)))
    values[generator.random(values.shape) < 0.3] = np.nan
    panels = [panel_of(values[:, part], COHORTS[part]) for part in (slice(0, cut), slice(cut, None))]
    means = mean_changes(panels, K, control)
    found = differences(panels, means, control, np.zeros((1, K, K)))
    for g, c in TREATED:
        treated, controls = groups(values, control, g, c)
        assert (means.treated[g, c], means.controls[g, c]) == (len(treated), len(controls))
        if len(treated) > 1 < len(controls):
            assert means.effects[g, c] == pytest.approx(treated.mean() - controls.mean())
            squared = treated.var(ddof=1) / len(treated) + controls.var(ddof=1) / len(controls)
            assert found.errors[g, c] == pytest.approx(np.sqrt(squared))
        else:
            assert np.isnan(found.errors[g, c])


def test_cohorts_that_share_their_controls_are_not_independent() -> None:
    values = np.random.default_rng(3).normal(size=(K, len(COHORTS))).cumsum(axis=0)
    panels = [panel_of(values)]
    means = mean_changes(panels, K, "never")
    weights = np.zeros((2, K, K))
    weights[0, 1, 3], weights[0, 2, 4], weights[1, 3, 4] = 0.25, 0.75, 1
    found = differences(panels, means, "never", weights)
    assert found.sums == pytest.approx([weights[0].ravel() @ np.nan_to_num(means.effects).ravel(), means.effects[3, 4]])
    never = values[:, COHORTS == K + 1]
    shared = np.stack([0.25 * (never[3] - never[0]) + 0.75 * (never[4] - never[1]), never[4] - never[2]])
    expected = np.cov(shared) / never.shape[1]
    for g, c, weight, place in ((1, 3, 0.25, 0), (2, 4, 0.75, 0), (3, 4, 1, 1)):
        change = (values[c] - values[g - 1])[g == COHORTS]
        expected[place, place] += weight**2 * change.var(ddof=1) / len(change)
    assert found.covariance == pytest.approx(expected)


def test_a_cohort_that_is_another_ones_control_counts_in_both() -> None:
    values = np.random.default_rng(4).normal(size=(K, len(COHORTS))).cumsum(axis=0)
    weights = np.random.default_rng(5).normal(size=(2, K, K))
    weights[:, 0] = 0
    means = mean_changes([panel_of(values)], K, "not-yet")
    found = differences([panel_of(values)], means, "not-yet", weights)
    added = np.zeros((2, len(COHORTS)))
    for g in range(1, K):
        for c in range(K):
            for sign, group in ((1, g == COHORTS), (-1, max(g, c) < COHORTS)):
                change = (values[c] - values[g - 1])[group]
                scale = np.sqrt(len(change) * (len(change) - 1))
                added[:, group] += sign * weights[:, g, c, None] * (change - change.mean()) / scale
    assert found.covariance == pytest.approx(added @ added.T)


def test_intervals_hold_as_often_as_they_should() -> None:
    """400 draws of an average whose truth is 0: 95 % within 1.96 standard errors, give or take 3.3 %."""
    cohorts = np.repeat(np.arange(K + 2), 30).astype(np.int64)
    weights = np.zeros((1, K, K))
    weights[0, 1, 2], weights[0, 2, 3], weights[0, 3, 4] = 0.5, 0.25, 0.25
    inside = 0
    for seed in range(400):
        values = np.random.default_rng(seed).normal(size=(K, len(cohorts))).cumsum(axis=0)
        panels = [panel_of(values, cohorts)]
        found = differences(panels, mean_changes(panels, K, "not-yet"), "not-yet", weights)
        inside += abs(found.sums[0]) < 1.96 * np.sqrt(found.covariance[0, 0])
    assert inside / 400 == pytest.approx(0.95, abs=0.033)


@pytest.mark.parametrize("size", [1, 3, 12])
def test_the_largest_of_independent_values_follows_their_product(size: int) -> None:
    maxima = normal_maxima(np.diag(np.arange(1.0, size + 1)))
    # P(|z| < 1.96) = 0.95.
    assert np.mean(maxima < 1.96) == pytest.approx(0.95**size, abs=0.01)


def test_the_largest_of_equal_values_is_one_of_them() -> None:
    maxima = normal_maxima(np.ones((4, 4)))
    assert np.mean(maxima < 1.96) == pytest.approx(0.95, abs=0.01)
    assert not normal_maxima(np.zeros((2, 2))).any()
    alone = normal_maxima(np.diag([0.0, 5.0]))
    assert np.mean(alone < 1.96) == pytest.approx(0.95, abs=0.01)
