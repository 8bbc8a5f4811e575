"""Orders on disk: indexes, raw ids, arrays, index maps and Parquet, each opened, checked and read to its end."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from support.neox_documents import MAPS, map_files, write_documents

from fuzz.mutator import damage_bytes, damage_json
from fuzz.target import Target
from seenat.registry.errors import CorruptFile
from seenat.registry.orders.formats.index_map_arrays import load_index_maps
from seenat.registry.orders.formats.index_map_checks import check_index_maps
from seenat.registry.orders.formats.megatron_idx import check_index, write_order
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.orders.source import TokenSource
from seenat.registry.parquet.chunks import FileBytes, read_row_groups
from seenat.registry.parquet.compact import MalformedError
from seenat.registry.parquet.guard import Guard

__all__ = ["TARGETS"]

# Between the files of one input.
_NEXT = b"\n--next file--\n"
_ROWS = np.arange(12 * 9, dtype=np.uint16).reshape(12, 9)


def _read_all(order: OrderFiles) -> TokenSource:
    source = open_order(order)
    source.tokens(source.geometry.all_sequences)
    source.take(np.array([source.geometry.sequences - 1, 0]), 0, 1)
    return source


def _damage_one_file(sample: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    files = sample.split(_NEXT)
    at = random.randrange(len(files))
    files[at] = damage_bytes(files[at], random, [file for other in others for file in other.split(_NEXT)])
    return _NEXT.join(files)


# -- mmididx


def _idx_samples(folder: Path) -> list[bytes]:
    samples = []
    for rows in (_ROWS, _ROWS.astype(np.int32)[:3], _ROWS[:, :1]):
        write_order(folder / "o.bin", folder / "o.idx", rows)
        samples.append((folder / "o.idx").read_bytes() + _NEXT + rows.tobytes())
    return samples


def _parse_idx(data: bytes, folder: Path) -> None:
    for name, content in zip(("o.idx", "o.bin"), data.split(_NEXT), strict=False):
        (folder / name).write_bytes(content)
    order = OrderFiles(name="o", format="mmididx", files=(folder / "o.bin",), index=folder / "o.idx")
    check_index(folder / "o.idx", _read_all(order).geometry)


# -- raw


def _raw_samples(_folder: Path) -> list[bytes]:
    described = {"tokens_per_sequence": 9, "dtype": "uint16", "sequences": 12, "vocab_size": 700}
    whole = json.dumps(described).encode() + _NEXT + _ROWS.tobytes()
    signed = json.dumps({"tokens_per_sequence": 9, "dtype": "int64"}).encode() + _NEXT + _ROWS.astype("<i8").tobytes()
    cut = json.dumps(described).encode() + _NEXT + _ROWS.tobytes()[:61] + _NEXT + _ROWS.tobytes()[61:]
    return [whole, signed, cut]


def _damage_raw(sample: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    described, _, files = sample.partition(_NEXT)
    if random.random() < 0.5:
        return damage_json(described, random) + _NEXT + files
    return described + _NEXT + _damage_one_file(files, random, others)


def _parse_raw(data: bytes, folder: Path) -> None:
    described, *files = data.split(_NEXT)
    try:
        fields = json.loads(described)
    except ValueError:
        return
    keys = ("tokens_per_sequence", "dtype", "sequences", "vocab_size")
    # The types of fields are the manifest's to check.
    fields = {key: fields[key] for key in keys if isinstance(fields, dict) and key in fields}
    if any(type(value) is not (str if key == "dtype" else int) for key, value in fields.items()):
        return
    paths = [folder / f"{number}.bin" for number in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_bytes(content)
    _read_all(OrderFiles(name="o", format="raw", files=tuple(paths), **fields))


# -- npy


def _npy_samples(_folder: Path) -> list[bytes]:
    samples = []
    for array in (_ROWS, _ROWS.reshape(-1), _ROWS.astype(np.int64), np.asfortranarray(_ROWS)):
        for version in ((1, 0), (2, 0)):
            file = io.BytesIO()
            np.lib.format.write_array(file, array, version)
            samples.append(file.getvalue())
    return samples


def _parse_npy(data: bytes, folder: Path) -> None:
    (folder / "o.npy").write_bytes(data)
    _read_all(OrderFiles(name="o", format="npy", files=(folder / "o.npy",)))


# -- index maps


def _write_maps(folder: Path) -> OrderFiles:
    """Two epochs over documents of 7 to 40 ids, in samples of 7."""
    sizes, step = np.array([7, 0, 31, 2, 1, 18, 40, 5]), 6
    files = write_documents(folder, [np.arange(size, dtype=np.uint16) for size in sizes])
    random = np.random.RandomState(1)
    doc_idx = random.permutation(np.arange(16) % 8).astype(np.int32)
    ends = np.cumsum(sizes[doc_idx])
    begins = np.arange(-(-int(ends[-1]) // step)) * step
    places = np.searchsorted(ends, begins, side="right")
    np.save(folder / "doc_idx.npy", doc_idx)
    np.save(folder / "sample_idx.npy", np.stack([places, begins - (ends - sizes[doc_idx])[places]], 1).astype(np.int32))
    np.save(folder / "shuffle_idx.npy", random.permutation(len(begins) - 1).astype(np.uint32))
    return OrderFiles(name="o", format="neox-index-map", files=files, **map_files(folder))


def _index_map_samples(folder: Path) -> list[bytes]:
    order = _write_maps(folder)
    _read_all(order)
    files = [path.read_bytes() for path in (order.index, *order.maps) if path is not None]
    return [_NEXT.join(files)]


def _parse_index_maps(data: bytes, folder: Path) -> None:
    if not (folder / "document-0.bin").exists():
        _write_maps(folder)
    order = OrderFiles(
        name="o",
        format="neox-index-map",
        files=(folder / "document-0.bin", folder / "document-1.bin"),
        **map_files(folder),
    )
    for name, content in zip(("document.idx", *(f"{name}.npy" for name in MAPS)), data.split(_NEXT), strict=False):
        (folder / name).write_bytes(content)
    source = _read_all(replace(order, pack_impl="packed") if len(data) % 2 else order)
    check_index_maps(load_index_maps(order), source.geometry.tokens_per_sequence)


# -- Parquet


def _parquet_samples(_folder: Path) -> list[bytes]:
    numbers = np.arange(12)
    published = {"uid": numbers, "batch_idx": numbers // 4, "token_ids": list(_ROWS)}
    plain = {"tokens": pa.FixedSizeListArray.from_arrays(pa.array(_ROWS.reshape(-1)), 9), "sequence": numbers}
    return [
        _parquet(published, row_group_size=5),
        _parquet(published, compression="none", data_page_version="2.0"),
        _parquet(plain, compression="zstd", use_dictionary=False),
        _parquet({"token_ids": list(_ROWS.astype(np.int64))}, compression="gzip", use_dictionary=False),
        # What some numbers more make a row of gigabytes.
        _parquet({"tokens": [np.zeros(100_000, np.uint16)]}, compression="zstd"),
        _parquet({"tokens": [np.zeros(5_000, np.uint16)] * 20}, data_page_size=1_000),
    ]


def _parquet(columns: dict[str, object], **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def _damage_parquet(sample: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """Half of them: a number of the footer or of a page's header becomes another, and all lengths still fit."""
    if random.random() < 0.5:
        return damage_bytes(sample, random, others)
    footer = len(sample) - 8 - int.from_bytes(sample[-8:-4], "little")
    body, described = bytearray(sample[:footer]), bytearray(sample[footer:-8])
    for _ in range(random.randint(1, 3)):
        _change_number(random.choice((described, body)), random)
    return bytes(body + described) + len(described).to_bytes(4, "little") + b"PAR1"


def _change_number(data: bytearray, random: Random) -> None:
    """Put another number, seven bits a byte, where one may stand; as long as before where bytes may not move."""
    at = stop = random.randrange(4, max(5, min(len(data), 4_000)))
    while stop < len(data) and data[stop] >= 0x80:
        stop += 1
    number = 2 * (random.choice((0, 1, 9, 2**20, 2**27, 2**31, 2**40)) + random.randrange(-1, 100))
    parts = [number >> 7 * place & 0x7F for place in range(6)]
    length = stop + 1 - at if random.random() < 0.5 else 6
    data[at : stop + 1] = bytes(part | 0x80 for part in parts[: length - 1]) + bytes([parts[min(length, 6) - 1]])


def _parse_parquet(data: bytes, folder: Path) -> None:
    (folder / "o.parquet").write_bytes(data)
    _read_all(OrderFiles(name="o", format="parquet", files=(folder / "o.parquet",), sequences_per_batch=4))


def _parse_parquet_footer(data: bytes, folder: Path) -> None:
    """What pyarrow would have refused before reaches our own reader of footers, headers and levels."""
    (folder / "o.parquet").write_bytes(data)
    file = FileBytes(str(folder / "o.parquet"))
    try:
        for number, group in enumerate(read_row_groups(file)):
            guard = Guard(file, [len(group.chunks) - 1], (), len(group.chunks), most_ids=0)
            for lengths in guard.row_group(number, group.rows, 100_000, "o.parquet"):
                lengths.check(group.rows)
    except MalformedError as error:
        raise CorruptFile(str(error)) from error


TARGETS = [
    Target(name="idx", samples=_idx_samples, parse=_parse_idx, damage=_damage_one_file),
    Target(name="raw", samples=_raw_samples, parse=_parse_raw, damage=_damage_raw),
    Target(name="npy", samples=_npy_samples, parse=_parse_npy),
    Target(name="index-maps", samples=_index_map_samples, parse=_parse_index_maps, damage=_damage_one_file),
    Target(name="parquet", samples=_parquet_samples, parse=_parse_parquet, damage=_damage_parquet),
    Target(name="parquet-footer", samples=_parquet_samples, parse=_parse_parquet_footer, damage=_damage_parquet),
]
