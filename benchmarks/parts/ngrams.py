"""Part `ngrams`: the index of an order of a billion ids: built, opened, searched.

Look-ups are CPU time of one thread with a warm page cache. Builds run in one worker; its CPU time counts, and its largest
memory is shown.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import numpy.typing as npt

import seenat
from benchmarks.machine import cpu_seconds, say
from benchmarks.material.phrases import BATCH, BATCH_IDS, LENGTH, boilerplate, write_phrases
from benchmarks.material.served import serving
from benchmarks.page import Figure, figures, table
from seenat.attribution.ngrams.open import OpenIndexes, open_indexes
from seenat.attribution.ngrams.search import Places, Region, find_by_index
from seenat.attribution.trace.parts import Part
from seenat.attribution.trace.spans import trace_spans

_BATCHES = (5, 50, 500)
_QUERIES = 500
_TEXTS, _WARM, _TEXT_IDS = 103, 3, 500
_TEN_BATCHES = 10 * BATCH_IDS
_TEXT = """## The index of a billion ids

One order of Pythia's shape, {ids:,} ids of made-up text (`benchmarks/material/phrases.py`), index window 8 unless said otherwise.
Building is CPU time of one worker for 21 million ids, ten batches of Pythia. Over HTTP, the time of a clock from asking a service on
loopback to the end of its answer counts: the count of all exposures, and the first twenty.

"""

_Ids = npt.NDArray[np.integer[Any]]


def section(page: Path) -> str:
    """Make the order, build its indexes, search them; the figures as Markdown."""
    with tempfile.TemporaryDirectory(prefix="seenat-ngrams-") as name:
        folder = Path(name)
        growth = [_growth(folder, batches) for batches in _BATCHES]
        others = [
            *_built(folder, "p50", "with fingerprints", 0.5, 1.3, 400, window=8, fingerprints=True),
            *_built(folder, "p50", "dense", 1.2, 4.15, 1100, window=1),
            *_wide(folder),
            *_tokengrams(folder),
        ]
        catalog = str(folder / "p500.sqlite")
        searched = [*_alone(_search, catalog, "p500", ""), *_over_http(Path(catalog), "p500")]
        with seenat.open(catalog) as opened:
            opened.index.remove("p500")
            opened.index.build("p500", shard_batches=1)
        many = _alone(_many_shards, catalog, "p500")
    heads = ("ids", "CPU s for 21 million", "CPU s in all", "bytes an id", "MB of memory")
    rows = [tuple(row[:5]) for row in growth]
    whole = growth[-1][5]
    return (
        _TEXT.format(ids=_BATCHES[-1] * BATCH_IDS)
        + table(heads, rows)
        + "\n"
        + figures([*whole, *others, *searched, *many])
    )


def _growth(folder: Path, batches: int) -> tuple[Any, ...]:
    name = f"p{batches}"
    manifest = write_phrases(folder, name, batches)
    with seenat.open(str(folder / f"{name}.sqlite")) as catalog:
        catalog.register(manifest)
    seconds, size, peak = _alone(_build, str(folder / f"{name}.sqlite"), name, {"shard_batches": 32})
    ids = batches * BATCH_IDS
    share = seconds * _TEN_BATCHES / ids
    say(f"{ids:,} ids: {seconds:.1f} s, {size / ids:.3f} bytes an id, {peak:.0f} MB")
    listed = [
        Figure(what="building, CPU s for 21 million ids", value=share, text=f"{share:.3f}", most=0.5),
        Figure(what="building a billion ids, CPU s", value=seconds, text=f"{seconds:.1f}", most=24),
        Figure(what="bytes an id", value=size / ids, text=f"{size / ids:.3f}", most=1.05),
        Figure(what="most memory, shards of 32 batches, MB", value=peak, text=f"{peak:,.0f}", most=400),
    ]
    return f"{ids:,}", f"{share:.3f}", f"{seconds:.1f}", f"{size / ids:.3f}", f"{peak:,.0f}", listed


def _built(
    folder: Path, name: str, what: str, most_seconds: float, most_bytes: float, most_memory: float, **options: Any
) -> list[Figure]:
    """An index of another kind, of 105 million ids."""
    catalog = str(folder / f"{name}.sqlite")
    with seenat.open(catalog) as opened:
        opened.index.remove(name)
    seconds, size, peak = _alone(_build, catalog, name, {"shard_batches": 32, **options})
    ids = 50 * BATCH_IDS
    share = seconds * _TEN_BATCHES / ids
    return [
        Figure(what=f"{what}: CPU s for 21 million ids", value=share, text=f"{share:.3f}", most=most_seconds),
        Figure(what=f"{what}: bytes an id", value=size / ids, text=f"{size / ids:.3f}", most=most_bytes),
        Figure(what=f"{what}: most memory, MB", value=peak, text=f"{peak:,.0f}", most=most_memory),
    ]


def _wide(folder: Path) -> list[Figure]:
    """The same of 105 million ids of 32 bits."""
    manifest = write_phrases(folder, "wide", 50, "uint32")
    catalog = str(folder / "wide.sqlite")
    with seenat.open(catalog) as opened:
        opened.register(manifest)
        opened.index.build("wide", batches="0:1")
    listed = _built(folder, "wide", "ids of 32 bits", 0.5, 1.05, 400, window=8)
    return [*listed, *_alone(_search, catalog, "wide", "ids of 32 bits: ")]


def _alone(part: Any, *arguments: Any) -> Any:
    """What a part returns, run in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(part, *arguments).result()


def _build(catalog: str, name: str, options: dict[str, Any]) -> tuple[float, int, float]:
    """CPU seconds, bytes, and the largest memory of a worker in MB."""
    before = cpu_seconds()
    with seenat.open(catalog) as opened:
        status = opened.index.build(name, workers=1, **options)
    seconds = cpu_seconds() - before
    return seconds, status.bytes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _search(catalog: str, name: str, prefix: str) -> list[Figure]:
    with seenat.open(catalog) as opened:
        order = opened.order(name)
        began = time.process_time()
        with open_indexes(opened._registry.database, order) as indexes:
            opening = 1e3 * (time.process_time() - began)
            random = np.random.default_rng(3)
            listed = [Figure(what=f"{prefix}opening, ms", value=opening, text=f"{opening:.1f}", most=20)]
            for length in (8, 11, 16, 32, 64):
                most = (0.5, 5.0) if length >= 11 else (None, None)
                listed += _look_ups(indexes, prefix, length, _present(indexes, random, length), *most)
            for length in (11, 32):
                queries = _absent(random, _present(indexes, random, length))
                listed += _look_ups(indexes, f"{prefix}absent, ", length, queries, 0.3, None)
            return listed if prefix else [*listed, *_frequent(indexes), *_traces(indexes, random)]


def _present(indexes: OpenIndexes, random: np.random.Generator, length: int) -> list[_Ids]:
    sequences = random.integers(0, indexes.order.geometry.sequences, _QUERIES)
    return list(indexes.source.windows(sequences, random.integers(0, LENGTH - length + 1, _QUERIES), length))


def _absent(random: np.random.Generator, queries: Iterable[_Ids]) -> list[_Ids]:
    """Queries with one id exchanged; a few of them stand somewhere all the same."""
    changed = []
    for query in queries:
        other = query.copy()
        other[random.integers(0, len(query))] = random.integers(2, 50_000)
        changed.append(other)
    return changed


def _milliseconds(indexes: OpenIndexes, query: _Ids) -> tuple[float, int]:
    region = Region(0, indexes.order.geometry.sequences)
    began = time.process_time()
    hits = sum(map(len, find_by_index(indexes.indexes[0], indexes.source, query, region)))
    return 1e3 * (time.process_time() - began), hits


def _look_ups(
    indexes: OpenIndexes, prefix: str, length: int, queries: Sequence[_Ids], median: float | None, rare: float | None
) -> list[Figure]:
    for query in queries:
        _milliseconds(indexes, query)  # It reads what is needed into the page cache.
    measured = [_milliseconds(indexes, query) for query in queries]
    times = [taken for taken, hits in measured if hits < 10_000]
    middle, slow = float(np.median(times)), float(np.percentile(times, 99))
    what = f"{prefix}{length} ids, median ms"
    return [
        Figure(what=what, value=middle, text=f"{middle:.3f}", most=median),
        Figure(what=what.replace("median", "99 % within"), value=slow, text=f"{slow:.2f}", most=rare),
    ]


def _frequent(indexes: OpenIndexes) -> list[Figure]:
    query = boilerplate()[10:42]
    _milliseconds(indexes, query)
    counted, hits = min(_milliseconds(indexes, query) for _ in range(5))
    began = time.process_time()
    first: Places = next(
        find_by_index(indexes.indexes[0], indexes.source, query, Region(0, indexes.order.geometry.sequences))
    )
    page = 1e3 * (time.process_time() - began)
    return [
        Figure(what=f"{hits:,} places of 32 ids counted, ms", value=counted, text=f"{counted:.0f}", most=100),
        Figure(what=f"their first {len(first):,}, ms", value=page, text=f"{page:.1f}", most=10),
    ]


def _over_http(catalog: Path, name: str) -> list[Figure]:
    """Asking a service for texts that stand in the order, of 32 ids."""
    with seenat.open(str(catalog)) as opened:
        order = opened.order(name)
        with open_indexes(opened._registry.database, order) as indexes:
            queries = _present(indexes, np.random.default_rng(4), 32)
    addresses = [f"/api/v1/orders/{name}/find?ids={','.join(map(str, query.tolist()))}" for query in queries]
    with serving(catalog) as server, httpx2.Client(base_url=server.url, timeout=60) as client:
        for address in addresses:
            client.get(address).raise_for_status()  # It reads what is needed into the page cache.
        times, cpu = [], server.cpu()
        for address in addresses:
            began = time.perf_counter()
            found = client.get(address).json()
            times.append(1e3 * (time.perf_counter() - began))
            assert found["count"]
        spent = 1e3 * (server.cpu() - cpu) / len(addresses)
    middle, slow = float(np.median(times)), float(np.percentile(times, 99))
    return [
        Figure(what="find over HTTP, 32 ids, median ms", value=middle, text=f"{middle:.1f}", most=20),
        Figure(what="find over HTTP, 32 ids, 99 % within ms", value=slow, text=f"{slow:.1f}"),
        Figure(what="the same, mean CPU ms of the service", value=spent, text=f"{spent:.1f}", most=20),
    ]


def _traces(indexes: OpenIndexes, random: np.random.Generator) -> list[Figure]:
    """Texts of 500 ids: pieces of the order, the boilerplate, and ids that follow each other by chance."""
    part = Part(indexes.indexes[0], (indexes.order.sequences,))
    texts = [_text(indexes, random) for _ in range(_TEXTS)]
    listed = []
    for minimum, most in ((16, 100.0), (11, 250.0)):
        times = []
        for text in texts:
            began = time.process_time()
            trace_spans([part], indexes.source, text, minimum)
            times.append(1e3 * (time.process_time() - began))
        middle, slow = float(np.median(times[_WARM:])), float(np.percentile(times[_WARM:], 99))
        what = f"tracing 500 ids, spans of {minimum} or more"
        listed += [
            Figure(what=f"{what}, median ms", value=middle, text=f"{middle:.0f}", most=most),
            Figure(what=f"{what}, 99 % within ms", value=slow, text=f"{slow:.0f}"),
        ]
    return listed


def _text(indexes: OpenIndexes, random: np.random.Generator) -> _Ids:
    parts: list[_Ids] = []
    while sum(map(len, parts)) < _TEXT_IDS:
        sequence, offset = random.integers(0, [indexes.order.geometry.sequences, LENGTH - 60])
        row = indexes.source.windows(np.array([sequence]), np.array([offset]), 60)[0]
        chosen = random.random()
        if chosen < 0.5:
            parts.append(row[: random.integers(5, 60)])
        elif chosen < 0.55:
            parts.append(boilerplate()[: random.integers(10, 40)])
        else:
            parts.append(random.permutation(row)[: random.integers(3, 40)])
    return np.concatenate(parts)[:_TEXT_IDS].astype(np.int64)


def _tokengrams(folder: Path) -> list[Figure]:
    """The same ids in a suffix array of tokengrams, where that is installed."""
    if find_spec("tokengrams") is None:
        return []
    seconds, size = _alone(_suffix_array, str(folder / "p5.bin"), str(folder / "p5.suffixes"))
    ids = 5 * BATCH_IDS
    share = seconds * _TEN_BATCHES / ids
    return [
        Figure(what="tokengrams: CPU s for 21 million ids", value=share, text=f"{share:.1f}"),
        Figure(what="tokengrams: bytes an id", value=size / ids, text=f"{size / ids:.1f}"),
    ]


def _suffix_array(ids: str, index: str) -> tuple[float, int]:
    tokengrams: Any = import_module("tokengrams")
    before = cpu_seconds()
    tokengrams.MemmapIndex.build(ids, index)
    return cpu_seconds() - before, Path(index).stat().st_size


def _many_shards(catalog: str, name: str) -> list[Figure]:
    with seenat.open(catalog) as opened:
        order = opened.order(name)
        with open_indexes(opened._registry.database, order) as indexes:
            random = np.random.default_rng(5)
            shards = len(indexes.indexes[0].shards)
            assert shards == order.geometry.sequences // BATCH
            return _look_ups(indexes, f"{shards} shards, ", 32, _present(indexes, random, 32), 2.0, None)
