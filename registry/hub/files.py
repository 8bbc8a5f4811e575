"""The files of one commit of a model's repository, as the hub lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seenat.registry.hub.answers import commit_in, count_in, digest_in, members_in, not_a_hub, text_in, top_name_in

__all__ = ["CommitFiles", "RepositoryFile", "list_files"]


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """A file of a repository at a commit."""

    name: str
    digest: str
    """A large file's SHA-256, 64 hexadecimal digits, or a git blob's SHA-1, 40. It is also the file's ETag."""
    bytes: int | None
    """None where the hub does not say."""

    @property
    def is_large(self) -> bool:
        """Whether the hub stores it apart from git, under its SHA-256."""
        return len(self.digest) == 64


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """What lies at the top of a repository at a commit; files in folders are no part of a checkpoint."""

    files: Mapping[str, RepositoryFile]
    """By name."""
    elements: Mapping[str, int] | None
    """Numbers stored in its safetensors by type, as the hub counted them; None where it did not."""


def list_files(repository: str, commit: str, timeout: float) -> CommitFiles:
    """Ask for the files of a commit; raises `HubUnavailable` for an answer that is no such list, and what the client raises.

    Bounds are the caller's.
    """
    from huggingface_hub import HfApi

    subject = f"{repository}@{commit}"
    info = HfApi().model_info(repository, revision=commit, files_metadata=True, timeout=timeout)
    if commit_in(info.sha, subject) != commit:
        not_a_hub(subject, f"it lists the files of {info.sha}")
    if info.siblings is None:
        not_a_hub(subject, "it lists no files")
    names = [(top_name_in(listed.rfilename, subject), listed) for listed in info.siblings]
    files = [_file(name, listed, subject) for name, listed in names if name is not None]
    counted = None if info.safetensors is None else members_in(info.safetensors.parameters, subject, "what it counts")
    elements = counted and {
        text_in(kind, subject, "a type"): count_in(number, subject, f"the count of {kind}")
        for kind, number in counted.items()
    }
    return CommitFiles({file.name: file for file in files}, elements)


def _file(name: str, listed: Any, subject: str) -> RepositoryFile:
    digest = digest_in(listed.blob_id if listed.lfs is None else listed.lfs.sha256, subject)
    size = listed.size if listed.lfs is None else listed.lfs.size
    file = RepositoryFile(name, digest, None if size is None else count_in(size, subject, f"the length of {name}"))
    if file.is_large != (listed.lfs is not None):
        not_a_hub(subject, f"the digest of {name} is {digest}")
    return file
