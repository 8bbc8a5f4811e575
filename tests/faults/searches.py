"""Searches of an order by its index, and whether they find what reading every place finds."""

from __future__ import annotations

import random

import numpy as np
from support.indexed import Rows, everywhere

import seenat
from faults.worlds import ORDER, Place
from seenat.registry.errors import SeenatError

__all__ = ["check_index", "search"]

_LENGTHS = (3, 8, 11, 24)
"""Of queries: shorter than the index window, as long, a key longer, and longer."""


def check_index(place: Place, generator: random.Random) -> None:
    """Fail unless the index is whole, and what is found by it is right."""
    damaged = seenat.Catalog(place.catalog).index.verify(ORDER).damaged
    assert not damaged, f"the index was repaired, and has {damaged}"
    refused = search(place, generator)
    assert refused is None, f"the index was repaired, and a search is refused: {refused}"


def search(place: Place, generator: random.Random) -> SeenatError | None:
    """Look for some ids of the order, and some others; returns why that was refused. Fails where an answer is wrong."""
    queries = [_query(place.mine.rows, length, generator) for length in _LENGTHS]
    queries.append(queries[-1][::-1])
    try:
        answers = seenat.Catalog(place.catalog).find_all([query.tolist() for query in queries], order=ORDER, limit=None)
    except SeenatError as error:
        return error
    except Exception as error:
        raise AssertionError(f"a search ends with {error!r}") from error
    for query, found in zip(queries, answers, strict=True):
        due = everywhere(place.mine.rows, query)
        places = {(exposure.sequence, exposure.offset) for exposure in found.exposures}
        assert places == due, f"{query.tolist()} stands at {sorted(due)}, and was found at {sorted(places)}"
        assert found.count == len(due), f"{query.tolist()} stands {len(due)} times, and was counted {found.count} times"
    return None


def _query(rows: Rows, length: int, generator: random.Random) -> Rows:
    row, start = generator.randrange(len(rows)), generator.randrange(rows.shape[1] - length + 1)
    return np.array(rows[row, start : start + length])
