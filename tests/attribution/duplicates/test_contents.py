"""Equal sequences and windows, as a dictionary of the ids counts them, in one part or in many."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_index import Rows, compared, flat_order

from seenat.attribution.duplicates.contents import DUPLICATE_COLUMNS, duplicates
from seenat.attribution.duplicates.digest_parts import DigestParts
from seenat.registry.errors import InvalidValue, NoRoom
from seenat.registry.units import HalfOpenRange, SequenceRange


def groups_of(rows: Rows, sequences: SequenceRange, window: HalfOpenRange) -> list[list[int]]:
    places = defaultdict(list)
    for sequence in sequences:
        places[rows[sequence, window.start : window.stop].tobytes()].append(sequence)
    return list(places.values())


@pytest.mark.parametrize("memory", [1 << 28, 4000])
@pytest.mark.parametrize("seed", range(6))
def test_groups_are_those_counted_by_the_ids(tmp_path: Path, seed: int, memory: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, (700, 9)).astype(str(rng.choice(["uint16", "uint32"])))
    source = flat_order(tmp_path, rows)
    sequences = SequenceRange(int(rng.integers(0, 50)), int(rng.integers(500, 701)))
    window = HalfOpenRange(2, 7) if seed % 2 else None
    positions = window or HalfOpenRange(0, 9)
    written: list[dict[str, Any]] = []
    found = duplicates(compared(source, sequences), window, limit=7, write=written.append, memory=memory)
    groups = groups_of(rows, sequences, positions)
    repeated = [group for group in groups if len(group) > 1]
    assert (found.contents, found.repeated) == (len(groups), len(repeated))
    assert found.duplicates == len(sequences) - len(groups)
    assert {one.times: one.contents for one in found.by_times} == Counter(map(len, groups))
    expected = sorted(repeated, key=lambda group: (-len(group), group[0]))[:7]
    assert [(one.times, [place.sequence for place in one.places]) for one in found.groups] == [
        (len(group), group[:10]) for group in expected
    ]
    assert {place.offset for one in found.groups for place in one.places} <= {positions.start}
    columns = {name: np.concatenate([part[name] for part in written]) for name in DUPLICATE_COLUMNS}
    by_content = defaultdict(list)
    for content, number, sequence, times in zip(
        *(columns[name].tolist() for name in ("content", "number", "sequence", "times")), strict=True
    ):
        by_content[content].append(sequence)
        assert number == len(by_content[content])
        assert times == next(len(group) for group in repeated if sequence in group)
    assert sorted(by_content.values()) == sorted(repeated)
    assert (columns["step"] == columns["sequence"] // 4 + 1).all()


def test_nothing_repeated_writes_nothing(tmp_path: Path) -> None:
    source = flat_order(tmp_path, np.arange(12, dtype=np.uint16).reshape(4, 3))
    written: list[Any] = []
    found = duplicates(compared(source), write=written.append)
    assert (found.duplicates, found.share, found.groups, written) == (0, 0.0, (), [])


def test_windows_lie_within_a_sequence(tmp_path: Path) -> None:
    source = flat_order(tmp_path, np.zeros((4, 3), np.uint16))
    for window in (HalfOpenRange(1, 4), HalfOpenRange(2, 2)):
        with pytest.raises(InvalidValue, match="within 0:3"):
            duplicates(compared(source), window)


def test_parts_are_as_many_as_memory_asks_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with DigestParts(1000, 10_000) as parts:
        assert parts.bits == 3
        assert len(list(tmp_path.glob("*/*.digests"))) == 8
        digests = np.random.default_rng(0).integers(0, 2**64, (1000, 2), dtype=np.uint64)
        parts.add(SequenceRange(0, 1000), digests)
        sizes = [len(records) for records in parts]
        assert sum(sizes) == 1000
        assert max(sizes) < 200
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    usage = shutil.disk_usage(tmp_path)
    with pytest.raises(NoRoom, match=r"the digests of .* sequences take"):
        DigestParts(usage.free // 24 + 1_000_000)
    assert list(tmp_path.iterdir()) == []
