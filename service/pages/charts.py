"""The library's charts, as pictures that the server draws and as definitions that Vega draws in the browser.

A chart stands at `/charts/NAME/LOOK` and the path of the API's route whose answer it draws, so that it takes what that route takes.
Without the extra `plot` there are none, and pages show their tables alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import blake2b
from html import escape
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seenat.attribution.find.chart import curve_chart
from seenat.memorization.plots import studies
from seenat.memorization.plots.charts import learning_rate_chart, onset_chart, trajectory_chart
from seenat.memorization.plots.evaluations import benchmark_chart
from seenat.memorization.plots.figure import Look, drawn_as, places_of
from seenat.memorization.plots.save import definition_of, svg_of
from seenat.registry import settings
from seenat.registry.errors import InvalidValue, MissingExtra, NothingToDraw, UnknownRoute
from seenat.registry.printable import printable
from seenat.remote.routes import ROUTES, Route
from seenat.service.api.answering import Answering
from seenat.service.api.reading import read_values
from seenat.service.pages.palette import PALETTE

__all__ = ["CHARTS", "LOOKS", "Chart", "Charts", "Drawn", "drawn", "prepare_bundle"]

_ROUTES = {route.path: route for route in ROUTES}
_FOR_EVER = "public, max-age=31536000, immutable"
_SECONDS = 120
_MODES = ("light", "dark")
_NARROW = "-narrow"
LOOKS = (*_MODES, *(mode + _NARROW for mode in _MODES))
"""How a chart may look: on light or dark ground, and so narrow that a phone shows it whole."""
# Points; what a window of 375 leaves.
_NARROW_WIDTH = 340


@dataclass(frozen=True)
class Chart:
    """A chart of the library, and the answer that it draws."""

    name: str
    path: str
    """Of the route that gives the answer."""
    draw: Callable[[Any], Any]
    """From the answer to an Altair chart."""

    @property
    def route(self) -> Route:
        """The route that gives the answer."""
        return _ROUTES[self.path]


@dataclass(frozen=True)
class Drawn:
    """Where a chart is to be had."""

    svg: dict[str, str]
    """Its picture by look, of `LOOKS`."""
    spec: dict[str, str]
    """Its definition by look."""
    bundle: str


CHARTS: dict[str, Chart] = {
    chart.name: chart
    for chart in (
        Chart("onset", "/models/{model}/onsets", lambda answer: onset_chart([answer])),
        Chart("trajectory", "/models/{model}/trajectories/{sequence}", trajectory_chart),
        Chart("learning-rate", "/models/{model}", learning_rate_chart),
        Chart("exposures", "/find/curve", curve_chart),
        Chart("study-onsets", "/studies/onsets", studies.onsets_chart),
        Chart("study-forgetting", "/studies/forgetting", studies.forgetting_chart),
        Chart("study-exposures", "/studies/exposures", studies.exposures_chart),
        Chart("study-batches", "/studies/batches", studies.dispersion_chart),
        Chart("study-predict", "/studies/predict", studies.predictions_chart),
        Chart("study-sets", "/studies/sets", studies.sets_chart),
        Chart("study-counterfactual", "/studies/counterfactual", studies.counterfactual_chart),
        Chart("study-labels", "/studies/labels", studies.labels_chart),
        Chart("evaluations", "/models/{model}/evaluations", lambda answer: benchmark_chart([answer])),
    )
}
"""Every chart by its name."""


@cache
def _can_draw() -> bool:
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def drawn(name: str, **values: Any) -> Drawn | None:
    """Where a chart of an answer is to be had; None without the extra `plot`."""
    if not _can_draw():
        return None
    given = {key: value for key, value in values.items() if value is not None}
    path, mark, query = CHARTS[name].route.address(given).partition("?")
    svg, spec = (
        {look: f"/charts/{name}/{look}{path}{ending}{mark}{query}" for look in LOOKS}
        for ending in (".svg", ".vega.json")
    )
    return Drawn(svg=svg, spec=spec, bundle=f"/vega/{_bundle_key()}.js")


# -- what answers


@dataclass(frozen=True)
class Charts:
    """Answers requests for charts."""

    answering: Answering

    def endpoint(self, chart: Chart, *, as_svg: bool) -> Callable[[Request], Any]:
        """What answers one form of a chart."""

        async def answer(request: Request) -> Response:
            in_path = dict(request.path_params)
            look = in_path.pop("mode")
            if look not in LOOKS:
                raise InvalidValue(f"A chart is drawn {' or '.join(LOOKS)}, not {look!r}.")
            values = read_values(chart.route, in_path, request.scope["query_string"])
            try:
                body = await self.answering.run(partial(self._body, chart, values, look, as_svg), is_slow=True)
            except NothingToDraw as error:
                # A picture that says so: a page can only know by drawing it.
                body = _told(str(error), _mode(look)) if as_svg else b"null"
            kind = "image/svg+xml" if as_svg else "application/json"
            # The picture's styles stand within it.
            policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
            headers = {"cache-control": "no-cache", "content-security-policy": policy}
            return Response(body, headers=headers, media_type=kind)

        answer.__name__ = f"chart-{chart.name}"
        return answer

    async def bundle(self, request: Request) -> Response:
        """Vega, as one module."""
        if not _can_draw() or request.path_params["key"] != _bundle_key():
            raise UnknownRoute(f"There is no file at {request.scope['path']}; load the page again.")
        body = await self.answering.run(_bundle, is_slow=True)
        return Response(body, headers={"cache-control": _FOR_EVER}, media_type="text/javascript; charset=utf-8")

    def _body(self, chart: Chart, values: dict[str, Any], look: str, as_svg: bool) -> bytes:
        if not _can_draw():
            raise MissingExtra("Plots need altair and vl-convert-python; run `pip install 'seenat[plot]'`.")
        models = self.answering.answer(_ROUTES["/models"], {})
        places = places_of((model.name, model.suite) for model in models)
        width = _NARROW_WIDTH if look.endswith(_NARROW) else None
        definition = _definition(chart, self.answering.answer(chart.route, values), Look(width=width, places=places))
        definition = _coloured(definition, _mode(look))
        return svg_of(definition) if as_svg else definition.encode()


def _definition(chart: Chart, answer: Any, look: Look) -> str:
    """A chart's definition; as wide as it is by itself where it cannot be drawn narrower."""
    with drawn_as(look):
        try:
            return definition_of(chart.draw(answer))
        except InvalidValue:
            if look.width is None:
                raise
    return _definition(chart, answer, replace(look, width=None))


def _mode(look: str) -> str:
    return look.removesuffix(_NARROW)


def _coloured(definition: str, mode: str) -> str:
    """A definition whose ground, texts and axes have the colours of the pages."""
    spec = json.loads(definition)
    colour = {name: pair[_MODES.index(mode)] for name, pair in PALETTE.items()}
    text = {"labelColor": colour["ink"], "titleColor": colour["ink"]}
    axis = {**text, "domainColor": colour["edge"], "tickColor": colour["edge"], "gridColor": colour["line"]}
    title = {"color": colour["ink"], "subtitleColor": colour["soft"]}
    own = {"axis": axis, "legend": text, "title": title, "header": text, "view": {"stroke": colour["line"]}}
    config = spec.get("config", {})
    config = {**config, **{part: {**config.get(part, {}), **more} for part, more in own.items()}}
    return json.dumps({**spec, "background": colour["bg"], "config": config})


def _told(sentence: str, mode: str) -> bytes:
    """A picture of a sentence."""
    colour = PALETTE["soft"][_MODES.index(mode)]
    lines = textwrap.wrap(printable(sentence), 90)
    rows = "".join(f'<text x="12" y="{24 + 20 * row}">{escape(line)}</text>' for row, line in enumerate(lines))
    size = f'width="660" height="{20 + 20 * len(lines)}" font-family="sans-serif" font-size="14" fill="{colour}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{rows}</svg>'.encode()


@cache
def _bundle_key() -> str:
    """What the bundle follows from: the package that makes it."""
    return blake2b(f"vl-convert {version('vl-convert-python')}".encode(), digest_size=8).hexdigest()


def prepare_bundle() -> None:
    """Make the bundle, so that no visitor waits for it; does nothing where it is there or cannot be made."""
    if _can_draw():
        with suppress(OSError, subprocess.SubprocessError):  # Then whoever asks for it is told.
            _bundle_file()


@cache
def _bundle() -> bytes:
    return _bundle_file().read_bytes()


def _bundle_file() -> Path:
    """The bundle, made once a version. Making it takes 160 MB, which go back with the process that has them."""
    file = settings.home() / "pages" / f"vega-{_bundle_key()}.js"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        program = (
            "import sys, pathlib, vl_convert; pathlib.Path(sys.argv[1]).write_text(vl_convert.javascript_bundle())"
        )
        subprocess.run([sys.executable, "-c", program, str(part)], check=True, timeout=_SECONDS)
        part.replace(file)
    return file
