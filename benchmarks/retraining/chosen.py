"""What is asked, and what each way of choosing would leave out.

Queries are whole sequences of the pocket order: some that no step reads, some that occur four times in what is read, some that
occur once. For each query a way chooses as many training sequences as are left out, of all 3,072:

    influence  the largest scores, at the checkpoints around each sequence's update
    scaled     the same with the gradient scaled by the second moment
    bm25       the largest BM25 scores
    random     drawn without regard to the query; the same draws serve all queries
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import seenat
from benchmarks.machine import say
from seenat.memorization.pocket.config import POCKET
from seenat.memorization.pocket.text.order import repetitions

__all__ = ["RANDOM_DRAWS", "WAYS", "Query", "choose", "queries", "read_rows"]

WAYS = ("influence", "scaled", "bm25", "random")
RANDOM_DRAWS = 4
_KINDS = {"unseen": 2, "four times": 1, "once": 1}
"""Kinds of queries, and how many parts of all have each."""

_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Query:
    """A sequence of the order whose loss is asked of."""

    sequence: int
    kind: str


def read_rows(manifest: Path) -> _Rows:
    """All sequences of the pocket order, int64 [3,584, 65]."""
    ids = np.fromfile(manifest.parent / "document.bin", "<u2")
    return ids.reshape(-1, POCKET.tokens_per_sequence).astype(np.int64)


def queries(rows: _Rows, count: int) -> list[Query]:
    """`count` queries, a multiple of 4: half unseen, a quarter four times, a quarter once; the same at every call."""
    times, generator = repetitions(rows.astype(np.uint16)), np.random.default_rng(0)
    found = []
    for kind, repeated in zip(_KINDS, (0, 4, 1), strict=True):
        # Of a repeated content the first occurrence stands for all.
        _, first = np.unique(rows, axis=0, return_index=True)
        among = np.sort(first[times[first] == repeated])
        drawn = generator.choice(among, count * _KINDS[kind] // 4, replace=False)
        found += [Query(int(sequence), kind) for sequence in np.sort(drawn)]
    return found


def choose(
    catalog: seenat.Catalog, model: str, rows: _Rows, asked: list[Query], removed: int
) -> Iterator[tuple[str, int, list[int]]]:
    """Ways, the places of their queries (-1 where a set is for all), and the sequences that they leave out."""
    ids = [rows[query.sequence].tolist() for query in asked]
    for way, scaled in (("influence", False), ("scaled", True)):
        say(f"scoring {POCKET.trained} sequences for {len(ids)} queries: {way}")
        answers = catalog.influences(
            model, ids, batches=f"0:{POCKET.steps}", second_moment=scaled, top=removed, device="cpu"
        )
        for place, answer in enumerate(answers):
            yield way, place, [row.sequence for row in answer.sequences]
            if not scaled:
                yield "bm25", place, [row.sequence for row in answer.baseline]
    generator = np.random.default_rng(1)
    for _ in range(RANDOM_DRAWS):
        yield "random", -1, sorted(generator.choice(POCKET.trained, removed, replace=False).tolist())
