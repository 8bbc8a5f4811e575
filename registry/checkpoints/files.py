"""The files of a checkpoint, read without loading a model: which they are, and their digests.

A checkpoint is a folder with a config.json and its weights in one of the four forms that transformers writes, here in
order of preference:

    model.safetensors                  one file
    model.safetensors.index.json       names the files that hold each tensor
    pytorch_model.bin                  the same two as pickles, for revisions uploaded before safetensors existed
    pytorch_model.bin.index.json

What determines the numbers a checkpoint gives is its config.json and these files, nothing else in the folder; the
*checkpoint digest* covers them and their names. File names in an index are names within the folder: one that leads
elsewhere is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seenat.registry.checkpoints.weight_index import LARGEST_INDEX, TensorPlaces, read_index
from seenat.registry.errors import CorruptFile, UnknownCheckpoint
from seenat.registry.printable import in_a_sentence
from seenat.registry.storage.digests import sha256_of_bytes, sha256_of_file

__all__ = [
    "CONFIG",
    "INDEX_SUFFIX",
    "CheckpointFile",
    "FileRecord",
    "checkpoint_digest",
    "local_files",
    "read_config",
    "sha256_of_files",
    "tensor_places",
    "unused_weights",
    "weight_and_config_files",
    "weight_files",
    "weight_files_among",
]

CONFIG = "config.json"
INDEX_SUFFIX = ".index.json"
"""Suffix of the file that says which file holds which tensor."""
_SINGLE = ("model.safetensors", "pytorch_model.bin")
_STEMS = tuple(Path(name).stem for name in _SINGLE)
_SUFFIXES = (*(Path(name).suffix for name in _SINGLE), INDEX_SUFFIX)
# Most bytes of a config.json; the longest have a name for each of 20,000 classes.
_LARGEST_CONFIG = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file of an order or a checkpoint."""

    name: str
    bytes: int
    sha256: str | None = None
    modified_ns: int | None = None
    """As are the next two, of a local file when it was read: a file of the same `state` is taken for the same."""
    changed_ns: int | None = None
    inode: int | None = None
    role: str = "tokens"
    """Of an order's file: `tokens`, `index`, or which index map it is, as `orders.order_files.MAPS` names them."""
    data_offset: int = 0
    """Bytes before the first token, such as a .npy header."""

    @property
    def state(self) -> tuple[int | None, ...]:
        """Equal to the `FileState` that the file had when it was read; to none where that is not known."""
        return self.bytes, self.modified_ns, self.changed_ns, self.inode


@dataclass(frozen=True, kw_only=True)
class CheckpointFile:
    """A file in a checkpoint's folder."""

    name: str
    """Name within the folder."""
    bytes: int
    """Length."""
    modified_ns: int
    """Time of the last change, nanoseconds since 1970."""


# -- which files


def local_files(folder: Path) -> tuple[CheckpointFile, ...]:
    """The files that lie directly in a checkpoint's folder, by name; raises `UnknownCheckpoint` when there is none."""
    if not folder.is_dir():
        raise UnknownCheckpoint(f"There is no checkpoint at {folder}: it is not a folder.")
    return tuple(_described(path) for path in sorted(path for path in folder.iterdir() if path.is_file()))


def weight_files(folder: Path) -> tuple[str, ...]:
    """The names of the files that hold the weights, the index first where there is one.

    Raises `UnknownCheckpoint` when the folder or the weights are missing, `CorruptFile` when the index is broken, leads
    outside the folder, or names a file that is not there.
    """
    present = {file.name for file in local_files(folder)}
    names = weight_files_among(present, lambda name: _content(folder / name, LARGEST_INDEX))
    if not names:
        raise UnknownCheckpoint(f"{folder} holds no weights: it needs one of {', '.join(_SINGLE)}, or their index.")
    missing = sorted(set(names) - present)
    if missing:
        raise CorruptFile(
            f"{folder / names[0]} names {in_a_sentence(missing[0], 100)}, which is not there; copy or download the folder again."
        )
    return names


def weight_files_among(present: set[str], read: Callable[[str], bytes]) -> tuple[str, ...]:
    """Choose the weights among file names, of a folder or of a hub's revision; `read` gives the content of an index.

    Empty when there are none. Raises `CorruptFile` for an index that cannot be used.
    """
    for single in _SINGLE:
        if single in present:
            return (single,)
        index = single + INDEX_SUFFIX
        if index in present:
            return (index, *sorted(set(read_index(index, read(index), Path(single).suffix).values())))
    return ()


def tensor_places(folder: Path) -> TensorPlaces:
    """Which file holds which tensor; raises as `weight_files` does."""
    index, *files = weight_files(folder)
    if not index.endswith(INDEX_SUFFIX):
        return TensorPlaces(folder=folder, files=(index, *files))
    file_of = read_index(index, _content(folder / index, LARGEST_INDEX), Path(files[0]).suffix)
    return TensorPlaces(folder=folder, files=tuple(files), index=index, file_of=file_of)


def unused_weights(folder: Path) -> tuple[str, ...]:
    """Files that look like weights of this checkpoint and are not read: a second set, or a part that the index leaves out.

    Raises as `weight_files` does.
    """
    used = weight_files(folder)
    return tuple(
        file.name for file in local_files(folder) if file.name.startswith(_STEMS) and file.name.endswith(_SUFFIXES)
        and file.name not in used
    )  # fmt: skip


def weight_and_config_files(folder: Path) -> tuple[str, ...]:
    """The names of all files that determine the numbers: config.json and the weights; raises as `weight_files` does."""
    if CONFIG not in {file.name for file in local_files(folder)}:
        raise UnknownCheckpoint(f"There is no checkpoint at {folder}: it has no {CONFIG}.")
    return (CONFIG, *weight_files(folder))


def _described(path: Path) -> CheckpointFile:
    status = path.stat()
    return CheckpointFile(name=path.name, bytes=status.st_size, modified_ns=status.st_mtime_ns)


# -- their content


def sha256_of_files(folder: Path, progress: Callable[[int], None] | None = None) -> dict[str, str]:
    """`sha256:...` of every determining file, by name. Reads all of them; `progress` receives the bytes of each chunk."""
    return {name: sha256_of_file(folder / name, progress) for name in weight_and_config_files(folder)}


def checkpoint_digest(files: Mapping[str, str]) -> str:
    """The digest of a checkpoint, `sha256:...`, from the `sha256:...` of its determining files by name."""
    return sha256_of_bytes(json.dumps(["seenat checkpoint 1", sorted(files.items())]).encode())


def read_config(folder: Path) -> dict[str, Any]:
    """A checkpoint's config.json; raises `UnknownCheckpoint` when it is missing, `CorruptFile` when it is no JSON object."""
    path = folder / CONFIG
    if not path.is_file():
        raise UnknownCheckpoint(f"There is no checkpoint at {folder}: it has no {CONFIG}.")
    try:
        config = json.loads(_content(path, _LARGEST_CONFIG))
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"{path} is not JSON: {error}.") from error
    if not isinstance(config, dict):
        raise CorruptFile(f"{path} is not a JSON object, so it describes no model.")
    return config


def _content(path: Path, most: int) -> bytes:
    """The bytes of a file; raises `CorruptFile` when there are more than `most`, or it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise CorruptFile(f"{path} cannot be read: {error.strerror}; make it readable.") from error
    if len(content) > most:
        raise CorruptFile(
            f"{path} has more than {most:,} bytes, too many for what it should be; copy or download it again."
        )
    return content
