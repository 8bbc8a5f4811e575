"""A figure: what all charts share beyond their data. `drawn_as` says how the charts made within it look.

* `Look`: the scale of steps, the width and the title that a user asks for, and the place of each model in the catalog, from which
  its colour follows. It holds in the thread that draws, for as long as the `with` lasts.
* `captioned` gives a chart its title and caption: sentences by which it can be read alone. `protocol_words` says for it what was
  measured, and of which sequences; `panel_title` is the title of a panel.
* `laid_out` finishes a definition: ticks at the last step and where something happens, none over each other; titles and captions
  cut at the width; the theme.
* `scaled` and `stacked` make a definition narrower: the one its panels, the other by fewer of them in a row.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from math import inf, log, log1p
from typing import Any

from seenat.registry.errors import InvalidValue

__all__ = [
    "MUTED",
    "READABLE_WIDTH",
    "SCALES",
    "Look",
    "captioned",
    "drawn_as",
    "laid_out",
    "longest_row",
    "look",
    "narrowest",
    "panel_title",
    "panels_width",
    "places_of",
    "protocol_words",
    "scaled",
    "stacked",
    "thinned",
    "ticks",
]

SCALES = ("log", "symlog", "linear")
MUTED = "#767676"
"""A grey that is read on light and on dark ground."""

_THEME: dict[str, Any] = {
    "title": {"anchor": "start", "offset": 12, "fontSize": 13, "subtitleFontSize": 11, "subtitleColor": MUTED},
    "axis": {"labelFlush": False, "titleFontWeight": "normal", "gridOpacity": 0.6},
    "legend": {"labelLimit": 0, "symbolOpacity": 1, "titleFontWeight": "normal"},
    "concat": {"spacing": 24},
    "line": {"strokeJoin": "round"},
}
# Points that a character takes of a caption, a title and a tick's label, and those between two labels.
_CAPTION, _TITLE, _LABEL, _APART = 5.3, 7.2, 6.2, 8
# Points that a label takes across.
_UPRIGHT = 12
# Points beside the panels of a figure: an axis and some of a legend.
_BESIDE = 70
# Points around a figure.
_PADDING = 10
_NO_ZERO = "Step 0 has no logarithm and is not drawn."
_USUAL_WIDTH = 200
_LEAST_WIDTH = 60
READABLE_WIDTH = 130
"""Points of a panel that can be read; where panels beside each other would be narrower, they stand below each other."""
# In narrower figures legends stand below the panels.
_LEGEND_BELOW = 380
_BENEATH = {"bottom": {"direction": "vertical", "anchor": "start"}}
# A last line of a caption that is shorter than this part of the others is made longer.
_WIDOW = 0.3


@dataclass(frozen=True)
class Look:
    """How charts are to look."""

    x: str | None = None
    """The scale of steps, of `SCALES`; None for the one that suits the steps."""
    width: int | None = None
    """Of the whole picture, in points: 1/72 inch of a PDF."""
    title: str | None = None
    places: Mapping[str, int] = field(default_factory=dict)
    """Models in the catalog's order, and the place of each in its suite."""

    def __post_init__(self) -> None:
        if self.x is not None and self.x not in SCALES:
            raise InvalidValue(f"Steps are drawn on a scale that is {', '.join(SCALES)}, not {self.x!r}.")


_LOOK: ContextVar[Look] = ContextVar("look", default=Look())  # noqa: B039 - frozen, and its map is never written.


def places_of(models: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Names with their suites, as the catalog lists them, as the places of a `Look`."""
    numbers: dict[str, int] = {}
    places = {}
    for name, suite in models:
        places[name] = numbers.get(suite, 0)
        numbers[suite] = places[name] + 1
    return places


def look() -> Look:
    """How charts made here look."""
    return _LOOK.get()


@contextmanager
def drawn_as(asked: Look) -> Iterator[None]:
    """Charts made and finished within look so."""
    token = _LOOK.set(asked)
    try:
        yield
    finally:
        _LOOK.reset(token)


def captioned(altair: Any, chart: Any, title: str | Sequence[str], *sentences: str) -> Any:
    """A chart with a title and a caption, both cut into lines as its width asks; with neither where "" is asked for."""
    asked = look().title
    if asked == "":
        return chart
    text = title if asked is None else asked
    lines = [text] if isinstance(text, str) else list(text)
    return chart.properties(title=altair.TitleParams(lines, subtitle=list(filter(None, sentences))))


def protocol_words(protocol: Any, where: Sequence[str] | None = None) -> str:
    """What was measured, for a reader who knows no protocol, and of which sequences if not of all."""
    start, middle = protocol.offset, protocol.offset + protocol.prompt
    given = f"first {protocol.prompt:,} ids" if not start else f"ids {start:,} to {middle - 1:,}"
    if protocol.value_type.decodes:
        words = f"Memorized: from its {given}, greedy decoding gives a sequence's next {protocol.continuation:,}"
        more = [f"EOS {protocol.eos}"]
    else:
        words, more = f"Loss of a sequence's {given} and of its next {protocol.continuation:,}", []
    more += [] if protocol.dtype == "float32" else [f"in {protocol.dtype}"]
    about = f"{words} ({', '.join(more)})." if more else f"{words}."
    return f"{about} Only sequences with {' and '.join(where)}." if where else about


def panel_title(altair: Any, text: str) -> Any:
    """The title of a panel, at its left edge."""
    return altair.TitleParams(text, anchor="start", frame="group", fontSize=12)


def laid_out(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition with ticks, lines of text and the theme; see above."""
    width = min(panels_width(definition, _BESIDE) + _BESIDE, (look().width or inf) - _PADDING)
    spec = _with_ticks(definition, _USUAL_WIDTH)
    shown = _positive(spec) if _has_logarithm(spec) else spec
    left_out = "" if shown == spec else _NO_ZERO
    spec = shown
    title = spec.get("title")
    if isinstance(title, dict):
        sentences = " ".join(filter(None, (*title.get("subtitle", ()), left_out)))
        lines = {"text": _cut(title["text"], width / _TITLE), "subtitle": _cut(sentences, width / _CAPTION)}
        spec["title"] = {**title, **{key: value for key, value in lines.items() if value}}
    own = spec.get("config", {})
    beneath = (
        {"orient": "bottom", "columns": 2, "layout": _BENEATH}
        if (look().width or _LEGEND_BELOW) < _LEGEND_BELOW
        else {}
    )
    parts = {**_THEME, "legend": {**_THEME["legend"], **beneath}}
    theme = {key: {**value, **own.get(key, {})} for key, value in parts.items()}
    return {**spec, "config": {**own, **theme}}


def _has_logarithm(spec: Any) -> bool:
    """Whether some axis of steps is logarithmic and would have to show a step 0."""
    parts = [one for key in _PARTS for one in spec.get(key, ())]
    x = spec.get("encoding", {}).get("x")
    own = isinstance(x, dict) and x.get("field") == "step" and x.get("scale", {}).get("type") == "log"
    return bool(own) or any(map(_has_logarithm, parts))


def _positive(spec: dict[str, Any]) -> dict[str, Any]:
    """A definition without the rows of step 0."""
    parts: dict[str, Any] = {key: [_positive(one) for one in spec[key]] for key in _PARTS if key in spec}
    if "data" in spec:
        parts["data"] = {**spec["data"], "values": [row for row in spec["data"]["values"] if row.get("step") != 0]}
    return {**spec, **parts}


def stacked(definition: dict[str, Any]) -> dict[str, Any] | None:
    """A definition with a panel less in its longest row; None where no row has two."""
    if "vconcat" in definition:
        parts = [stacked(one) for one in definition["vconcat"]]
        kept = [part or one for part, one in zip(parts, definition["vconcat"], strict=True)]
        return {**definition, "vconcat": kept} if any(parts) else None
    side = "hconcat" if "hconcat" in definition else "concat"
    panels = definition.get(side, ())
    columns = longest_row(definition) - 1
    if columns < 1:
        return None
    rest = {key: value for key, value in definition.items() if key != side}
    wider = [scaled(one, (columns + 1) / columns) for one in panels]  # As wide as what stands above or below them.
    return {**rest, "concat": wider, "columns": columns}


def scaled(definition: Any, factor: float) -> Any:
    """A definition whose panels are wider by a factor; squares stay squares, and nothing else changes."""
    if not isinstance(definition, dict):
        return definition
    parts: dict[str, Any] = {
        key: [scaled(one, factor) for one in definition[key]] for key in _PARTS if key in definition
    }
    width = definition.get("width")
    if isinstance(width, int | float):
        if width * factor < _LEAST_WIDTH:
            raise InvalidValue(
                f"A picture of {look().width} points is too narrow for its panels; choose a larger --width."
            )
        parts["width"] = width * factor
        if definition.get("height") == width:
            parts["height"] = parts["width"]
    if "spec" in definition:
        parts["spec"] = scaled(definition["spec"], factor)
    return {**definition, **parts}


_PARTS = ("layer", "hconcat", "vconcat", "concat")


def panels_width(spec: Mapping[str, Any], beside: float = 0) -> float:
    """The width of all panels beside each other, with so much between two."""
    if "hconcat" in spec:
        return sum(panels_width(one, beside) + beside for one in spec["hconcat"]) - beside
    if "vconcat" in spec:
        return max(panels_width(one, beside) for one in spec["vconcat"])
    if "concat" in spec:
        each = [panels_width(one, beside) + beside for one in spec["concat"]]
        return sum(each[: spec.get("columns", len(each))]) - beside
    width = spec.get("width", _USUAL_WIDTH)
    facets = len((spec.get("encoding", {}).get("column") or {}).get("sort") or [0])
    return (width if isinstance(width, int | float) else _USUAL_WIDTH) * facets


def longest_row(definition: Mapping[str, Any]) -> int:
    """How many panels stand beside each other at most."""
    if "vconcat" in definition:
        return max(map(longest_row, definition["vconcat"]))
    panels = definition.get("hconcat", definition.get("concat", (None,)))
    columns: int = definition.get("columns", len(panels))
    return min(len(panels), columns)


def narrowest(definition: Mapping[str, Any]) -> float:
    """The width of the narrowest panel."""
    parts = [one for key in _PARTS if key != "layer" for one in definition.get(key, ())]
    return min(map(narrowest, parts)) if parts else panels_width(definition)


def _cut(text: Any, characters: float) -> list[str]:
    lines = [text] if isinstance(text, str) else text
    lines = list(filter(None, lines))
    return [part for line in lines for part in _wrapped(line, max(20, int(characters)))]


def _wrapped(line: str, characters: int) -> list[str]:
    """A line's parts, the last of which is no single word: then all are a little shorter."""
    parts = textwrap.wrap(line, characters, break_on_hyphens=False)
    for shorter in range(characters - 1, characters // 2, -1):
        again = textwrap.wrap(line, shorter, break_on_hyphens=False)
        if len(parts) < 2 or len(parts[-1]) >= _WIDOW * characters or len(again) > len(parts):
            break
        parts = again
    return parts


# -- ticks of steps


def _with_ticks(spec: dict[str, Any], width: float) -> dict[str, Any]:
    """A definition in which each axis of steps has its ticks, and a logarithmic one no step 0."""
    own = spec.get("width")
    width = own if isinstance(own, int | float) else width
    found = {key: [_with_ticks(one, width) for one in spec[key]] for key in _PARTS if key in spec}
    spec = {**spec, **found}
    x = spec.get("encoding", {}).get("x")
    if isinstance(x, dict) and x.get("type") == "ordinal" and (x.get("axis") or {}).get("values"):
        axis = {**x["axis"], "values": thinned(x["axis"]["values"], width)}
        spec["encoding"] = {**spec["encoding"], "x": {**x, "axis": axis}}
    is_of_steps = isinstance(x, dict) and x.get("field") == "step" and x.get("type") == "quantitative"
    if is_of_steps and "domain" in x.get("scale", {}):
        spec["encoding"] = {**spec["encoding"], "x": _ticked(x, width)}
    return spec


def _ticked(x: dict[str, Any], width: float) -> dict[str, Any]:
    scale, axis = x["scale"], x.get("axis") or {}
    first, last = scale["domain"]
    constant = scale.get("constant", 1)
    values = ticks(scale.get("type", "linear"), first, last, axis.get("values", ()), width, constant=constant)
    return {**x, "axis": {**axis, "values": values, "labelOverlap": False}}


def thinned(values: Sequence[Any], points: float) -> list[Any]:
    """Values at equal distances, as many as have room for their labels beside each other, upright, the last among them."""
    every = max(1, -(-len(values) // max(1, int(points / _UPRIGHT))))
    return list(values[::-1][::every])[::-1]


def ticks(
    kind: str,
    first: float,
    last: float,
    marks: Sequence[float] = (),
    width: float = _USUAL_WIDTH,
    *,
    constant: float = 1,
) -> list[float]:
    """Steps with a label, ascending: the last, the marks, the first, and round ones, as many as have room on `width` points."""
    chosen: list[float] = []
    start, end = (_scaled(kind, step, constant) for step in (first, last))
    places = {}
    for tick in (last, *marks, first, *_round_ones(kind, first, last, width)):
        here = places[tick] = (_scaled(kind, tick, constant) - start) / ((end - start) or 1) * width
        is_free = all(abs(here - places[other]) >= (_long(tick) + _long(other)) / 2 + _APART for other in chosen)
        if first <= tick <= last and is_free:
            chosen.append(tick)
    return sorted(chosen)


def _long(tick: float) -> float:
    return len(f"{tick:,.0f}") * _LABEL


def _scaled(kind: str, step: float, constant: float) -> float:
    """Where on its axis a step is; a symlog one is linear up to about its constant."""
    if kind == "log":
        return log(max(step, 1))
    return log1p(step / constant) if kind == "symlog" else step


def _round_ones(kind: str, first: float, last: float, width: float) -> list[float]:
    """Round steps, those that are to be shown before others first."""
    if kind == "linear":
        most = max(2, width / (_long(last) + 3 * _APART))
        size = next(
            unit * 10**power for power in count() for unit in (1, 2, 5) if (last - first) / (unit * 10**power) <= most
        )
        return [size * place for place in range(int(first // size), int(last // size) + 1)]
    powers = [10**power for power in range(len(str(int(last))))]
    return [*powers, *(unit * power for unit in (2, 5) for power in powers)] if len(powers) < 4 else powers
