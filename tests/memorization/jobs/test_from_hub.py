"""A model and an order that are both on the hub: measured without a copy of either, to the same values as from a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.fake_hub import HubServer, client_of, serve

from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.window_cache import window_cache_bytes
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.trajectories import measured_values
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.schedule import Schedule
from seenat.registry.suites.register import register_suite
from seenat.registry.suites.write import write_suite

STEPS = (128, 384)


@pytest.fixture(scope="module")
def pocket_hub(pocket_manifest: Path) -> Iterator[tuple[HubServer, str]]:
    """A hub that has the pocket suite's order and one of its models, and the commit of the order."""
    suite = pocket_manifest.parent
    with serve() as hub, client_of(hub):
        for step in STEPS:
            hub.add("org/pocket-230k", f"step{step}", suite / "models" / "pocket-230k" / f"step{step}")
        commit = hub.add("datasets/org/pocket-order", "main", suite)
        yield hub, commit


def hub_suite(commit: str) -> SuiteSpec:
    order = OrderSpec(
        name="hub-order",
        sequences=3584,
        tokens_per_sequence=65,
        sequences_per_batch=8,
        dtype="uint16",
        vocab_size=1024,
        eos_id=0,
        format="mmididx",
        location=f"hf://datasets/org/pocket-order@{commit}",
        files=(FileRecord(name="document.bin", bytes=3584 * 65 * 2),),
    )
    model = ModelSpec(
        name="hub-230k",
        order="hub-order",
        schedule=Schedule(sequences_per_batch=8, steps=384, saved=STEPS),
        repository="org/pocket-230k",
        checkpoints=tuple(CheckpointSpec(step=step) for step in STEPS),
    )
    return SuiteSpec(name="hub", origin="test", orders=(order,), models=(model,))


def test_a_hub_model_over_a_hub_order_gives_what_the_folders_give(
    sqlite_catalog: Catalog, pocket_manifest: Path, pocket_hub: tuple[HubServer, str]
) -> None:
    catalog = sqlite_catalog
    register_suite(catalog, pocket_manifest)
    with catalog.database.write() as connection:
        write_suite(connection, hub_suite(pocket_hub[1]))
    values = []
    for name in ("pocket-230k", "hub-230k"):
        model = catalog.model(name)
        selection = Selection(steps=STEPS, sequences=model.order.sequences, sample=200, seed=7)
        job = run_job(catalog, plan_job(catalog, model, Protocol(), selection), device="cpu")
        assert job.state == "done"
        values.append(measured_values(catalog, model, model.order.sequences).values)
    np.testing.assert_array_equal(values[0], values[1])
    assert (values[0] == 32).any()
    # Of the hub's order the windows that were read, a bitmap and a digest; of the local one, which is small, nothing.
    read = selection.cells(model.schedule, STEPS[-1])
    assert window_cache_bytes() == read * 64 * 2 + 3584 // 8 + 32
    checkpoint = catalog.model("hub-230k").checkpoint(384)
    assert checkpoint.digest == catalog.model("pocket-230k").checkpoint(384).digest
    assert checkpoint.status == "ok"
