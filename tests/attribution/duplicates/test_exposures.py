"""Exposures of memorized sequences, counted by the ids themselves over made-up results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.repeated_windows import WINDOW, MadeUp
from support.small_index import flat_order, indexed
from support.synthetic_results import BATCH, SEQUENCES, STEPS

from seenat.attribution.duplicates.charts import chart_of
from seenat.attribution.duplicates.exposure_answers import exposures_answer
from seenat.attribution.duplicates.exposures import (
    _contents,
    exposures_by_index,
    exposures_by_position,
    memorized_rows,
)
from seenat.registry.errors import InvalidValue, NotMeasured


def expected(made: MadeUp, offsets: range, until: int) -> list[tuple[Any, ...]]:
    """Each memorized sequence by the definition: bracket, onset, exposures at both, steps of the first and the last."""
    found = []
    for sequence in range(SEQUENCES):
        memorized = [step for row, step in enumerate(STEPS) if made.values[row, sequence] == 32]
        if not memorized or memorized[0] > until:
            continue
        onset = memorized[0]
        measured = [step for row, step in enumerate(STEPS) if step < onset and made.values[row, sequence] != 255]
        low = measured[-1] if measured else -1
        ids = made.rows[sequence, :WINDOW]
        holders = np.flatnonzero(
            np.any([(made.rows[:, at : at + WINDOW] == ids).all(axis=1) for at in offsets], axis=0)
        )
        by = [int((holders < step * BATCH).sum()) for step in (max(low, 0), onset)]
        steps = [holder // BATCH + 1 for holder in holders if holder < onset * BATCH] or [-1]
        found.append((onset, sequence, low, *by, steps[0], steps[-1]))
    return sorted(found)


def columns_of(written: list[dict[str, Any]]) -> list[tuple[int, ...]]:
    names = ("onset", "sequence", "bracket_low", "exposures_before", "exposures", "first_exposure", "last_exposure")
    return list(zip(*(np.concatenate([part[name] for part in written]).tolist() for name in names), strict=True))


@pytest.mark.parametrize("until", [70, 20])
def test_exposures_are_those_counted_by_the_ids(made: MadeUp, until: int) -> None:
    rows, written = memorized_rows(made.catalog, made.model, until=until), []
    exposed = exposures_by_position(made.model.order.source(), rows)
    answer = exposures_answer(rows, exposed, anywhere=False, limit=5, write=written.append)
    known = expected(made, range(1), until)
    assert columns_of(written) == known
    assert max(row[4] for row in known) > 10
    assert (answer.memorized, answer.until, answer.cut) == (len(known), until, 0)
    assert [(one.onset.step, one.sequence, one.exposures) for one in answer.sequences] == [
        (row[0], row[1], row[4]) for row in known[:5]
    ]
    for total in answer.totals:
        at = [row for row in known if row[4] == total.exposures]
        assert total.sequences == len(at)
        assert total.before == sum(row[3] == total.exposures for row in known)
        assert total.by_then == sum(row[4] <= total.exposures for row in known) / len(known)
        if at:
            assert total.median_step == np.quantile([row[0] for row in at], 0.5, method="inverted_cdf")


def test_with_an_index_other_offsets_count_too(made: MadeUp, tmp_path: Path) -> None:
    rows, written = memorized_rows(made.catalog, made.model), []
    source = made.model.order.source()
    with indexed(tmp_path, flat_order(tmp_path, made.rows), 8, (400,)) as index:
        exposed = exposures_by_index(index, source, rows)
        exposures_answer(rows, exposed, anywhere=True, limit=0, write=written.append)
        cut = exposures_answer(rows, exposures_by_index(index, source, rows, most_found=3), anywhere=True, limit=0)
    known = expected(made, range(2), 70)
    assert columns_of(written) == known
    assert known != expected(made, range(1), 70)
    assert cut.cut > 100


def test_an_index_of_longer_windows_is_refused(made: MadeUp, tmp_path: Path) -> None:
    rows = memorized_rows(made.catalog, made.model)
    with (
        indexed(tmp_path, flat_order(tmp_path, made.rows), 65) as index,
        pytest.raises(InvalidValue, match="has 64 ids, and this index finds runs of at least 65"),
    ):
        exposures_by_index(index, made.model.order.source(), rows)


def test_nothing_memorized_is_told(made: MadeUp) -> None:
    with pytest.raises(NotMeasured, match="nothing that was measured by step -1"):
        memorized_rows(made.catalog, made.model, until=-1)


def test_digests_that_begin_alike_are_told_apart() -> None:
    known = np.array([[1, 5], [7, 2], [7, 4], [7, 9], [8, 1]], np.uint64)
    asked = np.array([[7, 4], [9, 1], [7, 3], [1, 5], [7, 9], [0, 0], [8, 2]], np.uint64)
    contents, places = _contents(known, asked)
    assert (contents.tolist(), places.tolist()) == ([2, 0, 3], [0, 3, 4])


def test_the_chart_lies_between_its_bounds(made: MadeUp) -> None:
    rows = memorized_rows(made.catalog, made.model)
    answer = exposures_answer(rows, exposures_by_position(made.model.order.source(), rows), anywhere=False, limit=0)
    layers = chart_of(answer).to_dict()
    points = layers["data"]["values"]
    assert points[-1]["low"] == points[-1]["high"] == 1
    assert all(point["low"] <= point["high"] for point in points)
