"""Influence: which training sequences lowered the loss of a text. `Catalog` has these methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypedDict, Unpack

from seenat.lookups import CatalogSection
from seenat.registry.answer import Answers
from seenat.registry.errors import InvalidValue
from seenat.registry.units import BatchRange, SequenceRange

if TYPE_CHECKING:
    from seenat.attribution.influence.answer import Influence
    from seenat.attribution.influence.candidates import Indices
    from seenat.attribution.influence.report import Request
    from seenat.registry.catalog.models import Model

__all__ = ["InfluenceOptions", "Influences"]


class InfluenceOptions(TypedDict, total=False):
    """The options of `Catalog.influence`, which describes each, for programs that pass them on."""

    steps: int | str | Iterable[int | str] | None
    batches: BatchRange | str | None
    sequences: SequenceRange | str | Iterable[int] | None
    loss: str | tuple[int, int] | None
    way: str
    second_moment: bool
    unit_norm: bool
    rates: str
    top: int
    allow_suspect: bool
    device: str | None
    progress: Callable[[int, int, int], None] | None


class Influences(CatalogSection):
    """The influence of training sequences on the loss of queries."""

    def influence(
        self, model: str | Model, query: str | Iterable[int], **options: Unpack[InfluenceOptions]
    ) -> Influence:
        """Which training sequences lowered the loss of a text, or of a list of ids, most.

        batches=None          candidates: a range of batches of the run, as `BatchRange` or "START:STOP"
        sequences=None        or sequences: a range, or a list of indices; name one of the two
        steps=None            None scores each candidate at the checkpoints around its own update; else a step or a list of steps
        loss=None             "START:STOP", the places of the query's ids whose loss counts; None for all but the first
        way="differences"     or "jvp": exact, slower, with eager attention
        second_moment=False   divide the query's gradient by the root of the gradients' second moment
        unit_norm=False       then divide it by its norm
        rates="schedule"      or "equal", where the learning rates are not known
        top=10                sequences to list
        allow_suspect=False   also use checkpoints that may hold other weights
        device=None           "cpu", "cuda", "cuda:1", "mps"; None for cuda where there is one
        progress=None         gets (step, done, all), counted in candidates times checkpoints

        Raises `InvalidValue` for what cannot be scored, `UnknownSequence` for candidates that the run never consumed,
        `UnknownOrder` where what it consumed is not published, and `UnknownCheckpoint`.
        """
        return self.influences(model, [query], **options)[0]

    def influences(
        self, model: str | Model, queries: Iterable[str | Iterable[int]], **options: Unpack[InfluenceOptions]
    ) -> Answers[Influence]:
        """The same for many texts or lists of ids, an answer each; every checkpoint is loaded once for all."""
        from seenat.attribution.influence.query import read_query
        from seenat.attribution.influence.report import influences
        from seenat.attribution.influence.tracin import silent
        from seenat.memorization.engine.transformers.loading import check_device

        chosen = self._model(model)
        asked = [read_query(chosen.order, query, options.get("loss")) for query in queries]
        candidates = _candidates(chosen, options.get("batches"), options.get("sequences"))
        request = _request(chosen, options)
        if request.device is not None:
            check_device(request.device)
        progress = options.get("progress") or silent
        return Answers(influences(self._registry, chosen, asked, candidates, request, progress))


def _candidates(
    model: Model, batches: BatchRange | str | None, sequences: SequenceRange | str | Iterable[int] | None
) -> Indices:
    from seenat.attribution.influence.candidates import of_batches, of_sequences

    if (batches is None) == (sequences is None):
        raise InvalidValue(
            f"Candidates are either batches or sequences of {model.order.name}; name one of the two, for example batches 0:10."
        )
    if batches is not None:
        return of_batches(
            model, BatchRange.parse(batches, model.schedule.steps) if isinstance(batches, str) else batches
        )
    if isinstance(sequences, str):
        sequences = SequenceRange.parse(sequences, model.order.sequences.stop)
    return of_sequences(model, sequences or ())


def _request(model: Model, options: InfluenceOptions) -> Request:
    from seenat.attribution.influence.report import Request
    from seenat.attribution.influence.tracin import Method

    steps = options.get("steps")
    if steps is not None:
        steps = model.schedule.parse_saved(steps) if isinstance(steps, str) else steps
        steps = (steps,) if isinstance(steps, int) else tuple(steps)
    top = options.get("top", 10)
    if top < 1:
        raise InvalidValue(f"A list of {top} sequences says nothing; ask for at least 1.")
    return Request(
        method=Method(
            way=options.get("way", "differences"),
            second_moment=options.get("second_moment", False),
            unit_norm=options.get("unit_norm", False),
        ),
        steps=steps,
        rates=options.get("rates", "schedule"),
        allow_suspect=options.get("allow_suspect", False),
        device=options.get("device"),
        top=top,
    )
