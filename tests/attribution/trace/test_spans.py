"""Traces equal what looking at every diagonal finds, over orders and texts as chance will have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.indexed import indexed_rows
from support.traced import compare, part_of, spans_by_looking, spans_of

from seenat.attribution.ngrams.codes import codes_of
from seenat.attribution.trace.anchors import in_blocks
from seenat.attribution.trace.parts import Part
from seenat.attribution.trace.spans import LONGEST_TEXT, trace_spans
from seenat.registry.errors import InvalidValue
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.units import SequenceRange


@pytest.mark.parametrize("seed", range(6))
def test_spans_and_gapped_spans_equal_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    done = sum((compare(random, 4) for _ in range(16)), start=compare(random, 4))
    assert min(done["spans"], done["gapped"], done["runs"]) > 10, done


def test_no_span_crosses_the_border_of_a_sequence(tmp_path: Path) -> None:
    rows = np.arange(80, dtype=np.uint16).reshape(2, 40)
    with indexed_rows(tmp_path, rows, 8) as order:
        found = trace_spans(part_of(order), order.source, np.arange(20, 60), 11)
        assert spans_of(found.spans) == {(0, 20): [(0, 20)], (20, 40): [(1, 0)]}


def test_long_spans_are_followed_to_their_ends(tmp_path: Path) -> None:
    """Over many reads of the order, which are longer each time."""
    rows = np.random.default_rng(3).integers(0, 500, (6, 2049)).astype(np.uint16)
    with indexed_rows(tmp_path, rows, 8) as order:
        text = np.concatenate([rows[4, 1000:], rows[2, :1500], [501], rows[2, 5:2000]])
        found = trace_spans(part_of(order), order.source, text, 11, gaps=1)
        assert spans_of(found.spans) == spans_by_looking(rows, text.astype(np.uint16), 11, range(6))
        assert spans_of(found.spans) == {
            (0, 1049): [(4, 1000)],
            (1049, 2549): [(2, 0)],
            (2550, 4545): [(2, 5)],
        }


def test_frequent_m_grams_are_told_and_rare_spans_among_them_found(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = random.integers(100, 60_000, (800, 64)).astype(np.uint16)
    boilerplate = np.arange(20, dtype=np.uint16)
    rows[:, 20:40] = boilerplate
    text = np.concatenate(
        [random.integers(100, 60_000, 5), boilerplate, random.integers(100, 60_000, 5), rows[7, 10:45]]
    )
    with indexed_rows(tmp_path, rows, 8) as order:
        part = part_of(order)
        capped = trace_spans(part, order.source, text, 11, most=100)
        # The m-grams that end up to three ids behind it hold no whole key of other ids.
        assert [(start, stop in range(25, 29)) for start, stop in capped.frequent] == [(5, True)]
        # The copy of sequence 7 is as frequent within, but not at its ends.
        assert spans_of(capped.spans) == {(30, 65): [(7, 10)]}
        whole = trace_spans(part, order.source, text, 11, most=None)
        assert spans_of(whole.spans) == spans_by_looking(rows, text.astype(np.uint16), 11, range(800))
        assert len(whole.spans[0].sequences) == 800


def test_with_a_bound_every_span_is_found_or_lies_within_a_frequent_stretch(tmp_path: Path) -> None:
    random, stretches, complete = np.random.default_rng(8), 0, 0
    for trial in range(20):
        folder = tmp_path / str(trial)
        folder.mkdir()
        rows = np.repeat(random.integers(0, 3, (300, 10)), 2, axis=1).astype(np.uint16)
        rows[random.random(rows.shape) < 0.2] = 3
        text = np.concatenate([rows[random.integers(300)] for _ in range(2)])
        window, most = int(random.choice([1, 4])), int(random.choice([1, 20]))
        minimum = window + int(random.integers(1, 6))
        with indexed_rows(folder, rows, window) as order:
            found = trace_spans(part_of(order), order.source, text, minimum, most=most)
        due = spans_by_looking(rows, text, minimum, range(300))
        for span, places in spans_of(found.spans).items():
            assert places == due.get(span, places)
            assert any(start <= span[0] and span[1] <= stop for start, stop in due)
        for span in due.keys() - spans_of(found.spans).keys():
            assert any(start <= span[0] and span[1] <= stop for start, stop in found.frequent), (trial, span)
        stretches, complete = stretches + len(found.frequent), complete + len(found.spans)
    assert min(stretches, complete) > 3


def test_a_run_beside_what_is_frequent_is_part_of_the_stretch(tmp_path: Path) -> None:
    rows = np.random.default_rng(9).integers(100, 60_000, (400, 6)).astype(np.uint16)
    rows[:, 2:4] = (1, 2)
    rows[9, 1] = 1
    with indexed_rows(tmp_path, rows, 1) as order:
        found = trace_spans(part_of(order), order.source, np.array([1, 1, 2]), 2, most=100)
    # Sequence 9 holds all three; of its pairs one is a run, and the other is not looked for.
    assert found.frequent == ((0, 3),)
    assert spans_of(found.spans) == {(0, 2): [(9, 1)]}


def test_an_id_that_shares_its_code_is_no_match_near_the_end_of_a_sequence(tmp_path: Path) -> None:
    many = np.arange(200_000, dtype=np.uint32)
    codes, places, counts = np.unique(codes_of(many), return_index=True, return_counts=True)
    first = int(places[np.argmax(counts)])
    other = int(np.flatnonzero(codes_of(many) == codes[np.argmax(counts)])[1])
    rows = np.random.default_rng(6).integers(300_000, 300_040, (30, 40)).astype(np.uint32)
    rows[7, 36] = first
    text = rows[7].copy()
    text[36] = other
    with indexed_rows(tmp_path, rows, 8) as order:
        found = trace_spans(part_of(order), order.source, text.astype(np.int64), 11, most=None)
    assert spans_of(found.spans) == {(0, 36): [(7, 0)]}


def test_runs_of_one_id_are_one_span_and_not_enumerated_by_diagonal(tmp_path: Path) -> None:
    rows = np.random.default_rng(2).integers(1, 1000, (10, 1500)).astype(np.uint16)
    rows[::2, 100:1400] = 0
    run = np.zeros(1200, np.int64)
    with indexed_rows(tmp_path, rows, 8) as order:
        (alone,) = trace_spans(part_of(order), order.source, np.concatenate([[3], run, [4]]), 11, most=None).spans
        assert (alone.start, alone.stop, alone.is_run) == (1, 1201, True)
        assert spans_of([alone]) == {(1, 1201): [(row, 100) for row in range(0, 10, 2)]}
        text = np.concatenate([run, rows[4, 1400:1420], run[:1]])
        found = trace_spans(part_of(order), order.source, text, 11, most=None)
    assert spans_of(found.spans) == {(0, 1220): [(4, 200)]}
    assert not found.spans[0].is_run


def test_many_samples_are_compared_in_portions_and_every_match_told_once(tmp_path: Path) -> None:
    rows = np.random.default_rng(5).integers(100, 60_000, (12_000, 48)).astype(np.uint16)
    rows[:, 4:44] = np.arange(40)
    with indexed_rows(tmp_path, rows, 8) as order:
        found = trace_spans(part_of(order), order.source, np.tile(np.arange(40), 20), 11, most=None)
    assert [(span.start, span.stop) for span in found.spans] == [(first, first + 40) for first in range(0, 800, 40)]
    for span in found.spans:
        assert np.array_equal(span.sequences, np.arange(12_000))
        assert (span.offsets == 4).all()


def test_lookups_are_priced_in_blocks_that_hold_each_once() -> None:
    assert in_blocks(5, 1 << 19) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert in_blocks(3, 1 << 30) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert in_blocks(0, 4) == []


def test_parts_of_several_indexes_are_one_answer(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    rows = random.integers(0, 30, (60, 50)).astype(np.uint16)
    rows[30:] = rows[:30]
    (tmp_path / "dense").mkdir()
    with indexed_rows(tmp_path, rows, 8) as sparse, indexed_rows(tmp_path / "dense", rows, 1, [11, 37]) as dense:
        text = np.concatenate([rows[5, 3:20], rows[9, :30], rows[59, 20:]]).astype(np.int64)
        parts = [
            Part(sparse.index, (SequenceRange(0, 10), SequenceRange(40, 60))),
            Part(dense.index, (SequenceRange(10, 12), SequenceRange(20, 40))),
        ]
        found = trace_spans(parts, sparse.source, text, 9, gaps=2)
        seen = [*range(12), *range(20, 60)]
        assert spans_of(found.spans) == spans_by_looking(rows, text.astype(np.uint16), 9, seen)


def test_an_order_in_parquet_files_gives_the_same(tmp_path: Path) -> None:
    """There a part of a sequence is read with all of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.random.default_rng(7).integers(0, 20, (60, 50)).astype(np.uint16)
    rows[30:] = rows[:30]
    pq.write_table(pa.table({"tokens": list(rows)}), tmp_path / "order.parquet", row_group_size=7)
    source = open_order(OrderFiles(name="mine", format="parquet", files=(tmp_path / "order.parquet",)))
    text = np.concatenate([rows[5, 3:40], rows[9], rows[50, 10:]]).astype(np.int64)
    text[10] = 21
    with indexed_rows(tmp_path, rows, 8) as order:
        flat, parquet = (trace_spans(part_of(order), each, text, 11, gaps=1) for each in (order.source, source))
    assert spans_of(parquet.spans) == spans_of(flat.spans) != {}
    assert spans_of(parquet.gapped) == spans_of(flat.gapped) != {}


@pytest.mark.parametrize("text", [[], [1], [1] * 10])
def test_texts_shorter_than_the_shortest_span_have_none(tmp_path: Path, text: list[int]) -> None:
    with indexed_rows(tmp_path, np.ones((3, 30), np.uint16), 8) as order:
        found = trace_spans(part_of(order), order.source, np.array(text, np.int64), 11, gaps=1)
    assert (found.spans, found.gapped, found.frequent) == ((), (), ())


def test_ids_that_the_order_cannot_hold_and_endless_texts_are_refused(tmp_path: Path) -> None:
    with indexed_rows(tmp_path, np.ones((3, 30), np.uint16), 8) as order:
        for wrong in (-1, 1 << 16):
            with pytest.raises(InvalidValue, match=rf"{wrong} is not an id of this order"):
                trace_spans(part_of(order), order.source, np.array([3, wrong, 4]), 11)
        with pytest.raises(InvalidValue, match="too long to be traced"):
            trace_spans(part_of(order), order.source, np.zeros(LONGEST_TEXT + 1, np.int64), 11)
