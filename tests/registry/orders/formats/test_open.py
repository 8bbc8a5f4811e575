"""What is said of an order must agree with its files, and its ids with the vocabulary: one test a refusal."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.formats.megatron_idx import write_order
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.units import SequenceRange

FIVE_OF_FOUR = Geometry(sequences=5, tokens_per_sequence=4, dtype="uint16")
ROWS = np.arange(20, dtype=np.uint16).reshape(5, 4)


# -- statements that disagree


@pytest.mark.parametrize(
    ("change", "byte", "message"),
    [
        ({"sequences": 6}, 18, "says sequences = 5, but the description of order 'one' says 6"),
        ({"tokens_per_sequence": 2}, 34, "says tokens_per_sequence = 4, but the description of order 'one' says 2"),
        ({"dtype": "uint32"}, 17, "says dtype = uint16, but the description of order 'one' says uint32"),
    ],
)
def test_index_against_description(pair, change, byte, message, refusal):
    assert f"{pair.index} (byte {byte}) {message}" in refusal(open_order, replace(pair, **change))


def test_arrays_against_each_other(tmp_path, refusal):
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "b.npy", ROWS[:, :3])
    order = OrderFiles(name="o", format="npy", files=(tmp_path / "a.npy", tmp_path / "b.npy"))
    message = refusal(open_order, order)
    assert (
        f"{tmp_path / 'b.npy'} (byte 10) says tokens_per_sequence = 3, but {tmp_path / 'a.npy'} (byte 10) says 4"
        in message
    )


# -- token files


@pytest.mark.parametrize("present", ["index", "files"])
def test_missing_file(pair, present, refusal):
    missing = pair.files[0] if present == "index" else pair.index
    missing.unlink()
    assert refusal(open_order, pair) == f"{missing}: No such file or directory; download it again or correct its path."


def test_folder_instead_of_a_file(pair, tmp_path, refusal):
    assert f"{tmp_path}: this is a folder or a device" in refusal(open_order, replace(pair, files=(tmp_path,)))


@pytest.mark.parametrize("format_", ["mmididx", "raw"])
def test_token_file_shorter_than_stated(pair, format_, refusal):
    os.truncate(pair.files[0], 39)
    order = pair if format_ == "mmididx" else described_raw(pair.files, sequences=5)
    message = refusal(open_order, order)
    assert f"{pair.files[0]}, byte 39: the file is too short: 5 sequences of 4 uint16 ids are 40 bytes by " in message
    assert "and the 1 file of the order hold 39" in message


@pytest.mark.parametrize("format_", ["mmididx", "raw"])
def test_token_file_longer_than_stated(pair, format_, refusal):
    os.truncate(pair.files[0], 48)
    order = pair if format_ == "mmididx" else described_raw(pair.files, sequences=5)
    assert f"{pair.files[0]}, byte 40: the file is too long, by 8 bytes" in refusal(open_order, order)


def described_raw(files: tuple[Path, ...], **stated: object) -> OrderFiles:
    return OrderFiles(
        **{"name": "o", "format": "raw", "files": files, "tokens_per_sequence": 4, "dtype": "uint16", **stated}
    )


def shards(folder: Path, *lengths: int) -> tuple[Path, ...]:
    paths = tuple(folder / f"{number}.bin" for number in range(len(lengths)))
    for path, length in zip(paths, lengths, strict=True):
        path.write_bytes(bytes(length))
    return paths


@pytest.mark.parametrize(
    ("lengths", "short"),
    [
        ((16, 16, 5, 16, 8), 2),  # an interrupted download among shards of one length
        ((16, 16, 20, 5, 16, 16, 1), 3),
        ((16, 16, 16, 16, 7), 4),
        ((16, 9, 11, 20), 3),  # shards of no common length: the end is all that can be named
    ],
)
def test_the_shard_that_was_cut_short_is_named(tmp_path, lengths, short, refusal):
    files = shards(tmp_path, *lengths)
    message = refusal(open_order, described_raw(files, sequences=12))
    assert f"{files[short]}, byte {lengths[short]}: the file is too short: 12 sequences" in message
    assert f"the {len(lengths)} files of the order hold {sum(lengths)}" in message


def test_the_shard_that_goes_on_is_named(tmp_path, refusal):
    files = shards(tmp_path, 16, 20, 12)
    message = refusal(open_order, described_raw(files, sequences=4))
    assert f"{files[1]}, byte 16: the file is too long, by 16 bytes" in message


def test_bytes_that_are_not_whole_sequences(tmp_path, refusal):
    files = shards(tmp_path, 16, 9, 1)
    message = refusal(open_order, described_raw(files))
    assert (
        f"{files[1]}, byte 8: 2 bytes are left over, because 26 bytes are 3 sequences of 4 uint16 ids and a rest"
        in message
    )


def test_empty_files(tmp_path, refusal):
    files = shards(tmp_path, 0, 0)
    assert f"{files[1]}, byte 0: there are no ids in the 2 files" in refusal(open_order, described_raw(files))


def test_what_a_short_file_is_instead(tmp_path, refusal):
    (tmp_path / "document.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 600\n")
    order = described_raw((tmp_path / "document.bin",))
    assert "(it looks like a Git LFS pointer, not the file itself)" in refusal(open_order, replace(order, sequences=50))
    assert "and a rest (it looks like a Git LFS pointer" in refusal(open_order, replace(order, tokens_per_sequence=50))


def test_an_array_of_the_wrong_length_is_not_taken_for_something_else(tmp_path, refusal):
    np.save(tmp_path / "o.npy", ROWS)
    order = OrderFiles(name="o", format="npy", files=(tmp_path / "o.npy",), sequences=6)
    message = refusal(open_order, order)
    assert f"{tmp_path / 'o.npy'}, byte 168: the file is too short: 6 sequences" in message
    assert "looks like" not in message
    as_raw = described_raw(order.files, sequences=20, tokens_per_sequence=5)
    assert "(it looks like a .npy array)" in refusal(open_order, as_raw)


def test_file_cut_short_after_opening(pair, refusal):
    source = open_order(pair)
    os.truncate(pair.files[0], 39)
    message = refusal(source.tokens, SequenceRange(0, 1))
    assert f"{pair.files[0]}, byte 0: 40 bytes were here when the order was opened" in message


def test_file_removed_after_opening(pair, refusal):
    source = open_order(pair)
    pair.files[0].unlink()
    assert f"{pair.files[0]}, byte 0: 40 bytes were here" in refusal(source.take, np.arange(2), 0, 1)


# -- ids


@pytest.mark.parametrize("shard", [40, 37, 5, 1])
def test_ids_beyond_the_vocabulary(tmp_path, shard, refusal):
    """Sequence, position, id, file and byte are named, whatever cuts the order."""
    rows = ROWS.copy()
    rows[3, 2] = 700
    data = rows.tobytes()
    files = tuple(tmp_path / f"{start}.bin" for start in range(0, len(data), shard))
    for number, file in enumerate(files):
        file.write_bytes(data[number * shard : (number + 1) * shard])
    source = open_order(described_raw(files, vocab_size=700))
    where = f"{tmp_path / f'{28 // shard * shard}.bin'}, byte {28 % shard}"
    expected = f"{where}: id 700 at position 2 of sequence 3 is not in a vocabulary of 700 ids; check the file's digest"
    assert expected in refusal(source.tokens, SequenceRange(2, 5))
    assert expected in refusal(source.take, np.array([0, 3, 4]), 1, 4)
    assert source.take(np.array([3, 3]), 0, 2).max() == 13
    assert open_order(described_raw(files, vocab_size=701)).tokens(SequenceRange(3, 4)).max() == 700


def test_the_largest_id_of_its_type(tmp_path, refusal):
    np.array([[0, 65_535]], np.uint16).tofile(tmp_path / "o.bin")
    order = described_raw((tmp_path / "o.bin",), tokens_per_sequence=2, vocab_size=65_535)
    assert "id 65535 at position 1 of sequence 0" in refusal(open_order(order).tokens, SequenceRange(0, 1))
    assert open_order(replace(order, vocab_size=65_536)).tokens(SequenceRange(0, 1)).max() == 65_535


def test_bytes_of_an_id_behind_an_array_header(tmp_path, refusal):
    np.save(tmp_path / "o.npy", ROWS)
    order = OrderFiles(name="o", format="npy", files=(tmp_path / "o.npy",), vocab_size=19)
    message = refusal(open_order(order).tokens, SequenceRange(0, 5))
    assert f"{tmp_path / 'o.npy'}, byte 166: id 19 at position 3 of sequence 4" in message


def test_negative_ids_are_refused_without_a_vocabulary(tmp_path, refusal):
    rows = ROWS.astype(np.int32)
    rows[1, 0] = -5
    write_order(tmp_path / "o.bin", tmp_path / "o.idx", rows)
    order = OrderFiles(name="o", format="mmididx", files=(tmp_path / "o.bin",), index=tmp_path / "o.idx")
    for vocab_size, bound in ((None, "is negative"), (20, "is not in a vocabulary of 20 ids")):
        message = refusal(open_order(replace(order, vocab_size=vocab_size)).tokens, SequenceRange(0, 5))
        assert f"{tmp_path / 'o.bin'}, byte 16: id -5 at position 0 of sequence 1 {bound}" in message


# -- descriptions


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"files": ()}, "has no files"),
        ({"files": (Path("o.bin"),)}, "o.bin is a relative path"),
        ({"index": Path("o.idx")}, "o.idx is a relative path"),
        ({"sequences": 0}, "sequences = 0 is not possible"),
        ({"tokens_per_sequence": -1}, "tokens_per_sequence = -1 is not possible"),
        ({"vocab_size": 0}, "vocab_size = 0 is not possible"),
        ({"dtype": "float32"}, "dtype 'float32' is not one of uint8, uint16"),
    ],
)
def test_descriptions_that_no_order_has(pair, change, reason):
    with pytest.raises(InvalidValue, match="Order 'one'") as refused:
        replace(pair, **change)
    assert reason in str(refused.value)


def test_unknown_format(pair):
    with pytest.raises(
        InvalidValue, match=r"^Order 'one' has format 'arrow'; known are mmididx, npy, raw, parquet, neox-index-map\.$"
    ):
        open_order(replace(pair, format="arrow"))


@pytest.mark.parametrize("format_", ["raw", "npy"])
def test_index_of_a_format_that_has_none(pair, format_):
    with pytest.raises(InvalidValue, match=f"only the mmididx format has an index, and this is {format_}"):
        open_order(replace(pair, format=format_))


@pytest.mark.parametrize("stated", [{}, {"dtype": "uint16"}, {"tokens_per_sequence": 4, "sequences": 5}])
def test_nobody_states_the_geometry(pair, stated):
    with pytest.raises(InvalidValue, match="give tokens_per_sequence and dtype, or an index"):
        open_order(OrderFiles(name="o", format="mmididx", files=pair.files, **stated))


@pytest.mark.parametrize(
    ("sequences", "tokens_per_sequence", "dtype"),
    [(0, 4, "uint16"), (5, 0, "uint16"), (5, 4, "int16"), (5, 4, "<u2")],
)
def test_geometries_that_no_order_has(sequences, tokens_per_sequence, dtype):
    with pytest.raises(InvalidValue):
        Geometry(sequences=sequences, tokens_per_sequence=tokens_per_sequence, dtype=dtype)


def test_pieces_that_do_not_fill_the_geometry(pair):
    with pytest.raises(InvalidValue, match="must hold the 40 bytes of its geometry, not 39"):
        FlatOrder(FIVE_OF_FOUR, [Extent(pair.files[0], 1, 39)])
