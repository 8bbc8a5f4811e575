"""A checkpoint's content: where its files are, and that they are still the ones the catalog knows."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, insert, select, update

from seenat.memorization.loading import CheckpointLocation
from seenat.registry.catalog import Catalog
from seenat.registry.durable import digest_of_file
from seenat.registry.entities import Checkpoint, Model
from seenat.registry.errors import CorruptFile
from seenat.registry.recording import now
from seenat.registry.tables import checkpoint_files, checkpoints
from seenat.registry.weights import checkpoint_digest, determining_files

__all__ = ["ensure_content", "location_of"]


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
            connection.execute(
                update(checkpoints)
                .where(checkpoints.c.id == checkpoint.id)
                .values(digest=digest, status="ok", reason="read when it was first measured", status_date=now())
            )
    return digest


def _sha256(files: list[dict[str, object]], name: str) -> object:
    return next(file["sha256"] for file in files if file["name"] == name)
