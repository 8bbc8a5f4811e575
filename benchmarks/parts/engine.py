"""Part `engine`: how many rows a second the engine measures, and how many times the reference's time a row takes.

The reference is transformers' `generate`, as `seenat.memorization.engine.transformers.reference` calls it, at its best batch; the same with its
linear layers packed for oneDNN as the engine's are, which leaves the factor that is not the library of products; and the
same without a cache, as the published script has it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chart import Bar, draw
from benchmarks.limit import counted_flop, peak, torch_peak
from benchmarks.machine import multiplies_bfloat16, say
from benchmarks.material.shapes import SHAPES, Shape
from benchmarks.page import Figure, figures, table
from benchmarks.rounds import Rows, Values, Variant, best_batch, differing, ratio
from benchmarks.ties import smallest_gaps, ties
from seenat.memorization.engine.kernels.packed_linear import packed_copy
from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.reference import reference_scores
from seenat.memorization.protocol.protocol import RECHECKED, Protocol

__all__ = ["section"]

_ROUNDS = 5
_BATCHES = (32, 64, 128, 256)
_TEXT = """## The engine against the reference procedure

In a round every line of a table measures rows that are new to it, in turn; {rounds} rounds, after two in which seenat filled
the table of its first layer, chose its stages, and had its operations counted. `rows/s` is of the median round; a factor is
how many times seenat's time the other takes for a row, round by round: the median with the least and the largest. `generate`
is transformers', as `memorization/engine/transformers/reference.py` calls it, with its cache, at the fastest of batches of {batches}; *packed* has
the linear layers of the same model packed for oneDNN, as seenat's are, so that both multiply by the same library; *as
published* is without a cache. *bfloat16 rechecked* decides in bfloat16 what lies beyond its rounding and the rest in float32.
`of the peak` is what linear maps seenat issued, in a second, of those of a square product of 2,048 with packed weights,
measured in the same rounds. The factor against `generate` depends on how much faster than torch's own product that is on a
processor.

![rows a second of one core, by shape]({chart})
"""
_SCORES = """
A score has no shortcut: every position has to be computed once either way, so a factor of the score is what remains of
transformers' overhead.
"""
_OURS = {"prefix": "prefix", "score": "score", "rechecked": "prefix, bfloat16 rechecked"}
_COMPARED = (
    ("generate", "prefix"),
    ("packed", "prefix"),
    ("published", "prefix"),
    ("generate", "rechecked"),
    ("generate", "score"),
    ("packed", "score"),
)
"""Whose time is divided by whose."""
_TARGETS = {
    ("14m", "generate", "prefix"): 15,
    ("14m", "generate", "score"): 1.8,
    ("14m", "packed", "score"): 1.15,
    ("70m", "generate", "prefix"): 10,
    ("70m", "packed", "prefix"): 5,
    ("70m", "published", "prefix"): 90,
    ("70m", "generate", "rechecked"): 11,
    ("70m", "generate", "score"): 1.8,
    ("70m", "packed", "score"): 1.15,
}
_LEAST_SHARE = {"70m": 77}
"""Per cent of the peak that prefixes should reach."""


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A shape's variants after all rounds."""

    shape: Shape
    ours: dict[str, Variant]
    theirs: dict[str, Variant]
    shares: dict[str, float]
    """Of the peak, per cent, of some of ours."""
    gaps: list[float]
    """Of every score that differs, `ties.smallest_gaps`."""
    products: dict[str, float]
    """Floating-point operations a second of a square product."""

    @property
    def all(self) -> dict[str, Variant]:
        """Ours, then theirs."""
        return self.ours | self.theirs


def section(page: Path) -> str:
    """Measure both shapes; the chart is drawn beside the page."""
    text = _TEXT.format(rounds=_ROUNDS, batches=", ".join(map(str, _BATCHES)), chart=page.with_suffix(".png").name)
    found = [_measure(shape) for shape in SHAPES.values()]
    bars = [Bar(one.shape.name, variant.name, variant.rate) for one in found for variant in one.all.values()]
    draw(bars, page.with_suffix(".png"))
    return "\n".join([text, *(_figures(one) for one in found), _SCORES])


def _measure(shape: Shape) -> _Measured:
    say(f"{shape.name}: model and rows")
    model = shape.model()
    first, second, *rounds = np.array_split(shape.rows(model, (2 + _ROUNDS) * shape.prefixes), 2 + _ROUNDS)
    ours, theirs = _ours(shape, model), _theirs(shape, model, first)
    for variant in ours.values():
        variant.run(first[: variant.rows])
    flop = {key: _flop(ours[key], second) for key in ("prefix", "score")}
    peaks, torch_peaks = [], []
    for number, rows in enumerate(rounds, start=1):
        for variant in (*ours.values(), *theirs.values()):
            variant.take(rows)
        peaks.append(peak())
        torch_peaks.append(torch_peak())
        say(f"{shape.name}: round {number} of {_ROUNDS}")
    shares = {key: 100 * each * ours[key].rate / statistics.median(peaks) for key, each in flop.items()}
    gaps = smallest_gaps(model, _differing_rows(rounds, ours["score"], theirs["generate"]))
    products = {"packed weights": statistics.median(peaks), "torch's own": statistics.median(torch_peaks)}
    return _Measured(shape=shape, ours=ours, theirs=theirs, shares=shares, gaps=gaps, products=products)


def _ours(shape: Shape, model: Any) -> dict[str, Variant]:
    """The engine's ways; in 16 bits only where the processor multiplies such numbers."""
    scorer = Scorer(model, Protocol(), "cpu")
    ways: dict[str, tuple[int, Callable[[Rows], dict[str, Values]]]] = {
        "prefix": (shape.prefixes, lambda rows: {"prefix": scorer.prefixes(rows)}),
        "score": (shape.scores, lambda rows: {"score": scorer.scores(rows)}),
    }
    if multiplies_bfloat16():
        rechecked = Scorer(model, Protocol(dtype=RECHECKED), "cpu")
        ways["rechecked"] = (shape.prefixes, lambda rows: {"prefix": rechecked.prefixes(rows)})
    return {key: Variant(name=f"seenat, {_OURS[key]}", rows=rows, run=run) for key, (rows, run) in ways.items()}


def _theirs(shape: Shape, model: Any, rows: Rows) -> dict[str, Variant]:
    published = _reference(model, shape.uncached, use_cache=False)
    return {
        "generate": _generate(shape, model, "generate", rows),
        "packed": _generate(shape, packed_copy(model), "generate, packed", rows),
        "published": Variant(name="generate, as published", rows=shape.uncached, run=published),
    }


def _flop(variant: Variant, rows: Rows) -> float:
    """Operations a row."""
    some = rows[: variant.rows]
    return counted_flop(lambda: variant.run(some)) / len(some)


def _generate(shape: Shape, model: Any, name: str, rows: Rows) -> Variant:
    """The reference with its cache, at the batch at which it is fastest here."""
    some = rows[: max(_BATCHES)]
    batch = best_batch(_BATCHES, some, lambda batch, some: _reference(model, batch)(some))
    say(f"{shape.name}: {name} is fastest in batches of {batch}")
    return Variant(name=f"{name}, batch {batch}", rows=len(some), run=_reference(model, batch))


def _reference(model: Any, batch: int, *, use_cache: bool = True) -> Any:
    def run(rows: Rows) -> dict[str, Values]:
        found = reference_scores(model, rows, Protocol(), batch=batch, use_cache=use_cache)
        return {"prefix": found.prefix, "score": found.score}

    return run


def _differing_rows(rounds: list[Rows], score: Variant, reference: Variant) -> Rows:
    found = []
    for rows, mine, other in zip(rounds, score.values, reference.values, strict=True):
        both = min(len(mine["score"]), len(other["score"]))
        found.append(rows[:both][mine["score"][:both] != other["score"][:both]])
    return np.concatenate(found)


def _figures(found: _Measured) -> str:
    rates = table(
        ("", "rows/s", "rows a round"), [(one.name, f"{one.rate:,.1f}", f"{one.rows:,}") for one in found.all.values()]
    )
    shown = [_times(found, slow, fast) for slow, fast in _COMPARED if fast in found.ours]
    shown += [
        Figure(what=f"{key}, of the peak", value=share, text=f"{share:.0f} %", least=least, unit=" %")
        for key, share in found.shares.items()
        for least in [_LEAST_SHARE.get(found.shape.name) if key == "prefix" else None]
    ]
    shown += [
        Figure(what=f"square product, {way}", value=rate, text=f"{rate / 1e9:.0f} GFLOP/s")
        for way, rate in found.products.items()
    ]
    shown += [_differences(one, list(found.theirs.values())) for one in found.ours.values()]
    survival = _survival(np.concatenate([values["prefix"] for values in found.ours["prefix"].values]))
    return "\n".join([f"### {found.shape.title}\n", survival, rates, figures(shown), ties(found.gaps)])


def _survival(prefixes: Values) -> str:
    shares = (f"{(prefixes >= length).mean():.1%} for {length}" for length in (1, 2, 4, 8, 16, 32))
    return f"The model decodes as the row goes on {', '.join(shares)} ids or more.\n"


def _times(found: _Measured, slow: str, fast: str) -> Figure:
    times = ratio(found.theirs[slow], found.ours[fast])
    least = _TARGETS.get((found.shape.name, slow, fast))
    what = f"{_OURS[fast]}, against {found.theirs[slow].name}"
    return Figure(what=what, value=times.median, text=str(times), least=least, unit="x")


def _differences(ours: Variant, theirs: Sequence[Variant]) -> Figure:
    measure = next(iter(ours.values[0]))
    counts = [differing(ours, one, measure) for one in theirs]
    wrong, compared = (sum(numbers) for numbers in zip(*counts, strict=True))
    return Figure(what=f"{ours.name}: differ", value=wrong, text=f"{wrong} of {compared:,}", most=0)
