"""Window caches hold what was asked for and nothing else, and never say what the order does not: damaged, killed, or shared."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seenat.memorization.jobs.window_cache import (
    DirectReader,
    WindowCache,
    window_cache_bytes,
    window_cache_folder,
    window_reader,
)
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import CorruptFile, UnknownSequence
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.source import Sequences, Tokens
from seenat.registry.storage.stores.folder import FolderStore

SEQUENCES, LENGTH, WINDOW = 2500, 33, (3, 11)


class Counted(FlatOrder):
    """An order that notes which sequences are read."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.taken: list[int] = []

    def take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        self.taken.extend(indices.tolist())
        return super().take(indices, start, stop)


def order(folder: Path, dtype: str = "uint16", vocab_size: int | None = None) -> Counted:
    """2,500 sequences of 33 ids, which are `sequence * 33 + position` modulo 251."""
    path = folder / f"ids-{dtype}.bin"
    ids = (np.arange(SEQUENCES * LENGTH) % 251).astype(np.dtype(dtype).newbyteorder("<"))
    path.write_bytes(ids.tobytes())
    geometry = Geometry(sequences=SEQUENCES, tokens_per_sequence=LENGTH, dtype=dtype)
    return Counted(geometry, [Extent(path, 0, ids.nbytes)], vocab_size)


SMALL = 1 << 10
"""Sequences of a block, so that an order of 2,500 has three."""


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# -- what they hold


@settings(max_examples=40, deadline=None)
@given(
    dtype=st.sampled_from(["uint8", "uint16", "int32", "int64"]),
    asked=st.lists(st.lists(st.integers(0, SEQUENCES - 1), max_size=40), min_size=1, max_size=6),
    spans=st.lists(st.tuples(st.integers(0, SEQUENCES), st.integers(0, 1200)), max_size=3),
)
def test_whatever_is_asked_for_in_whatever_order_is_what_the_order_holds(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, asked: list[list[int]], spans: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    source = order(folder, dtype)
    rows = WindowCache(folder / "columns", "sha256:0", source, WINDOW, SMALL)
    wanted = [*asked, *(range(start, min(start + count, SEQUENCES)) for start, count in spans)]
    for indices in (np.array(some, np.int64) for some in random.Random(0).sample(wanted, len(wanted))):
        found = rows.take(indices)
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, FlatOrder.take(source, indices, *WINDOW))
    assert len(source.taken) == len(set(source.taken)), "nothing is read twice"
    assert set(source.taken) == {index for some in wanted for index in some}, "nothing else is read"


def test_what_is_kept_is_not_read_again_and_a_sample_takes_little(tmp_path: Path) -> None:
    source = order(tmp_path)
    sample = np.array([5, 700, 2499])
    WindowCache(tmp_path / "columns", "sha256:0", source, WINDOW, SMALL).prepare(sample)
    assert source.taken == [5, 700, 2499]
    files = kept(tmp_path / "columns")
    assert [path.name for path in files] == ["0", "2"]
    assert sum(path.stat().st_size for path in files) == (32 + 128 + 2 * 16) + (32 + 64 + 16)
    again = WindowCache(tmp_path / "columns", "sha256:0", source, WINDOW, SMALL)
    np.testing.assert_array_equal(again.take(sample), source.take(sample, *WINDOW))
    again.prepare(np.arange(0, 1024))
    assert len(source.taken) == 3 + 3 + 1022


def test_machines_share_what_one_has_read(tmp_path: Path) -> None:
    shared, every = FolderStore(tmp_path / "shared"), np.arange(SEQUENCES)
    source = order(tmp_path)
    taken = [WindowCache(tmp_path / machine, "sha256:0", source, WINDOW, SMALL, shared).take(every) for machine in "ab"]
    assert source.taken == every.tolist(), "read once"
    assert np.array_equal(*taken)
    (damaged,) = (shared.folder / found.name for found in shared.listed() if found.name.endswith("/1"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    assert np.array_equal(WindowCache(tmp_path / "c", "sha256:0", source, WINDOW, SMALL, shared).take(every), taken[0])
    assert len(source.taken) == SEQUENCES + SMALL, "what was damaged is read from the order"


def test_another_content_or_window_is_another_copy(tmp_path: Path) -> None:
    source = order(tmp_path)
    for digest, window in (("sha256:0", WINDOW), ("sha256:1", WINDOW), ("sha256:0", (4, 12))):
        WindowCache(tmp_path / "columns", digest, source, window).prepare(np.arange(10))
    paths = [path.relative_to(tmp_path / "columns").as_posix() for path in kept(tmp_path / "columns")]
    assert paths == ["0/3-11/0", "0/4-12/0", "1/3-11/0"]
    assert len(source.taken) == 30


def test_errors_are_those_of_the_order(tmp_path: Path) -> None:
    rows = WindowCache(tmp_path / "columns", "sha256:0", order(tmp_path, vocab_size=251), WINDOW)
    rows.prepare(np.arange(SEQUENCES))
    damaged = WindowCache(tmp_path / "columns", "sha256:1", order(tmp_path, vocab_size=250), WINDOW)
    with pytest.raises(CorruptFile, match="id 250 at position"):
        damaged.prepare(np.arange(SEQUENCES))
    with pytest.raises(UnknownSequence):
        DirectReader(order(tmp_path), WINDOW).take(np.array([SEQUENCES]))


# -- what happens to them


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        lambda path: path.write_bytes(path.read_bytes()[:-16]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes((path.parent / "1").read_bytes()),
        lambda path: path.write_bytes((path.parents[2] / "1" / "3-11" / "0").read_bytes()),
    ],
    ids=["a bit", "shortened", "empty", "another block", "another order"],
)
def test_a_damaged_block_is_made_anew(tmp_path: Path, damage: Any) -> None:
    source, every = order(tmp_path), np.arange(SEQUENCES)
    for digest in ("sha256:0", "sha256:1"):
        WindowCache(tmp_path / "columns", digest, source, WINDOW, SMALL).prepare(every)
    path = tmp_path / "columns" / "0" / "3-11" / "0"
    whole = path.read_bytes()
    damage(path)
    source.taken.clear()
    found = WindowCache(tmp_path / "columns", "sha256:0", source, WINDOW, SMALL).take(every)
    assert source.taken == list(range(1024))
    np.testing.assert_array_equal(found, source.take(every, *WINDOW))
    assert path.read_bytes() == whole


def test_where_nothing_can_be_written_the_order_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = order(tmp_path)
    (tmp_path / "columns").write_text("a file where the folder should be")
    rows, every = WindowCache(tmp_path / "columns", "sha256:0", source, WINDOW), np.arange(SEQUENCES)
    rows.prepare(every)
    np.testing.assert_array_equal(rows.take(every), source.take(every, *WINDOW))
    assert "cannot be kept" in caplog.text


BUILD = """
import os, random, sys
from pathlib import Path
import numpy as np
from seenat.memorization.jobs.window_cache import WindowCache
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.extents import Extent

path, folder, mode = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
source = FlatOrder(Geometry(sequences=2500, tokens_per_sequence=33, dtype="uint16"), [Extent(path, 0, path.stat().st_size)])

def check(seed, rounds, forget):
    some = np.random.default_rng(seed)
    for _ in range(rounds):
        rows = WindowCache(folder, "sha256:0", source, (3, 11), 1 << 10)
        for found in (some.integers(0, 2500, 30), np.arange(0, 2500, 7)):
            assert (rows.take(found) == source.take(found, 3, 11)).all()
        if forget:
            (rows.folder / str(some.integers(0, 3))).unlink(missing_ok=True)

if mode == "race":
    check(int(sys.argv[4]), 150, True)
    sys.exit()
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        check(int(line), 1_000_000, True)
    print(pid, flush=True)
    os.waitpid(pid, 0)
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def test_killed_at_any_moment_nothing_half_written_is_used(tmp_path: Path) -> None:
    source, folder = order(tmp_path), tmp_path / "columns"
    command = [sys.executable, "-c", BUILD, str(tmp_path / "ids-uint16.bin"), str(folder), "kill"]
    generator = random.Random(3)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - pipes, as asked for.
        for kill in range(25):
            process.stdin.write(f"{kill}\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
            time.sleep(generator.uniform(0, 0.02))
            os.kill(pid, signal.SIGKILL)
        process.stdin.close()
    assert process.returncode == 0
    every = np.arange(SEQUENCES)
    np.testing.assert_array_equal(
        WindowCache(folder, "sha256:0", source, WINDOW, SMALL).take(every), source.take(every, *WINDOW)
    )
    left = list(folder.rglob("*.partial"))
    for path in left:
        os.utime(path, (1, 1))
    WindowCache(folder, "sha256:0", source, WINDOW, SMALL)
    assert list(folder.rglob("*.partial")) == [], "what was being written is cleared away after an hour"


def test_two_processes_at_once_never_read_what_is_not_so(tmp_path: Path) -> None:
    source, folder = order(tmp_path), tmp_path / "columns"
    command = [sys.executable, "-c", BUILD, str(tmp_path / "ids-uint16.bin"), str(folder), "race"]
    both = [
        subprocess.Popen([*command, str(seed)], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) for seed in (1, 2)
    ]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    every = np.arange(SEQUENCES)
    np.testing.assert_array_equal(
        WindowCache(folder, "sha256:0", source, WINDOW, SMALL).take(every), source.take(every, *WINDOW)
    )


# -- when they are made


def test_columns_are_made_where_they_pay(sqlite_catalog: Catalog, tmp_path: Path) -> None:
    pile = sqlite_catalog.order("pile-deduped")
    here = replace(pile, location=str(tmp_path))
    small = replace(here, geometry=replace(here.geometry, sequences=1000))
    cases = [
        (pile, (0, 64), 1, WindowCache),
        (pile, (0, 2049), 1, WindowCache),
        (here, (0, 64), 1, DirectReader),
        (here, (0, 64), 2, WindowCache),
        (here, (0, 1025), 2, DirectReader),
        (small, (0, 64), 154, DirectReader),
        (replace(small, format="parquet"), (0, 64), 154, WindowCache),
        (replace(small, format="parquet"), (0, 64), 1, DirectReader),
        (replace(pile, digest=None), (0, 64), 154, DirectReader),
    ]
    for one, window, readings, kind in cases:
        assert type(window_reader(one, pile.source(), window, readings)) is kind, (one, window, readings)
    assert window_cache_folder() == tmp_path / "home" / "columns"
    assert window_cache_bytes() == 0
