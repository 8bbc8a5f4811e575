"""Results in stores: equal to those in a folder, cell by cell, whoever was killed; kept, verified, collected and deleted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from sqlalchemy import select
from support.measuring import measure, plan
from support.synthetic_results import SyntheticResults

import seenat
from seenat.keeping.backup_folder import CATALOG
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.trajectories import trajectory
from seenat.memorization.results.objects.array import ObjectArray
from seenat.memorization.upkeep.abandoned import abandoned_objects, aged_objects
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences, onset_counts
from seenat.registry.errors import CorruptFile, StoreUnavailable
from seenat.registry.open import open_catalog
from seenat.registry.storage.stores.objects import ObjectStore
from seenat.registry.units import SequenceRange

SHORT = Protocol(prompt=8, continuation=8)
PART = {"steps": (150, 200), "sequences": SequenceRange(0, 700)}


def rows(catalog: Catalog) -> dict[str, list[tuple[Any, ...]]]:
    """All that is committed and derived, but for where it lies."""
    with catalog.database.read() as connection:
        return {
            table.name: sorted(
                connection.execute(select(*(column for column in table.c if column.name != "object"))), key=repr
            )
            for table in (blocks, batch_counts, memorized_sequences, onset_counts)
        }


@pytest.fixture
def stored(sqlite_catalog: Catalog, store_url: str, monkeypatch: pytest.MonkeyPatch) -> SyntheticResults:
    """Made-up results in a store of each kind."""
    monkeypatch.setenv("SEENAT_RESULTS", store_url)
    results = SyntheticResults.registered(sqlite_catalog)
    assert isinstance(results.store.array, ObjectArray)
    return results


@pytest.fixture
def without_copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Go to a machine that has no copies."""

    def move() -> None:
        shutil.rmtree(tmp_path / "home" / "cache", ignore_errors=True)

    return move


def test_a_job_over_a_store_gives_what_it_gives_in_a_folder(
    pocket_file: Path,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    without_copies: Callable[[], None],
) -> None:
    part: dict[str, Any] = {"steps": (64, 128), "sequences": SequenceRange(0, 512)}
    found = []
    for name in ("folder", "store"):
        (tmp_path / name).mkdir()
        if name == "store":
            monkeypatch.setenv("SEENAT_RESULTS", store_url)
        with closing(open_catalog(str(shutil.copy(pocket_file, tmp_path / name)))) as catalog:
            job = measure(catalog, "pocket-230k", SHORT, **part)
            assert job.state == "done"
            assert (job.measurement.store is not None) == (name == "store")
            without_copies()
            values = [trajectory(catalog, catalog.model("pocket-230k"), index) for index in range(0, 512, 37)]
            found.append((rows(catalog), values))
            if name == "store":
                monkeypatch.delenv("SEENAT_RESULTS")  # The catalog knows by itself, on whatever machine.
                assert measure(catalog, "pocket-230k", SHORT, **part | {"steps": (192,)}).state == "done"
                assert not list(tmp_path.glob("store/*.results/*"))
    assert found[0] == found[1]


def test_values_are_read_from_blocks_and_parts_alike(
    stored: SyntheticResults, store_url: str, without_copies: Callable[[], None]
) -> None:
    made = stored.commit_all()
    without_copies()
    assert np.array_equal(stored.read(), made)
    facade = seenat.Catalog(stored.catalog)
    compaction = facade.compact("made-up")
    assert compaction.written == stored.measurement.blocks
    assert facade.compact("made-up").written == 0
    without_copies()
    assert np.array_equal(stored.read(start=5, stop=9), made[:, 5:9])
    if store_url.startswith("file:"):
        assert np.array_equal(zarr.open_group(str(compaction.folder), mode="r")["values"][:], made)


def test_a_copy_on_this_machine_is_not_trusted(stored: SyntheticResults, tmp_path: Path) -> None:
    made = stored.commit_all()
    for path in (tmp_path / "home" / "cache" / "objects").glob("??/*"):
        path.write_bytes(b"damaged")
    assert np.array_equal(stored.read(), made)


def test_what_is_kept_verified_and_lost_in_a_store(
    stored: SyntheticResults, tmp_path: Path, without_copies: Callable[[], None]
) -> None:
    made = stored.commit_all()
    facade = seenat.Catalog(stored.catalog)
    assert facade.verify_stored().is_sound
    backup = facade.back_up(tmp_path / "copy")
    assert backup.damaged == ()
    with closing(open_catalog(str(tmp_path / "copy" / CATALOG))) as copy:
        kept = SyntheticResults.opened(copy)
        assert kept.array.group.is_dir()
        assert np.array_equal(kept.read(), made)
        assert rows(copy) == rows(stored.catalog)
    array = stored.store.array
    assert isinstance(array, ObjectArray)
    with stored.catalog.database.read() as connection:
        gone, other = connection.execute(select(blocks.c.object).order_by(blocks.c.array_row).limit(2)).scalars()
    array.store.delete(gone)
    array.store.replace(other, b"another content")
    without_copies()
    assert len(facade.verify_stored().results) == 2
    with pytest.raises(CorruptFile, match="gone or not what was committed"):
        stored.read()


def test_garbage_is_what_no_row_names_and_deleting_leaves_none(stored: SyntheticResults) -> None:
    stored.commit_all()
    facade = seenat.Catalog(stored.catalog)
    facade.compact("made-up")
    array, database = stored.store.array, stored.catalog.database
    assert isinstance(array, ObjectArray)
    orphan = array.stage(0, 0, stored.cut(stored.commit_all(seed=7)[0], 0) % 3, "j1-s1-f1")
    again = {found.name for found in aged_objects(database, -60)}
    with database.read() as connection:
        garbage = {found.name for found in abandoned_objects(database, connection, aged_objects(database, -60))}
        assert aged_objects(database) == []
    assert orphan.object in garbage
    assert len(garbage) == 1 + len(stored.rows) * stored.measurement.blocks, "and what was committed before"
    assert garbage < again
    deletion = facade.delete_results("made-up", yes=True)
    assert deletion.done
    assert {found.name for found in array.store.listed()} == garbage


@pytest.fixture
def shared(new_catalog: Callable[[str], Catalog], bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setenv("SEENAT_RESULTS", bucket_url)
    return new_catalog("shared")


KILLED = """
import os, signal, sys
import numpy as np
from seenat.memorization.jobs.leasing.leases import ShardLeases
from seenat.memorization.jobs.shard_writer import ShardWriter
from seenat.memorization.jobs.status import find_job
from seenat.memorization.results.objects.array import ObjectArray
from seenat.registry.open import open_catalog

catalog = open_catalog(sys.argv[1])
job = find_job(catalog, int(sys.argv[2]))
model = catalog.model(job.model)
writer, leases = ShardWriter(catalog.database, model, job), ShardLeases(catalog.database, (job.id,))
checkpoint = model.checkpoint(leases.open_steps()[0])
stage = ObjectArray.stage
def stage_and_die(*arguments):
    stage(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
ObjectArray.stage = stage_and_die
with leases.held(retry=True):
    with catalog.database.write() as connection:
        row = writer.row_of(connection, checkpoint, checkpoint.digest)
    (lease,) = next(leases.acquire(checkpoint.id))
    buffer = writer.new_buffer(lease, checkpoint, row)
    assert writer.try_commit(buffer) is None
    writer.fill(buffer, buffer.due, np.full(len(buffer.due), 8, np.uint8), "cpu made up")
    writer.try_commit(buffer)
"""


def test_a_worker_killed_between_put_and_commit_leaves_nothing_that_counts(
    shared: Catalog, new_catalog: Callable[[str], Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = plan(shared, "mine-a", SHORT, **PART)
    command = [sys.executable, "-c", KILLED, str(shared.database), str(job.id)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = aged_objects(shared.database, -60)
    assert "/j1-s" in left.name
    assert rows(shared)["blocks"] == []
    assert run_job(shared, job, device="cpu").state == "done"
    with shared.database.read() as connection:
        found = abandoned_objects(shared.database, connection, aged_objects(shared.database, -60))
    assert [each.name for each in found] == [left.name]
    monkeypatch.delenv("SEENAT_RESULTS")
    local = new_catalog("local")
    measure(local, "mine-a", SHORT, **PART)
    assert rows(shared) == rows(local)


def test_a_store_that_is_away_is_no_lost_result(
    sqlite_catalog: Catalog, bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEENAT_RESULTS", bucket_url)
    results = SyntheticResults.registered(sqlite_catalog)
    results.commit(results.rows[0], 0, results.cut(np.zeros(1120, np.uint8), 0))
    shutil.rmtree(Path(os.environ["SEENAT_HOME"], "cache"))
    array = results.store.array
    assert isinstance(array, ObjectArray)
    assert isinstance(array.store, ObjectStore)
    array.store = ObjectStore("nowhere", array.store.prefix)
    with pytest.raises(StoreUnavailable, match="no bucket nowhere"):
        results.read(stop=10)
