"""Export: every value that was measured of some models, a row each, as Parquet, CSV or a dataset."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from seenat.memorization.adaptive.coverage import AdaptivePlan, read_coverage
from seenat.memorization.labels.choose import Chosen, Grouping, Where, open_chosen, open_grouping
from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.trajectories import MeasuredValues, measured_values
from seenat.memorization.results.measurements import find_measurement, measurements_of
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.exports.batches import Exported, blocks_of
from seenat.registry.exports.files import format_of, table_writer
from seenat.registry.optional import arrow
from seenat.registry.orders.text.detokenize import decode
from seenat.registry.units import SequenceRange

__all__ = ["MORE_COLUMNS", "export_results"]

MORE_COLUMNS = ("model", "protocol", "tokens", "text")
"""Columns that are written where they are asked for; the first two also where there are several models or protocols."""

# Bytes of a checkpoint's values that are read together: 10 MB at 154 checkpoints.
_BYTES_READ = 1 << 16
# Sequences whose rows are made together, some 630,000 at 154 checkpoints.
_SEQUENCES_WRITTEN = 1 << 12
# The same where ids or texts stand in each row: 40 MB at 154 checkpoints and 2,049 ids.
_SEQUENCES_WITH_CONTENT = 64


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What is exported of one model by one protocol."""

    model: Model
    protocol: Protocol
    sequences: SequenceRange
    adaptive: tuple[AdaptivePlan, ...]
    chosen: Chosen | None = None
    labels: tuple[Grouping, ...] = ()

    def metadata(self) -> dict[str, Any]:
        return {
            "model": self.model.name,
            "order": self.model.order.name,
            "order_digest": self.model.order.digest,
            "protocol": self.protocol.to_answer(),
            "sequences": self.sequences.to_json(),
            "adaptive": [plan.to_json() for plan in self.adaptive],
            **({} if self.chosen is None else {"where": list(self.chosen.words)}),
        }


def export_results(
    catalog: Catalog,
    models: Model | Sequence[Model],
    path: Path,
    *,
    format_: str | None = None,
    force: bool = False,
    protocol: str | None = None,
    all_protocols: bool = False,
    columns: Collection[str] = (),
    labels: Collection[str] = (),
    where: Where = None,
    sequences: SequenceRange | None = None,
    progress: Callable[[int], None] = lambda _: None,
    bytes_read: int = _BYTES_READ,
    sequences_written: int = _SEQUENCES_WRITTEN,
) -> Exported:
    """Write what was measured of models, one after the other, by sequence and then by step; `progress` gets sequences.

    The columns are `sequence`, its `batch`, the `step` of the checkpoint, whether that had `seen` it, the quantities of the
    protocol's measure under their names (`prefix`, a number of ids) and, unless that is loss, whether it had it `memorized`.
    Several models, or `all_protocols`, have `model` and `protocol` before them, and empty quantities where a protocol has
    none. `columns` are more of `MORE_COLUMNS`; `labels` of the order are columns of texts under their names, and `where`
    chooses sequences by their labels.

    Raises `NotMeasured` where there is nothing, and `InvalidValue` for a path that exists or several protocols that fit.
    """
    format_ = format_of(path, format_, force=force)
    _check_columns(columns)
    several = isinstance(models, Sequence) and len(models) > 1
    chosen, asked = list(models) if isinstance(models, Sequence) else [models], (protocol, all_protocols, sequences)
    with catalog.database.read() as connection:
        sources = [source for model in chosen for source in _sources(catalog, connection, model, *asked)]
    sources = [_labelled(catalog, source, labels, where) for source in sources]
    more = {"model", "protocol"} if several or all_protocols else set()
    wanted = [name for name in MORE_COLUMNS if name in more | set(columns)]
    metadata = sources[0].metadata() if len(sources) == 1 else {"results": [source.metadata() for source in sources]}
    size = min(sequences_written, _SEQUENCES_WITH_CONTENT) if {"tokens", "text"} & set(wanted) else sequences_written
    schema, rows = _schema(sources, wanted, labels), 0
    with table_writer(path, format_, schema, metadata, force=force) as write:
        for source in sources:
            for part in _parts(catalog, source, wanted, (bytes_read, size), progress):
                write(_filled(part, schema))
                rows += len(part["step"])
        if not rows:
            raise _nothing_measured(sources)
    return Exported(path=path.absolute(), format=format_, rows=rows, metadata=metadata)


def _check_columns(columns: Collection[str]) -> None:
    for name in columns:
        if name not in MORE_COLUMNS:
            raise InvalidValue(f"{name!r} is no column that can be added; choose of {', '.join(MORE_COLUMNS)}.")


def _sources(
    catalog: Catalog,
    connection: Connection,
    model: Model,
    protocol: str | None,
    all_protocols: bool,
    sequences: SequenceRange | None,
) -> list[_Source]:
    """What is exported of a model: by one protocol, or by all, those that nothing was measured by included."""
    measures = tuple(MEASURES)
    one = find_measurement(connection, model, protocol, measures=measures) if not all_protocols else None
    chosen = measurements_of(connection, model) if one is None else [one]
    return [
        _Source(
            model=model,
            protocol=measurement.protocol,
            sequences=model.order.sequences if sequences is None else sequences,
            adaptive=read_coverage(catalog.database, connection, model, measurement).adaptive,
        )
        for measurement in chosen
    ]


def _labelled(catalog: Catalog, source: _Source, labels: Collection[str], where: Where) -> _Source:
    """A source with the labels that were asked for, and the sequences that labels choose."""
    order = source.model.order
    groupings = tuple(open_grouping(catalog.database, order, name) for name in labels)
    return replace(source, labels=groupings, chosen=open_chosen(catalog.database, order, where))


def _nothing_measured(sources: Sequence[_Source]) -> NotMeasured:
    if not sources:
        return NotMeasured("Nothing of these models has been measured yet; run `seenat memorize MODEL`.")
    first = sources[0]
    names = ", ".join(dict.fromkeys(source.model.name for source in sources))
    return NotMeasured(
        f"Of the sequences {first.sequences} nothing of {names} has been measured yet; "
        f"run `seenat memorize {first.model.name}{first.protocol.options} --sequences {first.sequences}`."
    )


def _parts(
    catalog: Catalog, source: _Source, wanted: Sequence[str], sizes: tuple[int, int], progress: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """The columns of one model and protocol, some sequences at a time; `sizes` are bytes read and sequences written."""
    model, protocol = source.model, source.protocol
    for block in blocks_of(source.sequences, sizes[0] // protocol.value_type.bytes):
        measured = measured_values(catalog, model, block, protocol.id)
        for columns in _rows(source, block, measured, sizes[1]):
            yield _content(source, wanted, columns) | columns
        progress(len(block))


def _content(source: _Source, wanted: Sequence[str], columns: dict[str, Any]) -> dict[str, Any]:
    """The columns that were asked for beside the values."""
    pa, order = arrow(), source.model.order
    rows = len(columns["step"])
    found: dict[str, Any] = {
        "model": pa.array([source.model.name] * rows),
        "protocol": pa.array([source.protocol.id] * rows),
    }
    if {"tokens", "text"} & set(wanted):
        sequences, places = np.unique(columns["sequence"], return_inverse=True)
        ids = order.source().take(sequences, 0, order.geometry.tokens_per_sequence)
        if "text" in wanted:
            found["text"] = pa.array(decode(order.tokenizer, ids, order=order.name)).take(pa.array(places))
        if "tokens" in wanted:
            of_rows = np.ascontiguousarray(ids[places])
            offsets = np.arange(rows + 1, dtype=np.int32) * of_rows.shape[1]
            found["tokens"] = pa.ListArray.from_arrays(offsets, pa.array(of_rows.reshape(-1)))
    values = {label.name: _label_values(label, columns["sequence"]) for label in source.labels}
    return {**{name: found[name] for name in wanted}, **values}


def _label_values(label: Grouping, sequences: Any) -> Any:
    """The value of each row as a text, of which each is held once."""
    pa = arrow()
    return pa.array(label.values, pa.string()).take(pa.array(label.file.of(sequences)))


def _filled(part: dict[str, Any], schema: Any) -> dict[str, Any]:
    """The columns of a schema, empty where a protocol has no such quantity."""
    pa, rows = arrow(), len(part["step"])
    return {field.name: part.get(field.name, pa.nulls(rows, field.type)) for field in schema}


def _rows(source: _Source, block: SequenceRange, measured: MeasuredValues, size: int) -> Iterator[dict[str, Any]]:
    """The columns of `size` sequences at a time; nothing for those that were not measured, or not chosen."""
    model, chosen = source.model, source.chosen
    steps, protocol = np.array(measured.steps, np.int64), measured.protocol
    for part in blocks_of(block, size):
        of_part = measured.values[:, part.start - block.start : part.stop - block.start].swapaxes(0, 1)
        there = protocol.value_type.measured(of_part)
        if chosen is not None:
            there = there & chosen.in_range(part)[:, None]
        places, checkpoints = np.nonzero(there)
        if not len(places):
            continue
        values, sequences = of_part[places, checkpoints], part.start + places
        batches = sequences // model.schedule.sequences_per_batch
        yield {
            "sequence": sequences,
            "batch": batches,
            "step": steps[checkpoints],
            "seen": batches < steps[checkpoints],
            **protocol.value_type.by_quantity(values),
            **({"memorized": protocol.memorized(values)} if protocol.value_type.decodes else {}),
        }


def _schema(sources: Sequence[_Source], wanted: Sequence[str], labels: Collection[str]) -> Any:
    """The columns of all sources: names, places, quantities of each measure, and whether it was memorized."""
    pa = arrow()
    names = [(name, pa.string()) for name in ("model", "protocol") if name in wanted]
    numbers = [(name, pa.int64()) for name in ("sequence", "batch", "step")]
    measures = list(dict.fromkeys(source.protocol.measure for source in sources))
    measured = {
        name: pa.from_numpy_dtype(MEASURES[measure].dtype)
        for measure in measures
        for name in MEASURES[measure].quantities
    }
    decodes = any(MEASURES[measure].decodes for measure in measures)
    memorized = [("memorized", pa.bool_())] if decodes else []
    ids = {np.dtype(source.model.order.geometry.dtype) for source in sources} or {np.dtype("uint16")}
    tokens = [("tokens", pa.list_(pa.from_numpy_dtype(np.result_type(*ids))))] if "tokens" in wanted else []
    text = [("text", pa.string())] if "text" in wanted else []
    known = [*names, *numbers, ("seen", pa.bool_()), *measured.items(), *memorized, *tokens, *text]
    taken = {name for name, _ in known}.intersection(labels)
    if taken:
        raise InvalidValue(f"The label {min(taken)} would be a second column of that name; leave it out.")
    return pa.schema([*known, *((name, pa.string()) for name in dict.fromkeys(labels))])
