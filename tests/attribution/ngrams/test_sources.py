"""An index of an order in any format, on this machine or on a hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.indexed import everywhere, indexed_rows
from support.order_layouts import Layout


def test_an_index_of_any_order_finds_what_stands_there(layout: Layout, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    rows = random.integers(0, 200, (60, 21)).astype(layout.dtype)
    rows[random.integers(0, 60, 20)] = rows[0]
    if layout.overlaps:
        rows[1:, 0] = rows[:-1, -1]
    (tmp_path / "order").mkdir()
    source = layout.open(layout.write(tmp_path / "order", rows))
    with indexed_rows(tmp_path, rows, 4, [17, 40], source=source) as order:
        for length in (4, 7, 12, 21):
            for _ in range(5):
                start = int(random.integers(0, 21 - length + 1))
                ids = rows[int(random.integers(0, 60)), start : start + length]
                assert order.found(ids) == everywhere(rows, ids)
