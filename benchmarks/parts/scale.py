"""Part `scale`: results of ten million sequences, written, compacted and read.

Times are CPU time of one process and one thread, since nothing here computes beside it. Each part runs in a process of its
own, whose largest memory is shown.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.apart import memory
from benchmarks.machine import say
from benchmarks.material.synthetic import BATCH, SyntheticResults, entropy, synthetic_catalog
from benchmarks.page import Figure, figures
from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.memorized import first_memorized, memorized_by_batch
from seenat.memorization.queries.trajectories import trajectory
from seenat.memorization.results.compaction import compact
from seenat.memorization.results.measurements import Measurement
from seenat.memorization.results.onset_rows import replace_onsets
from seenat.memorization.results.trajectory import OnsetColumns
from seenat.memorization.studies.retention import kept, relearned
from seenat.memorization.studies.set_difference import memorized_only_by
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.bulk_insert import bulk_insert
from seenat.registry.database.tables.results import blocks
from seenat.registry.open import open_catalog
from seenat.registry.schedule import pythia_steps
from seenat.registry.units import BatchRange

_SIZES = (100 * BATCH, 1000 * BATCH, 9766 * BATCH)
_NAMES = ("small", "large")
_LONG = 146_432_000
_TRAJECTORIES = 1000
_INSERTS = 9
_INSERT_BLOCKS = 16
_TEXT = """## Results of ten million sequences

Two models of {sequences:,} sequences x 10 checkpoints, values of {bits:.2f} bits, SQLite; CPU time.

"""


def section(page: Path) -> str:
    """Run every part; its figures as Markdown."""
    with tempfile.TemporaryDirectory(prefix="seenat-scale-") as folder:
        peaks: dict[str, list[float]] = {"writing": [], "reading": []}
        for size in _SIZES:
            path = Path(folder, f"{size}.sqlite")
            written, peak = _alone(_write, path, size)
            peaks["writing"].append(peak)
            asked, peak = _alone(_ask, path, size)
            peaks["reading"].append(peak)
            say(f"{size:,} sequences: {peaks}")
        others = [
            one for part in (_long, _insert, _plan) for one in _alone(part, Path(folder, f"{part.__name__}.sqlite"))[0]
        ]
    flat = [_flat(kind, found) for kind, found in peaks.items()]
    return _TEXT.format(sequences=_SIZES[-1], bits=entropy()) + figures([*written, *asked, *others, *flat])


def _flat(kind: str, peaks: list[float]) -> Figure:
    """The largest memory of all sizes, against that of the smallest."""
    text = ", ".join(f"{peak:,.0f} at {size:,}" for peak, size in zip(peaks, _SIZES, strict=True))
    return Figure(what=f"most memory {kind}, MB", value=max(peaks) / peaks[0], text=text, most=1.1, unit="x")


def _alone(part: Callable[..., list[Figure]], *arguments: Any) -> tuple[list[Figure], float]:
    """What a part returns, run in a fresh process, and the most memory that took, in MB."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, part, *arguments).result()


def _measured(part: Callable[..., list[Figure]], *arguments: Any) -> tuple[list[Figure], float]:
    return part(*arguments), memory("VmHWM")


def _write(path: Path, sequences: int) -> list[Figure]:
    """Commit two models' values and compact them."""
    steps = tuple(sequences // BATCH * place // 10 for place in range(1, 11))
    catalog = synthetic_catalog(path, sequences, steps, _NAMES)
    stored, commits = 0, []
    for name in _NAMES:
        results = SyntheticResults.of(catalog, name)
        for block in range(results.measurement.blocks):
            for row, values in zip(results.rows, results.values(block), strict=True):
                began = time.process_time()
                stored += results.commit(row, block, values).bytes
                commits.append(time.process_time() - began)
    values_ = 2 * 10 * sequences
    written = _written(results)
    began = time.process_time()
    compacted = sum(compact(catalog, catalog.model(name)).bytes for name in _NAMES)
    spent = time.process_time() - began
    catalog.close()
    commit, rate = float(np.median(commits)) * 1e3, values_ / sum(commits) / 1e6
    return [
        _bytes("bytes a value, block files", stored / values_),
        _bytes("bytes a value, by trajectory", compacted / values_),
        Figure(what="block files written", value=written, text=f"{written:,.0f} MB/s of values"),
        Figure(
            what="commit of a block of 65,536, up to 10 checkpoints",
            value=commit,
            text=f"{commit:.1f} ms, {rate:,.1f} million values/s",
        ),
        Figure(what="compaction", value=spent, text=f"{values_ / spent / 1e6:,.0f} MB/s of values"),
    ]


def _bytes(what: str, value: float) -> Figure:
    return Figure(what=what, value=value, text=f"{value:.3f}", most=0.4)


def _written(results: SyntheticResults) -> float:
    """Megabytes of values a second, written again as they are."""
    spent = values = 0.0
    for block in range(min(20, results.measurement.blocks)):
        made = next(results.values(block))
        began = time.process_time()
        results.array.write(results.rows[0], block, made)
        spent += time.process_time() - began
        values += len(made)
        results.array.accept(results.rows[0], block)
    return values / spent / 1e6


def _ask(path: Path, sequences: int) -> list[Figure]:
    """Run the queries in a process that has run none before."""
    with open_catalog(str(path)) as catalog:
        found = [_trajectories(catalog, "large", sequences, 1)]
        for what, most, ask, tell in _questions(catalog, sequences // BATCH):
            began = time.process_time()
            answer = ask()
            spent = (time.process_time() - began) * 1e3
            found.append(Figure(what=what, value=spent, text=f"{spent:,.0f} ms; {tell(answer)}", most=most, unit=" ms"))
    return found


_Question = tuple[str, float | None, Callable[[], Any], Callable[[Any], str]]
"""What is queried, the most milliseconds it should take, the query, and its answer in words."""


def _questions(catalog: Catalog, last: int) -> list[_Question]:
    small, large = (catalog.model(name) for name in _NAMES)
    steps = large.schedule.saved
    return [
        (
            "first memorized by a step, count and 20",
            100,
            lambda: first_memorized(catalog, large, steps[4]),
            lambda found: f"{found.count:,} sequences",
        ),
        (
            "a page in the middle of its list",
            None,
            lambda: first_memorized(catalog, large, steps[-1], after=(steps[0], 6_000_000)),
            lambda found: f"{len(found.sequences)} sequences",
        ),
        (
            "memorized in each of 100 batches",
            None,
            lambda: memorized_by_batch(catalog, large, steps[-1], BatchRange(last - 100, last)),
            lambda found: f"{found.memorized:,} of {found.measured:,}",
        ),
        (
            "kept from the 5th checkpoint to the 10th",
            None,
            lambda: kept(catalog, large, steps[4]),
            lambda found: f"{found.kept:,} of {found.memorized:,}",
        ),
        (
            "forgotten and relearned",
            None,
            lambda: relearned(catalog, large),
            lambda found: f"{found.relearned:,} of {found.forgotten:,}",
        ),
        (
            "memorized by one within 2,000 steps, never by another",
            None,
            lambda: memorized_only_by(catalog, large, small, 2000),
            lambda found: f"{found.never:,} of {found.memorized:,}",
        ),
    ]


def _long(path: Path) -> list[Figure]:
    """One block at 154 checkpoints, in a catalog that knows as many blocks of all others."""
    with synthetic_catalog(path, _LONG, pythia_steps(), ("long",)) as catalog:
        results = replace(SyntheticResults.of(catalog, "long"), stays=0.98)
        array_rows = results.rows
        others = ("measurement_id", "array_row", "block", "measured", "memorized", "bytes", "digest")
        with catalog.database.write() as connection:
            rows = (
                (results.measurement.id, row, block, 65_536, 0, 0, "sha256:" + "0" * 64)
                for row in array_rows
                for block in range(1, results.measurement.blocks)
            )
            bulk_insert(connection, blocks, others, rows)
        spent = []
        for row, values in zip(array_rows, results.values(0), strict=True):
            began = time.process_time()
            results.commit(row, 0, values)
            spent.append((time.process_time() - began) * 1e3)
        before = _trajectories(catalog, "long", 65_536, None, what="block files")
        with catalog.database.write() as connection:
            connection.execute(blocks.delete().where(blocks.c.block > 0))
        compact(catalog, results.model)
        after = _trajectories(catalog, "long", 65_536, 10)
    commit = Figure(
        what="commit of a block of 65,536, 1st, 77th and 154th checkpoint",
        value=max(spent),
        text=", ".join(f"{np.median(spent[max(0, place - 2) : place + 3]):.0f}" for place in (1, 76, 151)) + " ms",
    )
    return [commit, after, before]


def _insert(path: Path) -> list[Figure]:
    """Rows of the onset table, as commits write them: a block at a time, one sequence of 30 in each."""
    with synthetic_catalog(path, _SIZES[-1], (1,), ("insert",)) as catalog:
        measurement = SyntheticResults.of(catalog, "insert").measurement
        rates = [_insert_rate(catalog, measurement, place * _INSERT_BLOCKS) for place in range(_INSERTS)]
    rate = float(np.median(rates))
    text = f"{rate:,.0f} a second [{min(rates):,.0f}, {max(rates):,.0f}]"
    return [Figure(what="onset rows inserted, SQLite", value=rate, text=text, least=500_000)]


def _insert_rate(catalog: Catalog, measurement: Measurement, start: int) -> float:
    generator = np.random.default_rng(start)
    tables = [_onsets(generator, len(measurement.block(start + place))) for place in range(_INSERT_BLOCKS)]
    began = time.process_time()
    with catalog.database.write() as connection:
        for place, table in enumerate(tables):
            replace_onsets(connection, measurement, start + place, table)
    return sum(len(table.column) for table in tables) / (time.process_time() - began)


def _onsets(generator: np.random.Generator, sequences: int) -> OnsetColumns:
    column = np.arange(0, sequences, 30)
    first = generator.choice(pythia_steps()[11:], len(column))
    once = np.ones(len(column), np.int64)
    return OnsetColumns(
        column=column,
        first_step=first,
        bracket_low=first - 1000,
        last_step=first,
        times_memorized=once,
        times_lost=generator.integers(0, 2, len(column)),
    )


def _plan(path: Path) -> list[Figure]:
    """Plan a job over all that every checkpoint of pythia-70m had seen."""
    with open_catalog(str(path)) as catalog:
        model = catalog.model("pythia-70m")
        before, began = memory("VmHWM"), time.process_time()
        job = plan_job(
            catalog, model, Protocol(), Selection(steps=model.schedule.saved, sequences=model.order.sequences)
        )
        spent = time.process_time() - began
    text = f"{spent:.1f} s, {job.progress.shards:,} rows, {max(0.0, memory('VmHWM') - before):.0f} MB"
    return [Figure(what="planning 146,432,000 sequences x 154 checkpoints", value=spent, text=text)]


def _trajectories(
    catalog: Catalog, name: str, sequences: int, most: float | None, what: str = "by trajectory"
) -> Figure:
    """Single trajectories at random places, and the first of them; `most` milliseconds in the middle."""
    model = catalog.model(name)
    spent = []
    for sequence in np.random.default_rng(1).integers(0, sequences, _TRAJECTORIES).tolist():
        began = time.process_time()
        trajectory(catalog, model, sequence)
        spent.append((time.process_time() - began) * 1e3)
    middle, late = np.percentile(spent, (50, 99)).tolist()
    return Figure(
        what=f"a trajectory of {len(model.checkpoints)} checkpoints, {what}",
        value=middle,
        text=f"{middle:.2f} ms, 99 % within {late:.2f}; the first {spent[0]:.1f}",
        most=most,
        unit=" ms",
    )
