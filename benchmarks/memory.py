"""Part `memory`: the most memory that measuring takes, beside the reference; each in a process of its own.

`python -m benchmarks.memory SHAPE WAY ROWS` is such a process.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch

from benchmarks.apart import Stopwatch, run_apart
from benchmarks.machine import say
from benchmarks.page import Figure, figures, table
from benchmarks.shapes import SHAPES, text_rows
from seenat.memorization.protocol import Protocol
from seenat.memorization.reference import reference_scores
from seenat.memorization.scoring import Scorer

__all__ = ["section"]

_TEXT = """## Memory

The most memory a process had while it measured rows of text, less what it had with torch and the model's float32 weights
loaded, in MB: what packing weights, keys and values, logits and the first layer's table take. That table grows
with the ids that are met until it has all, or 512 MB; whether it is all that grows was not measured.
"""
_WAYS = {"prefix": 512, "more prefixes": 4096, "score": 256, "generate, batch 64": 128, "generate, batch 256": 256}
"""Ways of measuring, and rows."""


def section(page: Path) -> str:
    """Every way at both shapes."""
    peaks = {(shape, way): _peak(shape, way, rows) for shape in SHAPES for way, rows in _WAYS.items()}
    rows = [(way, f"{count:,}", *(f"{peaks[shape, way]:,.0f}" for shape in SHAPES)) for way, count in _WAYS.items()]
    told = [_figure(shape, peaks) for shape in SHAPES]
    return "\n".join([_TEXT, table(("", "rows", *SHAPES), rows), figures(told)])


def _figure(shape: str, peaks: dict[tuple[str, str], float]) -> Figure:
    times = peaks[shape, "more prefixes"] / peaks[shape, "prefix"]
    return Figure(what=f"8 times the rows at {shape}", value=times, told=f"{times:.2f}x the memory", most=1.1, unit="x")


def _peak(shape: str, way: str, rows: int) -> float:
    found = run_apart("benchmarks.memory", shape, way, rows)
    say(f"{shape}: {way}, {found['peak'] - found['before']:,.0f} MB")
    return float(found["peak"] - found["before"])


def _measure(model: Any, way: str, rows: npt.NDArray[Any]) -> None:
    if way.startswith("generate"):
        reference_scores(model, rows, Protocol(), batch=int(way.rpartition(" ")[2]))
    else:
        Scorer(model, Protocol(measure="score" if way == "score" else "prefix"), "cpu").measure(rows)


def main(shape: str, way: str, rows: str) -> None:
    """Load the model, then measure."""
    torch.set_num_threads(1)
    model, some = SHAPES[shape].model(), text_rows(int(rows))
    watch = Stopwatch()
    with watch:
        _measure(model, way, some)
    watch.report()


if __name__ == "__main__":
    main(*sys.argv[1:])
