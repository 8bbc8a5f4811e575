"""Maximal repeats, equal to those of the definition: of all runs of ids, by a dictionary."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from support.small_index import Rows, compared, flat_order, indexed

from seenat.attribution.duplicates.repeats import Runs, find_repeats, repeat_rows, repeats_answer
from seenat.registry.errors import InvalidValue
from seenat.registry.units import SequenceRange

Run = tuple[int, int, int]


def by_definition(rows: Rows, sequences: SequenceRange, minimum: int) -> set[Run]:
    """First position, length and number of places of every maximal repeat."""
    width, found = rows.shape[1], set()
    for length in range(minimum, width + 1):
        places = defaultdict(list)
        for sequence in sequences:
            for offset in range(width - length + 1):
                places[rows[sequence, offset : offset + length].tobytes()].append((sequence, offset))
        for held in places.values():
            if len(held) < 2:
                continue
            before = {int(rows[row, at - 1]) if at else (row, "start") for row, at in held}
            after = {int(rows[row, at + length]) if at + length < width else (row, "end") for row, at in held}
            if len(before) > 1 and len(after) > 1:
                found.add((held[0][0] * width + held[0][1], length, len(held)))
    return found


def runs_of(runs: Runs) -> set[Run]:
    assert len(set(zip(runs.first.tolist(), runs.length.tolist(), strict=True))) == len(runs)
    return set(zip(runs.first.tolist(), runs.length.tolist(), runs.times.tolist(), strict=True))


def copied(rng: np.random.Generator, rows: Rows, times: int) -> Rows:
    """Rows with pieces of themselves copied to other places."""
    width = rows.shape[1]
    for _ in range(times):
        length = int(rng.integers(3, width + 1))
        (one, other), (at, to) = rng.integers(0, len(rows), 2), rng.integers(0, width - length + 1, 2)
        rows[other, to : to + length] = rows[one, at : at + length]
    return rows


@pytest.mark.parametrize("seed", range(24))
def test_repeats_are_those_of_the_definition(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = int(rng.choice([1, 2, 4, 8]))
    dtype, vocabulary = str(rng.choice(["uint16", "uint32", "uint8"])), int(rng.choice([2, 5, 200]))
    rows = copied(rng, rng.integers(0, vocabulary, (int(rng.integers(2, 14)), 26)).astype(dtype), 12)
    source = flat_order(tmp_path, rows)
    start = int(rng.integers(0, len(rows) // 2 + 1))
    sequences = SequenceRange(start, int(rng.integers(start + 1, len(rows) + 1)))
    minimum = window + 3 + int(rng.integers(0, 4))
    cuts = rng.integers(0, len(rows), 2).tolist()
    with indexed(tmp_path, source, window, cuts, seed if seed % 2 else None) as index:
        found = find_repeats(index, compared(source, sequences), minimum, most_places=10_000)
    assert not len(found.frequent)
    assert runs_of(found.repeats) == by_definition(rows, sequences, minimum)


RANKED = np.arange(1 << 16, dtype=np.uint16)
"""Ranks by which a smaller id is rarer."""


def test_places_are_counted_where_all_of_them_are_sampled(tmp_path: Path) -> None:
    """The first id of the run is sampled in two of its places only, by what stands before them."""
    run = [5, 9, 1, 8, 7, 6, 3, 2]
    rows = np.array([[2, 2, *run, 40], [20, 21, *run, 41], [30, 31, *run, 42]], np.uint16)
    source = flat_order(tmp_path, rows)
    with indexed(tmp_path, source, 4, ranks=RANKED) as index:
        assert runs_of(find_repeats(index, compared(source), 7).repeats) == {(2, 8, 3)}


def test_a_run_at_the_end_of_its_sequences_is_found(tmp_path: Path) -> None:
    """Its only sample is the fourth of its seven ids, and the fourth from the end."""
    run = [9, 8, 7, 1, 20, 21, 22]
    rows = np.array([[50, *run], [51, *run]], np.uint16)
    source = flat_order(tmp_path, rows)
    with indexed(tmp_path, source, 4, ranks=RANKED) as index:
        assert runs_of(find_repeats(index, compared(source), 7).repeats) == {(1, 7, 2)}


def test_what_is_frequent_is_said_and_what_is_rare_is_still_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 60_000, (40, 40)).astype("uint16")
    rows[:, 10:25] = rows[0, 10:25]
    rows[7, 28:40] = rows[30, 28:40]
    source = flat_order(tmp_path, rows)
    with indexed(tmp_path, source, 4, (13,)) as index:
        found = find_repeats(index, compared(source), 9, most_places=8)
        assert runs_of(found.frequent) == {(10, 15, 40)}
        assert runs_of(found.repeats) == {(7 * 40 + 28, 12, 2)}
        answer = repeats_answer(index, compared(source), found, 9, 8, 5)
        assert not answer.complete
        assert [(one.length, one.times, len(one.places)) for one in answer.frequent] == [(15, 40, 10)]
        assert [(place.sequence, place.offset, place.step) for place in answer.groups[0].places] == [
            (7, 28, 2),
            (30, 28, 8),
        ]
        whole = find_repeats(index, compared(source), 9)
    assert runs_of(whole.repeats) == runs_of(found.frequent) | runs_of(found.repeats)


def test_rows_of_a_file_are_every_place(tmp_path: Path) -> None:
    rows = copied(np.random.default_rng(1), np.random.default_rng(1).integers(0, 4, (30, 24)).astype("uint16"), 30)
    source = flat_order(tmp_path, rows)
    with indexed(tmp_path, source, 4) as index:
        found = find_repeats(index, compared(source), 8, most_places=1000)
        parts = list(repeat_rows(index, compared(source), found.repeats))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    assert (np.bincount(columns["repeat"]) == found.repeats.times).all()
    for repeat, length, sequence, offset in zip(
        *(columns[name].tolist() for name in ("repeat", "length", "sequence", "offset")), strict=True
    ):
        row, at = divmod(int(found.repeats.first[repeat]), 24)
        assert (rows[sequence, offset : offset + length] == rows[row, at : at + length]).all()
    assert (columns["step"] == columns["sequence"] // 4 + 1).all()


def test_lengths_that_the_index_does_not_find_are_refused(tmp_path: Path) -> None:
    source = flat_order(tmp_path, np.zeros((3, 20), np.uint16))
    with indexed(tmp_path, source, 8) as index:
        for minimum in (10, 21):
            with pytest.raises(InvalidValue, match="from 11 ids on, and the sequences of made-up have 20"):
                find_repeats(index, compared(source), minimum)
