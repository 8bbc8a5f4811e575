"""Exported results, against the stored values of the measured pocket suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.queries.export import export_results
from seenat.memorization.queries.trajectories import measured_values, trajectory
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.units import SequenceRange

COLUMNS = ["sequence", "batch", "step", "seen", "prefix", "memorized"]


@pytest.mark.parametrize(("read", "written"), [(1 << 16, 1 << 12), (700, 300)])
@pytest.mark.parametrize("name", ["pocket-230k", "pocket-2m"])
def test_every_measured_value_is_a_row(
    measured_pocket: Catalog, tmp_path: Path, name: str, read: int, written: int
) -> None:
    model, told = measured_pocket.model(name), []
    found = measured_values(measured_pocket, model, model.order.sequences)
    done = export_results(
        measured_pocket,
        model,
        tmp_path / "out.parquet",
        progress=told.append,
        bytes_read=read,
        sequences_written=written,
    )
    table = pq.read_table(tmp_path / "out.parquet")
    columns = {column: table.column(column).to_numpy() for column in table.column_names}
    assert list(columns) == COLUMNS
    assert sum(told) == len(model.order.sequences)
    assert done.rows == table.num_rows == int((found.values != NOT_MEASURED).sum())
    rows = np.searchsorted(found.steps, columns["step"])
    assert np.array_equal(np.array(found.steps)[rows], columns["step"])
    assert np.array_equal(found.values[rows, columns["sequence"]], columns["prefix"])
    assert np.array_equal(columns["memorized"], columns["prefix"] == 32)
    assert np.array_equal(columns["batch"], columns["sequence"] // model.schedule.sequences_per_batch)
    assert np.array_equal(columns["seen"], columns["batch"] < columns["step"])
    assert np.all(np.diff(columns["sequence"] * 1_000 + columns["step"]) > 0), "by sequence, then by step"


def test_a_dataset_holds_the_trajectories(measured_pocket: Catalog, tmp_path: Path) -> None:
    model = measured_pocket.model("pocket-230k")
    done = export_results(measured_pocket, model, tmp_path / "out", sequences=SequenceRange(90, 110))
    found: Any = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.column_names == COLUMNS
    path = trajectory(measured_pocket, model, 100)
    rows = [row for row in found if row["sequence"] == 100]
    points = [{"step": row["step"], **{key: row[key] for key in ("seen", "prefix", "memorized")}} for row in rows]
    assert points == [point.to_json() for point in path.trajectory.points]
    said = json.loads((tmp_path / "out" / "seenat.json").read_text())
    assert said == done.metadata
    assert said["protocol"]["id"] == path.protocol.id
    assert said["order_digest"] == model.order.digest


def test_losses_are_a_column_a_quantity(mine_catalog: Catalog, measured: Callable[..., Any], tmp_path: Path) -> None:
    model, loss = mine_catalog.model("mine-a"), Protocol.default_for(0, "loss")
    measured(mine_catalog, "mine-a", loss, steps=(50, 200))
    done = export_results(mine_catalog, model, tmp_path / "out.parquet", bytes_read=16 * 100)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["sequence", "batch", "step", "seen", "prompt", "continuation", "min_k", "rank"]
    assert {table.schema.field(name).type for name in table.column_names[4:]} == {pa.float32()}
    assert done.rows == table.num_rows == 12 * (50 + 200)
    found = measured_values(mine_catalog, model, model.order.sequences, loss.id)
    rows = np.searchsorted(found.steps, table.column("step").to_numpy())
    exported = np.stack([table.column(name).to_numpy() for name in loss.value_type.quantities], axis=1)
    assert np.array_equal(found.values[rows, table.column("sequence").to_numpy()], exported)


def test_what_was_not_measured_is_no_file(measured_pocket: Catalog, tmp_path: Path) -> None:
    model = measured_pocket.model("pocket-2m")
    with pytest.raises(NotMeasured, match=r"by protocol abc yet"):
        export_results(measured_pocket, model, tmp_path / "out", protocol="abc")
    with pytest.raises(InvalidValue, match=r"does not end in \.parquet"):
        export_results(measured_pocket, model, tmp_path / "out.npy")
    assert list(tmp_path.iterdir()) == []


def test_a_range_without_values_is_no_file(mine_catalog: Catalog, measured: Callable[..., Any], tmp_path: Path) -> None:
    measured(mine_catalog, "mine-a", steps=(200,), sequences=SequenceRange(0, 12))
    model = mine_catalog.model("mine-a")
    with pytest.raises(
        NotMeasured, match="Of the sequences 500:900 nothing of mine-a has been measured yet; run `seenat mem"
    ):
        export_results(mine_catalog, model, tmp_path / "out.parquet", sequences=SequenceRange(500, 900))
    assert list(tmp_path.glob("out*")) == []
    assert export_results(mine_catalog, model, tmp_path / "out.parquet").rows == 12
