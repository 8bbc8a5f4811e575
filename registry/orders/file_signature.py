"""The length of a file, and the kind of file that its first bytes show, before its content is trusted."""

from __future__ import annotations

import stat
from pathlib import Path

from seenat.registry.errors import CorruptFile

__all__ = ["head_of", "length_of", "looks_like", "signature_of"]

# Enough bytes for every signature below, and to distinguish text from ids.
_HEAD = 64

_SIGNATURES = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"\xfd7zXZ\x00", "xz-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"PK\x03\x04", "a zip archive (or .npz)"),
    (b"\x93NUMPY", "a .npy array"),
    (b"MMIDIDX\x00\x00", "an MMIDIDX index"),
    (b"TNTIDX\x00\x00", "a TNTIDX index, the older kind that is not memory-mapped"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
)
_TEXT = frozenset((*b"\t\n\r", *range(0x20, 0x7F)))


def length_of(path: Path) -> int:
    """Bytes of a regular file; raises `CorruptFile` when there is none."""
    try:
        status = path.stat()
    except OSError as error:
        raise CorruptFile(f"{path}: {error.strerror}; download it again or correct its path.") from error
    if not stat.S_ISREG(status.st_mode):
        raise CorruptFile(f"{path}: this is a folder or a device, not a file; correct its path.")
    return status.st_size


def head_of(path: Path, length: int = _HEAD) -> bytes:
    """The first bytes of a file, fewer when it is shorter; raises `CorruptFile` when it cannot be read."""
    length_of(path)
    try:
        with path.open("rb") as file:
            return file.read(length)
    except OSError as error:
        raise CorruptFile(f"{path}: {error.strerror}; make it readable.") from error


def signature_of(head: bytes) -> str | None:
    """The kind of file that begins with these bytes, when they are a known signature."""
    return next((kind for start, kind in _SIGNATURES if head.startswith(start)), None)


def looks_like(head: bytes) -> str:
    """What a file that begins with these bytes seems to be; its first bytes in hexadecimal when nothing is recognized."""
    kind = signature_of(head)
    if kind is not None:
        return kind
    if head and _TEXT.issuperset(head[:_HEAD]):
        return "text"
    return f"unknown data, beginning {head[:9].hex(' ') or '(empty)'}"
