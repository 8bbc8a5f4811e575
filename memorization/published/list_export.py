"""A list of memorized sequences in the form in which EleutherAI/pythia-memorized-evals publishes them.

A row a sequence: `index`, and `tokens`, the ids of prompt and continuation. Every row is a sequence whose whole continuation a
checkpoint reproduces. `seenat import memorized` reads such files, as it reads the published ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from seenat.memorization.queries.trajectories import measured_values
from seenat.memorization.results.measurements import find_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured
from seenat.registry.exports.batches import Exported, blocks_of
from seenat.registry.exports.files import format_of, table_writer
from seenat.registry.optional import arrow

__all__ = ["export_list"]

_SEQUENCES_AT_ONCE = 1 << 14


def export_list(
    catalog: Catalog,
    model: Model,
    path: Path,
    *,
    step: int | None = None,
    format_: str | None = None,
    force: bool = False,
    protocol: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write what the checkpoint at a step, or at the last measured one, had memorized of what was measured.

    Raises `NotMeasured` where nothing was measured there, `InvalidValue` for a path that exists.
    """
    format_, pa = format_of(path, format_, force=force), arrow()
    with catalog.database.read() as connection:
        used = find_measurement(connection, model, protocol).protocol
    whole, source = model.order.sequences, model.order.source()
    steps = measured_values(catalog, model, next(iter(blocks_of(whole, 1))), used.id).steps
    chosen = steps[-1] if step is None and steps else step
    if chosen not in steps:
        raise NotMeasured(
            f"No checkpoint of {model.name} at step {chosen} has been measured by protocol {used.id}; run "
            f"`seenat memorize {model.name}{used.options} --steps {chosen}`."
        )
    ids = pa.list_(pa.from_numpy_dtype(np.dtype(model.order.geometry.dtype)))
    about = {"model": model.name, "order": model.order.name, "step": chosen, "protocol": used.to_answer()}
    rows = 0
    with table_writer(path, format_, pa.schema([("index", pa.int64()), ("tokens", ids)]), about, force=force) as write:
        for block in blocks_of(whole, _SEQUENCES_AT_ONCE):
            measured = measured_values(catalog, model, block, used.id)
            found = block.start + np.flatnonzero(used.memorized(measured.values[measured.steps.index(chosen)]))
            if len(found):
                windows = np.ascontiguousarray(source.take(found, *used.window))
                starts = np.arange(len(found) + 1, dtype=np.int32) * windows.shape[1]
                tokens = pa.ListArray.from_arrays(starts, pa.array(windows.reshape(-1)))
                write({"index": found, "tokens": tokens})
                rows += len(found)
            progress(len(block))
    return Exported(path=path.absolute(), format=format_, rows=rows, metadata=about)
