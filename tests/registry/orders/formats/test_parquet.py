"""Parquet orders: what is refused and by which row, what is read of large row groups, and files that lie elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.formats.parquet import open_parquet
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.units import SequenceRange

ROWS = np.random.default_rng(3).integers(0, 50_000, (24, 5), np.uint16)
BATCH = 4


def table(start: int = 0, stop: int = 24, **changes: object) -> pa.Table:
    """Rows in the published layout; a change is a column, or None to leave one out."""
    numbers = np.arange(start, stop)
    columns = {"uid": numbers, "batch_idx": numbers // BATCH, "token_ids": list(ROWS[start:stop])} | changes
    return pa.table({name: column for name, column in columns.items() if column is not None})


@pytest.fixture
def order(tmp_path: Path) -> OrderFiles:
    """Two files of 12 rows in row groups of 5."""
    files = tmp_path / "train-000003.parquet", tmp_path / "train-000006.parquet"
    for number, file in enumerate(files):
        pq.write_table(table(12 * number, 12 * number + 12), file, row_group_size=5)
    return OrderFiles(name="published", format="parquet", files=files, sequences_per_batch=BATCH)


def second(order: OrderFiles, **changes: object) -> OrderFiles:
    """The order with its second file changed."""
    pq.write_table(table(12, 24, **changes), order.files[1], row_group_size=5)
    return order


def read(order: OrderFiles) -> np.ndarray:
    source = open_order(order)
    return source.tokens(source.geometry.all_sequences)


def changed(values: np.ndarray, place: int, value: int) -> np.ndarray:
    values = values.copy()
    values[place] = value
    return values


def test_the_published_layout(order: OrderFiles) -> None:
    np.testing.assert_array_equal(read(order), ROWS, strict=True)
    assert open_order(order).place(13, 2) == f"{order.files[1]}, row 1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uid": changed(np.arange(12, 24), 7, 18)}, "row 7: uid is 18, and 19 is due there"),
        ({"uid": np.arange(13, 25)}, "row 0: uid is 13, and 12 is due there"),
        ({"uid": np.arange(12)}, "row 0: uid is 0, and 12 is due there"),
        ({"uid": pa.array([None, *range(13, 24)])}, "row 0: uid is -1, and 12 is due there"),
        ({"batch_idx": np.arange(12, 24) // 3}, "row 0: batch_idx is 4, and 3 is due there"),
        ({"token_ids": [*ROWS[12:18], ROWS[18, :4], *ROWS[19:]]}, "row 6: 4 ids, where a sequence has 5"),
        ({"token_ids": pa.array([*ROWS[12:18], None, *ROWS[19:]])}, "row 6: no ids, where a sequence has 5"),
        ({"token_ids": pa.array([*ROWS[12:23].tolist(), [1, None, 3, 4, 5]], pa.list_(pa.uint16()))}, "row 11: no id at position 1"),
    ],
)  # fmt: skip
def test_refuses_by_file_and_row(
    order: OrderFiles, refusal: Callable[..., str], change: dict[str, object], message: str
) -> None:
    assert refusal(read, second(order, **change)).startswith(f"{order.files[1]}, {message};")


def test_files_that_changed_places_are_refused(order: OrderFiles, refusal: Callable[..., str]) -> None:
    message = refusal(read, replace(order, files=order.files[::-1]))
    assert message.startswith(f"{order.files[1]}, row 0: uid is 12, and 0 is due there;")


def test_batches_are_not_checked_where_their_size_is_not_known(order: OrderFiles) -> None:
    np.testing.assert_array_equal(read(replace(order, sequences_per_batch=None)), ROWS)
    assert np.array_equal(read(second(order, uid=[f"row {number}" for number in range(12)])), ROWS), (
        "names of one's own"
    )


def test_only_what_is_asked_for_is_decoded(order: OrderFiles, refusal: Callable[..., str]) -> None:
    second(order, uid=changed(np.arange(12, 24), 7, 18))
    source = open_order(order)
    np.testing.assert_array_equal(source.take(np.array([16, 3, 22]), 1, 3), ROWS[[16, 3, 22], 1:3])
    assert "row 7: uid is 18" in refusal(source.tokens, SequenceRange(17, 18))


@pytest.mark.parametrize("stored", ["int64", "uint64", "int32", "int16"])
def test_ids_are_converted_to_the_type_that_is_stated(
    order: OrderFiles, refusal: Callable[..., str], stored: str
) -> None:
    rows = (ROWS % 30_000).astype(stored)
    for number, file in enumerate(order.files):
        pq.write_table(table(12 * number, 12 * number + 12, token_ids=list(rows[12 * number :][:12])), file)
    np.testing.assert_array_equal(read(replace(order, dtype="uint16")), rows.astype(np.uint16), strict=True)
    assert open_order(replace(order, dtype="uint16")).geometry.dtype == "uint16"
    if stored in ("int64", "int32"):
        assert read(order).dtype == stored
        second(order, token_ids=[*rows[12:23], np.array([1, 2, 70_000, 4, 5], stored)])
        assert "row 11: id 70000 at position 2 is no uint16" in refusal(read, replace(order, dtype="uint16"))
    else:
        assert f"its ids are {stored}, and ids are one of uint8" in refusal(open_order, order)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"sequences": 25}, "train-000003.parquet with the 1 after it says sequences = 24"),
        ({"tokens_per_sequence": 6}, "train-000003.parquet (row 0) says tokens_per_sequence = 5"),
    ],
)
def test_refuses_another_geometry_than_is_stated(
    order: OrderFiles, refusal: Callable[..., str], stated: dict[str, int], message: str
) -> None:
    assert message in refusal(open_order, replace(order, **stated))


def test_files_of_different_types_need_one_that_is_stated(order: OrderFiles, refusal: Callable[..., str]) -> None:
    second(order, token_ids=list(ROWS[12:].astype(np.int32)))
    assert "says dtype = int32, but" in refusal(open_order, order)
    np.testing.assert_array_equal(read(replace(order, dtype="uint16")), ROWS, strict=True)


def test_refuses_what_is_no_order(order: OrderFiles, refusal: Callable[..., str], tmp_path: Path) -> None:
    last = order.files[1]
    second(order, token_ids=None, ids=list(ROWS[12:]))
    assert "there is no column tokens or token_ids, only uid, batch_idx, ids" in refusal(open_order, order)
    second(order, token_ids=np.arange(12))
    assert "the column token_ids holds int64, and ids are lists of whole numbers" in refusal(open_order, order)
    second(order, token_ids=[[0.5]] * 12)
    assert "the column token_ids holds list<" in refusal(open_order, order)
    last.write_text("oid sha256:0\n")
    assert f"{last}: this is no Parquet file: it looks like text" in refusal(open_order, order)
    last.unlink()
    assert f"{last}: No such file or directory" in refusal(open_order, order)
    pq.write_table(table().slice(0, 0), tmp_path / "empty.parquet")
    assert "there are no rows in the 1 files" in refusal(
        open_order, replace(order, files=(tmp_path / "empty.parquet",))
    )
    with pytest.raises(InvalidValue, match="Parquet files have no index"):
        open_order(replace(order, index=tmp_path / "document.idx"))


def test_refuses_a_file_that_was_cut_or_damaged(order: OrderFiles, refusal: Callable[..., str]) -> None:
    file = order.files[1]
    data = file.read_bytes()
    file.write_bytes(data[:-7])
    assert str(file) in refusal(open_order, order)
    file.write_bytes(data[:4] + bytes(len(data) // 3) + data[4 + len(data) // 3 :])
    source = open_order(order)
    assert f"{file}, row group 0 cannot be read" in refusal(source.tokens, SequenceRange(12, 13))
    np.testing.assert_array_equal(source.tokens(SequenceRange(0, 12)), ROWS[:12])


def varint(number: int) -> bytes:
    """A whole number as page headers have it: zigzag, 7 bits a byte."""
    number, parts = number << 1, []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def test_no_length_in_a_file_asks_for_more_memory_than_it_has_bytes(tmp_path: Path) -> None:
    """The header of the first page says that 2 GB follow, in a file of some kilobytes."""
    file = tmp_path / "a.parquet"
    pq.write_table(table().select(["token_ids"]), file, compression="none", use_dictionary=False)
    data = file.read_bytes()
    # Bytes 4 to 9: type of the page, then its size uncompressed and its size here, each after a byte of their field.
    size = data[7 : data.index(b"\x15", 7)]
    assert data[4:7] == b"\x15\x00\x15"
    huge = varint(2**31 - 100)
    file.write_bytes(data[:7] + huge + b"\x15" + huge + data[8 + 2 * len(size) :])
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from seenat.registry.errors import CorruptFile\n"
        "from seenat.registry.orders.formats.open import open_order\n"
        "from seenat.registry.orders.order_files import OrderFiles\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()  # A process begins with the peak of the one that started it.\n"
        "try: open_order(OrderFiles(name='o', format='parquet', files=(Path(sys.argv[1]),)))\n"
        "except CorruptFile as error: print(error)\n"
        "print(peak() - before)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True).stdout
    message, kilobytes = said.splitlines()
    assert message.startswith(
        f"{file}, row group 0 cannot be read as a Parquet file: the page at byte 48 has 2147483548 bytes"
    )
    assert int(kilobytes) < 500_000


@pytest.mark.parametrize("group", ["open", "read"])
def test_names_that_are_no_utf_8_are_refused(order: OrderFiles, refusal: Callable[..., str], group: str) -> None:
    file = order.files[1]
    name = b"uid" if group == "open" else b"element"
    file.write_bytes(file.read_bytes().replace(name, b"\xca" * len(name)))
    assert refusal(read, order).startswith(
        f"{file} cannot be read as a Parquet file: 'utf-8' codec can't decode byte 0xca"
    )


def test_large_row_groups_are_decoded_forwards_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    pq.write_table(table(), tmp_path / "one.parquet", row_group_size=12)
    order = OrderFiles(name="large", format="parquet", files=(tmp_path / "one.parquet",))
    source = open_parquet(order, whole_bytes=1, rows_at_once=2)
    decoded = []
    monkeypatch.setattr(
        source, "_checked", lambda *call, check=source._checked: (decoded.append(call[2]), check(*call))[1]
    )
    for start in range(0, 24, 3):
        np.testing.assert_array_equal(source.tokens(SequenceRange(start, start + 3)), ROWS[start : start + 3])
    assert decoded == list(range(0, 24, 2)), "each pair of rows once, in order"
    random = np.random.default_rng(0).integers(0, 24, 100)
    np.testing.assert_array_equal(source.take(random, 2, 5), ROWS[random, 2:5])
    pq.write_table(table(uid=changed(np.arange(24), 7, 0)), tmp_path / "one.parquet", row_group_size=12)
    source = open_parquet(order, whole_bytes=1, rows_at_once=2)
    for _ in range(2):
        np.testing.assert_array_equal(source.tokens(SequenceRange(4, 6)), ROWS[4:6])
        assert "row 7: uid is 0" in refusal(source.tokens, SequenceRange(6, 8)), "and the same after a refusal"


def test_memory_does_not_follow_the_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group of 32 MB of ids, read 200 kB at a time through buffers and pages of 1 MiB."""
    ids = np.random.default_rng(0).integers(0, 1 << 16, 16_000 * 1_000, np.uint16)
    rows = pa.FixedSizeListArray.from_arrays(pa.array(ids), 1_000)
    pq.write_table(pa.table({"tokens": rows}), tmp_path / "large.parquet", row_group_size=16_000)
    order = OrderFiles(name="large", format="parquet", files=(tmp_path / "large.parquet",))
    source = open_parquet(order, whole_bytes=1, rows_at_once=100)
    before, allocated = pa.total_allocated_bytes(), []

    def watched(*call: Any, check: Any = source._checked) -> Any:
        allocated.append(pa.total_allocated_bytes() - before)
        return check(*call)

    monkeypatch.setattr(source, "_checked", watched)
    np.testing.assert_array_equal(source.tokens(SequenceRange(15_900, 16_000)), ids.reshape(16_000, -1)[15_900:])
    assert len(allocated) == 160
    assert 0 < max(allocated) < 8 << 20


def test_files_of_another_file_system(order: OrderFiles) -> None:
    memory = fsspec.filesystem("memory")
    paths = [f"/{order.name}/{file.name}" for file in order.files]
    for file, path in zip(order.files, paths, strict=True):
        memory.pipe(path, file.read_bytes())
        file.unlink()
    source = open_parquet(order, paths=paths, filesystem=memory)
    np.testing.assert_array_equal(source.tokens(SequenceRange(0, 24)), ROWS, strict=True)
    assert source.place(23, 0) == f"{paths[1]}, row 11"
