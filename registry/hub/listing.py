"""What a hub lists of a model's repository, without fetching weights: its revisions, and the files of a commit.

A commit never changes, so a listing is asked for by commit. It tells the SHA-256 of every large file; the small ones that
determine a checkpoint's numbers, config.json and the index of its weights, are fetched and hashed, once for each content:
most revisions of a repository share them.

A request that fails is tried again, with growing pauses, or when the hub says that it will answer again; then its error is
one of `seenat.registry.hub.download`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from seenat.registry.checkpoints.files import CONFIG, FileRecord, checkpoint_digest, weight_files_among
from seenat.registry.errors import CorruptFile
from seenat.registry.hub.download import hub_errors
from seenat.registry.storage.local import sha256_of_bytes

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

__all__ = ["Listing", "RepositoryListing", "is_weights"]

Answer = TypeVar("Answer")

_TIMEOUT = 20.0
"""Seconds for one answer; a listing of many files takes the hub some."""
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further try, where the hub does not say when to come back."""
_LONGEST_PAUSE = 310.0
"""Seconds; the hub counts requests over five minutes."""
_WEIGHTS = (".safetensors", ".bin")
_NOT_WEIGHTS = ("training_args.bin", "optimizer.bin", "scheduler.bin", "random_states")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of one commit, as far as they matter to a checkpoint."""

    commit: str
    files: tuple[FileRecord, ...]
    """Those that determine the numbers, and the weights in other forms; by name."""
    digest: str | None
    """The checkpoint digest; None where the commit holds no whole checkpoint."""
    elements: Mapping[str, int] | None
    """Numbers stored in its safetensors by type, as the hub counted them; None where it did not."""


class RepositoryListing:
    """Asks one repository; may be used by several threads at once."""

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self._contents: dict[str, bytes] = {}
        self._fetching = threading.Lock()

    def revisions(self) -> dict[str, str]:
        """The commit of every branch and tag; a branch goes before a tag of the same name."""
        from huggingface_hub import HfApi

        refs = self._patiently(self.repository, lambda: HfApi().list_repo_refs(self.repository))
        return {ref.name: ref.target_commit for ref in (*refs.tags, *refs.branches)}

    def files(self, commit: str) -> Listing:
        """The files of a commit; raises as `seenat.registry.hub.download.hub_errors` says, and `CorruptFile` for broken answers."""
        from huggingface_hub import HfApi

        info = self._patiently(
            f"{self.repository}@{commit}",
            lambda: HfApi().model_info(self.repository, revision=commit, files_metadata=True, timeout=_TIMEOUT),
        )
        present = {file.rfilename: file for file in info.siblings or []}
        wanted = self._determining(commit, present)
        names = sorted({*wanted, *filter(is_weights, present)})
        files = tuple(self._described(commit, present[name], name in wanted) for name in names)
        known = {file.name: file.sha256 for file in files if file.name in wanted and file.sha256}
        return Listing(
            commit=commit,
            files=files,
            digest=checkpoint_digest(known) if wanted and len(known) == len(wanted) else None,
            elements=dict(info.safetensors.parameters) if info.safetensors else None,
        )

    def _determining(self, commit: str, present: Mapping[str, RepoSibling]) -> set[str]:
        """The names of the files that determine the numbers; none where they are not all there."""
        try:
            weights = weight_files_among(set(present), lambda name: self._content(commit, present[name]))
        except CorruptFile:  # An index that leads nowhere is no checkpoint, and no reason to stop here.
            return set()
        wanted = {CONFIG, *weights}
        return wanted if weights and wanted <= present.keys() else set()

    def _described(self, commit: str, file: RepoSibling, wanted: bool) -> FileRecord:
        sha256 = f"sha256:{file.lfs.sha256}" if file.lfs else None
        if sha256 is None and wanted:
            sha256 = sha256_of_bytes(self._content(commit, file))
        size = file.lfs.size if file.lfs else file.size
        return FileRecord(name=file.rfilename, bytes=size or 0, sha256=sha256)

    def _content(self, commit: str, file: RepoSibling) -> bytes:
        """A small file, which is the one that was listed."""
        key = file.lfs.sha256 if file.lfs else str(file.blob_id)
        with self._fetching:
            if key not in self._contents:
                content = self._patiently(
                    f"{self.repository}@{commit}", lambda: _fetch(self.repository, commit, file.rfilename)
                )
                found = hashlib.sha256(content).hexdigest() if file.lfs else _blob_id(content)
                if found != key:
                    raise CorruptFile(
                        f"{file.rfilename} of {self.repository}@{commit} arrived as {found}, but the hub lists {key}; "
                        "sync again."
                    )
                self._contents[key] = content
            return self._contents[key]

    @staticmethod
    def _patiently(subject: str, ask: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer, or no hope of one."""
        with hub_errors(subject):
            for pause in _PAUSES:
                try:
                    return ask()
                except Exception as error:
                    wait = _pause(error, pause)
                    if wait is None:
                        raise
                    time.sleep(wait)
            return ask()


def is_weights(name: str) -> bool:
    """Whether a file of a checkpoint holds weights, in whatever form."""
    return name.endswith(_WEIGHTS) and "/" not in name and not name.startswith(_NOT_WEIGHTS)


def _fetch(repository: str, commit: str, name: str) -> bytes:
    from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    url = hf_hub_url(repository, name, revision=commit)
    response = get_session().get(url, headers=build_hf_headers(), timeout=_TIMEOUT, follow_redirects=True)
    hf_raise_for_status(response)
    content: bytes = response.content
    return content


def _blob_id(content: bytes) -> str:
    """The name that git gives a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _pause(error: Exception, usual: float) -> float | None:
    """Seconds to wait before the next try; None where another try would change nothing."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    if isinstance(error, TransportError):
        return usual
    if not isinstance(error, HfHubHTTPError) or error.response.status_code not in (408, 429, 500, 502, 503, 504):
        return None
    limit = parse_ratelimit_headers(error.response.headers)
    told = error.response.headers.get("retry-after", "")
    if limit is not None and limit.remaining == 0:
        return min(limit.reset_in_seconds + 1.0, _LONGEST_PAUSE)
    return min(float(told), _LONGEST_PAUSE) if told.isdecimal() else usual
