"""Scores of rows as scores of sequences, with the batches and steps of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seenat.attribution.exchange.bergson import ScoreFile
from seenat.memorization.published.columns import indices_of
from seenat.memorization.published.parquet_files import rows_of
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.errors import InvalidValue
from seenat.registry.optional import datasets_or_refuse
from seenat.registry.orders.bounds import checked_indices
from seenat.registry.orders.duplicate_sequences import Indices
from seenat.registry.orders.geometry import Geometry
from seenat.registry.parquet.bounded import reading

__all__ = ["SCORE_COLUMNS", "ImportedScores", "ScoredSequence", "scored_sequences", "sequences_of_rows"]

SCORE_COLUMNS = ("query", "row", "sequence", "batch", "step")
"""Columns of whole numbers of a file of scores; `score` is another."""

_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSequence(Answer):
    """The score of a sequence for a query."""

    query: int
    """Number of the query, from 0."""
    sequence: int
    batch: int
    step: int
    """The step after the update that consumed it."""
    score: float


@dataclass(frozen=True, kw_only=True)
class ImportedScores(TableAnswer):
    """Scores that another program gave to sequences."""

    order: str
    source: Path
    queries: int
    rows: int
    missing: int
    """Scores that were not computed."""
    sequences: tuple[ScoredSequence, ...]
    """The highest of each query, the highest first."""

    table_field = "sequences"


def sequences_of_rows(path: Path) -> Indices:
    """The column `sequence` of a dataset that was scored: a Parquet file or a folder of `datasets`.

    Raises `InvalidValue` where there is no such column, `CorruptFile` where it does not hold whole numbers from 0.
    """
    if not path.exists():
        raise InvalidValue(f"{path} does not exist; give the dataset that was scored, as it was exported.")
    with reading(str(path), "a dataset with a column sequence"):
        if path.is_dir():
            dataset = datasets_or_refuse().load_from_disk(str(path))
            tables = iter(dataset.select_columns(["sequence"]).with_format("arrow").iter(_ROWS_AT_ONCE))
        else:
            tables = rows_of([str(path)], ["sequence"], _ROWS_AT_ONCE)
        columns = [indices_of(table.column("sequence"), str(path)) for table in tables]
    return np.concatenate([np.empty(0, np.int64), *columns])


def scored_sequences(
    scores: ScoreFile,
    order: str,
    geometry: Geometry,
    sequences: Indices,
    sequences_per_batch: int,
    *,
    limit: int = 20,
    write: Callable[[dict[str, Any]], None] = lambda _: None,
) -> ImportedScores:
    """The highest scores of each query, by the sequence of each row; `write` receives all of them, query by query.

    Raises `InvalidValue` where there are not as many sequences as rows, `UnknownSequence` beyond the order.
    """
    if len(sequences) != scores.items:
        raise InvalidValue(
            f"{scores.path} has scores of {scores.items:,} rows, and {len(sequences):,} sequences were given; give the dataset that "
            "was scored."
        )
    sequences = checked_indices(geometry, sequences)
    batches, highest, missing = sequences // sequences_per_batch, [], 0
    for query in range(scores.queries):
        values = scores.scores(query)
        known = np.flatnonzero(~np.isnan(values))
        missing += len(values) - len(known)
        for first in range(0, len(known), _ROWS_AT_ONCE):
            rows = known[first : first + _ROWS_AT_ONCE]
            numbers = (np.full(len(rows), query), rows, sequences[rows], batches[rows], batches[rows] + 1)
            write({**dict(zip(SCORE_COLUMNS, numbers, strict=True)), "score": values[rows]})
        best = known[np.lexsort((sequences[known], -values[known]))][:limit]
        highest += [
            ScoredSequence(query=query, sequence=sequence, batch=batch, step=batch + 1, score=score)
            for sequence, batch, score in zip(
                sequences[best].tolist(), batches[best].tolist(), values[best].tolist(), strict=True
            )
        ]
    return ImportedScores(
        order=order,
        source=scores.path,
        queries=scores.queries,
        rows=scores.items,
        missing=missing,
        sequences=tuple(highest),
    )
