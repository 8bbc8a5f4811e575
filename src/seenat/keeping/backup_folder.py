"""How a back-up lies in a folder.

    BACKUP.json              which seenat made it, when, of which catalog
    SHA256SUMS               the digest of every other file; `sha256sum --check SHA256SUMS` reads it
    catalog.sqlite           all rows, whichever database they come from
    catalog.sqlite.results/  blocks, lists and published sets, and what is derived from them
    catalog.sqlite.indexes/  indexes

So a back-up is a catalog: `SEENAT_DATABASE_URL=FOLDER/catalog.sqlite` opens it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.storage.local import write_atomic
from seenat.registry.storage.regular import open_regular

__all__ = ["CATALOG", "INDEXES", "RESULTS", "describe_backup", "read_description", "read_sums", "write_sums"]

CATALOG = "catalog.sqlite"
RESULTS, INDEXES = f"{CATALOG}.results", f"{CATALOG}.indexes"
_DESCRIPTION, _SUMS = "BACKUP.json", "SHA256SUMS"
_FORMAT = 1
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_LONGEST_DESCRIPTION = 1 << 16
_LONGEST_LINE = 4096


def describe_backup(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what a back-up says of itself."""
    write_atomic(folder / _DESCRIPTION, json.dumps({"format": _FORMAT, **facts}, indent=2).encode() + b"\n")


def read_description(folder: Path) -> dict[str, Any]:
    """What a back-up says of itself; raises `InvalidValue` for a folder that is none, or a newer version's."""
    try:
        with open_regular(folder / _DESCRIPTION) as file:
            facts = json.loads(file.read(_LONGEST_DESCRIPTION))
    except (OSError, ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or type(facts.get("format")) is not int:
        raise InvalidValue(f"{folder} is no back-up of seenat: it has no {_DESCRIPTION} that can be read.")
    if facts["format"] > _FORMAT:
        raise InvalidValue(f"{folder} was made by a newer seenat than this one; update seenat to restore it.")
    return facts


def write_sums(folder: Path, digests: Mapping[str, str]) -> None:
    """Write the digest of every file, by its name relative to the folder."""
    lines = (f"{digest.removeprefix('sha256:')}  {name}\n" for name, digest in sorted(digests.items()))
    write_atomic(folder / _SUMS, "".join(lines).encode())


def read_sums(folder: Path) -> dict[str, str]:
    """The digest of every file; raises `CorruptFile` for a list that names anything outside a back-up."""
    digests: dict[str, str] = {}
    try:
        with open_regular(folder / _SUMS) as file:
            while line := file.readline(_LONGEST_LINE):
                match = _LINE.fullmatch(line.decode().removesuffix("\n"))
                if match is None or not _is_of_backup(match[2]):
                    raise CorruptFile(f"{folder / _SUMS} names {line[:200]!r}, which belongs to no back-up of seenat.")
                digests[match[2]] = f"sha256:{match[1]}"
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{folder / _SUMS} cannot be read: {error}; take another copy of this back-up.") from error
    if CATALOG not in digests:
        raise CorruptFile(f"{folder / _SUMS} names no {CATALOG}; take another copy of this back-up.")
    return digests


def _is_of_backup(name: str) -> bool:
    path = PurePosixPath(name)
    plain = str(path) == name and ".." not in path.parts and "\\" not in name and "\0" not in name
    return plain and (name == CATALOG or (path.parts[0] in (RESULTS, INDEXES) and len(path.parts) > 1))
