"""Disk space of downloaded checkpoints: there must be enough before a download, and files no longer needed are evicted.

Everything goes through huggingface_hub's own cache. There a file of a revision is a link to its content, and revisions share
equal contents. So a content that any revision has already takes no more space, and evicting a file deletes its content only
when no other revision has it.
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

# These bytes stay free: the catalog and results are written meanwhile, and a full disk fails everything else on it.
_RESERVE = 256 << 20


def ensure_disk_space(subject: str, folder: Path, files: Iterable[RepoSibling]) -> None:
    """Raise `NoRoom` unless the disk has space for those of these files of a revision that are not in the cache yet.

    `folder` is the revision's in the cache. Files whose size the hub does not say count as nothing.
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
    """Delete files of revisions from the cache; returns the bytes of content deleted with them.

    `files` are paths as huggingface_hub gives them; paths that are not there are ignored.
    """
    from huggingface_hub import constants, scan_cache_dir

    # Only the folder is resolved: the file itself is a link to its content.
    paths = {path.parent.resolve() / path.name for path in files}
    cache = scan_cache_dir(constants.HF_HUB_CACHE)
    cached = [
        file
        for repo in cache.repos
        for revision in repo.revisions
        for file in revision.files
        if file.file_path in paths
    ]
    strategy = cache.delete_files(*cached)
    strategy.execute()
    return strategy.expected_freed_size


def _is_cached(folder: Path, file: RepoSibling) -> bool:
    """Whether the cache holds a file under its name, or its content, which is named after the file's ETag."""
    etag = file.lfs.sha256 if file.lfs is not None else file.blob_id
    return (folder / file.rfilename).exists() or (etag is not None and (folder.parents[1] / "blobs" / etag).exists())
