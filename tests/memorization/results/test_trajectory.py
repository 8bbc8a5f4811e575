"""Onsets, forgetting and relearning: many sequences at once, one at a time, and by looking at each point."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.protocol.protocol import NOT_MEASURED
from seenat.memorization.results.trajectory import Onset, Point, Trajectory, derive_onsets

WHOLE = 8
VALUES = st.sampled_from([0, 3, WHOLE - 1, WHOLE, WHOLE, NOT_MEASURED])


@st.composite
def measured(draw):
    """Steps, and values of some sequences at each of them."""
    steps = sorted(draw(st.sets(st.integers(0, 1000), max_size=7)))
    sequences = draw(st.integers(0, 6))
    rows = [[draw(VALUES) for _ in range(sequences)] for _ in steps]
    return steps, np.array(rows, np.uint8).reshape(len(steps), sequences)


def trajectory_of(steps, column):
    return Trajectory(
        tuple(
            Point(step=step, seen=True, values={"prefix": int(value)}, memorized=bool(value == WHOLE))
            for step, value in zip(steps, column, strict=True)
            if value != NOT_MEASURED
        )
    )


def by_looking(steps, column):
    """Step by step, as one would with a pencil: (first, low, last, times memorized, lost at, relearned at)."""
    first = low = last = before = None
    times, lost, relearned = 0, [], []
    for step, value in zip(steps, column.tolist(), strict=True):
        if value == NOT_MEASURED:
            continue
        if value == WHOLE:
            if first is None:
                first, low = step, before
            elif last != before:
                relearned.append(step)
            times, last = times + 1, step
        elif last is not None and last == before:
            lost.append(step)
        before = step
    return first, low, last, times, lost, relearned


@given(measured())
def test_the_table_of_many_sequences_is_what_looking_at_each_finds(given_values):
    steps, values = given_values
    table = derive_onsets(np.array(steps, np.int64), values, WHOLE)
    expected = [(column, *by_looking(steps, values[:, column])) for column in range(values.shape[1])]
    found = zip(
        table.column.tolist(),
        table.first_step.tolist(),
        [None if low < 0 else low for low in table.bracket_low.tolist()],
        table.last_step.tolist(),
        table.times_memorized.tolist(),
        table.times_lost.tolist(),
        strict=True,
    )
    assert list(found) == [
        (column, first, low, last, times, len(lost))
        for column, first, low, last, times, lost, _ in expected
        if first is not None
    ]


@given(measured())
def test_one_trajectory_is_what_looking_at_it_finds(given_values):
    steps, values = given_values
    for column in values.T:
        first, low, _, _, lost, relearned = by_looking(steps, column)
        path = trajectory_of(steps, column)
        assert path.onset == (None if first is None else Onset(bracket_low=low, step=first))
        assert path.forgotten == tuple(lost)
        assert path.relearned == tuple(relearned)


def test_forgotten_and_relearned():
    path = trajectory_of([0, 10, 20, 30, 40, 50, 60], [2, WHOLE, NOT_MEASURED, 3, 0, WHOLE, WHOLE])
    assert path.onset == Onset(bracket_low=0, step=10)
    assert path.forgotten == (30,)
    assert path.relearned == (50,)


def test_a_gap_neither_forgets_nor_brackets():
    path = trajectory_of([0, 10, 20, 30], [1, NOT_MEASURED, WHOLE, WHOLE])
    assert path.onset == Onset(bracket_low=0, step=20)
    path = trajectory_of([0, 10, 20, 30], [NOT_MEASURED, WHOLE, NOT_MEASURED, WHOLE])
    assert path.onset == Onset(bracket_low=None, step=10)
    assert path.forgotten == path.relearned == ()


def test_a_sequence_that_is_never_memorized_has_no_onset():
    path = trajectory_of([0, 10], [7, 0])
    assert path.onset is None
    assert path.forgotten == path.relearned == ()
    assert Trajectory(()).onset is None
