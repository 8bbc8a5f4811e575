"""Searching checkpoints over all models, against a walk over everything."""

from __future__ import annotations

import pytest

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.search import CheckpointFilter, TokenRange, find_checkpoints
from seenat.registry.errors import UnknownModel, UnknownOrder


def test_conditions_are_those_of_a_walk_over_everything(sqlite_catalog: Catalog) -> None:
    wanted = CheckpointFilter(
        order="pile-deduped", below=10**9, tokens=TokenRange(10 * 10**9, 20 * 10**9), not_statuses=("wrong", "suspect")
    )
    found = {(model.name, checkpoint.step) for model, checkpoint in find_checkpoints(sqlite_catalog, wanted)}
    expected = {
        (model.name, checkpoint.step)
        for model in sqlite_catalog.models()
        for checkpoint in model.checkpoints
        if model.training_order is not None
        and model.training_order.name == "pile-deduped"
        and model.parameters is not None
        and model.parameters.non_embedding < 10**9
        and 10 * 10**9 <= checkpoint.sequences_seen.stop * 2048 < 20 * 10**9
        and checkpoint.status not in ("wrong", "suspect")
    }
    assert found == expected
    # Steps 5000 to 9000: 5000 x 2,097,152 is the first multiple above 10 billion, 9000 x the last below 20.
    assert {step for name, step in found if name == "pythia-70m-deduped"} == {5000, 6000, 7000, 8000, 9000}


def test_a_token_range_is_half_open(sqlite_catalog: Catalog) -> None:
    exact = 2_097_152 * 1000
    for tokens, steps in ((TokenRange(exact, exact + 1), [1000]), (TokenRange(exact - 1, exact), [])):
        wanted = CheckpointFilter(models=("pythia-70m",), tokens=tokens)
        assert [checkpoint.step for _, checkpoint in find_checkpoints(sqlite_catalog, wanted)] == steps


def test_names_may_be_old_ones_and_must_exist(sqlite_catalog: Catalog) -> None:
    wanted = CheckpointFilter(models=("pythia-19m",))
    assert {model.name for model, _ in find_checkpoints(sqlite_catalog, wanted)} == {"pythia-70m-v0"}
    with pytest.raises(UnknownModel):
        list(find_checkpoints(sqlite_catalog, CheckpointFilter(models=("nobody",))))
    with pytest.raises(UnknownOrder):
        list(find_checkpoints(sqlite_catalog, CheckpointFilter(order="nothing")))


def test_statuses_choose(sqlite_catalog: Catalog) -> None:
    everything = sum(len(model.checkpoints) for model in sqlite_catalog.models())
    by_status = [
        len(list(find_checkpoints(sqlite_catalog, CheckpointFilter(statuses=(status,)))))
        for status in ("ok", "suspect", "wrong", "missing", "unknown")
    ]
    assert sum(by_status) == everything == 13_689
