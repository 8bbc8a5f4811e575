"""Part `job`: a job as users run it, beside the engine alone on the same rows of the same checkpoints.

Both in processes of their own, in turn, over four times a quarter of the checkpoints of `trained`'s suite, every fourth one,
in a catalog of its own. `python -m benchmarks.parts.whole_job WAY FOLDER STEPS` is such a process.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmarks.apart import Stopwatch, run_apart
from benchmarks.machine import say
from benchmarks.material import trained
from benchmarks.page import Figure, figures
from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import trajectory
from seenat.memorization.results.measurements import results_folder
from seenat.registry.hub.location import CheckpointLocation
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

__all__ = ["section"]

_SEQUENCES = SequenceRange(trained.CONFIG.trained, trained.CONFIG.trained + 4096)
_PARTS = 4
_ASKED = 200
_COPIES = ("block files", "by trajectory")
_TEXT = """## A whole job

{checkpoints} checkpoints of Pythia-14m's shape (float16 safetensors on this disk), {rows:,} sequences of text at each, in
{parts} jobs: registered by their SUITE.toml, planned by `plan_job`, run by `run_job`: weights read, digested and loaded,
prefixes measured and committed with their onsets. *The engine alone* measures the same rows of the same checkpoints before
each job, loading not counted; a share is the median of the jobs with the least and the largest. A shard of a real order has
65,536 sequences, 16 times as many as a checkpoint has here, and what a checkpoint costs once weighs as much less.
"""


def section(page: Path) -> str:
    """Run the job in four parts, and the engine on what each measured."""
    manifest, steps = trained.build(), trained.CONFIG.saved
    alone, job = [], []
    with tempfile.TemporaryDirectory(prefix="seenat-job-") as folder:
        _register(Path(folder), manifest)
        for number in range(_PARTS):
            alone.append(_apart("engine", folder, steps[number::_PARTS]))
            job.append(_apart("job", folder, steps[number::_PARTS]))
        shown = _figures(job, alone, Path(folder))
    text = _TEXT.format(checkpoints=len(steps), parts=_PARTS, rows=len(_SEQUENCES))
    return "\n".join([text, figures(shown)])


def _apart(way: str, folder: str, steps: tuple[int, ...]) -> dict[str, float]:
    found = run_apart("benchmarks.parts.whole_job", way, folder, ",".join(map(str, steps)))
    say(f"{way}: {len(steps)} checkpoints in {found['cpu']:.1f} s of CPU, {found['seconds']:.1f} s")
    return found


def _figures(job: list[dict[str, float]], alone: list[dict[str, float]], folder: Path) -> list[Figure]:
    steps = trained.CONFIG.saved
    cells = len(_SEQUENCES) * len(steps)
    rate = cells / sum(one["cpu"] for one in job)
    memory = {what: max(one["peak"] for one in found) for what, found in (("job", job), ("engine", alone))}
    sizes, query, table = _stored(folder)
    return [
        Figure(what="values a CPU second, the job", value=rate, text=f"{rate:,.0f}"),
        _share("share of the engine's own rate, CPU time", "cpu", job, alone, 90),
        _share("share of the engine's own rate, time by the clock", "seconds", job, alone, None),
        Figure(what="most memory of a job's process", value=memory["job"], text=f"{memory['job']:,.0f} MB"),
        Figure(what="most memory, the engine alone", value=memory["engine"], text=f"{memory['engine']:,.0f} MB"),
        *(
            Figure(what=f"bytes a value, {what}", value=size / cells, text=f"{size / cells:.2f}", most=0.4)
            for what, size in sizes.items()
        ),
        Figure(what=f"one sequence's {len(steps)} values", value=query, text=f"{query:.1f} ms"),
        Figure(what="when each was memorized, by step", value=table, text=f"{table:.1f} ms"),
    ]


def _share(
    what: str, unit: str, job: list[dict[str, float]], alone: list[dict[str, float]], least: float | None
) -> Figure:
    shares = [100 * mine[unit] / whole[unit] for mine, whole in zip(alone, job, strict=True)]
    middle = statistics.median(shares)
    shown = f"{middle:.0f} % [{min(shares):.0f}, {max(shares):.0f}]"
    return Figure(what=what, value=middle, text=shown, least=least, unit=" %")


def _stored(folder: Path) -> tuple[dict[str, int], float, float]:
    """Bytes of either copy of the results, and milliseconds for a trajectory and for the table of onsets, the median of many."""
    chosen = np.random.default_rng(0).integers(_SEQUENCES.start, _SEQUENCES.stop, _ASKED).tolist()
    with open_catalog(str(folder / "catalog.sqlite")) as catalog:
        model = catalog.model(trained.NAME)
        (model_folder,) = results_folder(catalog.database).iterdir()
        sizes = {_COPIES[array.name.endswith(".trajectories.zarr")]: _bytes(array) for array in model_folder.iterdir()}
        one = statistics.median(_milliseconds(partial(trajectory, catalog, model, at)) for at in chosen)
        all_ = statistics.median(_milliseconds(partial(onsets, catalog, model)) for _ in range(9))
    return sizes, one, all_


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _milliseconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


def _register(folder: Path, manifest: Path) -> None:
    with open_catalog(str(folder / "catalog.sqlite")) as catalog:
        register_suite(catalog, manifest)


def _run_job(folder: Path, steps: tuple[int, ...], watch: Stopwatch) -> None:
    with open_catalog(str(folder / "catalog.sqlite")) as catalog, watch:
        selection = Selection(steps=steps, sequences=_SEQUENCES, unseen=True)
        run_job(catalog, plan_job(catalog, catalog.model(trained.NAME), Protocol(), selection), device="cpu")


def _run_engine(manifest: Path, steps: tuple[int, ...], watch: Stopwatch) -> None:
    rows = trained.evaluated(manifest)[: len(_SEQUENCES)]
    for step in steps:
        scorer = Scorer(_loaded(manifest, step), Protocol(), "cpu")
        with watch:
            scorer.prefixes(rows)


def _loaded(manifest: Path, step: int) -> PreTrainedModel:
    return load_checkpoint(CheckpointLocation.local(trained.checkpoint(manifest, step)))


def main(way: str, folder: str, steps: str) -> None:
    """Measure as the command line says, after one checkpoint has been loaded: a process imports transformers once."""
    torch.set_num_threads(1)
    manifest, chosen = trained.build(), tuple(map(int, steps.split(",")))
    _loaded(manifest, chosen[0])
    watch = Stopwatch()
    if way == "job":
        _run_job(Path(folder), chosen, watch)
    else:
        _run_engine(manifest, chosen, watch)
    watch.report()


if __name__ == "__main__":
    main(*sys.argv[1:])
