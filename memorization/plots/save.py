"""Saving a chart as SVG, PNG, or a page that needs no network: the file's ending chooses."""

from __future__ import annotations

from errno import ENOTDIR
from os import strerror
from pathlib import Path
from typing import Any

from seenat.memorization.plots.optional import vl_convert_or_refuse
from seenat.registry.errors import InvalidValue
from seenat.registry.storage.local import write_atomic
from seenat.registry.storage.names import check_name

__all__ = ["check_plot_path", "save"]

_ENDINGS = (".svg", ".png", ".html")

# PNG pixels for each unit of the chart. At 1 the text of a chart is blurred on screens of today, which have two or more
# pixels a point; at 2 it is sharp.
_PIXELS_PER_POINT = 2


def check_plot_path(path: Path) -> None:
    """Raise for a file that no chart can be saved to: before the work, not after it.

    `InvalidValue` for a name that is no UTF-8 or has an ending that is not drawn to, `NotADirectoryError` where it would lie in a file.
    """
    check_name(path)
    if path.suffix.lower() not in _ENDINGS:
        raise InvalidValue(f"{path} is not a file to draw to; its name ends in {', '.join(_ENDINGS)}.")
    # The folders above may not exist yet: saving makes them. The first that does exist must be a folder.
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise NotADirectoryError(ENOTDIR, strerror(ENOTDIR), str(path))


def save(chart: Any, path: Path) -> None:
    """Save a chart as its file's ending says: `.svg`, `.png`, or `.html` with everything in it."""
    check_plot_path(path)
    definition = chart.to_json()
    write_atomic(path.absolute(), _rendered(definition, path.suffix.lower()))


def _rendered(definition: str, ending: str) -> bytes:
    vl_convert = vl_convert_or_refuse()
    if ending == ".png":
        return bytes(vl_convert.vegalite_to_png(definition, scale=_PIXELS_PER_POINT))
    if ending == ".svg":
        return str(vl_convert.vegalite_to_svg(definition)).encode()
    return str(vl_convert.vegalite_to_html(definition, bundle=True)).encode()
