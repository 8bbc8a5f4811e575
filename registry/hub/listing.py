"""What a hub lists of a model's repository, without fetching weights: its revisions, and the files of a commit.

A commit never changes, so files are listed by commit. The listing has the SHA-256 of every large file. The small files that
determine a checkpoint's numbers, config.json and the index of its weights, are fetched and hashed, once for each content:
most revisions of a repository share them.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from seenat.registry.checkpoints.files import CONFIG, FileRecord, checkpoint_digest, weight_files_among
from seenat.registry.errors import CorruptFile
from seenat.registry.hub.answers import commit_in, reading_answers, text_in
from seenat.registry.hub.bounds import bounded
from seenat.registry.hub.cache import git_blob_id
from seenat.registry.hub.errors import hub_errors
from seenat.registry.hub.files import RepositoryFile, list_files
from seenat.registry.hub.retry import RetryPolicy
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["Listing", "RepositoryListing", "is_weights"]

_Result = TypeVar("_Result")

# The hub needs some seconds to list many files. A sync sends many requests, so it is likely to meet the limit: it waits a
# second more than the hub says, up to a whole window of 300 seconds and that margin.
_RETRY = RetryPolicy(timeout=20.0, margin=1.0, longest_wait=310.0)
# Bytes of small files that are kept: most commits share them.
_KEPT = 64 << 20
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
    """Lists one repository; several threads may use it at once. Each method raises as `hub_errors` says."""

    def __init__(self, repository: str, retry: RetryPolicy = _RETRY) -> None:
        self.repository = repository
        self._retry = retry
        self._contents: dict[str, bytes] = {}
        self._fetching = threading.Lock()

    def revisions(self) -> dict[str, str]:
        """The commit of every branch and tag; a branch takes precedence over a tag of the same name."""
        from huggingface_hub import HfApi

        subject = self.repository
        refs = self._request(subject, lambda: HfApi().list_repo_refs(self.repository))
        return {
            text_in(ref.name, subject, "the name of a revision"): commit_in(ref.target_commit, subject)
            for ref in (*refs.tags, *refs.branches)
        }

    def files(self, commit: str) -> Listing:
        """The files of a commit; also raises `CorruptFile` for broken answers."""
        listed = self._request(
            f"{self.repository}@{commit}",
            lambda: list_files(self.repository, commit, self._retry.timeout_or_default()),
            commit,
        )
        present = listed.files
        determining = self._determining(commit, present)
        names = sorted({*determining, *filter(is_weights, present)})
        files = tuple(self._described(commit, present[name], name in determining) for name in names)
        digests = {file.name: file.sha256 for file in files if file.name in determining and file.sha256}
        return Listing(
            commit=commit,
            files=files,
            digest=checkpoint_digest(digests) if determining and len(digests) == len(determining) else None,
            elements=listed.elements,
        )

    def _determining(self, commit: str, present: Mapping[str, RepositoryFile]) -> set[str]:
        """The names of the files that determine the numbers; empty where they are not all there."""
        read: list[bytes] = []

        def index(name: str) -> bytes:
            read.append(self._content(commit, present[name]))
            return read[-1]

        try:
            weights = weight_files_among(set(present), index)
        except CorruptFile:
            # A broken index means that this commit holds no checkpoint; others still may. An index that could not be read
            # means nothing.
            if not read:
                raise
            return set()
        names = {CONFIG, *weights}
        return names if weights and names <= present.keys() else set()

    def _described(self, commit: str, file: RepositoryFile, determining: bool) -> FileRecord:
        sha256 = f"sha256:{file.digest}" if file.is_large else None
        if sha256 is None and determining:
            sha256 = sha256_of_bytes(self._content(commit, file))
        return FileRecord(name=file.name, bytes=file.bytes or 0, sha256=sha256)

    def _content(self, commit: str, file: RepositoryFile) -> bytes:
        """The content of a small file, checked against the digest in the listing."""
        # One thread fetches while the others wait, so that a content that all commits share is fetched once.
        with self._fetching:
            if file.digest not in self._contents:
                content = self._request(f"{self.repository}@{commit}", lambda: self._fetch(commit, file.name), commit)
                actual = hashlib.sha256(content).hexdigest() if file.is_large else git_blob_id(content)
                if actual != file.digest:
                    raise CorruptFile(
                        f"{file.name} of {self.repository}@{commit} arrived as {actual}, but the hub lists {file.digest}; "
                        "sync again."
                    )
                if sum(map(len, self._contents.values())) > _KEPT:
                    self._contents.clear()
                self._contents[file.digest] = content
            return self._contents[file.digest]

    def _fetch(self, commit: str, name: str) -> bytes:
        from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        url, timeout = hf_hub_url(self.repository, name, revision=commit), self._retry.timeout_or_default()
        response = get_session().get(url, headers=build_hf_headers(), timeout=timeout, follow_redirects=True)
        hf_raise_for_status(response)
        content: bytes = response.content
        return content

    def _request(self, subject: str, request: Callable[[], _Result], commit: str | None = None) -> _Result:
        def once() -> _Result:
            with bounded(subject, self._retry, commit=commit), reading_answers(subject):
                return request()

        with hub_errors(subject):
            return self._retry.call(subject, once)


def is_weights(name: str) -> bool:
    """Whether a file of a checkpoint holds weights, in any form."""
    return name.endswith(_WEIGHTS) and "/" not in name and not name.startswith(_NOT_WEIGHTS)
