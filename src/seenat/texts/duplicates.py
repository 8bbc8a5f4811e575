"""The part of the public catalog about duplicates: what an order repeats, and how often what was memorized had been seen.

Parts of an order may be given as text, "START:STOP". Files of the rows are written where `out` names one; `progress` gets (done,
all), in sequences where an order is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.lookups import CatalogSection, at_most, counted
from seenat.registry.errors import InvalidValue
from seenat.registry.units import BatchRange, HalfOpenRange, SequenceRange

if TYPE_CHECKING:
    from seenat.attribution.duplicates.answers import Duplicates, NearDuplicates, Repeats
    from seenat.attribution.duplicates.contents import ComparedOrder, Write
    from seenat.attribution.duplicates.exposure_answers import MemorizedExposures
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.catalog.orders import Order

__all__ = ["DuplicateLookups"]

Progress = Callable[[int, int], None]


class DuplicateLookups(CatalogSection):
    """What an order repeats."""

    def duplicates(
        self,
        name: str | Order | Model,
        *,
        batches: BatchRange | str | None = None,
        window: HalfOpenRange | str | None = None,
        limit: int | None = 20,
        out: str | Path | None = None,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Duplicates:
        """Which sequences of an order, or of the order of a model, hold the same ids, and how often.

        `window`, "0:64", compares these positions only. All batches are read, or those of a range, and `limit` contents are
        listed; `out`, a table file or a new folder, gets every sequence of a repeated content. Equal ids are found by
        128-bit digests, in a temporary folder of 24 bytes a sequence.
        """
        from seenat.attribution.duplicates.contents import DUPLICATE_COLUMNS, duplicates

        compared = self._compared(name, batches)
        if isinstance(window, str):
            window = HalfOpenRange.parse(window, compared.source.geometry.tokens_per_sequence)
        about = {"order": compared.name, "sequences": compared.sequences.to_json()}
        with _written(out, DUPLICATE_COLUMNS, about, force=force) as write:
            done = counted(progress, len(compared.sequences))
            return duplicates(compared, window, limit=at_most(limit), write=write, progress=done)

    def repeats(
        self,
        name: str | Order | Model,
        minimum: int = 64,
        *,
        batches: BatchRange | str | None = None,
        most_places: int | None = None,
        limit: int | None = 20,
        out: str | Path | None = None,
        force: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Repeats:
        """The maximal repeats of at least `minimum` ids, at any offset, by one pass over the index of an order.

        What stands at more than `most_places` places is not compared in pairs; the answer lists it as `frequent`. `limit`
        repeats are listed, and `out` gets every place of each. `progress` gets numbers of positions that were compared.
        Raises `NotIndexed` without an index.
        """
        from seenat.attribution.duplicates.indexes import index_over
        from seenat.attribution.duplicates.repeats import (
            MOST_PLACES,
            REPEAT_COLUMNS,
            find_repeats,
            repeat_rows,
            repeats_answer,
        )

        compared, most = self._compared(name, batches), most_places or MOST_PLACES
        about = {"order": compared.name, "sequences": compared.sequences.to_json(), "minimum": minimum}
        order = self._order(name)
        with (
            index_over(self._registry, order, compared.sequences, max(1, minimum - 3)) as index,
            _written(out, REPEAT_COLUMNS, about, force=force) as write,
        ):
            found = find_repeats(index, compared, minimum, most_places=most, progress=progress or (lambda _: None))
            if out is not None:
                for columns in repeat_rows(index, compared, found.repeats):
                    write(columns)
            return repeats_answer(index, compared, found, minimum, most, at_most(limit))

    def near_duplicates(
        self,
        name: str | Order | Model,
        sequence: int,
        *,
        batches: BatchRange | str | None = None,
        ngram: int | None = None,
        limit: int | None = 20,
    ) -> NearDuplicates:
        """The sequences that resemble one most, by the n-grams that both hold; docs/duplicates.md defines it.

        Raises `NotIndexed` without an index, `UnknownSequence` beyond the order.
        """
        from seenat.attribution.duplicates.alike import near_duplicates
        from seenat.attribution.duplicates.indexes import index_over

        compared = self._compared(name, batches)
        order = self._order(name)
        longest = compared.source.geometry.tokens_per_sequence if ngram is None else ngram
        with index_over(self._registry, order, compared.sequences, longest) as index:
            return near_duplicates(index, compared, sequence, ngram=ngram, limit=at_most(limit))

    def exposures(
        self,
        model: str | Model,
        *,
        anywhere: bool = False,
        until: int | str | Checkpoint | None = None,
        limit: int | None = 20,
        protocol: str | None = None,
        out: str | Path | None = None,
        force: bool = False,
        progress: Progress | None = None,
    ) -> MemorizedExposures:
        """How often each memorized sequence had been seen before its onset: how many sequences before it held its window.

        A window is the ids that the protocol reads. The order is read up to the last onset, or up to step `until`; with
        `anywhere` the index finds the same ids at any offset instead. `limit` sequences are listed, and `out` gets all.
        """
        from seenat.attribution.duplicates.exposure_answers import EXPOSURE_COLUMNS, exposures_answer
        from seenat.attribution.duplicates.exposures import (
            exposures_by_index,
            exposures_by_position,
            memorized_rows,
        )
        from seenat.attribution.duplicates.indexes import index_over

        chosen = self._model(model)
        rows = memorized_rows(self._registry, chosen, protocol, self._step(chosen, until))
        source = rows.model.order.source()
        if anywhere:
            with index_over(self._registry, rows.model.order, rows.seen, len(rows.window)) as index:
                exposed = exposures_by_index(index, source, rows, progress=counted(progress, len(rows.sequence)))
        else:
            exposed = exposures_by_position(source, rows, counted(progress, len(rows.seen)))
        about = {"model": rows.model.name, "order": rows.model.order.name, "protocol": rows.protocol.to_answer()}
        with _written(out, EXPOSURE_COLUMNS, about, force=force) as write:
            return exposures_answer(rows, exposed, anywhere=anywhere, limit=at_most(limit), write=write)

    def _compared(self, name: str | Order | Model, batches: BatchRange | str | None) -> ComparedOrder:
        """A part of an order, as the model's own schedule cuts it where there is one."""
        from seenat.attribution.duplicates.contents import ComparedOrder

        order, model = self._order_and_model(name)
        size = model.schedule.sequences_per_batch if model else order.sequences_per_batch
        return ComparedOrder(
            name=order.name,
            sequences=_sequences(order, model, batches, size),
            source=order.source(),
            sequences_per_batch=size,
        )


def _sequences(order: Order, model: Model | None, batches: BatchRange | str | None, size: int) -> SequenceRange:
    geometry, whole = order.geometry, -(-order.geometry.sequences // size)
    if batches is None:
        if not order.is_local:
            raise InvalidValue(
                f"The files of {order.name} are at {order.location}, and comparing all of it would fetch "
                f"{geometry.total_bytes / 1e9:,.1f} GB; choose some with --batches, for example 0:{min(whole, 10)}."
            )
        return order.sequences
    chosen = BatchRange.parse(batches, whole) if isinstance(batches, str) else batches
    if model is not None:
        model.check_unaltered(chosen.stop - 1)
    return SequenceRange(chosen.start * size, chosen.stop * size).intersection(order.sequences)


@contextmanager
def _written(
    out: str | Path | None, columns: tuple[str, ...], about: Mapping[str, Any], *, force: bool
) -> Iterator[Write]:
    """A function that appends columns of whole numbers to a new file, or does nothing where none is asked for."""
    from seenat.attribution.duplicates.contents import no_rows

    if out is None:
        yield no_rows
        return
    from seenat.attribution.duplicates.places import schema_of
    from seenat.registry.exports.files import format_of, table_writer

    path = Path(out)
    with table_writer(path, format_of(path, force=force), schema_of(columns), about, force=force) as write:
        yield write
