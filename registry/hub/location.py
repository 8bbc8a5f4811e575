"""Where a checkpoint's files are: a folder of this machine, or a hub repository."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from seenat.registry.errors import InvalidValue
from seenat.registry.hub.download import DownloadObserver, fetch_checkpoint

__all__ = ["CheckpointLocation"]


@dataclass(frozen=True)
class CheckpointLocation:
    """A local folder, or a hub repository at a revision, pinned by a commit if that is known.

    Make one by `local` or `hub`.
    """

    folder: Path | None = None
    repository: str | None = None
    revision: str | None = None
    commit: str | None = None

    def __post_init__(self) -> None:
        parts = self.repository is not None, self.revision is not None
        if self.folder is not None and (any(parts) or self.commit is not None):
            raise InvalidValue(f"A checkpoint in {self.folder} has no hub repository, revision or commit beside it.")
        if self.folder is None and not all(parts):
            raise InvalidValue("A checkpoint is a local folder, or a hub repository with a revision.")

    @classmethod
    def local(cls, folder: Path) -> Self:
        """A folder of this machine."""
        return cls(folder=folder)

    @classmethod
    def hub(cls, repository: str, revision: str, commit: str | None = None) -> Self:
        """A revision of a hub repository; `commit` pins the files even if the revision moves."""
        return cls(repository=repository, revision=revision, commit=commit)

    def __str__(self) -> str:
        return str(self.folder) if self.folder else f"{self.repository}@{self.commit or self.revision}"

    def fetch(self, watch: DownloadObserver | None = None, configured: Callable[[Path], None] = lambda _: None) -> Path:
        """The folder with the files, after fetching those that are not on this machine; raises as `fetch_checkpoint` does.

        `configured` gets the folder of a hub's checkpoint once its config.json is there, before its weights are fetched.
        """
        if self.folder is not None:
            return self.folder
        assert self.repository is not None and self.revision is not None  # noqa: PT018 - by __post_init__
        return fetch_checkpoint(self.repository, self.revision, self.commit, watch=watch, configured=configured)
