"""Near duplicates, compared with the definition over every sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.small_index import compared, flat_order, indexed

from seenat.attribution.duplicates.alike import near_duplicates, selected_ngrams
from seenat.attribution.ngrams.index import NgramIndex
from seenat.registry.errors import InvalidValue, UnknownSequence


def selected(index: NgramIndex, row: np.ndarray, length: int) -> set[tuple[int, ...]]:
    """By the definition, an n-gram at a time."""
    ngrams = (row[at : at + length] for at in range(len(row) - length + 1))
    return {
        tuple(ngram.tolist())
        for ngram in ngrams
        if index.ranks(ngram[:1])[0] == index.ranks(ngram)[: index.window].min()
    }


@pytest.mark.parametrize("seed", range(8))
def test_they_are_those_of_the_definition(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 300, (60, 80)).astype(["uint16", "uint32"][seed % 2])
    for other in range(1, 30):
        rows[other] = rows[0]
        changed = rng.integers(0, 80, other)
        rows[other, changed] = rng.integers(0, 300, other)
    source = flat_order(tmp_path, rows)
    length = 7 + seed % 3
    with indexed(tmp_path, source, 4, (20, 41)) as index:
        found = near_duplicates(index, compared(source), 0, ngram=length, limit=100)
        ours = selected(index, rows[0], length)
        assert {
            tuple(np.frombuffer(one, rows.dtype).tolist()) for one in selected_ngrams(index, rows[0], length)
        } == ours
        sets = {other: selected(index, rows[other], length) for other in range(1, 60)}
    expected = {
        other: (len(ours & theirs), len(ours & theirs) / len(ours), len(ours & theirs) / len(ours | theirs))
        for other, theirs in sets.items()
        if ours & theirs
    }
    assert {one.sequence: (one.shared, one.share, one.resemblance) for one in found.sequences} == expected
    assert found.candidates == len(expected) > 5
    assert found.ngrams == len(ours)
    resemblances = [one.resemblance for one in found.sequences]
    assert resemblances == sorted(resemblances, reverse=True)


def test_what_is_everywhere_names_no_candidates(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 5000, (50, 60)).astype(np.uint16)
    rows[:, :30] = rows[0, :30]
    rows[9] = rows[0]
    source = flat_order(tmp_path, rows)
    with indexed(tmp_path, source, 4) as index:
        found = near_duplicates(index, compared(source), 0, ngram=8, most_found=20)
        assert found.frequent > 0
        assert [(one.sequence, one.resemblance, one.step) for one in found.sequences] == [(9, 1.0, 3)]
        assert near_duplicates(index, compared(source), 0, ngram=8).candidates == 49
        assert len(near_duplicates(index, compared(source), 0, ngram=8, limit=3).sequences) == 3


def test_lengths_and_sequences_are_checked(tmp_path: Path) -> None:
    source = flat_order(tmp_path, np.zeros((3, 20), np.uint16))
    with indexed(tmp_path, source, 4) as index:
        for length in (3, 21):
            with pytest.raises(InvalidValue, match="4 to 20 ids"):
                near_duplicates(index, compared(source), 0, ngram=length)
        with pytest.raises(UnknownSequence):
            near_duplicates(index, compared(source), 3)
