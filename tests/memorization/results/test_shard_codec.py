"""Shard files that are read and made without Zarr, against Zarr."""

import io
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numcodecs.blosc import Blosc
from numcodecs.zstd import Zstd
from zarr.codecs import BloscCodec, BytesCodec, ShardingCodec, TransposeCodec, ZstdCodec
from zarr.storage import MemoryStore

from seenat.memorization.results.shard_codec import ShardLayout, check_shard, encode_shard, read_shard


def layout(rows, chunks, size, check_bytes=0, **others):
    return ShardLayout(
        chunks=chunks,
        chunk=(rows, size),
        dtype=np.dtype(np.uint8),
        fill=255,
        codec=Zstd(level=3, checksum=True),
        check_bytes=check_bytes,
        axes=(0, 1),
        **others,
    )


@settings(max_examples=40, deadline=None)
@given(
    values=st_numpy.arrays(
        np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 24)), elements=st.sampled_from([0, 5, 32, 255])
    ),
    chunks=st.sampled_from([1, 2, 6]),
    data=st.data(),
)
def test_what_zarr_writes_is_read_and_what_is_written_zarr_reads(values, chunks, data):
    rows, length = values.shape
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    held = {}
    shapes = {"shape": (rows, 24), "dtype": "uint8", "fill_value": 255}
    theirs = zarr.create_array(MemoryStore(held), shards=(rows, 24), chunks=(rows, 24 // chunks), **shapes)
    theirs[:, :length] = values
    if (values != 255).any():
        written = io.BytesIO(held["c/0/0"].to_bytes())
        found = read_shard(written, layout(rows, chunks, 24 // chunks, check_bytes=4), start, stop)
        assert np.array_equal(found, values[:, start:stop])
    ours = layout(rows, chunks, 24 // chunks)
    file = encode_shard(values, ours, b"a head\n")
    assert file.startswith(b"a head\n")
    assert np.array_equal(read_shard(io.BytesIO(file), ours, start, stop), values[:, start:stop])
    inner = ShardingCodec(
        chunk_shape=ours.chunk, codecs=[BytesCodec(), ZstdCodec(checksum=True)], index_codecs=[BytesCodec()]
    )
    store = MemoryStore(held := {})
    opened = zarr.create_array(store, chunks=(rows, 24), serializer=inner, compressors=None, **shapes)
    held["c/0/0"] = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(file)
    assert np.array_equal(opened[:, start:stop], values[:, start:stop])
    assert (opened[:, length:] == 255).all()


def test_values_may_be_of_any_type_and_have_quantities_stored_apart():
    made = np.random.default_rng(1).normal(size=(3, 50, 2)).astype(np.float32)
    made[1, 7] = np.nan
    ours = ShardLayout(
        chunks=4,
        chunk=(3, 16, 2),
        dtype=np.dtype(np.float32),
        fill=np.nan,
        codec=Blosc(cname="zstd", clevel=3, shuffle=Blosc.BITSHUFFLE),
        check_bytes=4,
        axes=(2, 0, 1),
    )
    held = {}
    theirs = zarr.create_array(
        MemoryStore(held),
        shape=(3, 64, 2),
        dtype="float32",
        shards=(3, 64, 2),
        chunks=(3, 16, 2),
        filters=[TransposeCodec(order=(2, 0, 1))],
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=4),
        fill_value=np.nan,
    )
    theirs[:, :50] = made
    file = encode_shard(made, ours)
    assert file == held["c/0/0/0"].to_bytes()
    assert np.array_equal(read_shard(io.BytesIO(file), ours, 5, 49), made[:, 5:49], equal_nan=True)
    assert np.isnan(read_shard(io.BytesIO(file), ours, 50, 64)).all()


def test_a_damaged_file_is_never_read_as_another():
    made = np.random.default_rng(2).integers(0, 33, (2, 64)).astype(np.uint8)
    ours = layout(2, 4, 16)
    file = encode_shard(made, ours)
    refused = 0
    for place in range(len(file)):
        damaged = bytearray(file)
        damaged[place] ^= 1 << place % 8
        try:
            found = read_shard(io.BytesIO(damaged), ours, 0, 64)
        except (OSError, RuntimeError, ValueError):
            refused += 1
        else:  # A bit of a frame that means nothing.
            assert np.array_equal(found, made)
    assert refused > 0.9 * len(file)
    for length in (0, 10, len(file) // 2, len(file) - 1):
        with pytest.raises((OSError, RuntimeError, ValueError)):
            read_shard(io.BytesIO(file[:length]), ours, 0, 64)


def test_a_layout_of_another_number_of_chunks_is_noticed():
    made = np.random.default_rng(3).integers(0, 33, (2, 64)).astype(np.uint8)
    made[:, 16:] = 255  # Chunks of nothing but the fill value are not stored, and their entries come last.
    for chunks in (1, 2, 4, 8):
        file = io.BytesIO(encode_shard(made, layout(2, chunks, 64 // chunks, check_bytes=4), b"a head\n"))
        fitting = []
        for other in (1, 2, 4, 8):
            with suppress(ValueError):
                check_shard(file, layout(2, other, 64 // other, check_bytes=4))
                fitting.append(other)
        assert fitting == [chunks]
    with pytest.raises(ValueError, match="its index alone"):
        check_shard(io.BytesIO(b""), layout(2, 4, 16))


class NeverDecodes(Zstd):
    """A decompressor that must see no byte."""

    def decode(self, buf, out=None):
        raise AssertionError("a damaged chunk reached the decompressor")


def test_a_chunk_is_checked_before_it_is_decompressed():
    made = np.random.default_rng(4).integers(0, 33, (2, 64)).astype(np.uint8)
    ours = layout(2, 4, 16, check_bytes=4, checked=True)
    file = encode_shard(made, ours)
    watched = replace(ours, codec=NeverDecodes(level=3))
    for place in range(len(file)):
        damaged = bytearray(file)
        damaged[place] ^= 1 << place % 8
        refused = 0
        for chunk in range(4):
            try:
                read_shard(io.BytesIO(damaged), watched, chunk * 16, chunk * 16 + 16)
            except (ValueError, AssertionError) as error:
                refused += isinstance(error, ValueError)
        assert refused in (1, 4), place  # Of a chunk, or of the index.
        with pytest.raises(ValueError, match="its check sum is another"):
            check_shard(io.BytesIO(damaged), ours)
    check_shard(io.BytesIO(file), ours)
