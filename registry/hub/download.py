"""Downloads a checkpoint's files through huggingface_hub, into its cache.

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are huggingface_hub's own. A commit never changes, so a commit in
the cache is used without asking the hub. A revision is looked up each time. When the hub cannot be reached, the commit it
had at the last look-up is used, if that is in the cache.

* Everything is asked for by commit. The cache notes the commit of a revision once all that was asked for is there.
* Every file is compared with the digest that the hub names, and deleted where it differs: a git blob's SHA-1 for small
  files, SHA-256 for large ones. Small files in the cache are compared again before they are used: others write there too.
* A look-up has 5 seconds, and is not repeated where the cache can answer instead. A transfer that breaks off is resumed by
  huggingface_hub, until 5 tries in a row bring nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from seenat.registry.checkpoints.files import CONFIG, INDEX_SUFFIX, weight_and_config_files, weight_files_among
from seenat.registry.errors import CorruptFile, SeenatError, UnknownCheckpoint
from seenat.registry.hub.answers import commit_in, count_in, digest_in, is_commit, not_a_hub, reading_answers
from seenat.registry.hub.bounds import SMALL, bounded
from seenat.registry.hub.cache import cached_file, ensure_disk_space, keep_if_content, note_commit
from seenat.registry.hub.errors import hub_errors, is_unreachable
from seenat.registry.hub.files import RepositoryFile, list_files
from seenat.registry.hub.retry import RetryPolicy

__all__ = ["DownloadObserver", "fetch_checkpoint", "fetch_file", "is_cached", "look_up"]

_TIMEOUT = 5.0
# What is silent for as long as one look-up may take is not asked again.
_RETRY = RetryPolicy(delays=(0.25, 0.5), longest_silence=4.0)
# The largest tokenizers take 40 MB.
_LARGEST_SINGLE_FILE = 256 << 20

_Result = TypeVar("_Result")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DownloadObserver:
    """Progress callbacks of a download, in place of huggingface_hub's own bars; raising in one aborts the download."""

    arrived: Callable[[int], None]
    """Receives the number of bytes of each chunk that arrived."""
    added: Callable[[Path], None]
    """Receives each file that was not in the cache under this revision before."""


def fetch_checkpoint(
    repository: str,
    revision: str,
    commit: str | None = None,
    *,
    watch: DownloadObserver | None = None,
    retry: RetryPolicy = _RETRY,
    configured: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Fetch the files that determine a checkpoint's numbers; returns their folder, named after the commit.

    `commit`, 40 hexadecimal digits, pins the files even if the revision has moved. `configured` gets the folder once its
    config.json is there, before the weights are fetched, and may refuse it. Raises `UnknownCheckpoint`,
    `HubUnavailable`, `CorruptFile` for a file that is not the one the hub described, `NoRoom` when the disk cannot hold the
    files, before they are fetched, and `InvalidValue` for a name that no repository can have.
    """
    wanted = commit or revision
    with hub_errors(f"{repository}@{wanted}"):
        cached = _cached_folder(repository, wanted)
        if cached is not None and commit:
            configured(cached)
            return cached
        return _or_cached(
            cached, retry, lambda policy: _Download(repository, wanted, policy, watch).checkpoint(configured)
        )


def fetch_file(repository: str, name: str, revision: str = "main") -> Path:
    """Fetch one file of a repository, such as a tokenizer; raises as `fetch_checkpoint` does."""
    with hub_errors(f"{name} of {repository}"):
        cached = cached_file(repository, name, revision)
        return _or_cached(cached, _RETRY, lambda policy: _Download(repository, revision, policy).single(name))


def is_cached(repository: str, revision: str) -> bool:
    """Whether the cache holds all files that determine the numbers of a revision or commit."""
    return _cached_folder(repository, revision) is not None


def look_up(repository: str, revision: str) -> None:
    """Ask the hub for a revision's configuration, and fetch nothing; raises as `fetch_checkpoint` does."""
    with hub_errors(f"{repository}@{revision}"):
        _Download(repository, revision, _RETRY)._look_up(CONFIG, revision)


def _or_cached(cached: Path | None, retry: RetryPolicy, fetch: Callable[[RetryPolicy], Path]) -> Path:
    """What is fetched, or what is in the cache when the hub cannot be reached."""
    try:
        return fetch(retry if cached is None else replace(retry, delays=()))
    except Exception as error:
        if cached is None or not is_unreachable(error):
            raise
        _log.warning("The hub cannot be reached (%s); using %s as last seen.", error, cached)
        return cached


@dataclass(frozen=True, slots=True)
class _Download:
    """The files of one revision on their way into the cache; raises errors of huggingface_hub and of ours."""

    repository: str
    revision: str
    retry: RetryPolicy
    watch: DownloadObserver | None = None

    @property
    def subject(self) -> str:
        return f"{self.repository}@{self.revision}"

    def checkpoint(self, configured: Callable[[Path], None]) -> Path:
        """Fetch what determines a checkpoint's numbers; returns the folder."""
        commit, config = self._look_up(CONFIG, self.revision)
        folder = self._fetch(config, commit, SMALL).parent
        configured(folder)
        # From here on by commit, so that a revision that moves meanwhile cannot mix two checkpoints.
        listed = self._request(lambda: list_files(self.repository, commit, _TIMEOUT), commit).files
        names = weight_files_among(set(listed), lambda name: self._fetch_listed(name, listed, commit).read_bytes())
        if not names:
            raise UnknownCheckpoint(f"{self.subject} holds no weights in a form that transformers writes.")
        ensure_disk_space(self.subject, self.repository, [listed[name] for name in names if name in listed])
        for name in names:
            self._fetch_listed(name, listed, commit)
        note_commit(self.repository, self.revision, commit)
        return folder

    def single(self, name: str) -> Path:
        """Fetch one file; returns its path."""
        commit, file = self._look_up(name, self.revision)
        path = self._fetch(file, commit, _LARGEST_SINGLE_FILE)
        note_commit(self.repository, self.revision, commit)
        return path

    def _fetch_listed(self, name: str, listed: Mapping[str, RepositoryFile], commit: str) -> Path:
        """Fetch a file that must be the listed one."""
        _, file = self._look_up(name, commit)
        if name in listed and file.digest != listed[name].digest:
            raise CorruptFile(
                f"The hub has {name} of {self.repository}@{commit} as {file.digest}, and lists {listed[name].digest}; "
                "fetch it again."
            )
        return self._fetch(file, commit, SMALL if name.endswith(INDEX_SUFFIX) else None)

    def _look_up(self, name: str, revision: str) -> tuple[str, RepositoryFile]:
        """The commit of a revision, and a file of it.

        This fails at once, where the transfer's own look-up would ask a silent hub six times, for a minute each. It also gives
        the digest, with which the transfer does not compare.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url, subject = hf_hub_url(self.repository, name, revision=revision), self.subject
        pinned = revision if is_commit(revision) else None
        found = self._request(lambda: get_hf_file_metadata(url, timeout=_TIMEOUT), pinned)
        size = None if found.size is None else count_in(found.size, subject, f"the length of {name}")
        return commit_in(found.commit_hash, subject), RepositoryFile(name, digest_in(found.etag, subject), size)

    def _fetch(self, file: RepositoryFile, commit: str, most: int | None) -> Path:
        """Bring one file into the cache, unless it is there; `most` bytes, or as many as the hub says."""
        from huggingface_hub import hf_hub_download

        cached = cached_file(self.repository, file.name, commit)
        if cached is not None:
            return cached
        subject = f"{file.name} of {self.subject}"
        due = self._due(file, subject, most)
        ensure_disk_space(subject, self.repository, [file])
        bars = None if self.watch is None else _silent_bars(self.watch)
        path = self._request(
            lambda: hf_hub_download(
                self.repository, file.name, revision=commit, etag_timeout=_TIMEOUT, tqdm_class=bars
            ),
            commit,
            due,
            self.retry.timeout_or_default(),
        )
        fetched = keep_if_content(Path(path), file)
        if self.watch is not None:
            self.watch.added(fetched)
        return fetched

    def _due(self, file: RepositoryFile, subject: str, most: int | None) -> int:
        """How many bytes a file may have."""
        if file.bytes is None and most is None:
            not_a_hub(subject, "it does not say how long it is")
        if file.bytes is not None and most is not None and file.bytes > most:
            raise CorruptFile(
                f"{subject} has {file.bytes:,} bytes on the hub, and at most {most:,} are read of such a file."
            )
        return most if file.bytes is None and most is not None else file.bytes or 0

    def _request(
        self, request: Callable[[], _Result], commit: str | None, most: int = SMALL, silence: float | None = None
    ) -> _Result:
        """The result of a request, within bounds and tried again while that may help."""
        from huggingface_hub.errors import LocalEntryNotFoundError

        def once() -> _Result:
            seconds = silence or self.retry.timeout or _TIMEOUT
            bounds = bounded(self.subject, self.retry, most=most, commit=commit, silence=seconds)
            with bounds, reading_answers(self.subject):
                try:
                    return request()
                except LocalEntryNotFoundError as error:
                    # The cause says more than that nothing is in the cache.
                    raise error.__cause__ or error from None

        return self.retry.call(self.subject, once)


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


def _cached_folder(repository: str, revision: str) -> Path | None:
    """The cache's snapshot of a revision or commit, if it holds all files that determine the numbers."""
    config = cached_file(repository, CONFIG, revision)
    if config is None:
        return None
    folder = config.parent
    try:
        names = weight_and_config_files(folder)
    except SeenatError:
        return None
    commit = folder.name
    return folder if all(cached_file(repository, name, commit) for name in names) else None
