"""The content of checkpoints and orders: where their files are, and that they are still the ones the catalog knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from seenat.memorization.loading import CheckpointLocation
from seenat.registry.catalog import Catalog
from seenat.registry.durable import digest_of_file
from seenat.registry.entities import Checkpoint, Model, Order
from seenat.registry.errors import CorruptFile
from seenat.registry.evidence import MEASURE, Finding, replace_evidence
from seenat.registry.tables import checkpoint_files, checkpoints, token_files
from seenat.registry.weights import checkpoint_digest, determining_files

if TYPE_CHECKING:
    from seenat.registry.orders.source import TokenSource

__all__ = ["ensure_content", "ensure_tokens", "location_of"]

_READ = Finding(
    kind="verification", status="ok", statement="Its files were read when it was first measured.", source=MEASURE
)


def location_of(model: Model, checkpoint: Checkpoint) -> CheckpointLocation:
    """Where a checkpoint's files are: in the model's folder or on the hub."""
    if model.folder is not None:
        label = str(model.schedule.label(checkpoint.step))
        return CheckpointLocation.local(
            Path(model.folder.replace("{label}", label).replace("{step}", str(checkpoint.step)))
        )
    assert model.repository is not None  # A model has a folder or a repository.
    return CheckpointLocation.hub(model.repository, checkpoint.revision, checkpoint.commit_id)


def ensure_content(catalog: Catalog, checkpoint: Checkpoint, folder: Path) -> str:
    """The digest of a checkpoint's files, which lie in `folder`, as they are now.

    A content that the catalog did not know is recorded; raises `CorruptFile` when it knew another one. A file of the same
    size and time of change as recorded is not read again.
    """
    names = determining_files(folder)
    with catalog.database.read() as connection:
        known = {
            row.name: row
            for row in connection.execute(
                select(checkpoint_files).where(checkpoint_files.c.checkpoint_id == checkpoint.id)
            )
        }
    found = []
    for name in names:
        status = (folder / name).stat()
        row = known.get(name)
        same = row is not None and (row.bytes, row.modified_ns) == (status.st_size, status.st_mtime_ns)
        sha256 = row.sha256 if row is not None and same and row.sha256 else digest_of_file(folder / name)
        found.append({"name": name, "bytes": status.st_size, "sha256": sha256, "modified_ns": status.st_mtime_ns})
    digest = checkpoint_digest({str(file["name"]): str(file["sha256"]) for file in found})
    if checkpoint.digest is not None and digest != checkpoint.digest:
        changed = [name for name in names if name in known and known[name].sha256 != _sha256(found, name)]
        raise CorruptFile(
            f"{folder} is not what {checkpoint.model} at step {checkpoint.step} was when it was recorded "
            f"({', '.join(changed) or 'its files'} changed); restore it, or register its suite again with --replace."
        )
    if checkpoint.digest is None:
        with catalog.database.write() as connection:
            connection.execute(delete(checkpoint_files).where(checkpoint_files.c.checkpoint_id == checkpoint.id))
            connection.execute(insert(checkpoint_files), [{"checkpoint_id": checkpoint.id, **file} for file in found])
            connection.execute(update(checkpoints).where(checkpoints.c.id == checkpoint.id).values(digest=digest))
            replace_evidence(connection, MEASURE, {checkpoint.id: [_READ]})
    return digest


def ensure_tokens(catalog: Catalog, order: Order) -> TokenSource:
    """The reader of an order whose files still hold what the catalog knows.

    Raises `CorruptFile` when they do not, and as `Order.source` does. What a hub holds at a commit does not change. A local
    file of the same time of change as recorded is not read; the time of another one is recorded when its content proves
    right.
    """
    source = order.source()
    for file in order.files if order.is_local else ():
        path = Path(order.location, file.name)
        modified_ns = path.stat().st_mtime_ns
        if modified_ns == file.modified_ns:
            continue
        if digest_of_file(path) != file.sha256:
            raise CorruptFile(
                f"{path} is not what it was when {order.name} was registered; restore it, or register its suite again "
                "with --replace."
            )
        with catalog.database.write() as connection:
            is_file = (token_files.c.order_id == order.id, token_files.c.name == file.name)
            connection.execute(update(token_files).where(*is_file).values(modified_ns=modified_ns))
    return source


def _sha256(files: list[dict[str, object]], name: str) -> object:
    return next(file["sha256"] for file in files if file["name"] == name)
