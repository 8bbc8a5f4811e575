"""Which sequences were memorized by a step, and how many of each batch, against the values themselves."""

import numpy as np
import pytest
from support.synthetic_results import BATCH, FULL_SCORE, SEQUENCES, STEPS, SyntheticResults, values

from seenat.memorization.protocol.protocol import NOT_MEASURED
from seenat.memorization.queries.memorized import first_memorized, memorized_by_batch
from seenat.memorization.queries.whole_lists import all_batches, all_first
from seenat.registry.answer import to_json
from seenat.registry.errors import NotMeasured, UnknownCheckpoint
from seenat.registry.units import BatchRange


@pytest.fixture
def made(catalog):
    return SyntheticResults.registered(catalog)


def pages(made, by, limit):
    """All sequences, page by page."""
    found, after = [], None
    while True:
        page = first_memorized(made.catalog, made.model, by, limit=limit, after=after)
        assert len(page.sequences) <= limit
        found += page.sequences
        after = page.next
        if after is None:
            return found


def test_what_was_memorized_first_by_a_step_and_how_many_of_each_batch(made):
    """One test for each database, since making it ready costs most."""
    assert first_memorized(made.catalog, made.model, 70).count == 0
    with pytest.raises(NotMeasured, match="up to step -1 has been measured"):
        first_memorized(made.catalog, made.model, -1)
    stored = made.commit_all()
    memorized = stored == FULL_SCORE
    onset = np.where(memorized.any(axis=0), np.array(STEPS)[memorized.argmax(axis=0)], 10**6)
    for by in (0, 4, 5, 39, 70, 1000):
        expected = sorted((int(onset[sequence]), int(sequence)) for sequence in np.flatnonzero(onset <= by))
        found = first_memorized(made.catalog, made.model, by, limit=10)
        assert found.count == len(expected) > 100
        assert found.unseen == sum(sequence >= step * BATCH for step, sequence in expected)
        assert [one.seen for one in found.sequences] == [
            one.sequence < one.onset.step * BATCH for one in found.sequences
        ]
        assert [(one.onset.step, one.sequence) for one in found.sequences] == expected[:10]
        for limit in (97, len(expected), len(expected) + 1):
            assert [(one.onset.step, one.sequence) for one in pages(made, by, limit)] == expected
        for limit, after in ((None, None), (len(expected) - 3, None), (20, expected[40]), (None, expected[-1])):
            start = 0 if after is None else expected.index(after) + 1
            blocks = [*all_first(made.catalog, made.model, by, limit=limit, after=after, rows=29)]
            listed = first_memorized(made.catalog, made.model, by, limit=limit or len(expected), after=after)
            assert [row for block in blocks for row in block.rows()] == [to_json(one) for one in listed.sequences]
            assert sum(map(len, blocks)) == len(expected[start : None if limit is None else start + limit])
            assert all(0 < len(block) <= 29 for block in blocks)
    assert first_memorized(made.catalog, made.model, 70, limit=0).next is None
    by_batch = stored.reshape(len(STEPS), -1, BATCH)
    for place, step in enumerate(STEPS):
        for batches in (BatchRange(0, SEQUENCES // BATCH), BatchRange(17, 20), BatchRange(69, 70), BatchRange(5, 5)):
            found = memorized_by_batch(made.catalog, made.model, step, batches)
            chosen = by_batch[place, batches.start : batches.stop]
            assert [one.batch for one in found.counts] == list(batches)
            assert [one.memorized for one in found.counts] == (chosen == FULL_SCORE).sum(axis=1).tolist()
            assert [one.measured for one in found.counts] == (chosen != NOT_MEASURED).sum(axis=1).tolist()
            assert [one.seen for one in found.counts] == [batch < step for batch in batches]
            [*blocks] = all_batches(made.catalog, made.model, step, batches)
            assert [row for block in blocks for row in block.rows()] == [one.to_json() for one in found.counts]
            assert (found.memorized, found.measured) == ((chosen == FULL_SCORE).sum(), (chosen != NOT_MEASURED).sum())


def test_batches_that_were_not_measured_are_left_out_and_steps_refused(sqlite_catalog):
    made = SyntheticResults.registered(sqlite_catalog)
    made.commit(made.rows[3], 1, values(3))
    found = memorized_by_batch(made.catalog, made.model, 40, BatchRange(0, 70))
    assert [one.batch for one in found.counts] == list(range(17, 34))
    with pytest.raises(UnknownCheckpoint, match="made-up has no checkpoint at step 39; the nearest are 20 and 40"):
        memorized_by_batch(made.catalog, made.model, 39, BatchRange(0, 1))


def test_json_says_where_to_go_on(sqlite_catalog):
    made = SyntheticResults.registered(sqlite_catalog)
    made.commit_all()
    told = first_memorized(made.catalog, made.model, 70, limit=2).to_json()
    assert set(told) == {
        "model",
        "order",
        "protocol",
        "by",
        "count",
        "unseen",
        "sequences",
        "next",
        "adaptive",
        "other_protocols",
    }
    last = told["sequences"][-1]
    assert told["next"] == {"step": last["onset"]["step"], "sequence": last["sequence"]}
    told = memorized_by_batch(made.catalog, made.model, 70, BatchRange(3, 4)).to_json()
    assert set(told) == {
        "model",
        "order",
        "protocol",
        "step",
        "batches",
        "measured",
        "memorized",
        "counts",
        "adaptive",
        "other_protocols",
    }
    assert told["counts"] == [{"batch": 3, "seen": True, **{key: told[key] for key in ("measured", "memorized")}}]
