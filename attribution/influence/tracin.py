"""The scores: sums, over checkpoints, of how fast each candidate's loss falls along the query's gradient.

    score(z, q) = sum over checkpoints c of  w(z, c) * <grad L(z; c), v(q, c)>
    v(q, c)     = P grad L(q; c),  or that over its Euclidean norm

L(z) is the mean surprisal of the candidate's ids but its first, as in training; L(q) that of the query's ids that count. P is
the identity, or divides by the damped root of the second moment of gradients at c (`gradients.preconditioned`), of the first
64 sequences of the batch that follows c, in 16 groups. An id's part is its own share of L(z), so that a candidate's parts are exact summands of its score.

Each checkpoint is loaded once. Within it comes query after query: one direction, and the candidates in pieces, plus and minus
for each. So memory is that of the model, four copies of its weights, one pass over a block, and a piece of ids, whatever
the number of candidates and queries; the scores themselves are 8 bytes each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.influence.candidates import Indices
from seenat.attribution.influence.query import Query
from seenat.attribution.influence.visits import Visit
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.errors import InvalidValue
from seenat.registry.integrity.content import ensure_content, ensure_tokens, fetch_files

if TYPE_CHECKING:
    from seenat.attribution.influence.gradients import Direction
    from seenat.registry.orders.source import TokenSource

__all__ = ["Method", "Parts", "Progress", "Tracer", "silent"]

Progress = Callable[[int, int, int], None]
"""Gets the step of the checkpoint at work, how many (candidate, checkpoint, query) are done, and of how many."""

_Floats = npt.NDArray[np.float64]

# Ids of a piece of candidates: their parts are 8 MiB.
_IDS_A_PIECE = 1 << 20

# Sequences of a batch by which the second moment is estimated, and into how many parts they are put.
_MOMENT_SEQUENCES, _MOMENT_GROUPS = 64, 16


@dataclass(frozen=True, kw_only=True)
class Method:
    """How derivatives are taken, and along which direction."""

    way: str = "differences"
    """`differences` or `jvp`."""
    second_moment: bool = False
    unit_norm: bool = False

    def __post_init__(self) -> None:
        if self.way not in ("differences", "jvp"):
            raise InvalidValue(f"Derivatives are taken by 'differences' or 'jvp', not {self.way!r}.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Parts:
    """What some candidates of a visit give to their scores for one query."""

    visit: Visit
    query: int
    """The query's place among all."""
    places: Indices
    of_ids: _Floats
    """Weighted, `[places, T - 1]`."""
    exact: Callable[[int], float]
    """The sum of one sequence's unweighted parts, by the gradient of that sequence."""


class Tracer:
    """Scores candidates of one model for some queries, by one method."""

    def __init__(
        self,
        catalog: Catalog,
        model: Model,
        queries: Sequence[Query],
        method: Method,
        device: str | None = None,
    ) -> None:
        self._catalog, self._model, self._queries, self._method = catalog, model, tuple(queries), method
        self._device = device
        self._source: TokenSource = ensure_tokens(catalog, model.order)
        self._length = model.order.geometry.tokens_per_sequence
        self._piece = max(1, _IDS_A_PIECE // self._length)

    def scores(self, sequences: Indices, visits: Sequence[Visit], progress: Progress) -> _Floats:
        """The score of every candidate for every query: float64 [queries, candidates]."""
        totals = np.zeros((len(self._queries), len(sequences)))

        def add(parts: Parts) -> None:
            totals[parts.query, parts.places] += parts.of_ids.sum(axis=1)

        self.run(sequences, visits, add, progress)
        return totals

    def run(
        self, sequences: Indices, visits: Sequence[Visit], sink: Callable[[Parts], None], progress: Progress
    ) -> None:
        """Visit checkpoint after checkpoint and give the parts of all candidates to `sink`, a piece at a time."""
        done, total = 0, sum(len(visit.places) for visit in visits) * len(self._queries)
        for visit in visits:
            progress(visit.checkpoint.step, done, total)
            with self._loaded(visit.checkpoint) as module:
                for parts in self._visit(module, visit, sequences):
                    sink(parts)
                    done += len(parts.places)
                    progress(visit.checkpoint.step, done, total)

    def _visit(self, module: Any, visit: Visit, sequences: Indices) -> Iterator[Parts]:
        from seenat.attribution.influence.derivatives import Derivatives

        moment = self._moment(module, visit.checkpoint.step)
        for number, query in enumerate(self._queries):
            direction = self._direction(module, query, moment)
            along = Derivatives(module, direction, self._method.way, query.ids[None])
            for start in range(0, len(visit.places), self._piece):
                places = visit.places[start : start + self._piece]
                weights = visit.weights[start : start + self._piece, None]
                parts = _finite(along.of(self._ids_of(sequences[places])))
                yield Parts(
                    visit=visit,
                    query=number,
                    places=places,
                    of_ids=parts * (weights / (self._length - 1)),
                    exact=partial(self._exact, module, direction),
                )

    def _exact(self, module: Any, direction: Direction, sequence: int) -> float:
        from seenat.attribution.influence.gradients import gradient

        slopes = gradient(module, self._on_device(module, self._ids_of(np.array([sequence]))))
        return float(sum(float((slopes[name].double() * part).sum()) for name, part in direction.items()))

    # -- one checkpoint

    @contextmanager
    def _loaded(self, checkpoint: Checkpoint) -> Iterator[Any]:
        """The checkpoint's model in float32 on the device; whatever goes wrong with it is its fault."""
        from seenat.memorization.engine.kernels.devices import exact_products
        from seenat.memorization.engine.scorer import default_device
        from seenat.memorization.engine.transformers.loading import buildable, load_checkpoint
        from seenat.registry.hub.location import CheckpointLocation

        folder = fetch_files(self._catalog, self._model, checkpoint)
        ensure_content(self._catalog, checkpoint, folder)
        module: Any = load_checkpoint(CheckpointLocation.local(folder), device=self._device or default_device())
        module.eval()
        with buildable(f"{self._model.name} at step {checkpoint.step}"), exact_products():
            if self._method.way == "jvp":  # Other kernels have no forward mode.
                module.set_attn_implementation("eager")
            self._check_vocabulary(module)
            yield module

    def _check_vocabulary(self, module: Any) -> None:
        size = len(module.get_input_embeddings().weight)
        largest = max([(self._model.order.vocab_size or 1) - 1, *(int(query.ids.max()) for query in self._queries)])
        if largest >= size:
            raise InvalidValue(
                f"{self._model.name} knows {size} ids, and its order or a query has the id {largest}; correct `vocab_size` in the "
                "SUITE.toml of the order, or the query."
            )

    def _direction(self, module: Any, query: Query, moment: Direction | None) -> Direction:
        """P times the query's gradient, over its norm where that is asked for."""
        from seenat.attribution.influence.gradients import gradient, norm, preconditioned

        start, stop = query.span
        slopes = gradient(module, self._on_device(module, query.ids[None]), lambda losses: losses[:, start:stop].mean())
        direction = slopes if moment is None else preconditioned(slopes, moment)
        if not self._method.unit_norm:
            return direction
        length = norm(direction)
        return {name: part / length if length else part for name, part in direction.items()}

    def _moment(self, module: Any, step: int) -> Direction | None:
        """The second moment of gradients over the batch that follows a step, or at the end of the run the last one."""
        if not self._method.second_moment:
            return None
        from seenat.attribution.influence.gradients import second_moment

        last = self._model.altered_from_step or self._model.schedule.steps
        batch = self._model.batch(min(step, last - 1)).sequences
        drawn = np.arange(batch.start, min(batch.stop, batch.start + _MOMENT_SEQUENCES), dtype=np.int64)
        return second_moment(module, self._on_device(module, self._ids_of(drawn)), _MOMENT_GROUPS)

    def _ids_of(self, sequences: Indices) -> npt.NDArray[np.int64]:
        """The ids of sequences, `[n, T]`."""
        return self._source.take(sequences, 0, self._length).astype(np.int64)

    @staticmethod
    def _on_device(module: Any, ids: npt.NDArray[np.int64]) -> Any:
        import torch

        return torch.from_numpy(ids).to(module.device)


def silent(step: int, done: int, total: int) -> None:
    """Progress that nobody watches."""


def _finite(parts: _Floats) -> _Floats:
    if not np.isfinite(parts).all():
        raise InvalidValue(
            "The loss of a candidate or its derivative is not a number, so it has no influence that can be stated; leave this "
            "checkpoint out by naming steps."
        )
    return parts
