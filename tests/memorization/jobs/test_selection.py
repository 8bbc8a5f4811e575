"""Which cells a job asks for, and how they are cut: against sets of numbers, and at the size of Pythia."""

import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.selection import Selection, block_range, block_sequences
from seenat.registry.errors import InvalidValue
from seenat.registry.schedule import Schedule, pythia_steps
from seenat.registry.units import SequenceRange

PYTHIA = Schedule(sequences_per_batch=1024, steps=143_000, saved=pythia_steps())
PYTHIA_ORDER = SequenceRange(0, 146_432_000)


@st.composite
def asked(draw):
    """A schedule, the length of its order, the size of a block, and a selection."""
    batch, steps = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    saved = tuple(sorted(draw(st.sets(st.integers(0, steps), min_size=1))))
    length = batch * steps + draw(st.integers(0, 9))
    start = draw(st.integers(0, length - 1))
    sequences = SequenceRange(start, draw(st.integers(start + 1, length)))
    selection = Selection(
        steps=saved,
        sequences=sequences,
        sample=draw(st.none() | st.integers(1, len(sequences))),
        seed=draw(st.integers(0, 3)),
        unseen=draw(st.booleans()),
    )
    schedule = Schedule(sequences_per_batch=batch, steps=steps, saved=saved)
    return schedule, length, batch * draw(st.integers(1, 4)), selection


@given(asked())
def test_cells_and_blocks_are_what_counting_finds(given_selection):
    schedule, length, size, selection = given_selection
    blocks = range(-(-length // size))
    drawn = None
    for step in selection.steps:
        seen = {
            index for index in selection.sequences if selection.unseen or index < step * schedule.sequences_per_batch
        }
        within = {block: selection.within(schedule, step, block_range(block, size, length)) for block in blocks}
        found = np.concatenate(list(within.values())).tolist()
        assert found == sorted(set(found))
        if selection.sample is None:
            assert set(found) == seen
        else:
            everywhere = set(replace(selection, unseen=True).within(schedule, step, selection.sequences).tolist())
            drawn = drawn or everywhere
            assert drawn == everywhere, "the sample is another one at each checkpoint"
            assert len(drawn) == selection.sample
            assert set(found) == seen & drawn
        assert selection.cells(schedule, step) == len(found)
        assert list(selection.blocks(schedule, step, size)) == [block for block in blocks if len(within[block])]
        for block in blocks:
            assert selection.count(schedule, step, block_range(block, size, length)) == len(within[block])


@given(asked())
def test_a_selection_survives_being_stored(given_selection):
    *_, selection = given_selection
    assert Selection.from_json(selection.to_json(), Path()) == selection


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
    drawn = [set(selection.within(PYTHIA, 9, SequenceRange(0, 1000)).tolist()) for selection in selections]
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


@pytest.mark.parametrize("sample", [0, 11])
def test_samples_that_cannot_be_drawn_are_refused(sample):
    with pytest.raises(InvalidValue, match=f"A sample of {sample} cannot be drawn from 10 sequences; choose 1 to 10"):
        Selection(steps=(1,), sequences=SequenceRange(5, 15), sample=sample)


@pytest.mark.parametrize("steps", [(2, 1), (1, 1)])
def test_steps_out_of_order_are_refused(steps):
    with pytest.raises(InvalidValue, match="ascending and distinct"):
        Selection(steps=steps, sequences=SequenceRange(0, 10))
