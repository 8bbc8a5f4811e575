"""Which sequences a model memorized: pages of them, and counts by batch. `catalog.which` holds these methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from seenat.lookups import CatalogSection, at_most
from seenat.registry.units import BatchRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seenat.memorization.labels.choose import Where
    from seenat.memorization.queries.earlier import Earlier
    from seenat.memorization.queries.memorized import FirstMemorized, MemorizedByBatch
    from seenat.memorization.studies.changes import Changed
    from seenat.memorization.studies.retention import Kept, Relearned
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.columns import Columns

__all__ = ["ColumnsOptions", "Which"]


class ColumnsOptions(TypedDict, total=False):
    """Which rows are wanted: at most `limit`, those above the sequence `after`, by what protocol, of sequences with these labels."""

    limit: int | None
    after: int | None
    protocol: str | None
    where: Where


class Which(CatalogSection):
    """Which sequences a model memorized first, before another model, kept, learned again, or changed, by pages; and counts by batch.

    Every method answers from what jobs have measured, and raises `NotMeasured` where nothing was. `where` chooses sequences by their
    labels: "LABEL=VALUE", several of such, or {"LABEL": "VALUE"}. Each has a twin that ends in `_columns`: all rows of the list, or
    `limit` of them, as blocks of columns, for lists of millions.
    """

    def first(
        self,
        model: str | Model,
        by: int | str | Checkpoint,
        *,
        limit: int | None = 20,
        after: tuple[int, int] | None = None,
        protocol: str | None = None,
        where: Where = None,
    ) -> FirstMemorized:
        """What a model memorized first at step `by` or before: the count, and a page of `limit` sequences.

        `after` is the `next` of the page before, (step, sequence). Sequences come by onset, then by index.
        """
        from seenat.memorization.queries.memorized import first_memorized

        chosen = self._model(model)
        return first_memorized(
            self._registry,
            chosen,
            chosen.step_number(by),
            protocol=protocol,
            limit=at_most(limit),
            after=after,
            where=where,
        )

    def earlier(
        self,
        model: str | Model,
        other: str | Model,
        *,
        limit: int | None = 20,
        after: int | None = None,
        protocol: str | None = None,
        where: Where = None,
    ) -> Earlier:
        """What `model` memorized before `other`, both of one order: both onsets of each sequence, and by how much.

        Counts are of all sequences that both memorized; `after` is the `next` of the page before.
        """
        from seenat.memorization.queries.earlier import memorized_earlier

        first, second = self._model(model), self._model(other)
        start = -1 if after is None else after
        page = {"limit": at_most(limit), "after": start}
        return memorized_earlier(self._registry, first, second, protocol=protocol, where=where, **page)

    def kept(
        self,
        model: str | Model,
        since: int | str | Checkpoint,
        until: int | str | Checkpoint | None = None,
        *,
        limit: int | None = 20,
        after: int | None = None,
        protocol: str | None = None,
        where: Where = None,
    ) -> Kept:
        """Which of the sequences memorized at step `since` were memorized at every later measured step up to `until`.

        `until` is the last measured step unless given; `after` is the `next` of the page before.
        """
        from seenat.memorization.studies.retention import kept

        chosen = self._model(model)
        start = -1 if after is None else after
        steps = chosen.step_number(since), self._step(chosen, until)
        return kept(self._registry, chosen, *steps, protocol=protocol, limit=at_most(limit), after=start, where=where)

    def relearned(
        self,
        model: str | Model,
        *,
        limit: int | None = 20,
        after: int | None = None,
        protocol: str | None = None,
        where: Where = None,
    ) -> Relearned:
        """How many sequences a model forgot, and which of them it learned again, at which steps."""
        from seenat.memorization.studies.retention import relearned

        chosen = self._model(model)
        start = -1 if after is None else after
        return relearned(self._registry, chosen, protocol=protocol, limit=at_most(limit), after=start, where=where)

    def changed(
        self,
        model: str | Model,
        since: int | str | Checkpoint,
        until: int | str | Checkpoint | None = None,
        *,
        other: str | Model | None = None,
        change: str | None = None,
        limit: int | None = 20,
        after: int | None = None,
        protocol: str | None = None,
        where: Where = None,
    ) -> Changed:
        """What changed from step `since` of a model to step `until` of the same, or of `other`: gained, forgotten, learned again.

        `until` is the last measured step unless given; `change` lists only "gained", "forgotten" or "relearned"; `after` is the
        `next` of the page before.
        """
        from seenat.memorization.studies.changes import changed

        first, second = self._model(model), None if other is None else self._model(other)
        start = -1 if after is None else after
        return changed(
            self._registry,
            first,
            first.step_number(since),
            self._step(second or first, until),
            other=second,
            change=change,
            protocol=protocol,
            limit=at_most(limit),
            after=start,
            where=where,
        )

    def batches(
        self,
        model: str | Model,
        step: int | str | Checkpoint,
        batches: BatchRange | str | None = None,
        *,
        protocol: str | None = None,
        where: Where = None,
    ) -> MemorizedByBatch:
        """How many sequences of each batch the checkpoint at `step` had memorized, of all batches or of a range."""
        from seenat.memorization.queries.memorized import memorized_by_batch

        chosen = self._model(model)
        asked = chosen.step_number(step), _batches(chosen, batches)
        return memorized_by_batch(self._registry, chosen, *asked, protocol=protocol, where=where)

    # -- all rows, as columns

    def first_columns(
        self,
        model: str | Model,
        by: int | str | Checkpoint,
        *,
        limit: int | None = None,
        after: tuple[int, int] | None = None,
        protocol: str | None = None,
        where: Where = None,
    ) -> Iterator[Columns]:
        """Every row of `first`."""
        from seenat.memorization.queries.whole_lists import all_first

        chosen = self._model(model)
        return all_first(
            self._registry,
            chosen,
            chosen.step_number(by),
            protocol=protocol,
            limit=limit,
            after=after,
            where=where,
        )

    def earlier_columns(
        self, model: str | Model, other: str | Model, **page: Unpack[ColumnsOptions]
    ) -> Iterator[Columns]:
        """Every row of `earlier`."""
        from seenat.memorization.queries.whole_lists import all_earlier

        return all_earlier(self._registry, self._model(model), self._model(other), **page)

    def changed_columns(
        self,
        model: str | Model,
        since: int | str | Checkpoint,
        until: int | str | Checkpoint | None = None,
        *,
        other: str | Model | None = None,
        change: str | None = None,
        **page: Unpack[ColumnsOptions],
    ) -> Iterator[Columns]:
        """Every row of `changed`."""
        from seenat.memorization.studies.changes import all_changed

        first, second = self._model(model), None if other is None else self._model(other)
        steps = first.step_number(since), self._step(second or first, until)
        return all_changed(self._registry, first, *steps, other=second, change=change, **page)

    def relearned_columns(self, model: str | Model, **page: Unpack[ColumnsOptions]) -> Iterator[Columns]:
        """Every row of `relearned`."""
        from seenat.memorization.studies.retention import all_relearned

        return all_relearned(self._registry, self._model(model), **page)

    def batches_columns(
        self,
        model: str | Model,
        step: int | str | Checkpoint,
        batches: BatchRange | str | None = None,
        *,
        protocol: str | None = None,
        where: Where = None,
    ) -> Iterator[Columns]:
        """Every row of `batches`."""
        from seenat.memorization.queries.whole_lists import all_batches

        chosen = self._model(model)
        asked = chosen.step_number(step), _batches(chosen, batches)
        return all_batches(self._registry, chosen, *asked, protocol=protocol, where=where)


def _batches(model: Model, batches: BatchRange | str | None) -> BatchRange:
    """The batches of a run that are meant; all unless some are named."""
    whole = -(-len(model.order.sequences) // model.schedule.sequences_per_batch)
    if isinstance(batches, str):
        return BatchRange.parse(batches, whole)
    return batches or BatchRange(0, whole)
