"""Compaction: results once more, trajectory by trajectory (`trajectory_parts`).

Parts are written whole and under the catalog's write lock, as blocks are, and a compaction that was killed continues where it
was. Its memory is a block's: 10 MB of values at 154 checkpoints and 65,536 sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.block_table import committed_blocks, committed_files
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.files.layout import LARGEST_CHUNK
from seenat.memorization.results.files.part_files import PartFiles
from seenat.memorization.results.measurements import array_rows, find_measurement
from seenat.memorization.results.objects.choose import parts_of
from seenat.memorization.results.refresh import refresh_onsets
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import NotMeasured

__all__ = ["Compaction", "compact"]


@dataclass(frozen=True, kw_only=True)
class Compaction(Answer):
    """What a compaction found and did."""

    model: str
    protocol: Protocol
    blocks: int
    """Blocks in which something is committed."""
    written: int
    """Parts written now; the others held already what is committed."""
    left_out: int
    """Block files, in the parts written now, that are not what was committed; they are read, or refused, as before."""
    bytes: int
    """Of all parts."""
    folder: Path | str
    """Where the parts lie; the address of a store as text."""


def compact(
    catalog: Catalog,
    model: Model,
    protocol: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    largest_chunk: int = LARGEST_CHUNK,
) -> Compaction:
    """Write what is committed of a measurement trajectory by trajectory, as far as that is not done yet.

    Stale onsets are derived anew first. `progress` gets how many of how many blocks are done. Raises `NotMeasured` when
    nothing is committed.
    """
    with catalog.database.read() as connection:
        measurement = find_measurement(connection, model, protocol, measures=tuple(MEASURES))
        rows, blocks = array_rows(connection, measurement), committed_blocks(connection, measurement)
    if not blocks:
        raise NotMeasured(
            f"Nothing of {model.name} has been measured yet; run `seenat memorize {model.name}{measurement.protocol.options}`."
        )
    store = MeasurementStore(catalog.database, model, measurement)
    refresh_onsets(store)
    parts = parts_of(store.array, largest_chunk)
    with catalog.database.write() as connection:
        parts.prepare(store.description(connection))
    written = left_out = 0
    for done, block in enumerate(blocks, start=1):
        missing = _write_part(store, parts, rows, block)
        if missing is not None:
            written += 1
            left_out += missing
        progress(done, len(blocks))
    return Compaction(
        model=model.name,
        protocol=measurement.protocol,
        blocks=len(blocks),
        written=written,
        left_out=left_out,
        bytes=sum(map(parts.bytes_of, blocks)),
        folder=Path(parts.place) if measurement.store is None else parts.place,
    )


def _write_part(store: MeasurementStore, parts: PartFiles, rows: int, block: int) -> int | None:
    """Write a block's part unless it is as committed; returns how many damaged block files it leaves out."""
    with store.database.read() as connection:
        files = committed_files(connection, store.measurement, block, list(range(rows)))
    if parts.sources(block) == {row: file.digest for row, file in files.items()}:
        return None
    store.array.fetch(files.values())
    data, missing = parts.encoded(block, rows, files)
    with store.database.write():
        parts.write(block, data)
    return missing
