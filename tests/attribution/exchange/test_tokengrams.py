"""An index of tokengrams, made by sorting suffixes as its format says, answers as looking at the rows does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.small_index import Rows, compared, flat_order

from seenat.attribution.exchange.export import export_index
from seenat.attribution.exchange.tokengrams import SuffixIndex, open_tokengrams
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.units import SequenceRange


def written(folder: Path, rows: Rows) -> tuple[Path, Path]:
    """A text, and its suffixes sorted by Python."""
    text, table = folder / "text.bin", folder / "table.idx"
    ids = rows.reshape(-1).astype("<u2" if rows.dtype.itemsize <= 2 else "<u4")
    ids.tofile(text)
    listed = ids.tolist()
    np.array(sorted(range(len(listed)), key=lambda place: listed[place:]), "<u8").tofile(table)
    return text, table


def places(index: SuffixIndex, ids: Rows) -> list[tuple[int, int]]:
    found = index.positions(ids)
    assert len(found) == index.count(ids)
    return [(one.sequence, one.offset) for one in found]


@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_it_answers_for_a_part_of_an_order(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(2)
    rows = np.array([0, 3, 256, 40_000])[rng.integers(0, 4, (30, 17))].astype(dtype)
    rows[20] = rows[9]
    source, part = flat_order(tmp_path, rows), SequenceRange(8, 28)
    index = open_tokengrams(compared(source, part), *written(tmp_path, rows[8:28]))
    for length in (1, 3, 17):
        windows = np.lib.stride_tricks.sliding_window_view(rows, length, axis=1)
        for _ in range(20):
            ids = windows[rng.integers(0, 30), rng.integers(0, windows.shape[1])]
            expected = [(int(row), int(at)) for row, at in np.argwhere((windows == ids).all(axis=-1)) if row in part]
            assert places(index, ids) == expected
    assert index.positions(rows[9])[0].step == 9 // 4 + 1
    assert index.count([1, 2]) == index.count([70_000, -1]) == 0
    # The text goes on behind a sequence, and the sequence does not.
    assert (int(rows[10, 16]), int(rows[11, 0])) != (-1, -1)
    across = np.concatenate([rows[10, 12:], rows[11, :5]])
    assert (10, 12) not in places(index, across)


def test_what_is_written_is_the_same_file(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).integers(0, 5, (20, 9)).astype(np.uint16)
    source = flat_order(tmp_path, rows)
    export_index(compared(source), tmp_path / "index", "tokengrams")
    text, table = written(tmp_path, rows)
    assert (tmp_path / "index" / "text.0.bin").read_bytes() == text.read_bytes()
    assert (tmp_path / "index" / "table.0.idx").read_bytes() == table.read_bytes()


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    rows = np.random.default_rng(4).integers(0, 900, (20, 9)).astype(np.uint16)
    source = flat_order(tmp_path, rows)
    text, table = written(tmp_path, rows)
    with pytest.raises(CorruptFile, match="choose the batches that it was made from"):
        open_tokengrams(compared(source, SequenceRange(0, 19)), text, table)
    with pytest.raises(InvalidValue, match="cannot be read"):
        open_tokengrams(compared(source), tmp_path / "nothing", table)
    index = open_tokengrams(compared(source), text, table)
    for ids in ([], [[1]], [0.5], [1] * 10):
        with pytest.raises(InvalidValue, match="Give 1 to 9 ids"):
            index.count(ids)
    (rows + 1).tofile(text)
    with pytest.raises(InvalidValue, match="holds other ids"):
        open_tokengrams(compared(source), text, table)


def test_a_damaged_table_finds_nothing_wrong(tmp_path: Path) -> None:
    rows = np.random.default_rng(5).integers(0, 4, (20, 9)).astype(np.uint16)
    source = flat_order(tmp_path, rows)
    text, table = written(tmp_path, rows)
    damaged = np.fromfile(table, "<u8")
    rng = np.random.default_rng(6)
    for _ in range(60):
        changed = damaged.copy()
        changed[rng.integers(0, len(changed), 40)] = rng.integers(0, 2**63, 40, dtype=np.uint64) % rng.choice(
            [180, 2**63]
        )
        changed.tofile(table)
        index = open_tokengrams(compared(source), text, table)
        ids = rows[3, :2]
        try:
            found = places(index, ids)
        except CorruptFile:
            continue
        assert all((rows[row, at : at + 2] == ids).all() for row, at in found)
