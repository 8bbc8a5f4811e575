"""Saving a chart as SVG, PNG, or a page that needs no network: the file's ending chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from errno import ENOTDIR
from os import strerror
from pathlib import Path
from typing import Any

from seenat.memorization.plots.optional import vl_convert_or_refuse
from seenat.registry.errors import InvalidValue
from seenat.registry.printable import printable
from seenat.registry.storage.local import write_atomic
from seenat.registry.storage.names import check_name

__all__ = ["check_plot_path", "definition_of", "save", "svg_of"]

_ENDINGS = (".svg", ".png", ".html")

# PNG pixels for each unit of the chart. At 1 the text of a chart is blurred on screens of today, which have two or more
# pixels a point; at 2 it is sharp.
_PIXELS_PER_POINT = 2

# Stands for < in a page until it is written; a private character, so no text has it that `printable` has seen.
_LESS = "\ue5ca"


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
    write_atomic(path.absolute(), _rendered(definition_of(chart), path.suffix.lower()))


def definition_of(chart: Any) -> str:
    """A chart's Vega-Lite definition as JSON, no control character in its texts."""
    return json.dumps(_harmless(chart.to_dict()))


def svg_of(definition: str) -> bytes:
    """A definition, as `definition_of` gives it, as an SVG picture."""
    return _rendered(definition, ".svg")


def _harmless(value: Any) -> Any:
    """A definition whose texts hold no control character: one ends the renderer, and the process with it."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(key): _harmless(entry) for key, entry in value.items()}
    return [_harmless(entry) for entry in value] if isinstance(value, list | tuple) else value


def _rendered(definition: str, ending: str) -> bytes:
    vl_convert = vl_convert_or_refuse()
    if ending == ".png":
        return bytes(vl_convert.vegalite_to_png(definition, scale=_PIXELS_PER_POINT))
    if ending == ".svg":
        return str(vl_convert.vegalite_to_svg(definition)).encode()
    # A definition stands within a <script>, which any </script> in a name would end; the renderer writes its texts as they are.
    page = str(vl_convert.vegalite_to_html(definition.replace("<", _LESS), bundle=True))
    return page.replace(_LESS, "\\u003c").encode()
