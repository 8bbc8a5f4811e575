"""Part `processes`: what a second process of one thread brings to a job, by CPU time: two idle cores are seldom to be had.

The same job, by one worker and by two, each in a catalog of its own. A process counts from where torch is imported: what it does
then, loading every checkpoint included, is what a further one costs. Were nothing lost, two would be twice as fast.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import seenat
from benchmarks.machine import CACHE, say
from benchmarks.page import Figure, figures
from seenat.memorization.pocket import build_pocket_suite, pocket_folder

__all__ = ["section"]

_MODEL, _STEPS, _ROUNDS = "pocket-2m", [64, 128, 192, 256, 320, 384], 3
_TEXT = """## A second process

One job over {cells:,} scores of {model}, SQLite, by one `seenat worker` and by two, {rounds} times in turn; the median with the
least and the largest. By CPU time: twice the time of one, divided by that of both together.

"""


def section(page: Path) -> str:
    """Run the job by one and by two."""
    gains, cells = [], 0
    for _ in range(_ROUNDS):
        cells, alone = _spent(1)
        _, both = _spent(2)
        gains.append(2 * alone / both)
        say(f"one: {alone:.1f} s of CPU, two: {both:.1f}")
    gains.sort()
    text = f"{gains[len(gains) // 2]:.2f}x [{gains[0]:.2f}, {gains[-1]:.2f}]"
    figure = Figure(what="two processes against one", value=gains[len(gains) // 2], text=text, least=1.8, unit="x")
    return _TEXT.format(cells=cells, model=_MODEL, rounds=_ROUNDS) + figures([figure])


def _spent(processes: int) -> tuple[int, float]:
    """Values that some workers measured, and the CPU seconds that all of them took."""
    with tempfile.TemporaryDirectory(prefix="seenat-processes-") as folder:
        url = str(Path(folder, "catalog.sqlite"))
        with seenat.open(url) as catalog:
            catalog.register(build_pocket_suite(pocket_folder(CACHE)))
            catalog.submit(_MODEL, steps=_STEPS, measure="score", unseen=True)
        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
            done = [pool.submit(_work, url, folder, processes) for _ in range(processes)]
            counts, spent = zip(*(one.result() for one in done), strict=True)
    return sum(counts), sum(spent)


def _work(url: str, folder: str, processes: int) -> tuple[int, float]:
    import torch

    from seenat.memorization.engine import scorer  # noqa: F401 - what it imports is no part of a job.

    torch.set_num_threads(1)
    with seenat.open(url) as catalog:
        place = Path(folder, "here")
        place.mkdir(exist_ok=True)
        (place / str(time.monotonic_ns())).touch()
        while len(list(place.iterdir())) < processes:
            time.sleep(0.05)
        before = time.process_time()
        return catalog.work(device="cpu").values, time.process_time() - before
