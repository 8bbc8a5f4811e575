"""Export: every value that was measured of a model, a row each, as Parquet or as a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seenat.memorization.adaptive.coverage import read_coverage
from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.trajectories import MeasuredValues, measured_values
from seenat.memorization.results.measurements import find_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured
from seenat.registry.exports.batches import Exported, blocks_of, format_of
from seenat.registry.exports.files import RECORD_FORMATS, table_writer
from seenat.registry.optional import arrow
from seenat.registry.units import SequenceRange

__all__ = ["export_results"]

# Bytes of a checkpoint's values that are read together: 10 MB at 154 checkpoints.
_BYTES_READ = 1 << 16
# Sequences whose rows are made together, some 630,000 at 154 checkpoints.
_SEQUENCES_WRITTEN = 1 << 12


def export_results(
    catalog: Catalog,
    model: Model,
    path: Path,
    *,
    format_: str | None = None,
    protocol: str | None = None,
    sequences: SequenceRange | None = None,
    progress: Callable[[int], None] = lambda _: None,
    bytes_read: int = _BYTES_READ,
    sequences_written: int = _SEQUENCES_WRITTEN,
) -> Exported:
    """Write what was measured of a model, by sequence and then by step; `progress` gets the sequences of each block.

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
        "protocol": used.to_answer(),
        "sequences": chosen.to_json(),
        "adaptive": [plan.to_json() for plan in coverage.adaptive],
    }
    rows = 0
    with table_writer(path, format_, _schema(used), metadata) as write:
        for block in blocks_of(chosen, bytes_read // used.value_type.bytes):
            measured = measured_values(catalog, model, block, used.id)
            for columns in _rows(model, block, measured, sequences_written):
                write(columns)
                rows += len(columns["step"])
            progress(len(block))
        if not rows:
            raise NotMeasured(
                f"Of the sequences {chosen} nothing of {model.name} has been measured yet; "
                f"run `seenat memorize {model.name}{used.options} --sequences {chosen}`."
            )
    return Exported(path=path.absolute(), format=format_, rows=rows, metadata=metadata)


def _rows(model: Model, block: SequenceRange, measured: MeasuredValues, size: int) -> Iterator[dict[str, Any]]:
    """The columns of `size` sequences at a time; nothing for those that were not measured."""
    steps, protocol = np.array(measured.steps, np.int64), measured.protocol
    for part in blocks_of(block, size):
        of_part = measured.values[:, part.start - block.start : part.stop - block.start].swapaxes(0, 1)
        places, checkpoints = np.nonzero(protocol.value_type.measured(of_part))
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


def _schema(protocol: Protocol) -> Any:
    pa = arrow()
    numbers = [(name, pa.int64()) for name in ("sequence", "batch", "step")]
    measured = [(name, pa.from_numpy_dtype(protocol.value_type.dtype)) for name in protocol.value_type.quantities]
    memorized = [("memorized", pa.bool_())] if protocol.value_type.decodes else []
    return pa.schema([*numbers, ("seen", pa.bool_()), *measured, *memorized])
