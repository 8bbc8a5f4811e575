"""One suite over every layout: an opened order reads like the array it was written from."""

from __future__ import annotations

import hashlib
import pickle
import re
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seenat.registry.errors import CorruptFile, InvalidValue, UnknownSequence
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.scan import scan_batches
from seenat.registry.units import SequenceRange

EXAMPLES = settings(max_examples=15, deadline=None)


def ids(layout, sequences, length, seed):
    largest = min(np.iinfo(layout.dtype).max, 60_000 - 1)
    shape = sequences, max(length, 2) if layout.overlaps else length
    rows = np.random.default_rng(seed).integers(0, largest, shape, layout.dtype, endpoint=True)
    if layout.overlaps:
        rows[1:, 0] = rows[:-1, -1]
    return rows


@st.composite
def shapes(draw):
    return draw(st.integers(1, 40)), draw(st.integers(1, 9)), draw(st.integers(0, 2**32))


@given(shapes(), st.data())
@EXAMPLES
def test_reads_what_was_written(layout, shape, data):
    rows = ids(layout, *shape)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(rows)), st.integers(0, len(rows)))))
    with tempfile.TemporaryDirectory() as folder:
        source = layout.open(layout.write(Path(folder), rows))
        read = source.tokens(SequenceRange(start, stop))
        everything = source.tokens(source.geometry.all_sequences)
    assert source.geometry == Geometry(sequences=len(rows), tokens_per_sequence=rows.shape[1], dtype=layout.dtype)
    assert read.dtype == rows.dtype
    np.testing.assert_array_equal(read, rows[start:stop], strict=True)
    np.testing.assert_array_equal(everything, rows, strict=True)


@given(shapes(), st.data())
@EXAMPLES
def test_gives_windows_from_a_position_of_its_own_in_each_sequence(layout, shape, data):
    rows = ids(layout, *shape)
    length = data.draw(st.integers(0, rows.shape[1]))
    place = st.tuples(st.integers(0, len(rows) - 1), st.integers(0, rows.shape[1] - length))
    places = np.array(data.draw(st.lists(place, max_size=60)), np.int64).reshape(-1, 2)
    with tempfile.TemporaryDirectory() as folder:
        source = layout.open(layout.write(Path(folder), rows))
        windows = source.windows(places[:, 0], places[:, 1], length)
        for wrong in ((len(rows), 0), (0, rows.shape[1] - length + 1), (0, -1)):
            with pytest.raises((UnknownSequence, InvalidValue)):
                source.windows(np.array([wrong[0]]), np.array([wrong[1]]), length)
    expected = [rows[row, start : start + length] for row, start in places]
    np.testing.assert_array_equal(windows, np.array(expected, rows.dtype).reshape(len(places), length), strict=True)


@given(shapes(), st.data())
@EXAMPLES
def test_takes_any_sequences_and_positions(layout, shape, data):
    rows = ids(layout, *shape)
    indices = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=60)), dtype=np.int64)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, rows.shape[1]), st.integers(0, rows.shape[1]))))
    with tempfile.TemporaryDirectory() as folder:
        source = layout.open(layout.write(Path(folder), rows))
        taken = source.take(indices, start, stop)
        assert np.array_equal(source.take(np.arange(len(rows)), 0, rows.shape[1]), rows)
    np.testing.assert_array_equal(taken, rows[indices, start:stop], strict=True)


@given(shapes(), st.data())
@EXAMPLES
def test_extents_hold_the_bytes_of_the_sequences(layout, shape, data):
    rows = ids(layout, *shape)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(rows)), st.integers(0, len(rows)))))
    with tempfile.TemporaryDirectory() as folder:
        extents = layout.open(layout.write(Path(folder), rows)).extents(SequenceRange(start, stop))
        found = b"".join(Path(folder, extent.file).read_bytes()[extent.offset :][: extent.length] for extent in extents)
    assert found == (rows[start:stop].tobytes() if layout.is_flat else b"")
    assert len({extent.file for extent in extents}) == len(extents), "one extent a file"
    assert all(extent.length for extent in extents)


def test_refuses_sequences_beyond_the_order(layout, tmp_path):
    source = layout.open(layout.write(tmp_path, ids(layout, 6, 4, seed=0)))
    assert source.tokens(SequenceRange(6, 6)).shape == (0, 4)
    message = "This order has no sequence {}: it holds sequences 0 to 5."
    for request, named in ((SequenceRange(5, 7), 6), (SequenceRange(9, 9), 9)):
        for read in (source.tokens, source.extents):
            with pytest.raises(UnknownSequence) as refusal:
                read(request)
            assert str(refusal.value) == message.format(named)
            assert refusal.value.nearest == (5,)
    for sequence in (-1, 6, 2**62):
        with pytest.raises(UnknownSequence) as refusal:
            source.take(np.array([0, sequence, 1]), 0, 4)
        assert str(refusal.value) == message.format(sequence)
        assert refusal.value.nearest == ((0,) if sequence < 0 else (5,))


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 2), (0, 5), (5, 5)])
def test_refuses_positions_beyond_a_sequence(layout, tmp_path, start, stop):
    source = layout.open(layout.write(tmp_path, ids(layout, 6, 4, seed=0)))
    with pytest.raises(InvalidValue, match=f"^{start}:{stop} are not positions of a sequence; they go from 0 to 4"):
        source.take(np.arange(2), start, stop)


@pytest.mark.parametrize("indices", [np.array([0.0, 1.0]), np.array([[0], [1]]), np.array([True, False])])
def test_refuses_indices_that_are_not_a_list_of_integers(layout, tmp_path, indices):
    source = layout.open(layout.write(tmp_path, ids(layout, 6, 4, seed=0)))
    with pytest.raises(InvalidValue, match="one-dimensional array of integers"):
        source.take(indices, 0, 4)


def test_results_are_the_readers_own(layout, tmp_path):
    rows = ids(layout, 6, 4, seed=0)
    source = layout.open(layout.write(tmp_path, rows))
    source.tokens(source.geometry.all_sequences)[:] = 0
    source.take(np.arange(6), 0, 4)[:] = 0
    np.testing.assert_array_equal(source.tokens(source.geometry.all_sequences), rows)


def test_travels_to_another_process(layout, tmp_path):
    rows = ids(layout, 6, 4, seed=0)
    source = layout.open(layout.write(tmp_path, rows))
    source.tokens(source.geometry.all_sequences)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).take(np.array([5, 0]), 1, 3), rows[[5, 0], 1:3])


@given(shapes(), st.integers(1, 50), st.integers(0, 3))
@EXAMPLES
def test_scan_tells_digest_separators_and_largest_id(layout, shape, size, eod_id):
    rows = ids(layout, *shape) % 7
    told = []
    with tempfile.TemporaryDirectory() as folder:
        source = layout.open(layout.write(Path(folder), rows))
        facts = list(scan_batches(source, size, vocab_size=7, eod_id=eod_id, progress=told.append))
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    assert [fact.batch for fact in facts] == list(range(len(batches)))
    assert [fact.first_sequence for fact in facts] == list(range(0, len(rows), size))
    assert [fact.sequences for fact in facts] == [len(batch) for batch in batches] == told
    assert [fact.digest for fact in facts] == [
        "sha256:" + hashlib.sha256(batch.tobytes()).hexdigest() for batch in batches
    ]
    assert [fact.eod_count for fact in facts] == [int((batch == eod_id).sum()) for batch in batches]
    assert [fact.max_id for fact in facts] == [int(batch.max()) for batch in batches]


def test_scan_refuses_an_id_beyond_the_vocabulary_by_its_place(layout, tmp_path):
    rows = np.zeros((6, 4), layout.dtype)
    rows[4, 2] = 100
    source = layout.open(layout.write(tmp_path, rows))
    scan = scan_batches(source, 2, vocab_size=100, eod_id=None)
    assert [next(scan).batch, next(scan).batch] == [0, 1]
    with pytest.raises(
        CorruptFile, match="id 100 at position 2 of sequence 4 is not in a vocabulary of 100 ids"
    ) as refusal:
        next(scan)
    file, kind, place = re.match(r"(.*), (byte|row) (\d+): ", str(refusal.value)).groups()
    if kind == "byte":
        assert (tmp_path / file.partition(" of org/")[0]).read_bytes()[int(place)] == 100
    else:
        assert pq.read_table(file).column(-1)[int(place)].as_py()[2] == 100


def test_scan_without_separator_or_vocabulary(layout, tmp_path):
    source = layout.open(layout.write(tmp_path, np.full((3, 2), 127, layout.dtype)))
    assert [(fact.eod_count, fact.max_id) for fact in scan_batches(source, 2, vocab_size=None, eod_id=None)] == [
        (None, 127),
        (None, 127),
    ]
    with pytest.raises(InvalidValue, match="at least 1 sequence, not 0"):
        next(scan_batches(source, 0, vocab_size=None, eod_id=None))
