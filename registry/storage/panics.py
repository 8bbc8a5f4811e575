"""Panics of libraries written in Rust, as ordinary errors.

Such a library ends with a `PanicException` where it meets what its authors held impossible. That is a `BaseException`, so
that no `except Exception` stops it; yet a file that makes one panic is a broken file like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["panics_as_errors"]


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise `RuntimeError` for a panic; every other error passes."""
    try:
        yield
    except BaseException as error:
        # The class belongs to no module that could be imported: each library has its own.
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(f"the library that reads it panicked: {error}") from error
