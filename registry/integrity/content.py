"""The content of checkpoints and orders: where their files are, and whether they are still what the catalog holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.checkpoint_tables import record_state as record_checkpoint_state
from seenat.registry.catalog.checkpoint_tables import replace_files, update_checkpoints
from seenat.registry.catalog.end_of_document import check_known_end
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.order_tables import record_state
from seenat.registry.catalog.orders import Order
from seenat.registry.catalog.status import Evidence
from seenat.registry.checkpoints.files import FileRecord, checkpoint_digest, weight_and_config_files
from seenat.registry.database.engine import Database
from seenat.registry.errors import CorruptFile
from seenat.registry.integrity.evidence import MEASURE, replace_evidence
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.file_state import FileState, changed_file, state_of
from seenat.registry.storage.moved import proven_state

if TYPE_CHECKING:
    from seenat.registry.hub.download import DownloadObserver
    from seenat.registry.hub.location import CheckpointLocation
    from seenat.registry.integrity.unchanged import Proven
    from seenat.registry.orders.source import TokenSource

__all__ = [
    "Content",
    "FileContent",
    "check_unchanged",
    "content_of",
    "ensure_content",
    "ensure_tokens",
    "fetch_files",
    "location_of",
]

_READ = Evidence(
    kind="verification", status="ok", statement="Its files were read when it was first measured.", source=MEASURE
)


def location_of(model: Model, checkpoint: Checkpoint) -> CheckpointLocation:
    """Where a checkpoint's files are: in the model's folder or on the hub."""
    # Its imports are a tenth of a search, which asks this module whether files have changed.
    from seenat.registry.hub.location import CheckpointLocation

    if model.folder is not None:
        return CheckpointLocation.local(Path(model.schedule.expand(model.folder, checkpoint.step)))
    assert model.repository is not None  # A model has a folder or a repository.
    return CheckpointLocation.hub(model.repository, checkpoint.revision, checkpoint.commit_id)


def fetch_files(catalog: Catalog, model: Model, checkpoint: Checkpoint, watch: DownloadObserver | None = None) -> Path:
    """The folder with a checkpoint's files, after fetching those that are not on this machine.

    Raises `InvalidManifest` where a hub's config.json names another end of documents than the order has, before the weights
    are fetched, and as `fetch_checkpoint` does.
    """

    def configured(folder: Path) -> None:
        if model.training_order is not None:
            check_known_end(catalog, model.training_order, [folder])

    return location_of(model, checkpoint).fetch(watch, configured)


@dataclass(frozen=True, kw_only=True)
class FileContent:
    """What a file held when it had this state (`storage.file_state`)."""

    name: str
    bytes: int
    sha256: str
    modified_ns: int
    changed_ns: int
    inode: int

    @property
    def state(self) -> FileState:
        """The state in which it was read."""
        return FileState(self.bytes, self.modified_ns, self.changed_ns, self.inode)


@dataclass(frozen=True)
class Content:
    """The files that determine a checkpoint's numbers, in a folder of this machine."""

    folder: Path
    files: tuple[FileContent, ...]

    @property
    def digest(self) -> str:
        """The digest of the checkpoint."""
        return checkpoint_digest({file.name: file.sha256 for file in self.files})

    @property
    def is_unchanged(self) -> bool:
        """Whether its files are still in the states in which they were read."""
        return changed_file({self.folder / file.name: file.state for file in self.files}) is None


def content_of(catalog: Catalog, checkpoint: Checkpoint, folder: Path, read: Iterable[FileContent] = ()) -> Content:
    """What the files of a checkpoint in `folder` hold now.

    A file of the same state as recorded, or as when it was `read`, is not read again.
    """
    recorded: list[FileRecord | FileContent] = [*catalog.checkpoint_files(checkpoint), *read]
    digests = {(file.name, file.state): file.sha256 for file in recorded if file.sha256}
    contents = []
    for name in weight_and_config_files(folder):
        state = state_of(folder / name)
        sha256 = digests.get((name, state)) or sha256_of_file(folder / name)
        contents.append(FileContent(name=name, sha256=sha256, **state._asdict()))
    return Content(folder, tuple(contents))


def ensure_content(catalog: Catalog, checkpoint: Checkpoint, folder: Path, read: Iterable[FileContent] = ()) -> str:
    """The digest of a checkpoint's files, which lie in `folder`, as they are now; `read` as for `content_of`.

    A first content is recorded; raises `CorruptFile` when the catalog holds another one.
    """
    content = content_of(catalog, checkpoint, folder, read)
    if checkpoint.digest is not None and content.digest != checkpoint.digest:
        raise CorruptFile(
            f"{folder} is not what {checkpoint.model} at step {checkpoint.step} was when it was recorded "
            f"({_changed(catalog, checkpoint, content) or 'its files'} changed); restore it, or register its suite again "
            "with --replace."
        )
    if checkpoint.digest is None:
        with catalog.database.write() as connection:
            replace_files(connection, {checkpoint.id: [FileRecord(**asdict(file)) for file in content.files]})
            update_checkpoints(connection, [checkpoint.id], digest=content.digest)
            replace_evidence(connection, MEASURE, {checkpoint.id: [_READ]})
    else:
        _record_states(catalog, checkpoint, content)
    return content.digest


def _record_states(catalog: Catalog, checkpoint: Checkpoint, content: Content) -> None:
    """Keep the present states of files that proved to be what is recorded, unless another process is writing."""
    recorded = {file.name: file.state for file in catalog.checkpoint_files(checkpoint)}
    touched = [file for file in content.files if recorded.get(file.name) != file.state]
    if not touched:
        return
    with catalog.database.write_if_free() as connection:
        if connection is not None:
            for file in touched:
                record_checkpoint_state(connection, checkpoint.id, file.name, file.state)


def _changed(catalog: Catalog, checkpoint: Checkpoint, content: Content) -> str:
    """The names of the files that the catalog knows with another content."""
    recorded = {file.name: file.sha256 for file in catalog.checkpoint_files(checkpoint)}
    return ", ".join(file.name for file in content.files if recorded.get(file.name, file.sha256) != file.sha256)


def ensure_tokens(catalog: Catalog, order: Order, *, record: bool = True) -> TokenSource:
    """The reader of an order whose files still hold what the catalog knows, and whenever they are changed prove it again.

    Raises `CorruptFile` when they do not, and as `Order.source` does; so does what is read later. What a hub holds at a commit does
    not change. A local file of the same state as recorded is not read. The state of another one is recorded when its content proves
    right, unless `record` is false or another process is writing.
    """
    from seenat.registry.integrity.unchanged import UnchangedSource

    return UnchangedSource(lambda: _proven_tokens(catalog, order, record)) if order.is_local else order.source()


def _proven_tokens(catalog: Catalog, order: Order, record: bool) -> Proven:
    from seenat.registry.integrity.unchanged import Proven

    source, states = order.source(), dict[Path, FileState]()
    for file in order.files:
        path = Path(order.location, file.name)
        states[path] = state = state_of(path)
        if state == file.state:
            continue
        if sha256_of_file(path) != file.sha256:
            raise CorruptFile(
                f"{path} is not what it was when {order.name} was registered; restore it, or register its suite again "
                "with --replace."
            )
        if record:
            _record_state(catalog.database, order, file.name, state)
    return Proven(source, states)


def check_unchanged(database: Database, order: Order) -> dict[Path, FileState]:
    """Raise `CorruptFile` for a local file of an order that is not known to hold what it did when it was registered.

    For what was made of the order and is only right while that holds, such as an index. A file whose state nobody has
    recorded passes, and so does a small one that was copied with its folder. Returns the files in the states that passed.
    """
    order.source()  # It refuses files that are gone or of another length.
    states: dict[Path, FileState] = {}
    for file in order.files if order.is_local else ():
        path = Path(order.location, file.name)
        states[path] = state_of(path)
        if file.inode is None or file.modified_ns is None or file.changed_ns is None:
            continue
        recorded = FileState(file.bytes, file.modified_ns, file.changed_ns, file.inode)
        state = proven_state(path, recorded, file.sha256)
        if state is None:
            raise CorruptFile(
                f"{path} has changed since {order.name} was registered, so its index may be of other ids; see with `seenat verify "
                f"{order.name}` whether it is the same, or restore it."
            )
        states[path] = state
        if state != recorded:
            _record_state(database, order, file.name, state)
    return states


def _record_state(database: Database, order: Order, name: str, state: FileState) -> None:
    """Keep the state of a file that proved to be what is recorded, unless another process is writing."""
    with database.write_if_free() as connection:
        if connection is not None:
            record_state(connection, order.id, name, state)
