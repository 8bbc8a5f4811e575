"""Verifying an order: the bytes of its token files on this machine against the digests in the catalog.

Every file is read, whatever state it is in (`storage.file_state`): its tokens, its index, its index maps. The state of a
file that proves right is recorded, so that a job need not read it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.order_tables import record_state
from seenat.registry.catalog.orders import Order
from seenat.registry.errors import InvalidValue
from seenat.registry.integrity.verify import CheckedFile, check_file
from seenat.registry.storage.file_state import state_of

__all__ = ["OrderVerification", "verify_order"]


@dataclass(frozen=True, kw_only=True)
class OrderVerification(Answer):
    """What verifying one order found."""

    json_names = ("order", "folder", "verified", "faults", "files")

    order: str
    folder: Path
    files: tuple[CheckedFile, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for every file that is not as it should be."""
        return tuple(str(file) for file in self.files if file.state not in ("same", "unrecorded"))

    @property
    def verified(self) -> bool | None:
        """Whether every file is as it should be; None where the catalog knows no digest to compare with."""
        is_comparable = any(file.recorded_sha256 for file in self.files)
        return not self.faults if is_comparable or self.faults else None


def verify_order(catalog: Catalog, order: Order, progress: Callable[[int], None] | None = None) -> OrderVerification:
    """Read an order's files and compare them with what the catalog has; `progress` gets the bytes of each piece.

    Raises `InvalidValue` for an order on a hub, whose batches are compared when they are read.
    """
    if not order.is_local:
        raise InvalidValue(
            f"The order {order.name} lies at {order.location}, not in a folder; its batches are compared with their recorded "
            f"digests when they are read: seenat batch {order.name} 0."
        )
    folder = Path(order.location)
    states = {file.name: state_of(folder / file.name) for file in order.files if (folder / file.name).is_file()}
    files = tuple(check_file(folder / file.name, file, progress) for file in order.files)
    proven = [file.name for file in files if file.state == "same"]
    recorded = {file.name: file.state for file in order.files}
    if touched := [name for name in proven if recorded[name] != states[name]]:
        with catalog.database.write() as connection:
            for name in touched:
                record_state(connection, order.id, name, states[name])
    return OrderVerification(order=order.name, folder=folder, files=files)
