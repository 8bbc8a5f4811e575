"""What is asked, and what each way of choosing would leave out.

Queries are whole sequences of the pocket order: some that no step reads, some that occur four times in what is read, some that
occur once. For each query a way chooses as many training sequences as are left out, of all 3,072:

    influence  the largest scores, at the checkpoints around each sequence's update
    scaled     the same with the gradient scaled by the second moment
    bm25       the largest BM25 scores
    random     drawn without regard to the query; the same draws serve all queries
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import seenat
from benchmarks.machine import say
from seenat.memorization.pocket.config import POCKET
from seenat.memorization.pocket.text.order import repetitions

__all__ = ["NAMES", "WAYS", "Chosen", "Query", "by_chance", "by_influence", "queries", "read_rows"]

NAMES = {"influence": "influence", "scaled": "influence, second moment", "bm25": "BM25", "random": "random"}
"""Ways, as the page calls them."""
WAYS = tuple(NAMES)
_RANDOM_DRAWS = 4
_KINDS = {"unseen": 2, "four times": 1, "once": 1}
"""Kinds of queries, and how many parts of all have each."""

_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Query:
    """A sequence of the order whose loss is asked of."""

    sequence: int
    kind: str


class Chosen(NamedTuple):
    """What a way leaves out."""

    way: str
    query: int
    """The place of the query that it was chosen for; -1 where it is for all."""
    sequences: list[int]


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


def by_influence(
    catalog: seenat.Catalog, model: str, rows: _Rows, asked: list[Query], removed: int, *, scaled: bool
) -> list[Chosen]:
    """What influence chooses for each query; without scaling also what BM25 does, which every answer has beside it."""
    ids = [rows[query.sequence].tolist() for query in asked]
    way = "scaled" if scaled else "influence"
    say(f"scoring {POCKET.trained} sequences for {len(ids)} queries: {way}")
    answers = catalog.influences(
        model, ids, batches=f"0:{POCKET.steps}", second_moment=scaled, top=removed, device="cpu"
    )
    found = [Chosen(way, place, [row.sequence for row in answer.sequences]) for place, answer in enumerate(answers)]
    if not scaled:
        found += [Chosen("bm25", place, [row.sequence for row in it.baseline]) for place, it in enumerate(answers)]
    return found


def by_chance(removed: int) -> list[Chosen]:
    """Draws that serve all queries."""
    generator = np.random.default_rng(1)
    draws = (generator.choice(POCKET.trained, removed, replace=False) for _ in range(_RANDOM_DRAWS))
    return [Chosen("random", -1, sorted(draw.tolist())) for draw in draws]
