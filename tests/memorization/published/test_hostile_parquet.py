"""Small files of published results that hold, or claim, far too much: refused before they take memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MANY = 60_000_000
CODE = """
import sys
import pyarrow.parquet, pyarrow.compute
from pathlib import Path
from seenat.memorization.published.parquet_files import column_names, rows_of
from seenat.registry.errors import CorruptFile
# Not ru_maxrss, which begins as high as the peak of the process that started this one.
def peak(): return int(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])
before = peak()
for name in sys.argv[1:]:
    file = Path(name)
    try: print(file.name, sum(len(batch) for batch in rows_of([name], column_names([name]), 20_000)))
    except CorruptFile as error: print(error)
print(peak() - before)
"""


def lists(lengths: list[int]) -> pa.Array:
    ids = pa.array(np.zeros(sum(lengths), np.uint16))
    return pa.ListArray.from_arrays(pa.array(np.cumsum([0, *lengths]), pa.int32()), ids)


def test_what_small_files_claim_takes_no_memory(tmp_path: Path) -> None:
    zeros, rows = np.zeros(MANY // 20, np.uint8), 8_000_000
    columns = {
        "tokens": {"index": [1], "tokens": lists([MANY])},
        "uneven": {"index": np.arange(MANY // 600), "tokens": lists([MANY] + [0] * (MANY // 600 - 1))},
        "rows": {"index": np.zeros(MANY // 6, np.int32)},
        "text": {"index": [1] * 9, "memorized": [zeros.tobytes()] * 9},
        "pages": {name: np.zeros(rows) for name in ("index", "70M", "160M", "410M", "1B")},
        "good": {"index": np.arange(50_000), "tokens": lists([200] * 50_000), "memorized": [True] * 50_000},
    }
    plain = {
        "pages": {
            "use_dictionary": False,
            "data_page_size": 1 << 30,
            "compression": "zstd",
            "write_batch_size": rows,
            "max_rows_per_page": rows,
        }
    }
    files = [tmp_path / f"{name}.parquet" for name in columns]
    for file in files:
        pq.write_table(pa.table(columns[file.stem]), file, row_group_size=rows * 2, **plain.get(file.stem, {}))
    assert max(file.stat().st_size for file in files) < 1 << 20
    command = [sys.executable, "-c", CODE, *map(str, files)]
    *said, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    told = "\n".join(line.partition(".parquet")[2] for line in said)
    assert (
        told
        == f"""\
, row group 0: it holds 60,000,000 ids, and 1 rows have at most 4,096 each; replace the file.
, row group 0: a row has more than 4,096 ids; replace the file.
 claims 10,000,000 rows in {files[2].stat().st_size:,} bytes, which no results have; save it again without compression.
: the column memorized holds binary, where numbers or lists of whole numbers are due; save it again, or leave the column out.
, row group 0 cannot be read as a Parquet file: pages of its columns have 320,000,045 bytes together; download it again, or give \
a Parquet file.
 50000"""
    )
    assert int(kilobytes) < 350_000
