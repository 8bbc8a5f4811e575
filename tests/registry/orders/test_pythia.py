"""Pythia's true geometry, in sparse files of the published lengths: 600 GB by name, a few megabytes on disk."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest

from seenat.registry.errors import CorruptFile, UnknownSequence
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import MAX_MAPS
from seenat.registry.orders.formats.megatron_idx import check_index
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.geometry import ByteRange, Geometry
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.orders.source import TokenSource
from seenat.registry.units import SequenceRange

SEQUENCES, LENGTH, ROW = 146_432_000, 2_049, 4_098
SHARD = 30_000_000_000
SHARDS = (SHARD,) * 20 + (78_336_000,)
INDEX_BYTES = 1_757_184_042
# Published: the sequences that lie across two shards, and the batches of 1,024 that hold them.
STRADDLING = (
    7320644, 14641288, 21961932, 29282576, 36603221, 43923865, 51244509, 58565153, 65885797, 73206442,
    80527086, 87847730, 95168374, 102489019, 109809663, 117130307, 124450951, 131771595, 139092240, 146412884,
)  # fmt: skip
STRADDLING_BATCHES = (
    7149, 14298, 21447, 28596, 35745, 42894, 50043, 57192, 64341, 71490,
    78639, 85788, 92937, 100086, 107235, 114385, 121534, 128683, 135832, 142981,
)  # fmt: skip
WRITTEN = (0, 1, 1_048_575, *STRADDLING, *(sequence + 1 for sequence in STRADDLING), SEQUENCES - 1)


def row_of(sequence: int) -> np.ndarray:
    return np.random.default_rng(sequence).integers(0, 50_277, LENGTH, np.uint16)


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> OrderFiles:
    folder = tmp_path_factory.mktemp("pythia")
    files = tuple(folder / f"document-{number:05d}-of-00020.bin" for number in range(21))
    for file, length in zip(files, SHARDS, strict=True):
        file.touch()
        os.truncate(file, length)
    for sequence in WRITTEN:
        write_at(files, sequence * ROW, row_of(sequence).tobytes())
    return OrderFiles(
        name="pile", format="mmididx", files=files, tokens_per_sequence=LENGTH, dtype="uint16", vocab_size=50_277
    )


def write_at(files: tuple[Path, ...], position: int, data: bytes) -> None:
    """Write byte by byte over shard boundaries, the plainest way there is."""
    for number, (start, stop) in enumerate(pairwise(accumulate(SHARDS, initial=0))):
        first, last = max(position, start), min(position + len(data), stop)
        if first < last:
            with files[number].open("r+b") as file:
                file.seek(first - start)
                file.write(data[first - position : last - position])


@pytest.fixture(scope="module")
def source(order: OrderFiles) -> TokenSource:
    return open_order(order)


def test_geometry_follows_from_the_lengths_of_the_shards(order, source):
    assert source.geometry == Geometry(sequences=SEQUENCES, tokens_per_sequence=LENGTH, dtype="uint16")
    assert source.geometry.sequence_bytes == ROW
    assert source.geometry.total_bytes == 600_078_336_000
    assert source.geometry.bytes_of(SequenceRange(1024, 2048)) == ByteRange(4_196_352, 8_392_704)
    assert sum(file.stat().st_blocks * 512 for file in order.files) < 4 << 20, "the shards must stay sparse"


@pytest.mark.parametrize("sequence", [0, 1_048_575, *STRADDLING, SEQUENCES - 1])
def test_reads_sequences_across_and_beside_the_edges(source, sequence):
    np.testing.assert_array_equal(source.tokens(SequenceRange(sequence, sequence + 1))[0], row_of(sequence))


def test_takes_all_edges_at_once_in_any_order(source):
    wanted = np.random.default_rng(0).permutation(WRITTEN)
    for start, stop in ((0, 64), (0, LENGTH), (LENGTH - 1, LENGTH)):
        expected = np.stack([row_of(sequence)[start:stop] for sequence in wanted])
        np.testing.assert_array_equal(source.take(wanted, start, stop), expected)


def test_the_straddling_sequences_are_the_published_ones(order, source):
    for number, sequence in enumerate(STRADDLING):
        before = SHARD * (number + 1) - sequence * ROW
        assert source.extents(SequenceRange(sequence, sequence + 1)) == (
            Extent(order.files[number], SHARD - before, before),
            Extent(order.files[number + 1], 0, ROW - before),
        )
        for neighbour in (sequence - 1, sequence + 1):
            assert len(source.extents(SequenceRange(neighbour, neighbour + 1))) == 1


def test_batches_lie_in_two_files_where_published(source):
    for sequence, batch in zip(STRADDLING, STRADDLING_BATCHES, strict=True):
        extents = source.extents(SequenceRange(batch * 1024, (batch + 1) * 1024))
        assert sequence // 1024 == batch
        assert [len(extents), sum(extent.length for extent in extents)] == [2, 4_196_352]


def test_first_and_last_bytes(order, source):
    assert source.extents(SequenceRange(0, 1)) == (Extent(order.files[0], 0, ROW),)
    assert source.extents(SequenceRange(SEQUENCES - 1, SEQUENCES)) == (Extent(order.files[20], 78_336_000 - ROW, ROW),)
    whole = source.extents(source.geometry.all_sequences)
    assert whole == tuple(Extent(file, 0, length) for file, length in zip(order.files, SHARDS, strict=True))


def test_names_the_end_of_the_order(source):
    with pytest.raises(UnknownSequence, match="no sequence 146432000: it holds sequences 0 to 146431999"):
        source.tokens(SequenceRange(SEQUENCES - 1, SEQUENCES + 1))


@pytest.mark.parametrize(
    ("sequences", "reason"),
    [(SEQUENCES, "the file is too short: 146432000 sequences"), (None, "4097 bytes are left over")],
)
def test_an_interrupted_download_is_named(order, sequences, reason):
    os.truncate(order.files[7], SHARD - 1)
    try:
        with pytest.raises(CorruptFile) as refused:
            open_order(replace(order, sequences=sequences))
    finally:
        os.truncate(order.files[7], SHARD)
    assert str(refused.value).startswith(f"{order.files[7]}, byte 29999999999: {reason}")


def test_the_published_index_opens_by_its_ends(order, tmp_path):
    """The header and both ends of `document.idx`, the rest a hole: opening reads no more, the whole check finds it."""
    index = tmp_path / "document.idx"
    with index.open("wb") as file:
        file.write(struct.pack("<9sQBQQ", b"MMIDIDX\x00\x00", 1, 8, SEQUENCES, 1))
        for first in (0, SEQUENCES - 4_096):
            file.seek(34 + 4 * first)
            file.write(np.full(4_096, LENGTH, "<i4").tobytes())
            file.seek(34 + 4 * SEQUENCES + 8 * first)
            file.write((np.arange(first, first + 4_096, dtype="<i8") * ROW).tobytes())
        file.truncate(INDEX_BYTES)
    source = open_order(OrderFiles(name="pile", format="mmididx", files=order.files, index=index))
    assert source.geometry.sequences == SEQUENCES
    np.testing.assert_array_equal(source.take(np.array([STRADDLING[-1]]), 0, LENGTH)[0], row_of(STRADDLING[-1]))
    with pytest.raises(
        CorruptFile, match="byte 16418: sequence 4096 has size 0, where every sequence of this order has 2049"
    ):
        check_index(index, source.geometry)


def test_maps_are_bounded(tmp_path):
    """Three times as many files as may be mapped: reading them all leaves no more handles than that behind."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("this system does not list the handles of a process")
    files = tuple(tmp_path / f"{number}.bin" for number in range(3 * MAX_MAPS))
    for number, file in enumerate(files):
        np.full(5, number, np.uint16).tofile(file)
    before = len(list(descriptors.iterdir()))
    source = open_order(OrderFiles(name="o", format="raw", files=files, tokens_per_sequence=3, dtype="uint16"))
    assert len(list(descriptors.iterdir())) == before, "opening an order keeps no file open"
    read = source.tokens(source.geometry.all_sequences)
    np.testing.assert_array_equal(read.reshape(-1), np.repeat(np.arange(3 * MAX_MAPS), 5))
    np.testing.assert_array_equal(source.take(np.arange(len(read)), 0, 3), read)
    assert len(list(descriptors.iterdir())) <= before + MAX_MAPS
