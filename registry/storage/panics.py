"""Panics of libraries written in Rust, as ordinary errors.

Such a library ends with a `PanicException` where it meets what its authors held impossible. That is a `BaseException`, so
that no `except Exception` stops it; yet a file that makes one panic is a broken file like any other. The library also prints
where it panicked, in some forty lines on the process's standard error, past Python.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

__all__ = ["panics_as_errors"]


@contextmanager
def panics_as_errors(*, silent: bool = False) -> Iterator[None]:
    """Raise `RuntimeError` for a panic; every other error passes.

    With `silent`, nothing that is written to standard error meanwhile is shown: not for work beside which others report.
    """
    try:
        with _without_standard_error() if silent else nullcontext():
            yield
    except BaseException as error:
        # The class belongs to no module that could be imported: each library has its own.
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(f"the library that reads it panicked: {error}") from error


@contextmanager
def _without_standard_error() -> Iterator[None]:
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # It is closed already.
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
