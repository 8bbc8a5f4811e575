"""Which cells a job asks for, and how they are cut: against sets of numbers, and at the size of Pythia."""

import json
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seenat.memorization.protocol.blocks import block_range, block_sequences
from seenat.memorization.protocol.selection import Selection, count_union
from seenat.memorization.protocol.sequence_list import SequenceList
from seenat.registry.errors import InvalidValue
from seenat.registry.schedule import Schedule, pythia_steps
from seenat.registry.units import SequenceRange

PYTHIA = Schedule(sequences_per_batch=1024, steps=143_000, saved=pythia_steps())
PYTHIA_ORDER = SequenceRange(0, 146_432_000)
FEWER = settings(max_examples=50, deadline=None)
"""Every list is synced to the disk, which takes some milliseconds."""


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    return tmp_path_factory.mktemp("lists")


@st.composite
def schedules(draw):
    """A schedule, the length of its order, and the size of a block."""
    batch, steps = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    saved = tuple(sorted(draw(st.sets(st.integers(0, steps), min_size=1))))
    schedule = Schedule(sequences_per_batch=batch, steps=steps, saved=saved)
    return schedule, batch * steps + draw(st.integers(0, 9)), batch * draw(st.integers(1, 4))


@st.composite
def selections(draw, schedule, length):
    """A selection, and the sequences that it shall list, or None; a list may be empty and hold the first and the last."""
    start = draw(st.integers(0, length - 1))
    sequences = SequenceRange(start, draw(st.integers(start + 1, length)))
    listed = draw(st.none() | st.sets(st.integers(sequences.start, sequences.stop - 1)))
    selection = Selection(
        steps=schedule.saved,
        sequences=sequences,
        sample=draw(st.none() | st.integers(1, len(sequences))) if listed is None else None,
        seed=draw(st.integers(0, 3)),
        unseen=draw(st.booleans()),
    )
    return selection, listed


@st.composite
def asked(draw):
    schedule, length, size = draw(schedules())
    return schedule, length, size, *draw(selections(schedule, length))


@st.composite
def several(draw):
    schedule, length, _ = draw(schedules())
    return schedule, draw(st.lists(selections(schedule, length), max_size=5))


def with_list(lists, selection, listed):
    if listed is None:
        return selection
    return replace(selection, listed=SequenceList.keep(lists, np.array(sorted(listed), np.int64)))


def chosen(selection, listed):
    """All sequences of a selection, seen or not, as a set."""
    if listed is not None:
        return listed
    if selection.sample is None:
        return set(selection.sequences)
    return set(replace(selection, unseen=True).sequences_in(PYTHIA, 1, selection.sequences).tolist())


@FEWER
@given(asked())
def test_cells_and_blocks_are_what_counting_finds(lists, given_selection):
    schedule, length, size, bare, listed = given_selection
    selection = with_list(lists, bare, listed)
    everywhere = chosen(bare, listed)
    assert selection.sample is None or len(everywhere) == selection.sample
    blocks = range(-(-length // size))
    for step in selection.steps:
        seen = {index for index in everywhere if selection.unseen or index < step * schedule.sequences_per_batch}
        within = {block: selection.sequences_in(schedule, step, block_range(block, size, length)) for block in blocks}
        found = np.concatenate(list(within.values())).tolist()
        assert found == sorted(seen)
        assert selection.cells(schedule, step) == len(found)
        assert list(selection.blocks(schedule, step, size)) == [block for block in blocks if len(within[block])]
        for block in blocks:
            assert selection.count(schedule, step, block_range(block, size, length)) == len(within[block])
    assert selection.all_cells(schedule) == sum(selection.cells(schedule, step) for step in selection.steps)


@FEWER
@given(several())
def test_what_any_of_several_asks_for_is_what_counting_finds(lists, given_selections):
    schedule, pairs = given_selections
    kept, sets = [with_list(lists, *pair) for pair in pairs], [chosen(*pair) for pair in pairs]
    for step in schedule.saved:
        assert count_union(kept, schedule, step) == len(set().union(*sets) & set(schedule.sequences_seen(step)))
    assert count_union(kept, schedule, schedule.steps) == 0 or schedule.steps in schedule.saved


@FEWER
@given(asked(), st.integers(0, 3), st.data())
def test_a_draw_is_of_what_the_last_step_is_asked_for(lists, given_selection, seed, data):
    schedule, *_, bare, listed = given_selection
    selection = with_list(lists, bare, listed)
    there = selection.sequences_in(schedule, selection.steps[-1], selection.sequences)
    size = data.draw(st.integers(0, len(there)))
    drawn = selection.draw(schedule, size, seed)
    assert len(drawn) == size
    assert (np.diff(drawn) > 0).all()
    assert np.isin(drawn, there).all()


def test_an_audit_is_drawn_evenly_and_apart_from_a_sample_of_the_same_seed():
    everything = Selection(steps=(9,), sequences=SequenceRange(0, 1000))
    drawn = [everything.draw(PYTHIA, 100, seed) for seed in range(200)]
    assert 48 < np.mean([(some < 500).sum() for some in drawn]) < 52
    shared = [
        np.isin(some, replace(everything, sample=100, seed=seed).sequences_in(PYTHIA, 9, everything.sequences)).sum()
        for seed, some in enumerate(drawn)
    ]
    assert 8 < np.mean(shared) < 12, "a tenth of it, as of any sample"


@FEWER
@given(asked())
def test_a_selection_survives_being_stored(lists, given_selection):
    *_, bare, listed = given_selection
    selection = with_list(lists, bare, listed)
    stored = json.loads(json.dumps(selection.to_json() | {"part": {}}))
    assert Selection.from_json(stored, lists) == selection
    assert ("listed" in stored) == (listed is not None)


@given(st.integers(1, 10**9), st.integers(1, 200_000))
def test_blocks_are_whole_batches_of_a_useful_size(sequences, batch):
    size = block_sequences(sequences, batch)
    assert size % batch == 0
    assert size == batch or 256 - batch < size <= max(256, min(sequences // 4, 1 << 16))
    covered = [block_range(block, size, sequences) for block in (0, (sequences - 1) // size)]
    assert covered[0].start == 0
    assert covered[-1].stop == sequences
    assert all(0 < len(span) <= size for span in covered)


def test_seeds_draw_different_samples_evenly():
    selections = [Selection(steps=(9,), sequences=SequenceRange(0, 1000), sample=100, seed=seed) for seed in range(50)]
    drawn = [set(selection.sequences_in(PYTHIA, 9, SequenceRange(0, 1000)).tolist()) for selection in selections]
    assert len({frozenset(sample) for sample in drawn}) == 50
    halves = [sum(index < 500 for index in sample) for sample in drawn]
    assert 46 < np.mean(halves) < 54


@pytest.mark.parametrize("unseen", [False, True])
def test_pythia_is_planned_without_listing_its_cells(unseen):
    selection = Selection(steps=PYTHIA.saved, sequences=PYTHIA_ORDER, unseen=unseen)
    size = block_sequences(len(PYTHIA_ORDER), 1024)
    tracemalloc.start()
    began = time.perf_counter()
    cells = sum(selection.cells(PYTHIA, step) for step in PYTHIA.saved)
    seconds = time.perf_counter() - began
    last = list(selection.blocks(PYTHIA, 143_000, size))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{cells:,} cells counted in {1000 * seconds:.1f} ms, {peak / 1e6:.2f} MB at most")
    assert cells == (154 * 146_432_000 if unseen else 1024 * sum(PYTHIA.saved))
    assert size == 65_536
    assert last == list(range(2235))
    assert seconds < 0.5
    assert peak < 1_000_000


def test_a_small_sample_of_pythia_costs_its_own_size():
    tracemalloc.start()
    selection = Selection(steps=(143_000,), sequences=PYTHIA_ORDER, sample=1000, seed=1)
    assert selection.cells(PYTHIA, 143_000) == 1000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_list_of_millions_is_cut_as_fast_as_a_range(lists):
    """3,000,000 sequences over 154 checkpoints: what a large model of Pythia memorizes."""
    gaps = np.random.default_rng(0).integers(1, 97, 3_000_000)
    listed = SequenceList.keep(lists, np.cumsum(gaps))
    selection = Selection(steps=PYTHIA.saved, sequences=PYTHIA_ORDER, listed=listed)
    began = time.perf_counter()
    stored = Selection.from_json(selection.to_json(), lists)
    assert stored.cells(PYTHIA, 143_000) == listed.count == 3_000_000
    opened = time.perf_counter() - began
    began = time.perf_counter()
    shards = sum(len(list(stored.blocks(PYTHIA, step, 65_536))) for step in PYTHIA.saved)
    seconds = time.perf_counter() - began
    print(f"opened in {1000 * opened:.0f} ms, cut into {shards:,} shards in {1000 * seconds:.0f} ms")
    assert 150_000 < shards <= sum(-(-1024 * step // 65_536) for step in PYTHIA.saved)
    assert opened < 2
    assert seconds < 2


def test_sequences_are_not_both_listed_and_drawn(lists):
    listed = SequenceList.keep(lists, np.arange(3))
    with pytest.raises(InvalidValue, match="listed or drawn at random, not both"):
        Selection(steps=(1,), sequences=SequenceRange(0, 10), sample=2, listed=listed)


@pytest.mark.parametrize("sample", [0, 11])
def test_samples_that_cannot_be_drawn_are_refused(sample):
    with pytest.raises(InvalidValue, match=f"A sample of {sample} cannot be drawn from 10 sequences; choose 1 to 10"):
        Selection(steps=(1,), sequences=SequenceRange(5, 15), sample=sample)


@pytest.mark.parametrize("steps", [(2, 1), (1, 1)])
def test_steps_out_of_order_are_refused(steps):
    with pytest.raises(InvalidValue, match="ascending and distinct"):
        Selection(steps=steps, sequences=SequenceRange(0, 10))
