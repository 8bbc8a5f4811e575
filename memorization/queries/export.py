"""Results, to take away: every value that was measured of a model, a row each, as Parquet or as a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seenat.memorization.adaptive.coverage import read_coverage
from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.onsets import MeasuredValues, measured_values
from seenat.memorization.results.measurements import find_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured
from seenat.registry.exports.batches import Exported, blocks_of, format_of
from seenat.registry.exports.files import RECORD_FORMATS, table_writer
from seenat.registry.optional import arrow
from seenat.registry.units import SequenceRange

__all__ = ["export_results"]

_BYTES_READ = 1 << 16
"""Bytes of a checkpoint's values that are read together: 10 MB at 154 checkpoints."""
_SEQUENCES_WRITTEN = 1 << 12
"""Sequences whose rows are made together, some 630,000 at 154 checkpoints."""


def export_results(
    catalog: Catalog,
    model: Model,
    path: Path,
    *,
    format_: str | None = None,
    protocol: str | None = None,
    sequences: SequenceRange | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write what was measured of a model, by sequence and then by step; `progress` is told the sequences of each block.

    The columns are `sequence`, its `batch`, the `step` of the checkpoint, whether that had `seen` it, the quantities of the
    protocol's measure under their names (`prefix`, a number of ids) and, unless that is loss, whether it had it `memorized`.

    Raises `NotMeasured` where there is nothing, and `InvalidValue` for a path that exists or several protocols that fit.
    """
    format_ = format_of(path, format_, RECORD_FORMATS)
    chosen = model.order.sequences if sequences is None else sequences
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol, measures=tuple(MEASURES))
        coverage = read_coverage(catalog.database, connection, model, measurement)
    used = measurement.protocol
    metadata = {
        "model": model.name,
        "order": model.order.name,
        "order_digest": model.order.digest,
        "protocol": {"id": used.id, **used.to_json()},
        "sequences": chosen.to_json(),
        "adaptive": [plan.to_json() for plan in coverage.adaptive],
    }
    rows = 0
    with table_writer(path, format_, _schema(used), metadata) as write:
        for block in blocks_of(chosen, _BYTES_READ // used.kept.bytes):
            found = measured_values(catalog, model, block, used.id)
            for columns in _rows(model, block, found):
                write(columns)
                rows += len(columns["step"])
            progress(len(block))
        if not rows:
            raise NotMeasured(
                f"Of the sequences {chosen} nothing of {model.name} has been measured yet; "
                f"run `seenat memorize {model.name} --sequences {chosen}`."
            )
    return Exported(path=path.absolute(), format=format_, rows=rows, metadata=metadata)


def _rows(model: Model, block: SequenceRange, found: MeasuredValues) -> Iterator[dict[str, Any]]:
    """The columns of some sequences at a time; nothing for those that were not measured."""
    steps, protocol = np.array(found.steps, np.int64), found.protocol
    for part in blocks_of(block, _SEQUENCES_WRITTEN):
        values = found.values[:, part.start - block.start : part.stop - block.start].swapaxes(0, 1)
        places, checkpoints = np.nonzero(protocol.kept.measured(values))
        if not len(places):
            continue
        kept, sequences = values[places, checkpoints], part.start + places
        batches = sequences // model.schedule.sequences_per_batch
        yield {
            "sequence": sequences,
            "batch": batches,
            "step": steps[checkpoints],
            "seen": batches < steps[checkpoints],
            **protocol.kept.by_quantity(kept),
            **({"memorized": protocol.memorized(kept)} if protocol.kept.decodes else {}),
        }


def _schema(protocol: Protocol) -> Any:
    pa = arrow()
    whole = [(name, pa.int64()) for name in ("sequence", "batch", "step")]
    measured = [(name, pa.from_numpy_dtype(protocol.kept.dtype)) for name in protocol.kept.quantities]
    memorized = [("memorized", pa.bool_())] if protocol.kept.decodes else []
    return pa.schema([*whole, ("seen", pa.bool_()), *measured, *memorized])
