"""Downloads a checkpoint's files through huggingface_hub, into its cache.

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are huggingface_hub's own. A commit never changes, so a commit in
the cache is used without asking the hub. A revision is looked up each time. When the hub cannot be reached, the commit it
had at the last look-up is used, if that is in the cache.

Each look-up has 5 seconds and one try, because the cache can answer instead. A transfer that breaks off is resumed by
huggingface_hub, until 5 tries in a row bring nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seenat.registry.checkpoints.files import CONFIG, weight_and_config_files, weight_files_among
from seenat.registry.errors import CorruptFile, SeenatError, UnknownCheckpoint
from seenat.registry.hub.cache import ensure_disk_space
from seenat.registry.hub.errors import hub_errors, is_unreachable
from seenat.registry.storage.digests import sha256_of_file

__all__ = ["DownloadObserver", "fetch_checkpoint"]

_TIMEOUT = 5.0
# The ETag of a large file is its SHA-256; that of a small file is a git blob's SHA-1.
_SHA256 = re.compile(r"[0-9a-f]{64}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DownloadObserver:
    """Progress callbacks of a download, in place of huggingface_hub's own bars; raising in one aborts the download."""

    arrived: Callable[[int], None]
    """Receives the number of bytes of each chunk that arrived."""
    added: Callable[[Path], None]
    """Receives each file that was not in the cache under this revision before."""


def fetch_checkpoint(
    repository: str, revision: str, commit: str | None = None, *, watch: DownloadObserver | None = None
) -> Path:
    """Fetch the files that determine a checkpoint's numbers; returns their folder, named after the commit.

    `commit`, 40 hexadecimal digits, pins the files even if the revision has moved. Raises `UnknownCheckpoint`,
    `HubUnavailable`, `CorruptFile` for a file that is not the one the hub described, `NoRoom` when the disk cannot hold the
    weights, before any of them is fetched, and `InvalidValue` for a name that no repository can have.
    """
    wanted = commit or revision
    with hub_errors(f"{repository}@{wanted}"):
        cached = _cached_folder(repository, wanted)
        if cached is not None and commit:
            return cached
        try:
            return _fetch(repository, wanted, watch)
        except Exception as error:
            if cached is None or not is_unreachable(error):
                raise
            _log.warning("The hub cannot be reached (%s); using %s@%s as last seen.", error, repository, wanted)
            return cached


def _fetch(repository: str, revision: str, watch: DownloadObserver | None) -> Path:
    from huggingface_hub import HfApi

    folder = _download(repository, CONFIG, revision, watch).parent
    # From here on by commit, so that a revision that moves meanwhile cannot mix two checkpoints.
    commit = folder.name
    info = HfApi().model_info(repository, revision=commit, files_metadata=True, timeout=_TIMEOUT)
    listed = {file.rfilename: file for file in info.siblings or []}
    names = weight_files_among(set(listed), lambda name: _download(repository, name, commit, watch).read_bytes())
    if not names:
        raise UnknownCheckpoint(f"{repository}@{revision} holds no weights in a form that transformers writes.")
    ensure_disk_space(f"{repository}@{revision}", folder, [listed[name] for name in names if name in listed])
    for name in names:
        _download(repository, name, commit, watch)
    return folder


def _download(repository: str, name: str, revision: str, watch: DownloadObserver | None) -> Path:
    """Fetch one file into the cache.

    The look-up before the transfer fails at once, where the transfer's own would ask a silent hub six times, for a minute
    each. It also gives the SHA-256, which the transfer itself does not check.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    metadata = get_hf_file_metadata(hf_hub_url(repository, name, revision=revision), timeout=_TIMEOUT)
    cached = try_to_load_from_cache(repository, name, revision=metadata.commit_hash)
    bars = None if watch is None else _silent_bars(watch)
    path = Path(hf_hub_download(repository, name, revision=revision, etag_timeout=_TIMEOUT, tqdm_class=bars))
    if isinstance(cached, str):
        return path
    if watch is not None:
        watch.added(path)
    if _SHA256.fullmatch(metadata.etag or ""):
        _verify(path, f"sha256:{metadata.etag}")
    return path


def _silent_bars(watch: DownloadObserver) -> type[Any]:
    """A class that huggingface_hub takes for a progress bar: it shows nothing and calls the observer."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # Documented, exported lazily.

    class Silent(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            watch.arrived(int(n or 0))
            return None

    return Silent


def _verify(path: Path, expected: str) -> None:
    actual = sha256_of_file(path)
    if actual != expected:
        # Both the content and the link to it; otherwise the next download would take the content as cached.
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise CorruptFile(f"{path.name} arrived as {actual}, but the hub lists {expected}; fetch it again.")


def _cached_folder(repository: str, revision: str) -> Path | None:
    """The cache's snapshot of a revision or commit, if it holds all files that determine the numbers."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(repository, CONFIG, revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    try:
        weight_and_config_files(folder)
    except SeenatError:
        return None
    return folder
