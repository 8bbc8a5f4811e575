"""Saving a chart as SVG, PNG, PDF, or a page that needs no network: the file's ending chooses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seenat.memorization.plots.figure import (
    READABLE_WIDTH,
    laid_out,
    longest_row,
    look,
    narrowest,
    panels_width,
    scaled,
    stacked,
)
from seenat.memorization.plots.metadata import described
from seenat.memorization.plots.optional import vl_convert_or_refuse
from seenat.registry.errors import InvalidValue
from seenat.registry.printable import printable
from seenat.registry.storage.outputs import check_output, ending_of, write_output

__all__ = ["PLOT_ENDINGS", "check_plot_path", "definition_of", "save", "svg_of"]

PLOT_ENDINGS = (".svg", ".png", ".pdf", ".html")

# PNG pixels for each unit of the chart. At 1 the text of a chart is blurred on screens of today, which have two or more
# pixels a point; at 2 it is sharp.
_PIXELS_PER_POINT = 2

# Points beside a panel, about, and the least with which looking for its width begins.
_BESIDE, _BEGIN = 70, 100

# Pictures are drawn so often to find the width that was asked for.
_ROUNDS = 4

# Stands for < in a page until it is written; a private character, so no text has it that `printable` has seen.
_LESS = "\ue5ca"


def check_plot_path(path: Path, *, force: bool = False) -> None:
    """Raise for a file that no chart can be saved to, before the work; as `storage.outputs.check_output` does."""
    check_output(path, PLOT_ENDINGS, force=force)


def save(chart: Any, path: Path, *, force: bool = False, source: Mapping[str, Any] | None = None) -> None:
    """Save a chart as its file's ending says: `.svg`, `.png`, `.pdf`, or `.html` with everything in it.

    `source` says what it was drawn from; it stands in the picture's own metadata, beside seenat's version.
    """
    check_plot_path(path, force=force)
    ending = ending_of(path)
    picture = _rendered(definition_of(chart), ending)
    write_output(path, described(picture, ending, source or {}), force=force)


def definition_of(chart: Any) -> str:
    """A chart's Vega-Lite definition as JSON, laid out, as wide as was asked for, no control character in its texts."""
    plain, width = _harmless(chart.to_dict()), look().width
    return _fitted(plain, width) if width else json.dumps(laid_out(plain))


def _fitted(plain: Any, width: float) -> str:
    """A definition whose whole picture has a width: panels give what labels and legends, which keep their size, leave.

    Where they could not be read any more, fewer of them stand in a row.
    """
    fewer = stacked(plain)
    if fewer is not None and width / longest_row(plain) < READABLE_WIDTH:
        return _fitted(fewer, width)  # Without drawing it first.
    try:
        found, narrowest_ = _narrowed(plain, width)
    except InvalidValue:
        if fewer is None:
            raise
        return _fitted(fewer, width)
    return found if fewer is None or narrowest_ >= READABLE_WIDTH else _fitted(fewer, width)


def _narrowed(plain: Any, width: float) -> tuple[str, float]:
    """A definition scaled to a width, and that of its narrowest panel."""
    factor = max(_BEGIN, width / longest_row(plain) - _BESIDE) / (panels_width(plain) / longest_row(plain))
    found = json.dumps(laid_out(scaled(plain, factor)))
    for _ in range(_ROUNDS):
        (drawn,) = map(float, re.findall(rb'<svg[^>]* viewBox="0 0 ([\d.]+) ', svg_of(found)[:1000]))
        if abs(drawn - width) <= 1:
            break
        factor *= 1 + (width - drawn) / max(1.0, panels_width(scaled(plain, factor)))
        found = json.dumps(laid_out(scaled(plain, factor)))
    return found, narrowest(scaled(plain, factor))


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
    if ending == ".pdf":
        return bytes(vl_convert.vegalite_to_pdf(definition))
    if ending == ".svg":
        return str(vl_convert.vegalite_to_svg(definition)).encode()
    # A definition stands within a <script>, which any </script> in a name would end; the renderer writes its texts as they are.
    page = str(vl_convert.vegalite_to_html(definition.replace("<", _LESS), bundle=True))
    return page.replace(_LESS, "\\u003c").encode()
