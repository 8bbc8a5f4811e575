"""The index of an MMIDIDX order: every damage is refused with file, byte and reason, and writing gives the published bytes."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.formats.megatron_idx import check_index, read_header, write_order
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.order_files import OrderFiles

FIVE_OF_FOUR = Geometry(sequences=5, tokens_per_sequence=4, dtype="uint16")
ROWS = np.arange(20, dtype=np.uint16).reshape(5, 4)


def patch(path: Path, offset: int, form: str, value: float) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack(form, value))


@pytest.mark.parametrize(
    ("content", "seems"),
    [
        (gzip.compress(b"MMIDIDX", mtime=0), "gzip-compressed data"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer, not the file itself"),
        (b"PAR1" + bytes(40), "a Parquet file"),
        (b"TNTIDX\x00\x00" + bytes(40), "a TNTIDX index, the older kind that is not memory-mapped"),
        (b"<!DOCTYPE html><title>Sign in</title>", "an HTML page"),
        (b"not an index, whatever its name says", "text"),
        (bytes(range(200, 240)), "unknown data, beginning c8 c9 ca cb cc cd ce cf d0"),
    ],
)
def test_other_files_are_not_an_index(pair, content, seems, refusal):
    pair.index.write_bytes(content)
    expected = f"{pair.index}, byte 0: no MMIDIDX index begins so: it looks like {seems}; give the .idx."
    assert refusal(open_order, pair) == expected


def test_zip_and_npy_are_not_an_index(pair, refusal):
    with zipfile.ZipFile(pair.index, "w") as archive:
        archive.writestr("a", "b")
    assert "looks like a zip archive" in refusal(open_order, pair)
    np.save(pair.index.with_suffix(".npy"), ROWS)
    assert "looks like a .npy array" in refusal(open_order, replace(pair, index=pair.index.with_suffix(".npy")))


@pytest.mark.parametrize("length", [0, 5, 9, 17, 33])
def test_header_cut_short(pair, length, refusal):
    os.truncate(pair.index, length)
    assert f"{pair.index}, byte {length}: the header is cut short, at {length} of 34 bytes" in refusal(open_order, pair)


def test_version(pair, refusal):
    patch(pair.index, 9, "<Q", 2)
    assert f"{pair.index}, byte 9: version 2 is not known, only 1 is" in refusal(open_order, pair)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "is not known"),
        (2, "means int8, which no ids are"),
        (3, "means int16, which no ids are"),
        (6, "means a floating-point type, which no ids are"),
        (7, "means a floating-point type, which no ids are"),
        (255, "is not known"),
    ],
)
def test_type_code(pair, code, reason, refusal):
    patch(pair.index, 17, "<B", code)
    assert f"{pair.index}, byte 17: type code {code} {reason}; the codes of ids are 1 (uint8), " in refusal(
        open_order, pair
    )


def test_no_sequences(pair, refusal):
    patch(pair.index, 18, "<Q", 0)
    assert f"{pair.index}, byte 18: the index holds no sequences" in refusal(open_order, pair)


@pytest.mark.parametrize(
    ("length", "part"), [(34, "sizes"), (53, "sizes"), (54, "pointers"), (93, "pointers"), (94, "document index")]
)
def test_index_cut_short(pair, length, part, refusal):
    os.truncate(pair.index, length)
    message = refusal(open_order, pair)
    assert f"{pair.index}, byte {length}: the {part} are cut short" in message
    assert "(5 sequences, 1 document entries) it has 102 bytes" in message


def test_index_too_long(pair, refusal):
    os.truncate(pair.index, 103)
    assert f"{pair.index}, byte 102: the file goes on to 103 bytes" in refusal(open_order, pair)


@pytest.mark.parametrize(("offset", "count"), [(18, 6), (18, 2**64 - 1), (26, 2), (26, 2**63)])
def test_counts_that_the_file_cannot_hold(pair, offset, count, refusal):
    patch(pair.index, offset, "<Q", count)
    assert f"{pair.index}, byte 102: " in refusal(open_order, pair)


def test_document_index_shorter_than_its_length_says(pair, refusal):
    patch(pair.index, 26, "<Q", 0)
    assert (
        f"{pair.index}, byte 94: the file goes on to 102 bytes, but by its header (5 sequences, 0 document"
        in refusal(open_order, pair)
    )


@pytest.mark.parametrize("size", [0, -1])
def test_first_size_that_is_none(pair, size, refusal):
    patch(pair.index, 34, "<i", size)
    assert f"{pair.index}, byte 34: sequence 0 has size {size}" in refusal(open_order, pair)


@pytest.mark.parametrize("sequence", [1, 4])
def test_size_unlike_the_others(pair, sequence, refusal):
    patch(pair.index, 34 + 4 * sequence, "<i", 3)
    expected = f"byte {34 + 4 * sequence}: sequence {sequence} has size 3, where every sequence of this order has 4"
    assert expected in refusal(open_order, pair)
    assert expected in refusal(check_index, pair.index, FIVE_OF_FOUR)


@pytest.mark.parametrize(("sequence", "pointer"), [(0, 8), (3, 25), (4, -32), (2, 2**62)])
def test_pointer_that_is_not_a_multiple(pair, sequence, pointer, refusal):
    patch(pair.index, 54 + 8 * sequence, "<q", pointer)
    expected = (
        f"{pair.index}, byte {54 + 8 * sequence}: the pointer of sequence {sequence} is {pointer}, "
        f"and should be {sequence} * 8 = {8 * sequence}"
    )
    assert expected in refusal(open_order, pair)
    assert expected in refusal(check_index, pair.index, FIVE_OF_FOUR)


def test_documents_are_not_an_order(pair, refusal):
    """An index as the tokenizer writes it: sizes vary, and pointers are their running sum."""
    sizes = np.array([4, 7, 1, 6, 2], dtype="<i4")
    pointers = (np.cumsum(sizes, dtype="<i8") - sizes) * 2
    header = struct.pack("<9sQBQQ", b"MMIDIDX\x00\x00", 1, 8, 5, 6)
    pair.index.write_bytes(
        header + sizes.tobytes() + pointers.astype("<i8").tobytes() + np.arange(6, dtype="<i8").tobytes()
    )
    message = refusal(open_order, pair)
    assert f"{pair.index}, byte 38: sequence 1 has size 7, others 4, and the pointers follow" in message
    assert "this index holds documents, not the sequences of a training order" in message


@pytest.mark.parametrize(("entry", "value"), [(0, -1), (0, 6), (2, 1)])
def test_document_index_out_of_order(pair, entry, value, refusal):
    data = pair.index.read_bytes()
    pair.index.write_bytes(data[:26] + struct.pack("<Q", 3) + data[34:94] + struct.pack("<3q", 0, 2, 5))
    check_index(pair.index, FIVE_OF_FOUR)
    patch(pair.index, 94 + 8 * entry, "<q", value)
    expected = f"{pair.index}, byte {94 + 8 * entry}: entry {entry} of the document index is {value}"
    assert expected in refusal(check_index, pair.index, FIVE_OF_FOUR)


def test_document_index_falls_between_blocks(pair):
    """It is read in blocks of 2**20 entries; the first of the second block is compared with the last of the first."""
    entries = np.append(np.full(1 << 20, 5, "<i8"), np.array([4], "<i8"))
    data = pair.index.read_bytes()
    pair.index.write_bytes(data[:26] + struct.pack("<Q", len(entries)) + data[34:94] + entries.tobytes())
    with pytest.raises(CorruptFile, match="entry 1048576 of the document index is 4, not ascending within 0 to 5"):
        check_index(pair.index, FIVE_OF_FOUR)


def test_damage_between_the_ends_is_found_by_the_whole_check_only(tmp_path, refusal):
    """Opening looks at 4,096 entries at each end; the check reads all, and tells how far it is."""
    rows = np.zeros((10_000, 2), np.uint16)
    order = OrderFiles(name="o", format="mmididx", files=(tmp_path / "o.bin",), index=tmp_path / "o.idx")
    write_order(*order.files, order.index, rows)
    told = []
    check_index(order.index, open_order(order).geometry, told.append)
    assert sum(told) == 10_000
    patch(order.index, 34 + 4 * 9_999, "<i", 1)
    assert "sequence 9999 has size 1, where every sequence" in refusal(open_order, order)
    patch(order.index, 34 + 4 * 9_999, "<i", 2)
    patch(order.index, 34 + 4 * 5_000, "<i", 1)
    geometry = open_order(order).geometry
    assert "sequence 5000 has size 1, where every sequence" in refusal(check_index, order.index, geometry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sequences": 6}, "(byte 18) says sequences = 5, but the order has 6"),
        ({"dtype": "int32"}, "(byte 17) says dtype = uint16, but the order has int32"),
        ({"tokens_per_sequence": 3}, "(byte 34) says tokens_per_sequence = 4, but the order has 3"),
    ],
)
def test_index_of_another_order(pair, change, message, refusal):
    assert message in refusal(check_index, pair.index, replace(FIVE_OF_FOUR, **change))


# -- writing


def test_writes_the_published_layout(tmp_path):
    """The bytes of a written pair, spelled out after the published description of the format."""
    write_order(tmp_path / "o.bin", tmp_path / "o.idx", np.array([[1, 2], [770, 65_535]], dtype=np.uint16))
    assert (tmp_path / "o.bin").read_bytes() == bytes([1, 0, 2, 0, 2, 3, 255, 255])
    assert (tmp_path / "o.idx").read_bytes() == b"".join(
        (
            b"MMIDIDX\x00\x00",
            (1).to_bytes(8, "little"),
            b"\x08",
            (2).to_bytes(8, "little"),
            (1).to_bytes(8, "little"),
            b"\x02\x00\x00\x00" * 2,
            (0).to_bytes(8, "little") + (4).to_bytes(8, "little"),
            (0).to_bytes(8, "little"),
        )
    )


def test_writes_big_endian_rows_as_little_endian(tmp_path):
    write_order(tmp_path / "o.bin", tmp_path / "o.idx", ROWS.astype(">u2"))
    assert (tmp_path / "o.bin").read_bytes() == ROWS.tobytes()
    assert read_header(tmp_path / "o.idx").dtype == "uint16"


@pytest.mark.parametrize("rows", [ROWS[0], ROWS[:0], ROWS[:, :0], ROWS.astype(np.uint32), ROWS.astype(float)])
def test_refuses_to_write_what_has_no_layout(tmp_path, rows):
    with pytest.raises(InvalidValue, match="An MMIDIDX order is written from a two-dimensional array"):
        write_order(tmp_path / "o.bin", tmp_path / "o.idx", rows)
    assert not list(tmp_path.iterdir())
