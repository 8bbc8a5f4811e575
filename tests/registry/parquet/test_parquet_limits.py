"""What a Parquet file takes in memory is known before pyarrow decodes it: small files that hold, or claim, far too much."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seenat.registry.errors import CorruptFile
from seenat.registry.parquet.bounded import reading
from seenat.registry.parquet.chunks import FileBytes, read_row_groups
from seenat.registry.parquet.compact import I32, MalformedError, read_struct
from seenat.registry.parquet.guard import Guard

# pyarrow takes 13 bytes for each: 800 MB.
MANY = 60_000_000
CODE = """
import sys
import pyarrow.parquet, pyarrow.compute
from pathlib import Path
from seenat.registry.errors import CorruptFile
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.units import SequenceRange
# Not ru_maxrss, which begins as high as the peak of the process that started this one.
def peak(): return int(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])
before = peak()
first = int(sys.argv[2])
order = OrderFiles(name='o', format='parquet', files=(Path(sys.argv[1]),))
try: open_order(order).tokens(SequenceRange(first, first + 1))
except CorruptFile as error: print(error)
print(peak() - before)
"""


def refused(file: Path, first: int = 0) -> str:
    """How it, or its sequence `first`, is refused, by a process of its own that takes little."""
    command = [sys.executable, "-c", CODE, str(file), str(first)]
    message, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert int(kilobytes) < 200_000
    return message


def lists(lengths: list[int]) -> pa.Table:
    ids = pa.array(np.zeros(sum(lengths), np.uint16))
    return pa.table({"tokens": pa.ListArray.from_arrays(pa.array(np.cumsum([0, *lengths]), pa.int32()), ids)})


def number(value: int, length: int) -> bytes:
    """A whole number as footers have it, seven bits a byte, with zeros up to a length."""
    parts = [value << 1 >> 7 * place & 0x7F for place in range(length)]
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


@pytest.fixture(scope="module")
def one_row(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One row of 60 million equal ids, in some hundred bytes."""
    file = tmp_path_factory.mktemp("large") / "one-row.parquet"
    pq.write_table(lists([MANY]), file)
    assert file.stat().st_size < 1_000
    return file


def test_a_row_of_millions_of_ids_is_not_decoded(one_row: Path) -> None:
    assert "holds 60,000,000 ids, and 1 rows have at most 8,388,608 each" in refused(one_row)


def test_pages_that_hold_more_than_their_footer_says_are_not_decoded(one_row: Path, tmp_path: Path) -> None:
    data = one_row.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    lie = data[footer:].replace(number(MANY, 4), number(9, 4))
    (tmp_path / "lie.parquet").write_bytes(data[:footer] + lie)
    assert pq.read_metadata(tmp_path / "lie.parquet").row_group(0).column(0).num_values == 9
    assert "its pages hold more than the 9 values of its footer" in refused(tmp_path / "lie.parquet")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_one_row_with_the_ids_of_all_is_not_decoded(tmp_path: Path, version: str) -> None:
    """As many ids as the rows should have together: some rows have theirs, one has all others, and millions have none."""
    file = tmp_path / "uneven.parquet"
    rows, right = MANY // 9, 100_000
    empty = rows - right - 1
    table = lists([9] * right + [9 * (rows - right) - empty] + [0] * empty)
    pq.write_table(table, file, row_group_size=rows, data_page_version=version, compression="zstd")
    assert "row group 0: a row has more than 9 ids; replace the file" in refused(file, right)


@pytest.mark.parametrize(
    "error", [StopIteration(), MemoryError(), OSError(5, "Input/output error"), KeyError("a")], ids=repr
)
def test_whatever_a_library_raises_is_one_error(error: Exception) -> None:
    said = r"a.parquet cannot be read as a Parquet file: .+; download it again"
    with pytest.raises(CorruptFile, match=said), reading("a.parquet"):
        raise error


# -- the reader of footers, pages and levels

OPTIONS = [
    {"compression": compression, "data_page_version": version, "use_dictionary": version == "1.0"}
    for compression in ("none", "snappy", "gzip", "brotli", "zstd", "lz4")
    for version in ("1.0", "2.0")
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_longest_row_is_found(tmp_path: Path, options: dict[str, object]) -> None:
    random = np.random.default_rng(5)
    shapes = [random.integers(0, 4, 3_000), np.full(3_000, 9), random.integers(0, 400, 300), np.array([1, 900, 0])]
    for lengths in shapes:
        rows = [None if length == 3 else random.integers(0, 60_000, length) for length in lengths]
        table = pa.table({"uid": np.arange(len(rows)), "tokens": pa.array(rows, pa.list_(pa.uint16()))})
        pq.write_table(table, tmp_path / "a.parquet", data_page_size=500, row_group_size=2_000, **options)
        metadata, file = pq.read_metadata(tmp_path / "a.parquet"), FileBytes(str(tmp_path / "a.parquet"))
        guard = Guard(file, [1], [0], 2, most_ids=0)
        for group, described in enumerate(read_row_groups(file)):
            own = [0 if row is None else len(row) for row in rows[2_000 * group :][:2_000]]
            assert described.rows == len(own) == metadata.row_group(group).num_rows
            values = metadata.row_group(group).column(1).num_values
            assert described.chunks[1].values == values == sum(max(1, length) for length in own)
            longest = max(own)
            check(guard, group, own, longest)
            with pytest.raises(CorruptFile, match=r"it holds|has more than"):
                check(guard, group, own, longest - 1)


def check(guard: Guard, group: int, own: list[int], most: int) -> None:
    (lengths,) = guard.row_group(group, len(own), most, "file")
    for rows in range(0, len(own) + 7, 7):
        lengths.check(rows)


def test_whatever_is_cut_off_is_malformed() -> None:
    file = io.BytesIO()
    pq.write_table(lists([9, 9]), file)
    data = file.getvalue()
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    found, length = read_struct(footer, {1: I32})
    assert (found[1], length) == (2, len(footer))
    for stop in range(len(footer)):
        with pytest.raises(MalformedError):
            read_struct(footer[:stop], {1: I32})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x15\x02\x05\x02\x04\x00", "field 1 stands there twice"),
        (b"\x16\x02\x00", "a field has type 6, and 5 is due"),
        (b"\x15\xff\xff\xff\xff\x1f\x00", "more than 32 bits"),
        (b"\x26" + b"\x80" * 11 + b"\x00", "longer than 10 bytes"),
        (b"\x29\xfc\xff\xff\xff\x7f", "a list has 268435455 entries"),
        (b"\x28\xff\xff\x7f", "2097151 bytes are due"),
        (b"\x2c" + b"\x1c" * 30, "over 16 deep"),
        (b"\x29" + b"\x19" * 30, "over 16 deep"),
        (b"\x2b\x00\x00", "11 is no type"),
        (b"\x05\x00\x00", "0 is the number of no field"),
    ],
)
def test_what_others_read_otherwise_or_not_at_all_is_malformed(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        read_struct(data, {1: I32})
