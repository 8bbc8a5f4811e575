"""Checkpoints for a local run: fetched from where they are, and loaded for a device of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.memorization.engine.kernels.stages import Stages
from seenat.memorization.jobs.host_memory import free_memory
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.hub.download import DownloadObserver
from seenat.registry.hub.location import CheckpointLocation
from seenat.registry.integrity.content import Content, content_of, ensure_content, fetch_files

if TYPE_CHECKING:
    from seenat.memorization.engine.scorer import JointScorer

__all__ = ["LoadedCheckpoint", "LocalLoader"]

# Free memory for each byte of stored weights that allows to load them ahead: stored as float16 they are 2 bytes in float32
# and 2 more as the engine packs them, beside the file itself while it is read; and half of what is free stays so.
_MEMORY_A_BYTE = 10


@dataclass(frozen=True)
class LocalLoader:
    """A `CheckpointLoader` for some protocols of one model; `waiting` gets a checkpoint and the bytes that have arrived."""

    catalog: Catalog
    model: Model
    protocols: tuple[Protocol, ...]
    device: str | None
    stages: Stages
    waiting: Callable[[Checkpoint, int], None]

    @property
    def weights(self) -> str:
        """The type in which weights are loaded, the same for all protocols of a run."""
        return self.protocols[0].weights

    def fetch(self, checkpoint: Checkpoint, observer: DownloadObserver) -> Content:
        """See `CheckpointLoader.fetch`."""
        return content_of(self.catalog, checkpoint, fetch_files(self.catalog, self.model, checkpoint, observer))

    def load(self, folder: Path) -> JointScorer:
        """See `CheckpointLoader.load`."""
        from seenat.memorization.engine.transformers.loading import buildable, load_checkpoint

        model = load_checkpoint(CheckpointLocation.local(folder), dtype=self.weights)
        # It imports torch at its top; where there is none, loading has said so by now.
        from seenat.memorization.engine.scorer import JointScorer

        with buildable(f"The checkpoint in {folder}"):
            return JointScorer(model, self.protocols, self.device, self.stages)

    def may_load_ahead(self, content: Content) -> bool:
        """See `CheckpointLoader.may_load_ahead`."""
        from seenat.memorization.engine.scorer import default_device

        free, stored = free_memory(), sum(file.bytes for file in content.files)
        on_cpu = (self.device or default_device()).startswith("cpu")
        # While weights of another type are loaded, torch's default is that type, for the thread that measures too.
        is_default = self.weights == "float32"
        return on_cpu and is_default and free is not None and _MEMORY_A_BYTE * stored <= free

    def report_waiting(self, checkpoint: Checkpoint, arrived: int) -> None:
        """See `CheckpointLoader.report_waiting`."""
        self.waiting(checkpoint, arrived)


@dataclass
class LoadedCheckpoint:
    """A checkpoint on which shards are measured; it is loaded for the first of them that needs it."""

    loader: LocalLoader
    checkpoint: Checkpoint
    rows: dict[int, int]
    """The row of each job's array."""
    content: Content
    """Its files in the states in which they proved right: what is loaded while they change may be of other weights."""
    load: Callable[[], JointScorer]
    scorer: JointScorer | None = None

    def ready(self) -> JointScorer:
        """What measures by it."""
        self.scorer = self.scorer or self.load()
        return self.scorer

    def load_again(self) -> None:
        """Load it anew, since its files have changed; raises `CorruptFile` where they are not what they were."""
        folder = self.content.folder
        self.content = content_of(self.loader.catalog, self.checkpoint, folder)
        ensure_content(self.loader.catalog, self.checkpoint, folder, self.content.files)
        self.scorer = self.loader.load(folder)
