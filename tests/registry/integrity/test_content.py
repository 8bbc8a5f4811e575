"""The files of orders and checkpoints: read once, recorded where nobody waits, and marked where onsets depend on them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.checkpoint_tables import forget_model_files, update_checkpoints
from seenat.registry.catalog.models import Checkpoint
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import checkpoint_files, token_files
from seenat.registry.database.tables.jobs import measurement_rows, measurements, protocols
from seenat.registry.errors import CorruptFile, SuiteChanged
from seenat.registry.integrity.content import content_of, ensure_content, ensure_tokens, location_of
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.source import Tokens
from seenat.registry.storage.file_state import state_of
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

SmallSuite = Any
"""The `SmallSuite` of conftest.py."""


@pytest.fixture
def catalog(bare_catalog: Catalog, small_suite: SmallSuite) -> Catalog:
    register_suite(bare_catalog, small_suite.manifest)
    return bare_catalog


def recorded_times(catalog: Catalog) -> list[int | None]:
    return [file.modified_ns for file in catalog.order("mine-order").files]


def test_the_time_of_change_of_a_copied_file_is_recorded(catalog: Catalog, small_suite: SmallSuite) -> None:
    os.utime(small_suite.folder / "a.bin", ns=(5, 5))
    other = Database(catalog.database.url)
    ensure_tokens(catalog, catalog.order("mine-order"), record=False)
    with other.write():
        ensure_tokens(catalog, catalog.order("mine-order"))
    assert 5 not in recorded_times(catalog), "a reader neither waits nor writes unasked"
    ensure_tokens(catalog, catalog.order("mine-order"))
    assert recorded_times(catalog)[0] == 5
    other.close()


def test_other_ids_of_the_same_length_are_noticed(catalog: Catalog, small_suite: SmallSuite) -> None:
    path = small_suite.folder / "a.bin"
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(CorruptFile, match=r"a\.bin is not what it was when mine-order was registered"):
        ensure_tokens(catalog, catalog.order("mine-order"))


def test_what_is_read_between_damage_and_restoration_is_read_again(catalog: Catalog, small_suite: SmallSuite) -> None:
    path, order = small_suite.folder / "a.bin", catalog.order("mine-order")
    right, source = path.read_bytes(), ensure_tokens(catalog, order)
    readings = (lambda: source.tokens(order.sequences), lambda: source.take(np.array([0]), 0, 2))
    every = [read() for read in readings]
    path.write_bytes(bytes(len(right)))  # In place, as a disk does.
    for read in readings:
        with pytest.raises(CorruptFile, match=r"a\.bin is not what it was when mine-order was registered"):
            read()
    restored = path.with_suffix(".restored")
    restored.write_bytes(right)
    restored.replace(path)  # What was mapped is still the other file.
    assert all(np.array_equal(read(), before) for read, before in zip(readings, every, strict=True))


def test_an_order_that_is_changed_without_end_is_refused(
    catalog: Catalog, small_suite: SmallSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, order = small_suite.folder / "a.bin", catalog.order("mine-order")
    source = ensure_tokens(catalog, order)
    tokens = FlatOrder.tokens

    def touched(self: FlatOrder, sequences: SequenceRange) -> Tokens:
        os.utime(path, ns=(len(touches), len(touches)))
        touches.append(None)
        return tokens(self, sequences)

    touches: list[None] = []
    monkeypatch.setattr(FlatOrder, "tokens", touched)
    with pytest.raises(CorruptFile, match=r"a\.bin is changed again and again"):
        source.tokens(order.sequences)


# -- files exchanged with length and time kept


def exchange(first: Path, second: Path) -> None:
    """Swap two files by renaming, each with the time of change of the one that was there, as `rsync -t` leaves it."""
    times = [path.stat().st_mtime_ns for path in (first, second)]
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    for path, time in zip((first, second), times, strict=True):
        os.utime(path, ns=(time, time))


def overwrite(path: Path, content: bytes) -> None:
    """Write other bytes of the same number into a file, and set its time of change back."""
    time = path.stat().st_mtime_ns
    assert len(content) == path.stat().st_size
    path.write_bytes(content)
    os.utime(path, ns=(time, time))


def weights_of(suite: SmallSuite, step: int) -> Path:
    path: Path = suite.folder / "mine-s" / f"step{step}" / "model.safetensors"
    return path


def test_exchanged_weights_are_noticed(catalog: Catalog, small_suite: SmallSuite) -> None:
    checkpoint = catalog.model("mine-s").checkpoint(5)
    ahead = content_of(catalog, checkpoint, weights_of(small_suite, 5).parent)
    exchange(weights_of(small_suite, 5), weights_of(small_suite, 3))
    for read in ((), ahead.files):
        with pytest.raises(CorruptFile, match=r"step 5 was when it was recorded \(model\.safetensors changed\)"):
            ensure_content(catalog, checkpoint, weights_of(small_suite, 5).parent, read)


def test_overwritten_weights_are_noticed(catalog: Catalog, small_suite: SmallSuite) -> None:
    overwrite(weights_of(small_suite, 5), weights_of(small_suite, 3).read_bytes())
    with pytest.raises(CorruptFile, match=r"model\.safetensors changed"):
        ensure_content(catalog, catalog.model("mine-s").checkpoint(5), weights_of(small_suite, 5).parent)


def test_overwritten_ids_are_noticed(catalog: Catalog, small_suite: SmallSuite) -> None:
    order, path = catalog.order("mine-order"), small_suite.folder / "a.bin"
    before = order.source().tokens(order.sequences)
    overwrite(path, bytes(path.stat().st_size))
    assert not (order.source().tokens(order.sequences) == before).all(), "a kept reader reads what is there now"
    with pytest.raises(CorruptFile, match=r"a\.bin is not what it was when mine-order was registered"):
        ensure_tokens(catalog, order)


def test_registering_again_reads_what_was_exchanged(catalog: Catalog, small_suite: SmallSuite) -> None:
    exchange(weights_of(small_suite, 5), weights_of(small_suite, 3))
    with pytest.raises(SuiteChanged, match="step 5"):
        register_suite(catalog, small_suite.manifest)


def test_a_file_that_was_copied_is_read_once(catalog: Catalog, small_suite: SmallSuite) -> None:
    path, checkpoint = weights_of(small_suite, 5), catalog.model("mine-s").checkpoint(5)
    before = state_of(path)
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").rename(path)
    assert state_of(path)[:2] == before[:2]
    assert state_of(path) != before
    assert ensure_content(catalog, checkpoint, path.parent) == checkpoint.digest
    recorded = {file.name: file.state for file in catalog.checkpoint_files(checkpoint)}
    assert recorded["model.safetensors"] == state_of(path)


def test_what_an_older_catalog_recorded_is_read_once(catalog: Catalog, small_suite: SmallSuite) -> None:
    with catalog.database.write() as connection:
        for table in (token_files, checkpoint_files):
            connection.execute(update(table).values(changed_ns=None, inode=None))
    checkpoint = catalog.model("mine-s").checkpoint(5)
    ensure_content(catalog, checkpoint, weights_of(small_suite, 5).parent)
    ensure_tokens(catalog, catalog.order("mine-order"))
    files = [*catalog.checkpoint_files(checkpoint), *catalog.order("mine-order").files]
    assert None not in [number for file in files for number in file.state]


# -- onsets that depend on a content


@pytest.fixture
def measured(catalog: Catalog) -> Iterator[Checkpoint]:
    """A checkpoint with a row of results."""
    checkpoint = catalog.model("mine-s").checkpoint(5)
    with catalog.database.write() as connection:
        connection.execute(insert(protocols).values(id=1, digest="p", definition={}))
        for number, model in enumerate(("mine-s", "mine-l"), 1):
            connection.execute(
                insert(measurements).values(
                    id=number, protocol_id=1, model_id=catalog.model(model).id, order_digest="o", sequences=42,
                    block_sequences=4, folder=str(number),
                )
            )  # fmt: skip
        row = {
            "measurement_id": 1,
            "array_row": 0,
            "checkpoint_id": checkpoint.id,
            "checkpoint_digest": checkpoint.digest,
        }
        connection.execute(insert(measurement_rows).values(**row))
    yield checkpoint
    with catalog.database.write() as connection:
        for table in (measurement_rows, measurements, protocols):
            connection.execute(table.delete())


def stale(catalog: Catalog) -> list[bool]:
    with catalog.database.read() as connection:
        return list(connection.execute(select(measurements.c.onsets_stale).order_by(measurements.c.id)).scalars())


def test_another_content_of_a_measured_checkpoint_marks_its_onsets(
    catalog: Catalog, measured: Checkpoint, small_suite: SmallSuite
) -> None:
    small_suite.write_checkpoint("mine-s", 3, seed=77)
    register_suite(catalog, small_suite.manifest, replace_changed=True)
    assert stale(catalog) == [False, False], "step 3 was not measured"
    small_suite.write_checkpoint("mine-s", 5, seed=78)
    register_suite(catalog, small_suite.manifest, replace_changed=True)
    assert stale(catalog) == [True, False]


def test_files_in_another_place_mark_onsets(catalog: Catalog, measured: Checkpoint) -> None:
    with catalog.database.write() as connection:
        forget_model_files(connection, catalog.model("mine-l").id)
    assert stale(catalog) == [False, False]
    with catalog.database.write() as connection:
        forget_model_files(connection, catalog.model("mine-s").id)
    assert stale(catalog) == [True, False]


def test_the_same_content_marks_nothing_and_a_known_one_does(catalog: Catalog, measured: Checkpoint) -> None:
    with catalog.database.write() as connection:
        update_checkpoints(connection, [measured.id], digest=measured.digest, status="ok")
    assert stale(catalog) == [False, False]
    with catalog.database.write() as connection:
        update_checkpoints(connection, [measured.id], digest=None)
        connection.execute(update(measurements).values(onsets_stale=False))
    model = catalog.model("mine-s")
    folder = location_of(model, measured).fetch()
    assert ensure_content(catalog, model.checkpoint(5), folder) == measured.digest
    assert stale(catalog) == [True, False]


# -- readers that are kept with their order


def test_a_kept_order_reads_its_files_as_they_are_now(catalog: Catalog, small_suite: SmallSuite) -> None:
    order = catalog.order("mine-order")
    before = order.source().tokens(order.sequences)
    small_suite.write_tokens((small_suite.rows + 1) % 50)
    assert catalog.order("mine-order") is order
    np.testing.assert_array_equal(order.source().tokens(order.sequences), (before + 1) % 50)
