"""What every store promises, and what names its objects may have.

An object is whole or absent. `put_new` never replaces another content, so two writers of one name cannot undo each other;
a name that is taken by the same bytes counts as written, since a writer whose answer was lost asks again. Nothing is renamed,
and listing serves those who clean up, never those who read: what counts is named in the catalog.

Whatever does not answer raises `StoreUnavailable`, within a bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from seenat.registry.errors import CorruptFile, InvalidValue

__all__ = ["LARGEST", "Listed", "NameTaken", "Store", "check_object_name", "check_taken", "too_large"]

LARGEST = 1 << 30
"""Bytes of an object that are read into memory at most."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]*(?:/[A-Za-z0-9][A-Za-z0-9._=+-]*)*")
_LONGEST_NAME = 900
"""S3 takes 1,024 bytes, with the prefix."""


class NameTaken(CorruptFile):
    """An object of this name holds other bytes, and is not replaced."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that was found by listing."""

    name: str
    bytes: int
    modified: datetime
    """By the store's clock, with its time zone."""


class Store(Protocol):
    """A place for objects; names are relative to it, with `/` between their parts."""

    @property
    def url(self) -> str:
        """Where it is, without secrets: what the catalog keeps."""

    def put_new(self, name: str, data: bytes) -> None:
        """Write an object that is not there yet; it is durable on return.

        Raises `NameTaken` where another content has the name; the same one counts as written.
        """

    def replace(self, name: str, data: bytes) -> None:
        """Write an object, or in the place of another; readers see one of the two, whole."""

    def put_file(self, name: str, file: Path) -> None:
        """Write an object of a file's bytes, whatever its size; as `replace`, so the name should bear the digest."""

    def get(self, name: str, most: int = LARGEST) -> bytes | None:
        """An object's bytes, or None where there is none; raises `CorruptFile` for one of more than `most` bytes."""

    def get_range(self, name: str, start: int, stop: int) -> bytes:
        """The bytes `[start, stop)`, fewer where it ends before; raises `FileNotFoundError` where there is no object."""

    def size(self, name: str) -> int | None:
        """How many bytes an object has; None where there is none."""

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """Every object below a prefix, which is whole parts of a name; for cleaning up."""

    def locate(self, name: str) -> str:
        """An object's place as a person would write it."""


def check_object_name(name: str) -> str:
    """The name, if it may be one: letters, digits and `._=+-`, in parts that begin with none of these marks."""
    if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise InvalidValue(
            f"{name!r} cannot be the name of an object; use letters, digits and ._=+- with / between parts."
        )
    return name


def too_large(place: str, size: int, most: int) -> CorruptFile:
    """The error for an object that is larger than whatever is expected there."""
    return CorruptFile(f"{place} has {size:,} bytes, and at most {most:,} were expected; it is not read.")


def check_taken(place: str, held: bytes | None, data: bytes) -> None:
    """Raise `NameTaken` unless an object that is there holds the bytes that were to be written."""
    if held != data:
        raise NameTaken(f"{place} is there already with another content, and is not replaced.")
