"""Files for other programs: results of a model, and batches of an order. The ranges may be given as text."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from seenat.lookups import counted
from seenat.registry.errors import InvalidValue
from seenat.registry.units import BatchRange, SequenceRange

if TYPE_CHECKING:
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.catalog.models import Model
    from seenat.registry.catalog.orders import Order
    from seenat.registry.exports.batches import Exported

__all__ = ["ExportOptions", "export_batches", "export_results"]

Progress = Callable[[int, int], None]


class ExportOptions(TypedDict, total=False):
    """What `Catalog.export` writes, as its help explains it."""

    format: str | None
    protocol: str | None
    all_protocols: bool
    columns: Collection[str]


def export_results(
    catalog: RegistryCatalog,
    models: list[Model],
    path: Path,
    sequences: SequenceRange | str | None,
    progress: Progress | None,
    options: ExportOptions,
) -> Exported:
    """Write what was measured of models, of all sequences or of a range."""
    from seenat.memorization.queries.export import export_results as write

    if not models:
        raise InvalidValue("Name at least one model whose values are to be exported.")
    shortest = min(model.order.sequences.stop for model in models)
    chosen = SequenceRange.parse(sequences, shortest) if isinstance(sequences, str) else sequences
    total = sum(len(model.order.sequences if chosen is None else chosen) for model in models)
    return write(
        catalog,
        models,
        path,
        format_=options.get("format"),
        protocol=options.get("protocol"),
        all_protocols=options.get("all_protocols", False),
        columns=options.get("columns", ()),
        sequences=chosen,
        progress=counted(progress, total),
    )


def export_batches(
    order: Order,
    model: Model | None,
    path: Path,
    batches: BatchRange | str | None,
    steps: BatchRange | str | None,
    format_: str | None,
    columns: str,
    progress: Progress | None,
) -> Exported:
    """Write the ids of the batches of a range, as the model's own schedule cuts them where there is one."""
    from seenat.registry.exports.batches import export_batches as write

    chosen = steps if batches is None else batches
    if chosen is None or (batches is not None and steps is not None):
        raise InvalidValue("Give either the batches or the steps to export, as START:STOP.")
    if isinstance(chosen, str):
        chosen = BatchRange.parse(chosen, model.schedule.steps if model else order.batches.stop)
    if model is not None:
        model.check_unaltered(chosen.stop - 1)
    size = model.schedule.sequences_per_batch if model else order.sequences_per_batch
    return write(
        order,
        chosen,
        path,
        format_=format_,
        sequences_per_batch=size,
        columns=columns,
        progress=counted(progress, min(len(chosen) * size, order.geometry.sequences)),
    )
