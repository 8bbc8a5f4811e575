"""Traces of made-up texts in made-up orders, and what looking at every diagonal of every sequence finds.

`PYTHONPATH=tests:. python -m support.traced 1000 [SEED]` compares so many texts, 60 in a second.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.trace.parts import Part
from seenat.attribution.trace.spans import Span, Trace, trace_spans
from seenat.registry.units import SequenceRange
from support.indexed import IndexedRows, indexed_rows

__all__ = ["Spans", "compare", "gapped_by_looking", "part_of", "spans_by_looking", "spans_of"]

Rows = npt.NDArray[np.integer[Any]]
Spans = dict[tuple[int, int], list[tuple[int, int]]]
"""By the ids `[start, stop)` of a text: the sequences and offsets at which they stand, ascending."""
Match = tuple[int, int, int, int]
"""Sequence, offset that the text's first id would have, start and stop in the text."""


def part_of(order: IndexedRows, stop: int | None = None) -> list[Part]:
    """The sequences below `stop`, searched by the order's index."""
    stop = len(order.rows) if stop is None else min(stop, len(order.rows))
    return [Part(order.index, (SequenceRange(0, stop),))] if stop else []


def spans_of(found: Iterable[Span]) -> Spans:
    """Spans and their exposures; each span comes once."""
    found = list(found)
    spans = {
        (span.start, span.stop): list(zip(span.sequences.tolist(), span.offsets.tolist(), strict=True))
        for span in found
    }
    assert len(spans) == len(found)
    return spans


def spans_by_looking(rows: Rows, text: Rows, minimum: int, sequences: Iterable[int]) -> Spans:
    """The maximal spans, and for a run of one id the runs of the order of at least `minimum` of it."""
    sequences = list(sequences)
    runs = _runs(text, minimum)
    matches = [
        match
        for sequence in sequences
        for match in _matches(rows, text, sequence, minimum)
        if not _is_within(match[2:], runs)
    ]
    for start, stop in runs:
        for sequence in sequences:
            for first, _ in _runs(rows[sequence], minimum):
                if rows[sequence][first] == text[start]:
                    matches.append((sequence, first - start, start, stop))
    return _maximal(matches)


def gapped_by_looking(
    rows: Rows,
    text: Rows,
    minimum: int,
    sequences: Iterable[int],
    seed: int,
    gaps: int,
    exact: Iterable[tuple[int, int]],
) -> Spans:
    """The maximal gapped spans: every part of every diagonal that holds an equal run of `seed` ids is looked at."""
    runs, matches = _runs(text, seed), []
    for sequence in sequences:
        by_diagonal: dict[int, list[tuple[int, int]]] = {}
        for _, diagonal, start, stop in _matches(rows, text, sequence, seed):
            if not _is_within((start, stop), runs):
                by_diagonal.setdefault(diagonal, []).append((start, stop))
        for diagonal, seeds in by_diagonal.items():
            matches += [
                (sequence, diagonal, start, stop)
                for start, stop in _gapped(rows[sequence], text, diagonal, seeds, gaps)
                if stop - start >= minimum
            ]
    exact = list(exact)
    return {span: places for span, places in _maximal(matches).items() if not _is_within(span, exact)}


def _gapped(row: Rows, text: Rows, diagonal: int, seeds: list[tuple[int, int]], gaps: int) -> Iterable[tuple[int, int]]:
    first, last = max(0, -diagonal), min(len(text), len(row) - diagonal)
    unequal = {place for place in range(first, last) if row[place + diagonal] != text[place]}
    allowed = {
        (start, stop)
        for start in range(first, last)
        for stop in range(start + 1, last + 1)
        if not {start, stop - 1} & unequal
        and sum(place in unequal for place in range(start, stop)) <= gaps
        and any(start <= seed[0] and seed[1] <= stop for seed in seeds)
    }
    for start, stop in allowed:
        longer = any(other != (start, stop) and other[0] <= start and stop <= other[1] for other in allowed)
        if not longer and unequal & set(range(start, stop)):
            yield start, stop


def _matches(rows: Rows, text: Rows, sequence: int, minimum: int) -> Iterable[Match]:
    row = rows[sequence]
    for diagonal in range(1 - len(text), len(row)):
        first, last = max(0, -diagonal), min(len(text), len(row) - diagonal)
        equal = row[first + diagonal : last + diagonal] == text[first:last]
        borders = np.flatnonzero(np.diff(np.concatenate([[0], equal, [0]]))) + first
        for start, stop in zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True):
            if stop - start >= minimum:
                yield sequence, diagonal, start, stop


def _runs(ids: Rows, minimum: int) -> list[tuple[int, int]]:
    borders = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), len(ids)]
    return [(a, b) for a, b in itertools.pairwise(borders) if b - a >= minimum > 1]


def _is_within(span: tuple[int, ...], others: Iterable[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= stop for start, stop in others)


def _maximal(matches: Iterable[Match]) -> Spans:
    by_span: Spans = {}
    for sequence, diagonal, start, stop in matches:
        by_span.setdefault((start, stop), []).append((sequence, start + diagonal))
    return {
        span: sorted(places)
        for span, places in by_span.items()
        if not _is_within(span, [other for other in by_span if other != span])
    }


# -- comparison


def compare(random: np.random.Generator, texts: int) -> Counter[str]:
    """Make an order and an index as chance will have it, and compare so many texts; returns how much was compared."""
    rows, ids = _order(random)
    cuts = random.integers(0, len(rows) + 1, int(random.integers(0, 4))).tolist()
    ranks = random.permutation(1 << 16).astype(np.uint16) if random.random() < 0.5 else None
    window, done = int(random.choice([1, 4, 5, 8])), Counter[str]()
    with (
        tempfile.TemporaryDirectory() as folder,
        indexed_rows(
            Path(folder),
            rows,
            window,
            cuts,
            fingerprints=bool(random.integers(0, 2)),
            ranks=ranks,
            pieces=int(random.integers(1, 4)),
        ) as order,
    ):
        for _ in range(texts):
            done += _compared(random, order, _text(random, rows, ids))
    return done


def _compared(random: np.random.Generator, order: IndexedRows, text: Rows) -> Counter[str]:
    minimum = order.index.window + int(random.integers(0, 8))
    stop, gaps = int(random.integers(0, len(order.rows) + 2)), int(random.choice([0, 0, 1, 2, 3]))
    found = trace_spans(part_of(order, stop), order.source, text.astype(np.int64), minimum, most=None, gaps=gaps)
    seen = range(min(stop, len(order.rows)))
    due = spans_by_looking(order.rows, text, minimum, seen)
    assert spans_of(found.spans) == due, (order.index.window, minimum, stop, text.tolist())
    assert found.frequent == ()
    assert _ascends(found)
    seed = order.index.window + 3
    due_gapped = gapped_by_looking(order.rows, text, minimum, seen, seed, gaps, due) if gaps else {}
    assert spans_of(found.gapped) == due_gapped, (order.index.window, minimum, stop, gaps, text.tolist())
    return Counter(texts=1, spans=len(due), gapped=len(due_gapped), runs=sum(span.is_run for span in found.spans))


def _ascends(found: Trace) -> bool:
    starts, stops = [span.start for span in found.spans], [span.stop for span in found.spans]
    return starts == sorted(set(starts)) and stops == sorted(set(stops))


def _order(random: np.random.Generator) -> tuple[Rows, Rows]:
    """Sequences of few ids, some with a long run, some nearly alike; and the ids."""
    length, sequences = int(random.integers(3, 40)), int(random.integers(1, 25))
    dtype = str(random.choice(["uint8", "uint16", "uint32", "int64"]))
    largest = min(int(np.iinfo(dtype).max), 1 << 40)
    ids = random.integers(0, largest, int(random.choice([2, 3, 5, 30])), endpoint=True).astype(dtype)
    rows = ids[random.integers(0, len(ids), (sequences, length))]
    for _ in range(int(random.integers(0, 6))):
        start = int(random.integers(0, length))
        rows[random.integers(0, sequences), start : start + int(random.integers(1, length))] = random.choice(ids)
    for _ in range(int(random.integers(0, 6))):
        copy, original = random.integers(0, sequences, 2)
        rows[copy] = rows[original]
        rows[copy, random.integers(0, length)] = random.choice(ids)
    return rows, ids


def _text(random: np.random.Generator, rows: Rows, ids: Rows) -> Rows:
    """Pieces of the order, runs, and ids that nobody wrote; at most 70 ids."""
    parts = []
    for _ in range(int(random.integers(1, 6))):
        start = int(random.integers(0, rows.shape[1]))
        row = rows[int(random.integers(0, len(rows)))]
        parts.append(row[start : start + int(random.integers(1, rows.shape[1] + 1))])
        if random.random() < 0.4:
            parts.append(np.full(int(random.integers(1, 15)), random.choice(ids)))
        if random.random() < 0.4:
            parts.append(ids[random.integers(0, len(ids), int(random.integers(1, 10)))])
    return np.concatenate(parts)[:70].astype(rows.dtype)


if __name__ == "__main__":
    wanted, seed_ = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    generator, total = np.random.default_rng(seed_), Counter[str]()
    for _ in range(-(-wanted // 4)):
        total += compare(generator, 4)
    print(", ".join(f"{number:,} {what}" for what, number in total.items()), "equal brute force")
