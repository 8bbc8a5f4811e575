"""Part `engine`: how many rows a second the engine measures, and how many times the reference's time a row takes.

The reference is transformers' `generate`, as `seenat.memorization.reference` calls it, at its best batch; the same with its
linear layers packed for oneDNN as the engine's are, which leaves the factor that is not the library of products; and the
same without a cache, as the published script has it.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chart import Bar, draw
from benchmarks.limit import counted_flop, peak
from benchmarks.machine import say
from benchmarks.page import Figure, figures, table
from benchmarks.rounds import Rows, Values, Variant, best_batch, differing, ratio
from benchmarks.shapes import SHAPES, Shape
from benchmarks.ties import smallest_gaps, ties
from seenat.memorization.packing import packed_copy
from seenat.memorization.protocol import Protocol
from seenat.memorization.reference import reference_scores
from seenat.memorization.scoring import Scorer

__all__ = ["section"]

_ROUNDS = 5
_BATCHES = (32, 64, 128, 256)
_TEXT = """## The engine against the reference procedure

In a round every line of a table measures rows that are new to it, in turn; {rounds} rounds after two in which seenat filled
the table of its first layer and chose its stages, and its operations were counted. `rows/s` is of the median round; a factor is how many times seenat's time
the other takes for a row, round by round: the median with the least and the largest. `generate` is transformers', as
`memorization/reference.py` calls it, with its cache at the fastest of batches of {batches}; *packed* has the linear layers of
the same model packed for oneDNN, as seenat's are, so that both multiply by the same library; *as published* is without a
cache. `of the peak` is what linear maps seenat issued, in a second, of those of a square product of 2,048 with packed
weights, measured in the same rounds.

![rows a second of one core, by shape](benchmarks.png)
"""
_SCORES = """
A score has no shortcut: every position has to be computed once either way, so a factor of the score is what remains of
transformers' overhead.
"""
_TARGETS: dict[str, dict[str, float]] = {
    "14m": {"cached": 15, "packed": 10, "published": 70, "score": 1.8, "score packed": 1.15},
    "70m": {"cached": 10, "packed": 5, "published": 90, "score": 1.8, "score packed": 1.15, "peak": 77},
}


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A shape's variants after all rounds."""

    shape: Shape
    prefix: Variant
    score: Variant
    cached: Variant
    packed: Variant
    published: Variant
    shares: tuple[float, float]
    """Of the peak, per cent: prefixes and scores."""
    survival: str
    gaps: list[float]
    """Of every score that differs, `ties.smallest_gaps`."""

    @property
    def all(self) -> tuple[Variant, ...]:
        """Ours, then theirs."""
        return self.prefix, self.score, self.cached, self.packed, self.published


def section(page: Path) -> str:
    """Measure both shapes; the chart is drawn beside the page."""
    text = _TEXT.format(rounds=_ROUNDS, batches=", ".join(map(str, _BATCHES)))
    found = [_measure(shape) for shape in SHAPES.values()]
    bars = [Bar(one.shape.name, variant.name, variant.rate) for one in found for variant in one.all]
    draw(bars, page.with_suffix(".png"))
    return "\n".join([text, *(_told(one) for one in found), _SCORES])


def _measure(shape: Shape) -> _Measured:
    say(f"{shape.name}: model and rows")
    model = shape.model()
    first, second, *rounds = np.array_split(shape.rows(model, (2 + _ROUNDS) * shape.prefixes), 2 + _ROUNDS)
    scorer = Scorer(model, Protocol(), "cpu")
    prefix = Variant(name="seenat, prefix", rows=shape.prefixes, run=lambda rows: {"prefix": scorer.prefixes(rows)})
    score = Variant(name="seenat, score", rows=shape.scores, run=lambda rows: {"score": scorer.scores(rows)})
    cached = _generate(shape, model, "generate", first)
    packed = _generate(shape, packed_copy(model), "generate, packed", first)
    published = Variant(
        name="generate, as published", rows=shape.uncached, run=_reference(model, shape.uncached, use_cache=False)
    )
    prefix.run(first)
    flop = [_flop(variant, second) for variant in (prefix, score)]
    peaks = []
    for number, rows in enumerate(rounds, start=1):
        for variant in (prefix, score, cached, packed, published):
            variant.take(rows)
        peaks.append(peak())
        say(f"{shape.name}: round {number} of {_ROUNDS}")
    limit = statistics.median(peaks)
    shares = 100 * flop[0] * prefix.rate / limit, 100 * flop[1] * score.rate / limit
    return _Measured(
        shape=shape, prefix=prefix, score=score, cached=cached, packed=packed, published=published, shares=shares,
        survival=_survival(np.concatenate([values["prefix"] for values in prefix.values])),
        gaps=smallest_gaps(model, _differing_rows(rounds, score, cached)),
    )  # fmt: skip


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


def _differing_rows(rounds: list[Rows], score: Variant, cached: Variant) -> Rows:
    found = []
    for rows, mine, other in zip(rounds, score.values, cached.values, strict=True):
        both = min(len(mine["score"]), len(other["score"]))
        found.append(rows[:both][mine["score"][:both] != other["score"][:both]])
    return np.concatenate(found)


def _survival(prefixes: Values) -> str:
    shares = (f"{(prefixes >= length).mean():.1%} for {length}" for length in (1, 2, 4, 8, 16, 32))
    return f"The model decodes as the row goes on {', '.join(shares)} ids or more."


def _told(found: _Measured) -> str:
    targets = _TARGETS[found.shape.name]
    pairs = {
        "cached": (found.cached, found.prefix, "prefix"),
        "packed": (found.packed, found.prefix, "prefix"),
        "published": (found.published, found.prefix, "prefix"),
        "score": (found.cached, found.score, "score"),
        "score packed": (found.packed, found.score, "score"),
    }
    told = [
        Figure(
            what=f"{measure} against {slow.name}",
            value=(times := ratio(slow, fast)).median,
            told=str(times),
            least=targets[key],
            unit="x",
        )
        for key, (slow, fast, measure) in pairs.items()
    ]
    told += [_share("prefix", found.shares[0], targets.get("peak")), _share("score", found.shares[1], None)]
    told += [_differences(found.prefix, found.all[2:], "prefix"), _differences(found.score, found.all[2:], "score")]
    rates = table(
        ("", "rows/s", "rows a round"), [(one.name, f"{one.rate:,.1f}", f"{one.rows:,}") for one in found.all]
    )
    return "\n".join([f"### {found.shape.title}\n", f"{found.survival}\n", rates, figures(told), ties(found.gaps)])


def _share(measure: str, share: float, least: float | None) -> Figure:
    return Figure(what=f"{measure}, of the peak", value=share, told=f"{share:.0f} %", least=least, unit=" %")


def _differences(ours: Variant, theirs: Sequence[Variant], measure: str) -> Figure:
    counts = [differing(ours, one, measure) for one in theirs]
    wrong, compared = (sum(numbers) for numbers in zip(*counts, strict=True))
    return Figure(what=f"{measure}es that differ" if measure == "prefix" else "scores that differ",
                  value=wrong, told=f"{wrong} of {compared:,}", most=0)  # fmt: skip
