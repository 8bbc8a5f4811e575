"""Verifying an order: what its token files hold now, against the digests in the catalog.

Of an order in a folder every file is read, whatever state it is in (`storage.file_state`): its tokens, its index, its index
maps. The state of a file that proves right is recorded, so that a job need not read it again. Of an order on a hub the batches
that were read before are read from there again, past what is kept of them on this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.order_tables import record_state
from seenat.registry.catalog.orders import Order
from seenat.registry.integrity.batch_digests import reread_batches
from seenat.registry.integrity.verify import CheckedFile, check_file
from seenat.registry.storage.file_state import state_of

__all__ = ["OrderVerification", "verify_order"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class OrderVerification(Answer):
    """What verifying one order found."""

    json_names = ("order", "location", "verified", "faults", "files", "batches")

    order: str
    location: str
    """Its folder, or `hf://...`."""
    files: tuple[CheckedFile, ...]
    """Empty for an order on a hub."""
    batches: int
    """How many batches were read again from a hub."""
    faults: tuple[str, ...]
    """A sentence for every file or batch that is not as it should be."""

    @property
    def verified(self) -> bool | None:
        """Whether all is as it should be; None where the catalog knows no digest to compare with."""
        is_comparable = self.batches or any(file.recorded_sha256 for file in self.files)
        return not self.faults if is_comparable or self.faults else None


def verify_order(catalog: Catalog, order: Order, progress: Progress = lambda _done, _total: None) -> OrderVerification:
    """Read an order again and compare it with what the catalog has.

    `progress` gets the bytes read and those of all files; of an order on a hub, the batches. Raises `HubUnavailable`.
    """
    return _verify_files(catalog, order, progress) if order.is_local else _verify_batches(catalog, order, progress)


def _verify_files(catalog: Catalog, order: Order, progress: Progress) -> OrderVerification:
    total, done = sum(file.bytes for file in order.files), 0

    def read(piece: int) -> None:
        nonlocal done
        done += piece
        progress(done, total)

    folder = Path(order.location)
    states = {file.name: state_of(folder / file.name) for file in order.files if (folder / file.name).is_file()}
    files = tuple(check_file(folder / file.name, file, read) for file in order.files)
    proven = [file.name for file in files if file.state == "same"]
    recorded = {file.name: file.state for file in order.files}
    if touched := [name for name in proven if recorded[name] != states[name]]:
        with catalog.database.write() as connection:
            for name in touched:
                record_state(connection, order.id, name, states[name])
    faults = tuple(str(file) for file in files if file.state not in ("same", "unrecorded"))
    return OrderVerification(order=order.name, location=order.location, files=files, batches=0, faults=faults)


def _verify_batches(catalog: Catalog, order: Order, progress: Progress) -> OrderVerification:
    read = 0

    def count(done: int, total: int) -> None:
        nonlocal read
        read = done
        progress(done, total)

    faults = tuple(str(fault) for fault in reread_batches(catalog, order, count))
    return OrderVerification(order=order.name, location=order.location, files=(), batches=read, faults=faults)
