"""Results as xarray opens them: values with the step and the state of every row, block files and compacted files alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray
import zarr
from benchmarks.material.synthetic_suite import (
    CommittedResults,
    synthetic_model,
    synthetic_order,
    write_synthetic_suite,
)
from support.synthetic_results import BATCH, BLOCK, SEQUENCES, STEPS, SyntheticResults, values

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.queries.trajectories import trajectory
from seenat.memorization.results.compaction import compact
from seenat.memorization.results.refresh import refresh_onsets
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.jobs import measurements

NOT_YET, MEASURED, REPLACED = range(3)


def replace_step_20(made: SyntheticResults) -> None:
    with made.catalog.database.write() as connection:
        connection.execute(checkpoints.update().where(checkpoints.c.digest == "sha256:20").values(digest="sha256:new"))
    assert refresh_onsets(made.store)


def test_every_row_has_its_step_and_its_state(sqlite_catalog: Catalog) -> None:
    order = synthetic_order("made-up-order", SEQUENCES, BATCH)
    write_synthetic_suite(sqlite_catalog, "made-up", order, synthetic_model("made-up", order, STEPS))
    made = SyntheticResults.of(sqlite_catalog, "made-up")
    some = {step: made.row_of(step) for step in (5, 20, 70)}
    for step, row in some.items():
        made.commit(row, 0, values(step))
    with xarray.open_zarr(made.array.group) as opened:
        assert dict(opened.sizes) == {"checkpoint": 5, "sequence": SEQUENCES}
        assert set(opened.coords) == {"step", "state"}
        assert opened.step.values.tolist() == list(STEPS)
        assert opened.state.values.tolist() == [NOT_YET, MEASURED, MEASURED, NOT_YET, MEASURED]
        assert opened.state.attrs["flag_meanings"].split() == ["not_measured", "measured", "replaced"]
        assert opened.attrs["states"] == ["not measured", "measured", "measured", "not measured", "measured"]
    replace_step_20(made)
    again = SyntheticResults.of(sqlite_catalog, "made-up")
    row = again.row_of(20)
    again.commit(row, 0, values(21))
    for group in (again.array.group, compact(sqlite_catalog, again.model).folder):
        with xarray.open_zarr(group) as opened:
            assert opened.step.values.tolist() == [*STEPS, 20]
            assert opened.state.values.tolist() == [NOT_YET, MEASURED, REPLACED, NOT_YET, MEASURED, MEASURED]
            measured = opened.isel(checkpoint=opened.state == MEASURED).sortby("step")
            assert measured.step.values.tolist() == [5, 20, 70]
            expected = np.full((3, SEQUENCES), NOT_MEASURED, np.uint8)
            expected[:, :BLOCK] = values(5), values(21), values(70)
            np.testing.assert_array_equal(measured["values"].values, expected)


def test_losses_have_their_quantities(sqlite_catalog: Catalog) -> None:
    SyntheticResults.registered(sqlite_catalog)
    losses = CommittedResults.of(sqlite_catalog, "made-up", Protocol.default_for(0, "loss"))
    committed: npt.NDArray[np.float32] = np.random.default_rng(1).gamma(3, 20, (BLOCK, 4)).astype(np.float32)
    losses.commit(losses.row_of(20), 1, committed)
    for group in (losses.array.group, compact(sqlite_catalog, losses.model, losses.measurement.protocol.id).folder):
        with xarray.open_zarr(group) as opened:
            assert opened["values"].dims == ("checkpoint", "sequence", "quantity")
            assert opened.attrs["quantities"] == ["prompt", "continuation", "min_k", "rank"]
            found = opened["values"].isel(checkpoint=opened.step == 20, sequence=slice(BLOCK, 2 * BLOCK))
            np.testing.assert_array_equal(found[0].values, committed)


def test_a_measurement_that_an_older_version_began_stays_an_array_and_is_read_and_continued(catalog: Catalog) -> None:
    SyntheticResults.registered(catalog)
    with catalog.database.write() as connection:
        connection.execute(measurements.update().values(format=1))
    made = SyntheticResults.opened(catalog)
    assert made.array.folder == made.array.group
    stored = made.commit_all()
    assert np.array_equal(made.read(), stored)
    opened = zarr.open_array(made.array.group, mode="r")
    assert np.array_equal(opened[:], stored)
    assert (opened.attrs["steps"], opened.attrs["states"]) == (list(STEPS), ["measured"] * 5)
    labelled = xarray.DataArray(opened, dims=opened.metadata.dimension_names)
    np.testing.assert_array_equal(labelled.sel(sequence=7).values, stored[:, 7])
    compact(catalog, made.model)
    assert np.array_equal(made.read(), stored)
    found = [point.values["prefix"] for point in trajectory(catalog, made.model, 7).trajectory.points]
    assert found == [value for value in stored[:, 7].tolist() if value != NOT_MEASURED]
