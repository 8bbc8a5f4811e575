"""The disk that checkpoints of a hub take: room before they are fetched, and freeing what is no longer needed.

Everything goes through huggingface_hub's own cache: a file of a revision is a name that leads to its content, and a content
that several revisions have lies there once. So what is there already, under whatever revision, takes no more room, and
freeing a file deletes its content only when no other revision has it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.registry.errors import NoRoom

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

__all__ = ["ensure_disk_space", "evict"]

_RESERVE = 256 << 20
"""Bytes that stay free: the catalog and results are written meanwhile, and a full disk fails everything else on it."""


def ensure_disk_space(subject: str, folder: Path, files: Iterable[RepoSibling]) -> None:
    """Raise `NoRoom` unless the disk holds what is not in the cache yet of these files of a revision.

    `folder` is the revision's in the cache; files whose size the hub does not tell count as nothing.
    """
    needed = sum(file.size or 0 for file in files if not _is_cached(folder, file))
    free = shutil.disk_usage(folder).free
    if needed and needed + _RESERVE > free:
        raise NoRoom(
            f"Fetching {subject} takes {needed:,} bytes and {_RESERVE:,} should stay free, but {folder.parents[2]} has "
            f"{free:,} left; delete something there, let `seenat memorize --keep-checkpoints N` keep fewer, or set HF_HOME to "
            "a larger disk."
        )


def evict(files: Iterable[Path]) -> int:
    """Delete files of revisions from the cache; returns the bytes of content that went with them.

    `files` are paths as huggingface_hub gives them; those that are not there are passed over.
    """
    from huggingface_hub import constants, scan_cache_dir

    wanted = {path.parent.resolve() / path.name for path in files}
    found = scan_cache_dir(constants.HF_HUB_CACHE)
    cached = [
        file
        for repo in found.repos
        for revision in repo.revisions
        for file in revision.files
        if file.file_path in wanted
    ]
    strategy = found.delete_files(*cached)
    strategy.execute()
    return strategy.expected_freed_size


def _is_cached(folder: Path, file: RepoSibling) -> bool:
    """Whether the cache holds a file under its name, or its content, which has the name of the file's ETag."""
    etag = file.lfs.sha256 if file.lfs is not None else file.blob_id
    return (folder / file.rfilename).exists() or (etag is not None and (folder.parents[1] / "blobs" / etag).exists())
