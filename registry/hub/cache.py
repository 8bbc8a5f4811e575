"""huggingface_hub's cache: the disk space of what is downloaded, and whether what lies there is what its name says.

There a file of a revision is a link to its content, and revisions share equal contents. So a content that any revision has
already takes no more space, and evicting a file deletes its content only when no other revision has it. A content is named
after its digest, so that it can be compared without the hub.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from seenat.registry.errors import CorruptFile, NoRoom
from seenat.registry.hub.answers import hub_name
from seenat.registry.hub.files import RepositoryFile
from seenat.registry.storage.digests import sha256_of_file

__all__ = [
    "cached_bytes",
    "cached_file",
    "ensure_disk_space",
    "evict",
    "git_blob_id",
    "hub_cache_folder",
    "keep_if_content",
    "note_commit",
]

# These bytes stay free: the catalog and results are written meanwhile, and a full disk fails everything else on it.
_RESERVE = 256 << 20
_BLOB_ID = re.compile(r"[0-9a-f]{40}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


# -- space


def ensure_disk_space(subject: str, repository: str, files: Iterable[RepositoryFile]) -> None:
    """Raise `NoRoom` unless the disk has space for those of these files whose content is not in the cache yet.

    Files whose size the hub does not say count as nothing.
    """
    blobs = _repository_folder(repository) / "blobs"
    needed = sum(file.bytes or 0 for file in files if not (blobs / file.digest).exists())
    free = shutil.disk_usage(_existing(blobs)).free
    if needed and needed + _RESERVE > free:
        raise NoRoom(
            f"Fetching {subject} takes {needed:,} bytes and {_RESERVE:,} should stay free, but {hub_cache_folder()} has "
            f"{free:,} left; delete something there, let `seenat memorize --keep-checkpoints N` keep fewer, or set HF_HOME to "
            "a larger disk."
        )


def cached_bytes(repository: str) -> int:
    """Bytes of what the cache holds of a repository, whichever revision has it."""
    blobs = _repository_folder(repository) / "blobs"
    return sum(file.stat().st_size for file in blobs.iterdir() if file.is_file()) if blobs.is_dir() else 0


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


# -- content


def cached_file(repository: str, name: str, revision: str) -> Path | None:
    """A file of a revision or commit in the cache, if it is there and, for a small file, still what its name says.

    Small files that differ are deleted: others write to this cache too, and may have kept what a proxy answered.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name, revision=revision)
    if not isinstance(found, str):
        return None
    path = Path(found)
    content = path.resolve()
    # Where links are not supported, the file lies there itself, and nothing names its digest.
    if content.parent.name != "blobs" or _SHA256.fullmatch(content.name):
        return path
    if _BLOB_ID.fullmatch(content.name) and git_blob_id(path) == content.name:
        return path
    _discard(path)
    return None


def keep_if_content(path: Path, file: RepositoryFile) -> Path:
    """The path of a file that was fetched, if it is the one that was asked for; else delete it and raise `CorruptFile`."""
    if not path.absolute().is_relative_to(hub_cache_folder().absolute()):
        raise CorruptFile(
            f"{hub_name()} had {file.name} written to {path}, which is outside of {hub_cache_folder()}; delete it."
        )
    is_whole = path.is_file()
    actual = _digest(path, file) if is_whole else "something that is no file"
    if actual != _stated(file):
        _discard(path)
        raise CorruptFile(f"{path.name} arrived as {actual}, but the hub lists {_stated(file)}; fetch it again.")
    return path


def note_commit(repository: str, revision: str, commit: str) -> None:
    """Note the commit of a branch or tag, as huggingface_hub does, so that its files are found without the hub."""
    folder = _repository_folder(repository) / "refs"
    path = folder / revision
    if revision != commit and path.resolve().is_relative_to(folder.resolve()):
        with suppress(OSError):  # The cache may only be read; its files are there.
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(commit, "ascii")


def git_blob_id(content: Path | bytes) -> str:
    """The name that git gives a content: SHA-1 over its length and its bytes."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _digest(path: Path, file: RepositoryFile) -> str:
    return sha256_of_file(path) if file.is_large else git_blob_id(path)


def _stated(file: RepositoryFile) -> str:
    return f"sha256:{file.digest}" if file.is_large else file.digest


def _discard(path: Path) -> None:
    """Delete a file of a revision, and its content: else the next download would take the content as cached."""
    content = path.resolve()
    is_ours = content.is_relative_to(hub_cache_folder().resolve())
    if is_ours and path.is_dir():
        shutil.rmtree(content, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    if is_ours:
        content.unlink(missing_ok=True)


# -- places


def hub_cache_folder() -> Path:
    """Where huggingface_hub keeps what it fetched, whether or not it is there yet."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _repository_folder(repository: str) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return hub_cache_folder() / repo_folder_name(repo_id=repository, repo_type="model")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
