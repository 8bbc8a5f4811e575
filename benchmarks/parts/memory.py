"""Part `memory`: the most memory that measuring takes, beside the reference; each in a process of its own.

`python -m benchmarks.parts.memory SHAPE WAY ROWS TIMES` is such a process: it measures the rows of a .npy file, TIMES times over.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.apart import Stopwatch, run_apart
from benchmarks.machine import say
from benchmarks.material.shapes import SHAPES, Shape
from benchmarks.page import Figure, figures, table
from seenat.memorization.engine.kernels.packed_linear import packed_copy
from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.reference import generate_continuations, reference_scores
from seenat.memorization.protocol.protocol import Protocol

__all__ = ["section"]

_TEXT = """## Memory

The most memory a process had while it measured, less what it had with torch and the model's float32 weights loaded, in MB:
what packing weights, keys and values, logits and the first layer's table take. The rows begin with {known} that the model knows
by heart and with every id of the vocabulary, because keys and values of sequences that go on, and that table, grow up to a
bound: {times} times the rows should take no more. `score` and `generate` measure {few} of them.
"""
_WAYS = ("prefix", "score", "generate, batch 64", "generate, batch 256")
_ROWS = {"14m": 8_192, "70m": 1_536}
_TIMES = 8
_KNOWN = 256
_IDS = 50_304

# Rows for scores and for `generate`: their memory is that of a block, whatever the number of rows.
_FEW = 256


def section(page: Path) -> str:
    """Every way at both shapes."""
    peaks: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="seenat-memory-") as folder:
        for name, shape in SHAPES.items():
            some, few = _written(Path(folder), shape)
            ways = [(way, some if way == "prefix" else few, 1) for way in _WAYS]
            peaks[name] = {way: _peak(name, way, rows, times) for way, rows, times in ways}
            peaks[name][_many("prefix")] = _peak(name, "prefix", some, _TIMES)
    rows = [
        (way, *(f"{peaks[shape][way]:,.0f}" for shape in SHAPES)) for way in (_WAYS[0], _many("prefix"), *_WAYS[1:])
    ]
    heads = ("", *(f"{shape}, {_ROWS[shape]:,} rows" for shape in SHAPES))
    return "\n".join(
        [
            _TEXT.format(times=_TIMES, known=_KNOWN, few=_FEW),
            table(heads, rows),
            figures([_growth(*one) for one in peaks.items()]),
        ]
    )


def _many(way: str) -> str:
    return f"{way}, {_TIMES} times the rows"


def _growth(shape: str, peaks: dict[str, float]) -> Figure:
    growth = peaks[_many("prefix")] / peaks["prefix"]
    what = f"{_TIMES} times the rows at {shape}, of the memory of one"
    return Figure(what=what, value=growth, text=f"{growth:.2f}x", most=1.1, unit="x")


def _written(folder: Path, shape: Shape) -> tuple[Path, Path]:
    """Files of the rows, all and few."""
    model = shape.model()
    rows = shape.rows(model, _ROWS[shape.name])
    rows[:_KNOWN, 32:] = generate_continuations(packed_copy(model), rows[:_KNOWN, :32], Protocol())
    every = np.arange(-(-_IDS // 64) * 64).reshape(-1, 64) % _IDS
    rows[_KNOWN : _KNOWN + len(every)] = every
    paths = folder / f"{shape.name}.npy", folder / f"{shape.name}-few.npy"
    np.save(paths[0], rows)
    np.save(paths[1], rows[:_FEW])
    return paths


def _peak(shape: str, way: str, rows: Path, times: int) -> float:
    found = run_apart("benchmarks.parts.memory", shape, way, rows, times)
    say(f"{shape}: {way}, {found['peak'] - found['before']:,.0f} MB")
    return float(found["peak"] - found["before"])


def _measure(model: Any, way: str, rows: npt.NDArray[Any]) -> None:
    if way.startswith("generate"):
        reference_scores(model, rows, Protocol(), batch=int(way.rpartition(" ")[2]))
    else:
        Scorer(model, Protocol(measure="score" if way == "score" else "prefix"), "cpu").measure(rows)


def main(shape: str, way: str, rows: str, times: str) -> None:
    """Load the model, then measure."""
    torch.set_num_threads(1)
    model, some = SHAPES[shape].model(), np.tile(np.load(rows), (int(times), 1))
    watch = Stopwatch()
    with watch:
        _measure(model, way, some)
    watch.report()


if __name__ == "__main__":
    main(*sys.argv[1:])
