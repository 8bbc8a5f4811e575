"""The hub: fetching a checkpoint's files through huggingface_hub, into its cache.

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are huggingface_hub's own. A commit never changes, so one that
is in the cache is not asked for again. A revision is looked up each time; when the hub cannot be reached, the commit it
had at the last look serves, if that is in the cache.

Every answer that is not the file becomes one of two errors: `UnknownCheckpoint` when the hub says that the repository,
revision or file does not exist, `HubUnavailable` when it refuses, fails or stays silent. Each look-up has 5 seconds and
one try; a transfer that breaks off is resumed by huggingface_hub, until 5 tries in a row bring nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seenat.registry.checkpoints.files import CONFIG, weight_and_config_files, weight_files_among
from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, NotFound, SeenatError, UnknownCheckpoint
from seenat.registry.hub.cache import ensure_disk_space
from seenat.registry.storage.local import sha256_of_file

__all__ = ["DownloadObserver", "fetch_checkpoint", "hub_errors"]

_TIMEOUT = 5.0
"""Seconds within which the hub answers a look-up."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
"""The ETag of a large file is its SHA-256; that of a small one a git blob's SHA-1."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DownloadObserver:
    """Who is told how a fetch goes on, in place of huggingface_hub's own bars; what is raised here ends the fetch."""

    arrived: Callable[[int], None]
    """Is told the bytes of each piece that arrived."""
    added: Callable[[Path], None]
    """Is told each file that was not in the cache under this revision before."""


def fetch_checkpoint(
    repository: str, revision: str, commit: str | None = None, *, watch: DownloadObserver | None = None
) -> Path:
    """Fetch the files that determine a checkpoint's numbers; returns their folder, named after the commit.

    `commit`, 40 hexadecimal digits, pins the files whatever the revision has come to mean. Raises `UnknownCheckpoint`,
    `HubUnavailable`, `CorruptFile` for a file that is not the one the hub described, `NoRoom` before any weights are fetched
    that the disk cannot hold, `InvalidValue` for a name that no repository can have.
    """
    wanted = commit or revision
    with hub_errors(f"{repository}@{wanted}"):
        cached = _cached_folder(repository, wanted)
        if cached is not None and commit:
            return cached
        try:
            return _fetch(repository, wanted, watch)
        except Exception as error:
            if cached is None or not _is_unreachable(error):
                raise
            _log.warning("The hub cannot be reached (%s); using %s@%s as last seen.", error, repository, wanted)
            return cached


@contextmanager
def hub_errors(subject: str, unknown: type[NotFound] = UnknownCheckpoint) -> Iterator[None]:
    """Turn what huggingface_hub raises while `subject` is fetched or read into errors of this project.

    `unknown` is the error where the hub has no such thing.
    """
    from httpx2 import HTTPError
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as error:
        raise InvalidValue(f"{subject} cannot be on a hub: {_line(error)}.") from error
    except (HTTPError, EntryNotFoundError, OfflineModeIsEnabled) as error:
        raise _translated(subject, error, unknown) from error
    except OSError as error:
        if error.errno is not None:  # The disk's, not the hub's.
            raise
        raise HubUnavailable(f"{_hub()} did not send all of {subject}: {_line(error)}") from error


def _fetch(repository: str, revision: str, watch: DownloadObserver | None) -> Path:
    from huggingface_hub import HfApi

    folder = _download(repository, CONFIG, revision, watch).parent
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
    """One file into the cache.

    The look-up before the transfer fails at once where the transfer's own would ask a silent hub six times, for a minute
    each; and it tells the SHA-256 that the transfer itself does not check.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    known = get_hf_file_metadata(hf_hub_url(repository, name, revision=revision), timeout=_TIMEOUT)
    cached = try_to_load_from_cache(repository, name, revision=known.commit_hash)
    bars = None if watch is None else _silent_bars(watch)
    path = Path(hf_hub_download(repository, name, revision=revision, etag_timeout=_TIMEOUT, tqdm_class=bars))
    if isinstance(cached, str):
        return path
    if watch is not None:
        watch.added(path)
    if _SHA256.fullmatch(known.etag or ""):
        _verify(path, f"sha256:{known.etag}")
    return path


def _silent_bars(watch: DownloadObserver) -> type[Any]:
    """What huggingface_hub takes for a bar: shows nothing, and tells who watches."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # Documented, exported lazily.

    class Silent(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            watch.arrived(int(n or 0))
            return None

    return Silent


def _verify(path: Path, expected: str) -> None:
    found = sha256_of_file(path)
    if found != expected:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise CorruptFile(f"{path.name} arrived as {found}, but the hub lists {expected}; fetch it again.")


def _cached_folder(repository: str, revision: str) -> Path | None:
    """The cache's snapshot of a revision or commit, if it holds all that determines the numbers."""
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


# -- what went wrong


def _is_unreachable(error: Exception) -> bool:
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    failed = isinstance(error, HfHubHTTPError) and error.response.status_code >= 500
    return failed or isinstance(error, TransportError | OfflineModeIsEnabled)


def _translated(subject: str, error: Exception, unknown: type[NotFound]) -> SeenatError:
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _translated(subject, error.__cause__, unknown)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubUnavailable(f"{subject} is not in the cache, and HF_HUB_OFFLINE is set; unset it to fetch it.")
    if isinstance(error, errors.GatedRepoError):
        return HubUnavailable(f"{_hub()} keeps {subject} gated; ask for access on its page, then set HF_TOKEN.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return unknown(f"{_hub()} shows no repository for {subject}; check the name, or set HF_TOKEN if it is private.")
    if isinstance(error, errors.RevisionNotFoundError):
        return unknown(f"{_hub()} has no such revision: {subject}.")
    if isinstance(error, errors.HfHubHTTPError):
        return _of_status(subject, error.response.status_code, unknown)
    return HubUnavailable(f"{_hub()} cannot be reached for {subject} ({type(error).__name__}); try again later.")


def _of_status(subject: str, status: int, unknown: type[NotFound]) -> SeenatError:
    if status == 404:
        return unknown(f"{_hub()} has no file that {subject} needs.")
    if status in (401, 403):
        return HubUnavailable(f"{_hub()} refuses {subject} ({status}); check that HF_TOKEN is valid and may read it.")
    return HubUnavailable(f"{_hub()} failed on {subject} ({status}); try again later.")


def _hub() -> str:
    from huggingface_hub import constants

    return f"The hub at {constants.ENDPOINT}"


def _line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).strip().partition("\n")[0].rstrip(".")
