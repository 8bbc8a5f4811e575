"""The packages that draw: altair and vl-convert-python come with `seenat[plot]` and are imported only where needed."""

from __future__ import annotations

from typing import Any

from seenat.registry.errors import MissingExtra

__all__ = ["altair_or_refuse", "vl_convert_or_refuse"]


def altair_or_refuse() -> Any:
    """The altair module; raises `MissingExtra` where it is not installed."""
    try:
        import altair
    except ImportError as error:
        raise _missing() from error
    return altair


def vl_convert_or_refuse() -> Any:
    """The vl_convert module; raises `MissingExtra` where it is not installed."""
    try:
        import vl_convert
    except ImportError as error:
        raise _missing() from error
    return vl_convert


def _missing() -> MissingExtra:
    return MissingExtra("Plots need altair and vl-convert-python; run `pip install 'seenat[plot]'`.")
