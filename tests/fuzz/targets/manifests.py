"""SUITE.toml: what a user writes to register a suite; and registering it, with the files of small orders beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from support.neox_documents import MAPS, write_documents

from fuzz.mutator import damage_text
from fuzz.target import Target
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog
from seenat.registry.orders.formats.megatron_idx import write_order
from seenat.registry.suites.manifest.manifest import read_manifest
from seenat.registry.suites.register import register_suite

__all__ = ["TARGETS"]

_SUITE = b"""[suite]
name = "mine"

[[order]]
name = "mine-order"
format = "mmididx"
files = ["document-00000-of-00002.bin", "document-00001-of-00002.bin"]
index = "document.idx"
tokens_per_sequence = 97
sequences_per_batch = 12
sequences = 2400
dtype = "uint16"
vocab_size = 700
eos_id = 0
tokenizer = "tokenizer.json"

[[model]]
name = "mine-small"
order = "mine-order"
family = "mine"
size = "230k"
steps = [0, 7, 50, 120, 200]
checkpoints = "models/mine-small/step{step}"
aliases = ["tiny", "small"]

[[model]]
name = "mine-hub"
order = "mine-order"
steps = [0, 7]
repository = "org/name"
revision = "step{step}"
"""


_NAMED = ("document-00000-of-00002.bin", "document-00001-of-00002.bin", "document.idx", "tokenizer.json")


def _samples(_folder: Path) -> list[bytes]:
    return [_SUITE, _SUITE.replace(b"\n", b"\r\n"), _SUITE.split(b"[[model]]", maxsplit=1)[0]]


def _parse(data: bytes, folder: Path) -> None:
    # A manifest that names what is not there is refused before it is read to its end.
    for name in _NAMED:
        (folder / name).touch()
    for step in (0, 7, 50, 120, 200):
        (folder / "models" / "mine-small" / f"step{step}").mkdir(parents=True, exist_ok=True)
    path = folder / "SUITE.toml"
    path.write_bytes(data)
    read_manifest(path)


# -- registering

_ORDER = b"""
[[order]]
name = "%(name)b-order"
%(keys)b
sequences_per_batch = 3
vocab_size = 700
eos_id = 0

[[model]]
name = "%(name)b-model"
order = "%(name)b-order"
steps = [0, 1, 2]
repository = "org/name"
"""
_GEOMETRY = b"sequences = 12\ntokens_per_sequence = 9\ndtype = 'uint16'"
_ORDERS = {
    b"raw": b"format = 'raw'\nfiles = ['a.bin', 'b.bin']\n" + _GEOMETRY,
    b"idx": b"format = 'mmididx'\nfiles = ['document.bin']\nindex = 'document.idx'",
    b"bin": b"format = 'mmididx'\nfiles = ['a.bin', 'b.bin']\n" + _GEOMETRY,
    b"npy": b"format = 'npy'\nfiles = ['rows.npy']",
    b"pq": b"format = 'parquet'\nfiles = ['rows.parquet']",
    b"maps": b"format = 'neox-index-map'\nfiles = ['document-0.bin', 'document-1.bin']\nindex = 'text.idx'\n"
    + b"\n".join(b"%s = '%s.npy'" % (name.encode(), name.encode()) for name in MAPS),
}


def _write_files(folder: Path) -> None:
    """The files that the manifests name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.arange(12 * 9, dtype=np.uint16).reshape(12, 9)
    write_documents(folder, [np.arange(1, 1 + size, dtype=np.uint16) for size in (20, 7, 30)])
    (folder / "document.idx").rename(folder / "text.idx")
    np.save(folder / "doc_idx.npy", [0, 1, 2])
    np.save(folder / "sample_idx.npy", [[0, 0], [0, 8], [0, 16], [1, 4], [2, 5], [2, 13], [2, 21]])
    np.save(folder / "shuffle_idx.npy", [3, 0, 5, 1, 4, 2])
    write_order(folder / "document.bin", folder / "document.idx", rows)
    data = rows.tobytes()
    (folder / "a.bin").write_bytes(data[:100])
    (folder / "b.bin").write_bytes(data[100:])
    np.save(folder / "rows.npy", rows)
    pq.write_table(pa.table({"tokens": list(rows)}), folder / "rows.parquet")


def _register_samples(folder: Path) -> list[bytes]:
    """Manifests of one order and of all; each can be registered."""
    tables = [_ORDER % {b"name": name, b"keys": keys} for name, keys in _ORDERS.items()]
    samples = [b'[suite]\nname = "mine"\n' + table for table in (*tables, b"".join(tables))]
    for sample in samples:
        _register(sample, folder)
    return samples


@cache
def _catalog(folder: Path) -> Catalog:
    _write_files(folder)
    return open_catalog(str(folder / "catalog.sqlite"))


def _register(data: bytes, folder: Path) -> None:
    catalog, path = _catalog(folder), folder / "SUITE.toml"
    path.write_bytes(data)
    registered = register_suite(catalog, path, replace_changed=True)
    for name in registered.orders:
        source = catalog.order(name).source()
        source.tokens(source.geometry.all_sequences)


TARGETS = [
    Target(name="suite-toml", samples=_samples, parse=_parse, damage=damage_text),
    Target(name="suite-register", samples=_register_samples, parse=_register, damage=damage_text),
]
