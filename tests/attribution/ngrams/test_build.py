"""Building, continuing, verifying and repairing an index, through the public API and in processes that are killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from support.cli import environment

import seenat
from seenat.attribution.ngrams.build.sort_setting import WORKER, worker_environment
from seenat.registry.storage.stores.place import open_store

SEQUENCES, LENGTH, BATCH = 6_000, 129, 16
MANIFEST = f"""
[suite]
name = "made-up"

[[order]]
name = "made-up-order"
format = "raw"
files = ["ids.bin"]
tokens_per_sequence = {LENGTH}
sequences_per_batch = {BATCH}
sequences = {SEQUENCES}
dtype = "uint16"
vocab_size = 60000
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-up")
    ids = (np.random.default_rng(3).pareto(1.0, SEQUENCES * LENGTH) * 5).clip(0, 59_999).astype(np.uint16)
    ids.tofile(folder / "ids.bin")
    (folder / "SUITE.toml").write_text(MANIFEST)
    return folder / "SUITE.toml"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Path:
    path = tmp_path_factory.mktemp("registered") / "catalog.sqlite"
    with seenat.open(str(path)) as catalog:
        catalog.register(manifest)
    return path


@pytest.fixture
def home(tmp_path: Path, registered: Path) -> Path:
    shutil.copy(registered, tmp_path)
    return tmp_path


@pytest.fixture
def catalog(home: Path) -> Iterator[seenat.Catalog]:
    with seenat.open(str(home / "catalog.sqlite")) as opened:
        yield opened


def files(home: Path) -> dict[str, str]:
    """The digest of every file of the indexes."""
    folder = home / "catalog.sqlite.indexes"
    paths = (path for path in folder.rglob("*.*") if path.suffix != ".directory-record")  # That says when and where.
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}


def test_an_index_of_a_store_is_searched_by_machines_that_did_not_build_it(
    catalog: seenat.Catalog, home: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEENAT_INDEXES", store_url)
    catalog.index.build("made-up-order", batches="0:60", shard_batches=20)
    monkeypatch.delenv("SEENAT_INDEXES")
    ids = catalog.order("made-up-order").batch(1).tokens()[3, 20:30].tolist()
    found = catalog.find(ids, order="made-up-order")
    assert len(found.exposures) > 0
    shutil.rmtree(home / "catalog.sqlite.indexes")
    assert catalog.find(ids, order="made-up-order") == found
    assert catalog.verify_stored().is_sound
    backup = catalog.back_up(home / "copy")
    assert (backup.damaged, backup.files) == ((), 4)
    store = open_store(store_url)
    shard = next(each.name for each in store.listed() if ".ngrams-" in each.name)
    shutil.rmtree(home / "home" / "cache")
    store.replace(shard, b"0" * (store.size(shard) or 0))
    with pytest.raises(seenat.CorruptFile, match="arrived as"):
        catalog.find(ids, order="made-up-order")
    assert len(catalog.verify_stored().indexes) == 1


def test_what_is_covered_grows_and_is_never_built_twice(catalog: seenat.Catalog, home: Path) -> None:
    status = catalog.index.build("made-up-order", batches="100:150", shard_batches=20)
    assert status.batches == (seenat.BatchRange(100, 150),)
    assert not status.whole
    # Cut at multiples of 20 batches.
    assert status.shards == 3
    before = files(home)
    advances: list[int] = []
    status = catalog.index.build("made-up-order", batches="0:200", progress=lambda now: advances.append(now.done))
    assert status.batches == (seenat.BatchRange(0, 200),)
    assert advances[0] == 50 * BATCH
    assert advances[-1] == 200 * BATCH
    shards = {name: digest for name, digest in before.items() if name.endswith(".ngrams")}
    assert shards.items() <= files(home).items()
    status = catalog.index.build("made-up-order")
    assert status.whole
    assert status.samples == sum(
        int(re.search(rb'"samples": (\d+)', path.read_bytes()[:512])[1])  # type: ignore[index]
        for path in home.rglob("*.ngrams")
    )


def test_two_builds_are_equal_byte_for_byte_by_either_sort(
    catalog: seenat.Catalog, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    for setting in ("", "X86_V4 AVX512_ICL"):
        # It reaches the workers alone: numpy has read it in this process long ago.
        monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", setting)
        catalog.index.build("made-up-order", shard_batches=100)
        built.append(files(home))
        catalog.index.remove("made-up-order")
    assert built[0] == built[1]
    assert len(built[0]) > 4


def test_the_faster_sort_is_chosen_for_many_keys_and_never_for_this_process() -> None:
    assert "NPY_DISABLE_CPU_FEATURES" not in os.environ
    chosen = worker_environment(1 << 40)

    def nanoseconds(env: dict[str, str]) -> float:
        return float(subprocess.run([*WORKER, "sort"], env=env, check=True, capture_output=True, text=True).stdout)

    # The same setting measured twice differs by less than a half.
    assert nanoseconds(dict(chosen)) < 1.5 * nanoseconds(dict(os.environ))
    assert worker_environment(1000) == os.environ
    assert "NPY_DISABLE_CPU_FEATURES" not in os.environ


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM])
def test_a_build_that_is_ended_goes_on_to_the_same_bytes(
    home: Path, catalog: seenat.Catalog, manifest: Path, signal_: signal.Signals
) -> None:
    command = [sys.executable, "-m", "seenat", "index", "build", "made-up-order", "--shard-batches", "4", "--json"]
    env = environment(home)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (begun := catalog.index.status("made-up-order")) or begun[0].shards < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal_)
    process.communicate()
    assert process.returncode != 0
    left = catalog.index.status("made-up-order")[0]
    assert 0 < left.shards < 94
    done = subprocess.run(command, env=env, check=True, capture_output=True)
    assert json.loads(done.stdout)["whole"]
    after = files(home)
    assert not [name for name in after if "partial" in name]
    catalog.index.remove("made-up-order")
    catalog.index.build("made-up-order", shard_batches=4, workers=1)
    assert files(home) == after


def test_no_worker_outlives_a_build_that_is_killed(home: Path) -> None:
    command = [sys.executable, "-m", "seenat", "index", "build", "made-up-order", "--shard-batches", "4"]
    process = subprocess.Popen(command, env=environment(home), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not list(home.rglob("*.ngrams")):
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}/cmdline").exists() and is_worker(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_worker(pid: str) -> bool:
    try:
        return b"ngrams.build.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_damaged_shard_is_named_refused_and_built_again_alone(catalog: seenat.Catalog, home: Path) -> None:
    catalog.index.build("made-up-order", shard_batches=100)
    before = files(home)
    victim = sorted(home.rglob("*.ngrams"))[1]
    data = bytearray(victim.read_bytes())
    data[-5] ^= 1
    victim.write_bytes(data)
    with pytest.raises(seenat.CorruptFile, match=rf"{victim.name}.*seenat index verify made-up-order"):
        catalog.find([1, 2, 3, 4, 5, 6, 7, 8], order="made-up-order")
    states = {path: path.stat().st_mtime_ns for path in home.rglob("*.ngrams") if path != victim}
    answer = catalog.index.verify("made-up-order")
    assert [Path(shard.file) for shard in answer.damaged] == [victim]
    assert "its digest is" in answer.damaged[0].fault
    assert catalog.index.verify("made-up-order", repair=True).repaired
    assert files(home) == before
    assert states == {path: path.stat().st_mtime_ns for path in home.rglob("*.ngrams") if path != victim}
    assert not catalog.index.verify("made-up-order").damaged
    catalog.find([1, 2, 3, 4, 5, 6, 7, 8], order="made-up-order")


def test_a_shard_that_is_gone_or_was_only_touched(catalog: seenat.Catalog, home: Path) -> None:
    catalog.index.build("made-up-order", shard_batches=200)
    first, second = sorted(home.rglob("*.ngrams"))
    os.utime(first)
    catalog.find([1] * 8, order="made-up-order")
    data = first.read_bytes()
    first.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(seenat.CorruptFile, match="not as it was"):
        catalog.find([1] * 8, order="made-up-order")
    first.write_bytes(data)
    assert not catalog.index.verify("made-up-order").damaged
    second.unlink()
    with pytest.raises(seenat.CorruptFile, match="cannot be read: No such file"):
        catalog.find([1] * 8, order="made-up-order")
    assert catalog.index.verify("made-up-order", repair=True).damaged
    catalog.find([1] * 8, order="made-up-order")


def test_a_directory_that_is_gone_is_no_loss_and_a_damaged_one_is_written_again(
    catalog: seenat.Catalog, home: Path
) -> None:
    catalog.index.build("made-up-order", shard_batches=100)
    ids = catalog.order("made-up-order").batch(7).tokens()[3, 20:30].tolist()
    found = catalog.find(ids, order="made-up-order")
    assert found.count
    directory = next(home.rglob("*.directory"))
    data = directory.read_bytes()
    # No code has a sample any more, and nothing would be found; the ends of all; another record; none.
    for damaged in (bytes(len(data)), data[:-4]):
        directory.write_bytes(damaged)
        assert catalog.find(ids, order="made-up-order") == found
        assert directory.read_bytes() == data
    record = directory.with_suffix(".directory-record")
    record.write_text("[1]")
    assert catalog.find(ids, order="made-up-order") == found
    record.unlink()
    directory.write_bytes(bytes(len(data)))
    assert catalog.find(ids, order="made-up-order") == found
    assert record.exists()
    directory.unlink()
    assert catalog.find(ids, order="made-up-order") == found


def test_ranks_that_are_damaged_are_found_again_in_the_order(catalog: seenat.Catalog, home: Path) -> None:
    catalog.index.build("made-up-order", batches="5:10", shard_batches=5)
    catalog.index.build("made-up-order", batches="0:5")
    ids = catalog.order("made-up-order").batch(7).tokens()[3, 20:30].tolist()
    found, before = catalog.find(ids, order="made-up-order"), files(home)
    ranks = next(home.rglob("*.ranks"))
    ranks.write_bytes(bytes(len(ranks.read_bytes())))
    with pytest.raises(seenat.CorruptFile, match=r"\.ranks is damaged; run `seenat index verify --repair`"):
        catalog.find(ids, order="made-up-order")
    assert [shard.fault for shard in catalog.index.verify("made-up-order").damaged] == [
        "the ranks of ids are gone or damaged"
    ]
    assert catalog.index.verify("made-up-order", repair=True).repaired
    assert files(home) == before
    assert catalog.find(ids, order="made-up-order") == found


def test_settings_that_cannot_be(catalog: seenat.Catalog) -> None:
    with pytest.raises(seenat.InvalidValue, match="5:3 is not a range"):
        catalog.index.build("made-up-order", batches="5:3")
    with pytest.raises(seenat.InvalidValue, match="at least 1 id, not 0"):
        catalog.index.build("made-up-order", window=0)
    with pytest.raises(seenat.InvalidValue, match="at least 1 batch, not 0"):
        catalog.index.build("made-up-order", shard_batches=0)
    catalog.index.build("made-up-order", batches="0:10", shard_batches=5)
    with pytest.raises(seenat.InvalidValue, match="was begun with --shard-batches 5, not 6"):
        catalog.index.build("made-up-order", shard_batches=6)
    with pytest.raises(seenat.InvalidValue, match="--fingerprints False, not True"):
        catalog.index.build("made-up-order", fingerprints=True)
    with pytest.raises(seenat.NotIndexed, match="has no index with window 5"):
        catalog.index.remove("made-up-order", window=5)


def test_an_order_that_was_replaced_has_no_index(catalog: seenat.Catalog, home: Path, manifest: Path) -> None:
    folder = home / "copy"
    folder.mkdir()
    (folder / "SUITE.toml").write_text(manifest.read_text())
    ids = np.fromfile(manifest.parent / "ids.bin", np.uint16)
    ids[5] += 1
    ids.tofile(folder / "ids.bin")
    catalog.index.build("made-up-order", batches="0:20")
    assert catalog.index.status("made-up-order")
    catalog.register(folder / "SUITE.toml", replace=True)
    assert catalog.index.status("made-up-order") == ()


def test_an_order_whose_file_was_changed_in_place(catalog: seenat.Catalog, home: Path, manifest: Path) -> None:
    folder = home / "copy"
    shutil.copytree(manifest.parent, folder)
    catalog.register(folder / "SUITE.toml", replace=True)
    catalog.index.build("made-up-order", batches="0:20")
    data = (folder / "ids.bin").read_bytes()
    (folder / "ids.bin").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(seenat.CorruptFile, match=r"ids\.bin has changed since .*seenat verify made-up-order"):
        catalog.find([1] * 8, order="made-up-order")
    with pytest.raises(seenat.CorruptFile, match="has changed since"):
        catalog.index.build("made-up-order")
    (folder / "ids.bin").write_bytes(data)  # The same again: it is read once, and found to be what was registered.
    catalog.find([1] * 8, order="made-up-order")


def test_what_is_indexed_between_damage_and_restoration_does_not_count(
    catalog: seenat.Catalog, home: Path, manifest: Path
) -> None:
    folder = home / "copy"
    shutil.copytree(manifest.parent, folder)
    catalog.register(folder / "SUITE.toml", replace=True)
    path, told = folder / "ids.bin", []

    def disturb(advance: seenat.BuildAdvance) -> None:
        told.append(advance.done)
        if advance.done and len(told) == 2:
            right = path.read_bytes()
            path.write_bytes(right[::-1])
            (folder / "restored").write_bytes(right)
            (folder / "restored").replace(path)

    with pytest.raises(seenat.CorruptFile, match=r"ids\.bin was changed while it was indexed"):
        catalog.index.build("made-up-order", shard_batches=64, workers=1, progress=disturb)
    catalog.index.build("made-up-order", shard_batches=64, workers=1)
    disturbed = files(home)
    shutil.rmtree(home / "catalog.sqlite.indexes")
    catalog.index.remove("made-up-order")
    catalog.index.build("made-up-order", shard_batches=64, workers=1)
    assert files(home) == disturbed
