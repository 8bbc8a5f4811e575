"""One rule for every file and folder that a user asks for by its name.

* The name's ending says the format; another ending is refused, with those that there are. A folder has none.
* The folder that it is to lie in exists: a mistyped path makes no folders.
* What exists is kept, unless the caller says `force`. Even then only a file is replaced by a file, and a folder only where
  seenat wrote it, which a description within tells.
* It is whole or absent: written under the name of partial files, on the disk, then renamed. An error or an interruption removes
  it; what a killed process leaves may be deleted.
* What it was made from stands within it where its format has a place for that, else in NAME.json beside it.

All of it but the last is checked here, before the work and by the writer itself.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from errno import ENOTDIR
from os import strerror
from pathlib import Path
from typing import Any

from seenat.registry.errors import InvalidValue
from seenat.registry.storage.local import PARTIAL, full_disk_told, sync_folder
from seenat.registry.storage.names import check_name

__all__ = ["FOLDER", "beside", "check_output", "ending_of", "whole_or_absent", "write_beside", "write_output"]

FOLDER = ""
"""The ending of a folder's name."""
# By what a folder is known to be seenat's own.
_DESCRIPTIONS = ("seenat.json", "BACKUP.json")


def check_output(path: Path, endings: Sequence[str] = (), *, force: bool = False) -> None:
    """Check, before the work, that a file or folder may be written here; `endings` are those that its name may have, all if none.

    Raises `InvalidValue` for `-`, for names that are no UTF-8 or end otherwise, where the folder does not exist, and for what
    exists already unless `force`; `NotADirectoryError` where it would lie in a file.
    """
    if str(path) == "-":
        raise InvalidValue("- means standard output, which only commands write to; give the name of a new file.")
    check_name(path)
    if endings and ending_of(path) not in endings:
        raise InvalidValue(f"{path} does not end in {_listed(endings)}, which is what is written; name it so.")
    _check_folder_of(path)
    if os.path.lexists(path) and not force:
        raise InvalidValue(f"{path} exists already; write to another place, or replace it by --force (force=True).")
    if os.path.lexists(path) and not _is_replaceable(path, ending_of(path) == FOLDER if endings else None):
        raise InvalidValue(
            f"{path} is no {'folder that seenat wrote' if path.is_dir() else 'file'}, so not even --force replaces it; "
            "write to another place."
        )


def ending_of(path: Path) -> str:
    """The ending of a name in lower case, with its dot; nothing for a folder's."""
    return path.suffix.lower()


def _listed(endings: Sequence[str]) -> str:
    words = [ending or "nothing (a new folder)" for ending in endings]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _check_folder_of(path: Path) -> None:
    folder = path.absolute().parent
    if not folder.exists():
        above = next(one for one in folder.parents if one.exists())
        if above.is_dir():
            raise InvalidValue(f"{path.parent} does not exist; make this folder first, or write to another place.")
        folder = above
    if not folder.is_dir():
        raise NotADirectoryError(ENOTDIR, strerror(ENOTDIR), str(path))


def _is_replaceable(path: Path, by_folder: bool | None) -> bool:
    """Whether a file or folder may be replaced: by a folder, by a file, or by whichever it is."""
    if path.is_dir() and not path.is_symlink():
        return by_folder is not False and any((path / name).is_file() for name in _DESCRIPTIONS)
    return path.is_file() and by_folder is not True


# -- whole or absent


def write_output(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write a file that is in memory; raises as `check_output` does, and `NoRoom` where the disk is full."""
    with whole_or_absent(path, force=force) as partial:
        partial.write_bytes(data)


@contextmanager
def whole_or_absent(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield a partial path that is renamed to `path` when the block ends, or removed when it raises."""
    check_output(path, force=force)
    path = path.absolute()
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    _remove(partial)
    try:
        with full_disk_told(path):
            yield partial
            for file in (*partial.rglob("*"), partial):
                _sync(file)
            _rename(partial, path, force=force)
    except BaseException:
        _remove(partial)
        raise
    sync_folder(path.parent)


def _rename(partial: Path, path: Path, *, force: bool) -> None:
    check_output(path, force=force)  # Somebody may have made it meanwhile.
    if not path.is_dir() or path.is_symlink():
        partial.replace(path)
        return
    old = path.with_name(f"{path.name}.old.{os.getpid()}{PARTIAL}")
    path.rename(old)
    partial.rename(path)
    shutil.rmtree(old)


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial)
    else:
        partial.unlink(missing_ok=True)


# -- what it was made from


def beside(path: Path) -> Path:
    """The file that says what another was made from, where that has no place for it."""
    return path.with_name(f"{path.name}.json")


def write_beside(path: Path, metadata: Mapping[str, Any], *, force: bool = False) -> None:
    """Write NAME.json; raises as `write_output` does. Check it with the file itself, before the work."""
    write_output(beside(path), json.dumps(metadata, indent=2).encode() + b"\n", force=force)
