"""Readers never write, and never wait for a writer: they answer beside one, or refuse at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.synthetic_results import STEPS, SyntheticResults

from seenat.memorization.queries.memorized import first_memorized, memorized_by_batch
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import measured_trajectories, measured_values, trajectory
from seenat.memorization.results.compaction import compact
from seenat.memorization.results.measurements import mark_onsets
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import StaleResults
from seenat.registry.units import BatchRange, SequenceRange


def test_readers_answer_beside_a_writer_and_refuse_stale_onsets(catalog: Catalog) -> None:
    made = SyntheticResults.registered(catalog)
    made.commit_all()
    model = made.model
    of_onsets: list[Callable[[], object]] = [
        lambda: onsets(catalog, model),
        lambda: first_memorized(catalog, model, STEPS[-1]),
    ]
    of_values: list[Callable[[], object]] = [
        lambda: trajectory(catalog, model, 7).to_json(),
        lambda: measured_trajectories(catalog, model.order, 7).to_json(),
        lambda: measured_values(catalog, model, SequenceRange(0, 300)).values.tolist(),
        lambda: memorized_by_batch(catalog, model, STEPS[2], BatchRange(0, 9)),
    ]
    before = [ask() for ask in (*of_onsets, *of_values)]
    began = time.monotonic()
    with catalog.database.write() as connection:
        mark_onsets(connection, made.measurement, stale=True)
        assert [ask() for ask in (*of_onsets, *of_values)] == before, "what is not committed is not seen"
    with catalog.database.write():
        assert [ask() for ask in of_values] == before[2:], "values do not depend on onsets"
        for ask in of_onsets:
            with pytest.raises(StaleResults, match=r"run `seenat compact made-up --protocol [0-9a-f]{12}`, which"):
                ask()
    assert time.monotonic() - began < 30, "SQLite would wait for a minute"
    compact(catalog, model)
    assert [ask() for ask in (*of_onsets, *of_values)] == before
