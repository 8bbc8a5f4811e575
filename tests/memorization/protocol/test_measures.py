"""Measures: what is measured is told from what is not, and quantities keep their names."""

from __future__ import annotations

import numpy as np
import pytest

from seenat.memorization.protocol.measures import DECODED, MEASURES, NOT_MEASURED, Measure


def test_bytes_and_floats() -> None:
    assert {name: (one.dtype, one.axis, one.bytes) for name, one in MEASURES.items()} == {
        "prefix": ("uint8", (), 1),
        "score": ("uint8", (), 1),
        "loss": ("float32", (4,), 16),
    }
    assert DECODED == ("prefix", "score")


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_nothing_is_measured_of_empty_values_and_then_what_was_put_there(measure: Measure) -> None:
    values = measure.empty(2, 5)
    assert values.shape == (2, 5, *measure.axis)
    assert values.dtype == measure.dtype
    assert not measure.measured(values).any()
    values[1, 3] = 0
    assert np.argwhere(measure.measured(values)).tolist() == [[1, 3]]
    assert measure.empty(0).shape == (0, *measure.axis)


def test_quantities_by_name() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    found = MEASURES["loss"].by_quantity(values)
    assert list(found) == ["prompt", "continuation", "min_k", "rank"]
    assert found["min_k"].tolist() == [[2, 6, 10], [14, 18, 22]]
    scores = np.array([3, NOT_MEASURED], np.uint8)
    assert MEASURES["score"].by_quantity(scores)["score"] is scores
