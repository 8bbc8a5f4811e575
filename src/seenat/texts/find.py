"""The part of the public catalog that goes from text back to training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from seenat.lookups import CatalogSection, at_most
from seenat.registry.answer import Answers
from seenat.registry.catalog.names import parse_hub_address
from seenat.registry.units import BatchRange, SequenceRange

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from seenat.attribution.find.answers import Found
    from seenat.attribution.find.curve import ExposureCurve
    from seenat.attribution.find.find import FindRequest, Query
    from seenat.attribution.find.viewpoint import Viewpoint
    from seenat.memorization.labels.choose import Where
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.catalog.orders import Order
    from seenat.texts.indexes import Indexes

__all__ = ["FindOptions", "SearchOptions", "Texts", "parse_ids", "parse_place"]


class SearchOptions(TypedDict, total=False):
    """Keywords that say where a text is searched, and how; the help of `Catalog.find` explains them."""

    order: str | Order | None
    model: str | Model | None
    step: int | str | Checkpoint | None
    scan: BatchRange | str | None
    variants: bool
    where: Where
    reading: Callable[[int, int], None] | None


class FindOptions(SearchOptions, total=False):
    """Keywords of `Catalog.find`, as its help explains them."""

    limit: int | None
    after: tuple[int, int] | None
    count: bool
    context: int
    by: str | None


class Texts(CatalogSection):
    """Where a text stands in training orders."""

    @property
    def index(self) -> Indexes:
        """Indexes of orders, which `find` and `trace` search: `build`, `status`, `verify`, `remove`."""
        from seenat.texts.indexes import Indexes

        return Indexes(self._registry)

    def find(self, query: Query, **options: Unpack[FindOptions]) -> Found:
        """Every exposure of a text, or of a list of ids, in training order.

        order=None     the order to search; None for the model's, or the only one that has an index
        model=None     count batches and steps as this model's schedule does, and name the checkpoints around each exposure
        step=None      only what this checkpoint of the model had seen
        limit=20       exposures that are listed; None for all
        after=None     list those after (sequence, offset): `next` of the page before
        count=True     count all; False ends the search with the page
        scan=None      batches, "START:STOP", that are read where no index finds every occurrence
        context=0      ids of text to show on either side of each
        where=None     only in sequences with this LABEL=VALUE
        by=None        also count by the values of this label
        variants=True  also look for other blanks, lines and capitals, and say which matched how often
        reading=None   gets (sequences read, all to be read) again and again, where some are read

        Raises `NotIndexed` where nothing can be searched, `UnknownOrder` for a model whose order is not published.
        """
        return self.find_all([query], **options)[0]

    def find_all(self, queries: Iterable[Query], **options: Unpack[FindOptions]) -> Answers[Found]:
        """The same for many queries at once, an answer each, in their order."""
        from seenat.attribution.find.find import find
        from seenat.attribution.ngrams.open import open_indexes

        viewpoint = self._viewpoint(options.get("order"), options.get("model"), options.get("step"))
        request = self._request(viewpoint, options)
        with open_indexes(self._registry.database, viewpoint.order) as opened:
            return Answers(find(opened, viewpoint, list(queries), request))

    def exposure_steps(self, query: Query, **options: Unpack[SearchOptions]) -> tuple[int, ...]:
        """The step of every exposure of a text, ascending: the update that consumed it; options as of `find`."""
        viewpoint, sequences = self._exposed(query, options)
        sequences.sort()
        return tuple((sequences // viewpoint.sequences_per_batch + 1).tolist())

    def exposure_curve(self, query: Query, **options: Unpack[SearchOptions]) -> ExposureCurve:
        """How many exposures of a text there had been by which step, in at most a thousand points; options as of `find`."""
        from seenat.attribution.find.curve import ExposureCurve

        return ExposureCurve.of(query, *self._exposed(query, options))

    def _exposed(self, query: Query, options: SearchOptions) -> tuple[Viewpoint, npt.NDArray[np.int64]]:
        from seenat.attribution.find.find import exposed_sequences
        from seenat.attribution.ngrams.open import open_indexes

        viewpoint = self._viewpoint(options.get("order"), options.get("model"), options.get("step"))
        with open_indexes(self._registry.database, viewpoint.order) as opened:
            return viewpoint, exposed_sequences(
                opened, viewpoint, query, self._request(viewpoint, cast("FindOptions", options))
            )

    def measure_text(
        self,
        query: Query,
        *,
        steps: str | Iterable[int | str | Checkpoint] | None = None,
        prompt: int | None = None,
        device: str | None = None,
        allow_suspect: bool = False,
        progress: Callable[[int, int, int], None] | None = None,
        **options: Unpack[FindOptions],
    ) -> Found:
        """`find`, and what checkpoints of the model make of the text itself: `measured` of the answer.

        steps=None           checkpoints to run, also as text, "1,2,64:128"; None for all of a model whose checkpoints are in a folder
        prompt=None          ids of the text that are given; None for half of it, at most 32
        device=None          "cpu", "cuda", "mps"; None for cuda where there is one
        allow_suspect=False  also run checkpoints that may hold other weights

        `progress` gets (step, checkpoints done, all). Raises `InvalidValue` without a model.
        """
        from seenat.attribution.find.find import exposed_sequences, find, found_ids
        from seenat.attribution.find.measure import MeasureRequest, measure_found
        from seenat.attribution.ngrams.open import open_indexes
        from seenat.registry.errors import InvalidValue

        viewpoint = self._viewpoint(options.get("order"), options.get("model"), options.get("step"))
        if (model := viewpoint.model) is None:
            raise InvalidValue("To measure a text, say by which model: --model NAME.")
        request = self._request(viewpoint, options)
        named = model.schedule.parse_saved(steps) if isinstance(steps, str) else steps
        chosen = None if named is None else tuple(model.checkpoint(step).step for step in named)
        measuring = MeasureRequest(steps=chosen, prompt=prompt, device=device, allow_suspect=allow_suspect)
        with open_indexes(self._registry.database, viewpoint.order) as opened:
            [found] = find(opened, viewpoint, [query], request)
            ids, sequences = found_ids(opened, found), exposed_sequences(opened, viewpoint, query, request)
        silent = progress or (lambda step, done, total: None)
        measured = measure_found(self._registry, model, found, ids, sequences, measuring, silent)
        return replace(found, measured=measured)

    def _request(self, viewpoint: Viewpoint, options: FindOptions) -> FindRequest:
        from seenat.attribution.find.find import FindRequest
        from seenat.memorization.labels.choose import open_chosen, open_grouping
        from seenat.registry.errors import InvalidValue

        limit, context = at_most(options.get("limit", 20)), options.get("context", 0)
        if limit < 0 or context < 0:
            raise InvalidValue(
                f"Exposures to list and ids around them are whole numbers from 0, not {limit} and {context}."
            )
        by, counted = options.get("by"), options.get("count", True)
        if by is not None and not counted:
            raise InvalidValue(
                f"Exposures by {by} are counts of all, so they cannot be left uncounted; leave out one of the two."
            )
        database = self._registry.database
        return FindRequest(
            chosen=open_chosen(database, viewpoint.order, options.get("where")),
            grouping=None if by is None else open_grouping(database, viewpoint.order, by),
            limit=limit,
            after=options.get("after"),
            count=counted,
            scan=_scanned(viewpoint, options.get("scan")),
            context=context,
            variants=options.get("variants", True),
            reading=options.get("reading"),
        )

    def _viewpoint(
        self, order: str | Order | None, model: str | Model | None, step: int | str | Checkpoint | None
    ) -> Viewpoint:
        from seenat.attribution.find.viewpoint import Viewpoint
        from seenat.registry.errors import InvalidValue

        run = None if model is None else self._model(model)
        if step is None and isinstance(model, str) and (address := parse_hub_address(model)) is not None:
            step = address.revision
        if run is None and step is not None:
            raise InvalidValue(f"Step {step} is of a model; say which one with --model.")
        chosen = None if order is None else self._named_order(order)
        if run is not None and chosen is not None and run.order.name != chosen.name:
            raise InvalidValue(f"{run.name} was trained on {run.order.name}, not on {chosen.name}; give one of both.")
        return Viewpoint.of(chosen or (run.order if run is not None else self._only_indexed_order()), run, step)

    def _named_order(self, order: str | Order) -> Order:
        return self._registry.order(order) if isinstance(order, str) else self._order(order)

    def _only_indexed_order(self) -> Order:
        from seenat.registry.errors import InvalidValue, NotIndexed

        indexed = sorted({status.order for status in self.index.status()})
        if not indexed:
            raise NotIndexed(
                "No order has an index; build one with `seenat index build ORDER`, or name an order to read."
            )
        if len(indexed) > 1:
            raise InvalidValue(f"{' and '.join(indexed)} have an index; say which with --order or --model.")
        return self._registry.order(indexed[0])


def _scanned(viewpoint: Viewpoint, scan: BatchRange | str | None) -> SequenceRange | None:
    if scan is None:
        return None
    size, total = viewpoint.sequences_per_batch, viewpoint.sequences.stop
    batches = BatchRange.parse(scan, -(-total // size)) if isinstance(scan, str) else scan
    return SequenceRange(batches.start * size, min(batches.stop * size, total))


def parse_place(text: str) -> tuple[int, int]:
    """Read `SEQUENCE:OFFSET`, where a page ends."""
    from seenat.registry.errors import InvalidValue

    sequence, colon, offset = text.strip().partition(":")
    if not (colon and sequence.isdecimal() and offset.isdecimal() and len(text) <= 40):
        raise InvalidValue(f"{text!r} is not a place; write SEQUENCE:OFFSET, for example 1024:0.")
    return int(sequence), int(offset)


def parse_ids(text: str) -> Sequence[int]:
    """Read ids, separated by commas or blanks."""
    from seenat.registry.errors import InvalidValue

    parts = text.replace(",", " ").split()
    wrong = next((part for part in parts if not part.isdecimal() or len(part) > 18), None)
    if wrong is not None:
        raise InvalidValue(f"{wrong!r} is no id; write ids as whole numbers, separated by commas: 17,204,9.")
    return [int(part) for part in parts]
