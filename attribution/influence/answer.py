"""The answer: which training sequences lowered a query's loss most, and from which of their ids, at which checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from seenat.registry.answer import Answer, TableAnswer

__all__ = [
    "BaselineSequence",
    "CheckpointPart",
    "Influence",
    "InfluenceMethod",
    "InfluenceQuery",
    "InfluentialSequence",
]

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class InfluenceQuery(Answer):
    """What was asked of."""

    ids: tuple[int, ...]
    text: str | None
    """None where the order names no tokenizer."""
    start: int
    """The loss is the mean over the ids at places [start, stop)."""
    stop: int

    json_only_with: ClassVar[Mapping[str, str]] = {"text": "text"}


@dataclass(frozen=True, kw_only=True)
class InfluenceMethod(Answer):
    """How it was computed."""

    way: str
    """`differences` or `jvp`."""
    second_moment: bool
    """Whether the query's gradient was divided by the damped root of the second moment."""
    unit_norm: bool
    """Whether it was then divided by its Euclidean norm, at each checkpoint."""
    rates: str
    """`schedule`: weighted by the learning rate of updates; `equal`: by 1."""
    steps: tuple[int, ...]
    """The checkpoints that were used, ascending."""
    around: bool
    """Whether each candidate was scored around its own update; else at every step."""


@dataclass(frozen=True, kw_only=True)
class CheckpointPart(Answer):
    """What one checkpoint gives to a score."""

    step: int
    weight: float
    """A learning rate times the checkpoint's share of it."""
    score: float
    """The weighted part."""


@dataclass(frozen=True, kw_only=True)
class InfluentialSequence(Answer):
    """A training sequence, and how much it lowered the query's loss."""

    rank: int
    """From 1, by score."""
    sequence: int
    batch: int
    step: int
    """The step that its update made, batch + 1."""
    score: float
    """Positive where training on it lowered the query's loss."""
    bm25: float
    bm25_rank: int
    """Among all candidates, from 1; ties share the best rank."""
    checkpoints: tuple[CheckpointPart, ...]
    """Ascending by step; they add up to the score."""
    contributions: _Floats = field(compare=False)
    """Of each of its ids but the first, float64 [T - 1]; they add up to the score."""
    passage: tuple[int, int]
    """The places of its ids, half-open, that contribute most together, of all as long."""
    text: str | None
    """Of that passage; None where the order names no tokenizer."""

    json_only_with: ClassVar[Mapping[str, str]] = {"text": "text"}


@dataclass(frozen=True, kw_only=True)
class BaselineSequence(Answer):
    """A sequence that BM25 finds."""

    rank: int
    sequence: int
    batch: int
    bm25: float
    score: float
    influence_rank: int


@dataclass(frozen=True, kw_only=True)
class Influence(TableAnswer):
    """The candidates with the largest influence on one query."""

    model: str
    order: str
    query: InfluenceQuery
    method: InfluenceMethod
    candidates: int
    """How many were scored."""
    error: float | None
    """How far the derivatives listed are from exact ones: the largest relative difference, at each checkpoint of the listed
    sequence that counts most there, from the product of two gradients. None where nothing was listed."""
    sequences: tuple[InfluentialSequence, ...]
    """By score, the largest first."""
    baseline: tuple[BaselineSequence, ...]
    """As many by BM25."""

    table_field = "sequences"
