"""The part of the public catalog that writes files for other programs: results of models, and batches of an order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from seenat.lookups import CatalogSection, counted
from seenat.registry.errors import InvalidValue
from seenat.registry.units import BatchRange, SequenceRange

if TYPE_CHECKING:
    from seenat.memorization.labels.choose import Where
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.catalog.models import Model
    from seenat.registry.catalog.orders import Order
    from seenat.registry.exports.batches import Exported

__all__ = ["ExportOptions", "Exports"]

Progress = Callable[[int, int], None]


class ExportOptions(TypedDict, total=False):
    """What `Catalog.export` writes, as its help explains it."""

    format: str | None
    force: bool
    protocol: str | None
    all_protocols: bool
    columns: Collection[str]
    labels: Collection[str]
    where: Where


class Exports(CatalogSection):
    """Methods that write files."""

    def export(
        self,
        model: str | Model | Sequence[str | Model],
        path: str | Path,
        *,
        sequences: SequenceRange | str | None = None,
        progress: Progress | None = None,
        **options: Unpack[ExportOptions],
    ) -> Exported:
        """Write every measured value of a model, or of several, to a .parquet, .csv or .jsonl file or a `datasets` folder, a row each.

        format=None          "parquet", "csv", "jsonl" or "dataset", where the name has no ending; else the name says it
        force=False          replace what exists
        protocol=None        the beginning of a protocol's id
        all_protocols=False  by all protocols that the models were measured by
        labels=()            also columns with the values of these labels
        where=None           only sequences with this LABEL=VALUE
        columns=()           also "model", "protocol", "tokens", "text"; several models or protocols have the first two

        `progress` gets (sequences done, all).
        """
        chosen = self._models([model] if isinstance(model, str) or not isinstance(model, Sequence) else model)
        return _export_results(self._registry, chosen, Path(path), sequences, progress, options)

    def export_batches(
        self,
        name: str | Order | Model,
        path: str | Path,
        *,
        batches: BatchRange | str | None = None,
        steps: BatchRange | str | None = None,
        format: str | None = None,
        force: bool = False,
        columns: str = "plain",
        progress: Progress | None = None,
    ) -> Exported:
        """Write the ids of consecutive batches of a model or an order to a .npy, .parquet, .csv or .jsonl file, or a `datasets` folder.

        Give either `batches`, or `steps` from one to the other, which are the same batches. `columns` is "plain" or
        "published", the names of the published copy of Pythia's order. `force` replaces what exists. `progress` gets (sequences done, all).
        """
        order, model = self._order_and_model(name)
        return _export_batches(order, model, Path(path), batches, steps, (format, force), columns, progress)


def _export_results(
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
        force=options.get("force", False),
        protocol=options.get("protocol"),
        all_protocols=options.get("all_protocols", False),
        columns=options.get("columns", ()),
        labels=options.get("labels", ()),
        where=options.get("where"),
        sequences=chosen,
        progress=counted(progress, total),
    )


def _export_batches(
    order: Order,
    model: Model | None,
    path: Path,
    batches: BatchRange | str | None,
    steps: BatchRange | str | None,
    written: tuple[str | None, bool],
    columns: str,
    progress: Progress | None,
) -> Exported:
    """Write the ids of the batches of a range, as the model's own schedule cuts them where there is one."""
    from seenat.registry.exports.batches import export_batches as write

    chosen = steps if batches is None else batches
    if chosen is None or (batches is not None and steps is not None):
        raise InvalidValue("Give either the batches or the steps to export, as START:STOP.")
    if isinstance(chosen, str):
        stop = model.schedule.steps if model else order.batches.stop
        chosen = model.schedule.parse_steps(chosen) if model and batches is None else BatchRange.parse(chosen, stop)
        chosen = BatchRange(chosen.start, min(chosen.stop, stop))
    if model is not None:
        model.check_unaltered(chosen.stop - 1)
    size = model.schedule.sequences_per_batch if model else order.sequences_per_batch
    return write(
        order,
        chosen,
        path,
        format_=written[0],
        force=written[1],
        sequences_per_batch=size,
        columns=columns,
        progress=counted(progress, min(len(chosen) * size, order.geometry.sequences)),
    )
