"""Commits of values that are made up here: what is derived from them, against counting; what does not count, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.material.synthetic_suite import CommittedResults
from sqlalchemy import Table, select
from support.synthetic_results import values as values_of

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.results.commit import Committed
from seenat.memorization.results.measurements import mark_onsets
from seenat.memorization.results.recovery import recover
from seenat.memorization.results.refresh import refresh_onsets, refresh_stale_onsets
from seenat.memorization.results.trajectory import Point, Trajectory
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences, onset_counts
from seenat.registry.errors import StaleResults

BLOCK = 624
DEFAULT = Protocol()
FULL_SCORE = DEFAULT.continuation


@dataclass(frozen=True)
class MineResults(CommittedResults):
    """A measurement of mine-a, and values that are put into it."""

    @property
    def steps(self) -> list[int]:
        return [checkpoint.step for checkpoint in self.model.checkpoints]

    def row(self, place: int, digest: str | None = None) -> int:
        return self.row_of(self.steps[place], digest)

    def committed(self, row: int, block: int) -> Committed:
        with self.catalog.database.read() as connection:
            return self.store.committed(connection, row, block)

    def recover(self) -> None:
        with self.catalog.database.write() as connection:
            recover(self.store, connection)

    def rows_of(self, table: Table[Any]) -> list[tuple[Any, ...]]:
        columns = [column for column in table.c if column.name != "measurement_id"]
        with self.catalog.database.read() as connection:
            rows = connection.execute(select(*columns).where(table.c.measurement_id == self.measurement.id))
            return sorted(map(tuple, rows))

    def onsets(self) -> list[tuple[Any, ...]]:
        """Rows of `memorized_sequences`, of which `onset_counts` says the same."""
        rows = self.rows_of(memorized_sequences)
        places = [(step, sequence // BLOCK, lost > 0) for sequence, step, *_, lost in rows]
        all_, lost = (Counter(place[:2] for place in places if place[2] or every) for every in (True, False))
        assert self.rows_of(onset_counts) == sorted((*place, count, lost[place]) for place, count in all_.items())
        return rows

    def becomes(self, place: int, digest: str | None, *, mark: bool = True) -> None:
        """Another content is registered for a checkpoint; whoever does so marks the onsets."""
        id_ = self.model.checkpoints[place].id
        with self.catalog.database.write() as connection:
            connection.execute(checkpoints.update().where(checkpoints.c.id == id_).values(digest=digest))
            if mark:
                mark_onsets(connection, self.measurement, stale=True)


@pytest.fixture
def bench(mine_catalog: Catalog) -> MineResults:
    return MineResults.of(mine_catalog, "mine-a")


def made_up(seed: int, length: int = BLOCK) -> npt.NDArray[np.uint8]:
    return values_of(seed, length)


def onset_rows(steps, values, start):
    """Rows of `memorized_sequences` by looking at each sequence."""
    rows = []
    for column, path in enumerate(values.T.tolist()):
        trajectory = Trajectory(
            tuple(
                Point(step=step, seen=True, values={"prefix": value}, memorized=value == FULL_SCORE)
                for step, value in zip(steps, path, strict=True)
                if value != NOT_MEASURED
            )
        )
        if trajectory.onset is not None:
            memorized = [point.step for point in trajectory.points if point.memorized]
            onset, lost = trajectory.onset, len(trajectory.forgotten)
            rows.append((start + column, onset.step, onset.bracket_low, memorized[-1], len(memorized), lost))
    return rows


def count_rows(row, values, start):
    return [
        (row, (start + place) // 12, int((batch != NOT_MEASURED).sum()), int((batch == FULL_SCORE).sum()))
        for place in range(0, len(values), 12)
        if ((batch := values[place : place + 12]) != NOT_MEASURED).any()
    ]


def test_onsets_and_counts_are_what_counting_finds_in_whatever_order_they_are_committed(bench: MineResults) -> None:
    places = [7, 3, 11, 5]
    rows = {place: bench.row(place) for place in places}
    values = {(place, block): made_up(10 * place + block) for place in places for block in (0, 2)}
    for place, block in sorted(values, key=lambda key: (key[1], key[0] % 4)):
        bench.commit(rows[place], block, values[place, block])
    ascending = sorted(places)
    steps = [bench.steps[place] for place in ascending]
    expected, counts = [], []
    for block in (0, 2):
        table = np.stack([values[place, block] for place in ascending])
        expected += onset_rows(steps, table, block * BLOCK)
        counts += [row for place in places for row in count_rows(rows[place], values[place, block], block * BLOCK)]
    assert len(expected) > 800
    assert bench.onsets() == expected
    assert bench.rows_of(batch_counts) == sorted(counts)


def test_a_short_last_block_has_its_own_batches(bench: MineResults) -> None:
    values, row = made_up(1, 24), bench.row(0)
    bench.commit(row, 4, values)
    assert bench.rows_of(batch_counts) == count_rows(row, values, 4 * BLOCK)
    assert {batch for _, batch, *_ in bench.rows_of(batch_counts)} == {208, 209}
    assert np.array_equal(bench.committed(row, 4).values, values)


def test_committing_again_replaces_what_was_derived(bench: MineResults) -> None:
    row = bench.row(0)
    first, second = made_up(1), made_up(2)
    bench.commit(row, 1, first)
    bench.commit(row, 1, second)
    assert bench.onsets() == onset_rows([0], second[None], BLOCK)
    assert bench.rows_of(batch_counts) == count_rows(row, second, BLOCK)


def test_a_file_without_a_commit_does_not_count(bench: MineResults) -> None:
    row, other = bench.row(0), bench.row(1)
    bench.array.write(row, 0, made_up(1))
    values, lost = bench.committed(row, 0)
    assert (values == NOT_MEASURED).all()
    assert not lost
    bench.commit(other, 0, made_up(2))
    assert bench.onsets() == onset_rows([1], made_up(2)[None], 0)


def test_a_commit_that_never_came_to_be_is_undone(bench: MineResults) -> None:
    row, fresh = bench.row(0), bench.row(1)
    before = made_up(1)
    bench.commit(row, 0, before)
    bench.array.write(row, 0, made_up(2))
    bench.array.write(fresh, 0, made_up(3))
    assert bench.committed(row, 0).lost
    bench.recover()
    assert np.array_equal(bench.committed(row, 0).values, before)
    assert bench.array.rewritten() == []


def test_a_commit_that_came_to_be_is_kept(bench: MineResults) -> None:
    row, after = bench.row(0), made_up(2)
    bench.commit(row, 0, made_up(1))
    bench.array.accept = lambda row, block: None  # Killed just before.
    bench.commit(row, 0, after)
    del bench.array.accept
    assert bench.array.rewritten() == [(row, 0)]
    bench.recover()
    assert np.array_equal(bench.committed(row, 0).values, after)
    assert bench.array.rewritten() == []


def test_a_damaged_file_is_lost_and_nothing_is_derived_from_it(bench: MineResults) -> None:
    rows = [bench.row(place) for place in (0, 1)]
    values = [made_up(1), made_up(2)]
    for row, made in zip(rows, values, strict=True):
        bench.commit(row, 0, made)
    path = bench.array.folder / "c" / str(rows[0]) / "0"
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    assert bench.committed(rows[0], 0).lost
    assert (bench.committed(rows[0], 0).values == NOT_MEASURED).all()
    bench.commit(rows[1], 0, values[1])
    assert bench.onsets() == onset_rows([1], values[1][None], 0)
    path.unlink()
    assert bench.committed(rows[0], 0).lost


def test_onsets_follow_the_present_contents(bench: MineResults) -> None:
    places = (3, 5, 7)
    values = {(place, block): made_up(10 * place + block) for place in places for block in (0, 1)}
    for (place, block), made in values.items():
        bench.commit(bench.row(place), block, made)

    def expected(contents):
        """Onset rows where `contents` are the values of each step, by block."""
        return [
            row
            for block in (0, 1)
            for row in onset_rows(
                [bench.steps[place] for place in contents],
                np.stack([made[block] for made in contents.values()]),
                block * BLOCK,
            )
        ]

    old = {place: [values[place, 0], values[place, 1]] for place in places}
    assert bench.onsets() == expected(old)
    bench.becomes(5, "sha256:other")
    without = {place: made for place, made in old.items() if place != 5}
    with pytest.raises(StaleResults, match=r"run `seenat compact mine-a --protocol [0-9a-f]{12}`"):
        onsets(bench.catalog, bench.model)
    assert bench.onsets() == expected(old), "a reader writes nothing"
    assert refresh_stale_onsets(bench.catalog) == ("mine-a",)
    assert refresh_stale_onsets(bench.catalog) == ()
    answer = onsets(bench.catalog, bench.model)
    assert [count.step for count in answer.steps] == [bench.steps[place] for place in without]
    assert answer.memorized == len(expected(without))
    assert bench.onsets() == expected(without)
    assert 5 not in bench.array.steps
    other = made_up(99)
    row = bench.row(5, "sha256:other")
    assert row == 42
    bench.commit(row, 0, other)
    nothing = np.full(BLOCK, NOT_MEASURED, np.uint8)
    assert bench.onsets() == expected({3: old[3], 5: [other, nothing], 7: old[7]})
    bench.becomes(5, bench.model.checkpoints[5].digest)
    assert refresh_onsets(bench.store)
    assert bench.onsets() == expected(old)
    assert bench.array.steps == {place: bench.steps[place] for place in places}


def test_nothing_is_derived_where_no_present_content_was_measured(bench: MineResults) -> None:
    bench.commit(bench.row(0), 0, made_up(1))
    bench.becomes(0, "sha256:other")
    assert refresh_onsets(bench.store)
    assert bench.onsets() == []


def test_a_content_that_comes_back_counts_again(bench: MineResults) -> None:
    """As when a folder has the files of before, which a job finds out when it reads them."""
    rows, digest = [bench.row(place) for place in (0, 1)], bench.model.checkpoints[0].digest
    for row in rows:
        bench.commit(row, 0, made_up(row))
    both = bench.onsets()
    bench.becomes(0, None)
    assert refresh_onsets(bench.store)
    assert bench.onsets() == onset_rows([1], made_up(1)[None], 0)
    bench.becomes(0, digest, mark=False)
    assert bench.row(0) == rows[0]
    with pytest.raises(StaleResults):
        onsets(bench.catalog, bench.model)
    assert refresh_onsets(bench.store)
    assert bench.onsets() == both
    assert onsets(bench.catalog, bench.model).memorized == len(both)


def test_a_refresh_that_is_killed_before_the_array_says_so_is_repeated(bench: MineResults) -> None:
    for place in (0, 1):
        bench.commit(bench.row(place), 0, made_up(place))
    bench.becomes(0, "sha256:other")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    bench.store.describe = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        refresh_onsets(bench.store)
    del bench.store.describe  # type: ignore[method-assign]
    expected = onset_rows([1], made_up(1)[None], 0)
    assert bench.onsets() == expected
    assert onsets(bench.catalog, bench.model).memorized == len(expected)
    assert set(bench.array.steps) == {0, 1}
    assert refresh_onsets(bench.store)
    assert bench.array.steps == {1: 1}
    assert not refresh_onsets(bench.store)
    assert bench.onsets() == expected


def test_losses_are_counted_as_measured_and_never_as_memorized(mine_catalog: Catalog) -> None:
    bench = MineResults.of(mine_catalog, "mine-a", Protocol.default_for(0, "loss"))
    rows = [bench.row(place) for place in (0, 1)]
    values = np.random.default_rng(1).gamma(3, 20, (BLOCK, 4)).astype(np.float32)
    values[::3] = np.nan
    values[1] = FULL_SCORE
    for row in rows:
        bench.commit(row, 2, values)
    there = np.where(np.isnan(values[:, 0]), NOT_MEASURED, 0).astype(np.uint8)
    assert bench.rows_of(batch_counts) == sorted(count for row in rows for count in count_rows(row, there, 2 * BLOCK))
    assert bench.onsets() == []
    assert [row[:4] for row in bench.rows_of(blocks)] == [(row, 2, BLOCK - len(values[::3]), 0) for row in rows]
    np.testing.assert_array_equal(bench.committed(rows[0], 2).values, values)
    bench.becomes(1, "sha256:other")
    assert refresh_onsets(bench.store)
    assert bench.array.steps == {rows[0]: bench.steps[0]}
    assert not bench.committed(rows[0], 1).lost
    (bench.array.folder / "c" / str(rows[0]) / "2" / "0").write_bytes(b"damaged")
    assert bench.committed(rows[0], 2).lost
    assert np.isnan(bench.committed(rows[0], 2).values).all()
