"""Suffix arrays, equal to sorting the suffixes themselves."""

from __future__ import annotations

import numpy as np
import pytest

from seenat.attribution.exchange.suffix_array import suffix_array


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("values", [1, 2, 5, 60_000])
@pytest.mark.parametrize("length", [0, 1, 2, 300])
def test_it_is_that_of_sorting(length: int, values: int, dtype: type) -> None:
    rng = np.random.default_rng(length + values)
    ids = rng.integers(0, values, length).astype(dtype)
    ids[length // 2 :] = ids[: length - length // 2]
    listed = ids.tolist()
    assert suffix_array(ids).tolist() == sorted(range(length), key=lambda place: listed[place:])
