"""The schedule's arithmetic against training loops that are really walked, and against the published figures.

`walk` consumes an order batch by batch and keeps, at every saved step, the set of sequences consumed so far. It knows no
formula, so what it recorded is the definition that the schedule must reproduce.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.registry.errors import InvalidValue, UnknownBatch, UnknownCheckpoint
from seenat.registry.schedule import Schedule, pythia_steps
from seenat.registry.units import BatchRange, SequenceRange

PYTHIA = Schedule(sequences_per_batch=1024, steps=143_000, saved=pythia_steps())
V0 = Schedule(sequences_per_batch=2048, steps=71_500, saved=tuple(range(500, 71_501, 500)), labels_per_step=2)
FIRST_AND_LAST_ONLY = Schedule(sequences_per_batch=3, steps=5, saved=(0, 5))
UNSAVED = Schedule(sequences_per_batch=3, steps=5, saved=())
UNTRAINED = Schedule(sequences_per_batch=3, steps=0, saved=(0,))


@st.composite
def schedules(draw):
    steps = draw(st.integers(0, 25))
    return Schedule(
        sequences_per_batch=draw(st.integers(1, 7)),
        steps=steps,
        saved=tuple(sorted(draw(st.sets(st.integers(0, steps))))),
        labels_per_step=draw(st.integers(1, 4)),
    )


def walk(schedule: Schedule) -> tuple[list[list[int]], Mapping[int, frozenset[int]]]:
    """The batches in the sequence in which they were consumed, and what each checkpoint had consumed."""
    order, batches, consumed, checkpoints = count(), [], [], {}
    for step in range(schedule.steps + 1):
        if step in schedule.saved:
            checkpoints[step] = frozenset(consumed)
        if step < schedule.steps:
            batches.append(list(islice(order, schedule.sequences_per_batch)))
            consumed += batches[-1]
    return batches, checkpoints


# -- every schedule, walked


@given(schedules())
def test_checkpoints_around_every_sequence(schedule):
    batches, checkpoints = walk(schedule)
    for sequence in range((schedule.steps + 2) * schedule.sequences_per_batch):
        seen = [step for step, consumed in checkpoints.items() if sequence in consumed]
        unseen = [step for step, consumed in checkpoints.items() if sequence not in consumed]
        assert schedule.first_checkpoint_seen(sequence) == min(seen, default=None)
        assert schedule.last_checkpoint_unseen(sequence) == max(unseen, default=None)
        assert schedule.is_trained_on(sequence) is any(sequence in batch for batch in batches)


@given(schedules())
def test_checkpoints_around_every_batch(schedule):
    batches, checkpoints = walk(schedule)
    for number, batch in enumerate(batches):
        having = [step for step, consumed in checkpoints.items() if consumed.issuperset(batch)]
        lacking = [step for step, consumed in checkpoints.items() if consumed.isdisjoint(batch)]
        assert schedule.first_checkpoint_after_batch(number) == min(having, default=None)
        assert schedule.last_checkpoint_before_batch(number) == max(lacking, default=None)


@given(schedules())
def test_places_of_every_sequence(schedule):
    batches, _ = walk(schedule)
    for number, batch in enumerate(batches):
        assert list(schedule.sequences_of(number)) == batch
        for position, sequence in enumerate(batch):
            assert (schedule.batch_of(sequence), schedule.position_of(sequence)) == (number, position)


@given(schedules())
def test_what_every_step_has_seen(schedule):
    batches, checkpoints = walk(schedule)
    for step in range(schedule.steps + 1):
        assert list(schedule.batches_seen(step)) == list(range(len(batches[:step])))
        assert set(schedule.sequences_seen(step)) == {sequence for batch in batches[:step] for sequence in batch}
        assert schedule.last_batch(step) == (step - 1 if batches[:step] else None)
        assert schedule.next_batch(step) == (step if batches[step:] else None)
    for step, consumed in checkpoints.items():
        assert set(schedule.sequences_seen(step)) == consumed


@given(schedules())
def test_labels_lead_to_their_steps_and_no_other_does(schedule):
    labels = {schedule.label(step): step for step in schedule.saved}
    for label in range(schedule.steps * schedule.labels_per_step + 3):
        if label in labels:
            assert schedule.step_of_label(label) == labels[label]
            continue
        with pytest.raises(UnknownCheckpoint) as refusal:
            schedule.step_of_label(label)
        below = max((other for other in labels if other < label), default=None)
        above = min((other for other in labels if other > label), default=None)
        assert set(refusal.value.nearest) == {below, above} - {None}


@given(schedules(), st.integers(-3, 30))
def test_neighbours(schedule, step):
    below = max((saved for saved in schedule.saved if saved < step), default=None)
    above = min((saved for saved in schedule.saved if saved > step), default=None)
    assert schedule.neighbours_of(step) == (below, above)


@given(schedules(), st.integers(1, 5))
def test_refuses_what_the_run_does_not_have(schedule, beyond):
    for step in (-beyond, schedule.steps + beyond):
        for question in (schedule.batches_seen, schedule.sequences_seen, schedule.last_batch, schedule.next_batch):
            with pytest.raises(UnknownCheckpoint, match=f"no step {step}: it goes from 0 to {schedule.steps}"):
                question(step)
    for batch in (-beyond, schedule.steps + beyond - 1):
        with pytest.raises(UnknownBatch, match=f"no batch {batch}"):
            schedule.sequences_of(batch)
        assert schedule.first_checkpoint_after_batch(batch) is None


# -- Pythia


def test_pythia_saved_154_steps():
    steps = pythia_steps()
    assert (len(steps), steps[0], steps[-1]) == (154, 0, 143_000)
    assert [step for step in steps if step < 2000] == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000]
    assert sum(step % 1000 == 0 for step in steps[1:]) == 143


@pytest.mark.parametrize(
    ("batch", "before", "after"),
    [
        (0, 0, 1),
        (1, 1, 2),
        (2, 2, 4),
        (3, 2, 4),
        (4, 4, 8),
        (511, 256, 512),
        (512, 512, 1000),
        (999, 512, 1000),
        (1000, 1000, 2000),
        (71_490, 71_000, 72_000),
        (142_998, 142_000, 143_000),
        (142_999, 142_000, 143_000),
        (143_000, 143_000, None),
    ],
)
def test_checkpoints_around_pythias_batches(batch, before, after):
    assert PYTHIA.last_checkpoint_before_batch(batch) == before
    assert PYTHIA.first_checkpoint_after_batch(batch) == after
    for sequence in (batch * 1024, batch * 1024 + 1023):
        assert PYTHIA.last_checkpoint_unseen(sequence) == before
        assert PYTHIA.first_checkpoint_seen(sequence) == after


@given(st.integers(0, 143_100))
def test_checkpoints_around_any_batch_of_pythia(batch):
    having = (step for step in pythia_steps() if batch < min(step, 143_000))
    lacking = [step for step in pythia_steps() if not batch < step]
    assert PYTHIA.first_checkpoint_after_batch(batch) == next(having, None)
    assert PYTHIA.last_checkpoint_before_batch(batch) == lacking[-1]


@pytest.mark.parametrize(
    ("step", "seen", "last", "following"),
    [
        (0, 0, None, 0),
        (1, 1_024, 0, 1),
        (512, 524_288, 511, 512),
        (1000, 1_024_000, 999, 1000),
        (23_000, 23_552_000, 22_999, 23_000),
        (142_999, 146_430_976, 142_998, 142_999),
        (143_000, 146_432_000, 142_999, None),
    ],
)
def test_what_pythias_steps_have_seen(step, seen, last, following):
    assert PYTHIA.batches_seen(step) == BatchRange(0, step)
    assert PYTHIA.sequences_seen(step) == SequenceRange(0, seen)
    assert (PYTHIA.last_batch(step), PYTHIA.next_batch(step)) == (last, following)


def test_the_last_sequence_of_pythia():
    assert PYTHIA.sequences_of(142_999) == SequenceRange(146_430_976, 146_432_000)
    assert (PYTHIA.batch_of(146_431_999), PYTHIA.position_of(146_431_999)) == (142_999, 1023)
    assert PYTHIA.is_trained_on(146_431_999)
    assert not PYTHIA.is_trained_on(146_432_000)
    assert not PYTHIA.is_trained_on(-1)
    with pytest.raises(UnknownBatch, match="no batch 143000: it consumed batches 0 to 142999") as refusal:
        PYTHIA.sequences_of(143_000)
    assert refusal.value.nearest == (142_999,)


def test_a_step_between_pythias_checkpoints_names_both():
    with pytest.raises(UnknownCheckpoint, match="no checkpoint at step 1500; the nearest are 1000 and 2000") as refusal:
        PYTHIA.step_of_label(1500)
    assert refusal.value.nearest == (1000, 2000)
    with pytest.raises(UnknownCheckpoint, match="the nearest is 143000"):
        PYTHIA.step_of_label(144_000)


# -- v0: batches of 4M tokens, whose labels count batches of 2M


@pytest.mark.parametrize(("label", "step"), [(1000, 500), (3000, 1500), (72_000, 36_000), (143_000, 71_500)])
def test_v0_labels_are_twice_the_step(label, step):
    assert V0.step_of_label(label) == step
    assert (V0.label(step), V0.revision_of(step)) == (label, f"step{label}")
    assert V0.sequences_seen(step) == PYTHIA.sequences_seen(label), "a label means the same sequences in both"


def test_v0_has_143_checkpoints_and_none_at_the_start():
    assert [V0.label(step) for step in V0.saved] == list(range(1000, 143_001, 1000))
    assert (V0.first_checkpoint_seen(0), V0.last_checkpoint_unseen(0)) == (500, None)


@pytest.mark.parametrize(
    ("sequence", "unseen", "seen"),
    [
        (1_023_999, None, 500),
        (1_024_000, 500, 1000),
        (1_024_000 + 2047, 500, 1000),
        (146_431_999, 71_000, 71_500),
        (146_432_000, 71_500, None),
    ],
)
def test_checkpoints_around_v0_sequences(sequence, unseen, seen):
    assert (V0.last_checkpoint_unseen(sequence), V0.first_checkpoint_seen(sequence)) == (unseen, seen)


@pytest.mark.parametrize(
    ("label", "nearest"), [(0, (1000,)), (1001, (1000, 2000)), (1500, (1000, 2000)), (71_500, (71_000, 72_000))]
)
def test_v0_labels_between_checkpoints(label, nearest):
    with pytest.raises(UnknownCheckpoint, match=f"no checkpoint at step {label}; ") as refusal:
        V0.step_of_label(label)
    assert refusal.value.nearest == nearest


# -- odd runs


def test_a_run_that_saved_its_ends_only():
    for sequence in range(15):
        assert FIRST_AND_LAST_ONLY.last_checkpoint_unseen(sequence) == 0
        assert FIRST_AND_LAST_ONLY.first_checkpoint_seen(sequence) == 5


def test_a_run_that_saved_nothing():
    assert (UNSAVED.first_checkpoint_seen(0), UNSAVED.last_checkpoint_unseen(0)) == (None, None)
    with pytest.raises(UnknownCheckpoint, match="the run saved none"):
        UNSAVED.step_of_label(5)


def test_a_run_that_never_trained():
    assert (UNTRAINED.first_checkpoint_seen(0), UNTRAINED.last_checkpoint_unseen(0)) == (None, 0)
    assert (UNTRAINED.last_batch(0), UNTRAINED.next_batch(0)) == (None, None)
    with pytest.raises(UnknownBatch) as refusal:
        UNTRAINED.sequences_of(0)
    assert refusal.value.nearest == ()


@pytest.mark.parametrize(
    ("revision", "name"),
    [("step{label}", "step6"), ("step{step}", "step3"), ("ckpt/{step}-of-{label}", "ckpt/3-of-6"), ("main", "main")],
)
def test_revision_names(revision, name):
    schedule = Schedule(sequences_per_batch=1, steps=3, saved=(3,), labels_per_step=2, revision=revision)
    assert schedule.revision_of(3) == name


@pytest.mark.parametrize(
    "change",
    [
        {"sequences_per_batch": 0},
        {"steps": -1, "saved": ()},
        {"labels_per_step": 0},
        {"saved": (0, 2, 2)},
        {"saved": (0, 3, 2)},
        {"saved": (0, 6)},
        {"saved": (-1, 0)},
    ],
)
def test_refuses_what_is_no_schedule(change):
    with pytest.raises(InvalidValue):
        Schedule(**{"sequences_per_batch": 3, "steps": 5, "saved": (0, 5), **change})
