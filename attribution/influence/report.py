"""From a request to answers: scores of all candidates, then the parts of the best ones, and the baseline beside them.

Scores are 8 bytes a candidate and query. Parts by id are kept for the listed sequences alone, which are visited once more for
them, and checked there against exact derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from seenat.attribution.influence.answer import (
    BaselineSequence,
    CheckpointPart,
    Influence,
    InfluenceMethod,
    InfluenceQuery,
    InfluentialSequence,
)
from seenat.attribution.influence.best import PartsOfBest, parts_of_best
from seenat.attribution.influence.bm25 import bm25_scores
from seenat.attribution.influence.candidates import Indices
from seenat.attribution.influence.query import Query
from seenat.attribution.influence.tracin import Method, Progress, Tracer, silent
from seenat.attribution.influence.visits import Visit, visits_around, visits_at
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue
from seenat.registry.integrity.content import ensure_tokens
from seenat.registry.orders.text.detokenize import decode

__all__ = ["Request", "influences"]

# Ids of the passage that is shown of a sequence.
_PASSAGE = 16

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to score."""

    method: Method = field(default_factory=Method)
    steps: tuple[int | str, ...] | None = None
    """None for the checkpoints around each candidate's own update."""
    rates: str = "schedule"
    allow_suspect: bool = False
    device: str | None = None
    top: int = 10

    def visits(self, model: Model, sequences: Indices) -> tuple[Visit, ...]:
        """Where these candidates are scored, and with which weights."""
        if self.steps is None:
            return visits_around(model, sequences, rates=self.rates, allow_suspect=self.allow_suspect)
        return visits_at(model, sequences, self.steps, rates=self.rates, allow_suspect=self.allow_suspect)


def influences(
    catalog: Catalog,
    model: Model,
    queries: Sequence[Query],
    sequences: Indices,
    request: Request,
    progress: Progress = silent,
) -> tuple[Influence, ...]:
    """An answer for each query; `sequences` are ascending and consumed (`candidates`).

    Raises as `visits_around` or `visits_at`, as the loading of checkpoints, and `InvalidValue` for numbers that are none.
    """
    if not queries:
        raise InvalidValue("There is no query; give a text or a list of ids.")
    visits = request.visits(model, sequences)
    tracer = Tracer(catalog, model, queries, request.method, request.device)
    scores = tracer.scores(sequences, visits, progress)
    baseline = _baseline(catalog, model, queries, sequences)
    best = [_top(row, request.top) for row in scores]
    kept = parts_of_best(tracer, sequences, visits, best)
    report = _Report(catalog, model, sequences, request, visits)
    return tuple(map(report.answer, queries, scores, baseline, best, kept))


def _baseline(catalog: Catalog, model: Model, queries: Sequence[Query], sequences: Indices) -> _Floats:
    source, length = ensure_tokens(catalog, model.order), model.order.geometry.tokens_per_sequence
    return bm25_scores(
        [query.ids for query in queries], sequences, lambda some: source.take(some, 0, length).astype(np.int64), length
    )


def _top(scores: _Floats, count: int) -> Indices:
    """The places of the largest scores, the largest first; of equal ones the earlier sequence."""
    return np.argsort(-scores, kind="stable")[:count]


@dataclass(frozen=True, eq=False)
class _Report:
    """Makes the answer for one query."""

    catalog: Catalog
    model: Model
    sequences: Indices
    request: Request
    visits: Sequence[Visit]

    def answer(self, query: Query, scores: _Floats, bm25: _Floats, best: Indices, kept: PartsOfBest) -> Influence:
        """The answer from the scores of all candidates and what was kept of the best."""
        listed = [self._listed(rank, place, scores, bm25, kept) for rank, place in enumerate(best.tolist(), 1)]
        return Influence(
            model=self.model.name,
            order=self.model.order.name,
            query=self._asked(query),
            method=self._method(),
            candidates=len(self.sequences),
            error=kept.error,
            sequences=self._with_texts(listed),
            baseline=tuple(
                BaselineSequence(
                    rank=rank,
                    sequence=int(self.sequences[place]),
                    batch=self._batch(place),
                    bm25=float(bm25[place]),
                    score=float(scores[place]),
                    influence_rank=_rank(scores, place),
                )
                for rank, place in enumerate(_top(bm25, len(best)).tolist(), 1)
            ),
        )

    def _listed(self, rank: int, place: int, scores: _Floats, bm25: _Floats, kept: PartsOfBest) -> InfluentialSequence:
        made = kept.parts.get(place, [])
        length = self.model.order.geometry.tokens_per_sequence
        contributions = np.sum([np.zeros(length - 1), *(parts for _, _, parts in made)], axis=0)
        return InfluentialSequence(
            rank=rank,
            sequence=int(self.sequences[place]),
            batch=self._batch(place),
            step=self._batch(place) + 1,
            score=float(scores[place]),
            bm25=float(bm25[place]),
            bm25_rank=_rank(bm25, place),
            checkpoints=tuple(
                CheckpointPart(step=visit.checkpoint.step, weight=weight, score=float(parts.sum()))
                for visit, weight, parts in made
            ),
            contributions=contributions,
            passage=_passage(contributions),
            text=None,
        )

    def _batch(self, place: int) -> int:
        return self.model.schedule.batch_of(int(self.sequences[place]))

    def _asked(self, query: Query) -> InfluenceQuery:
        ids, order = query.ids, self.model.order
        text = None if order.tokenizer is None else decode(order.tokenizer, ids[None], order=order.name)[0]
        return InfluenceQuery(ids=tuple(ids.tolist()), text=text, start=query.start, stop=query.stop)

    def _method(self) -> InfluenceMethod:
        method = self.request.method
        return InfluenceMethod(
            way=method.way,
            second_moment=method.second_moment,
            unit_norm=method.unit_norm,
            rates=self.request.rates,
            steps=tuple(visit.checkpoint.step for visit in self.visits),
            around=self.request.steps is None,
        )

    def _with_texts(self, listed: list[InfluentialSequence]) -> tuple[InfluentialSequence, ...]:
        order = self.model.order
        if order.tokenizer is None or not listed:
            return tuple(listed)
        source = ensure_tokens(self.catalog, order)
        passages = np.concatenate([source.take(np.array([row.sequence]), *row.passage) for row in listed])
        texts = decode(order.tokenizer, passages, order=order.name)
        return tuple(replace(row, text=text) for row, text in zip(listed, texts, strict=True))


def _rank(scores: _Floats, place: int) -> int:
    return 1 + int(np.count_nonzero(scores > scores[place]))


def _passage(contributions: _Floats) -> tuple[int, int]:
    """The ids, as many as are shown, whose parts have the largest sum; part i is that of id i + 1."""
    size = min(_PASSAGE, len(contributions))
    sums = np.convolve(contributions, np.ones(size), "valid")
    start = int(np.argmax(sums)) + 1
    return start, start + size
