"""The application: every route of the table, and the few addresses about the service itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from difflib import get_close_matches
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import seenat
from seenat.registry.database.url import parse_url
from seenat.registry.errors import MethodNotAllowed, Refused, UnknownRoute
from seenat.remote.routes import PREFIX, ROUTES
from seenat.service.api.answering import Answering
from seenat.service.api.openapi import describe_api
from seenat.service.api.withheld import read_policy
from seenat.service.http.edge import Edge
from seenat.service.http.limits import Gate
from seenat.service.http.metrics import Metrics
from seenat.service.pages.charts import CHARTS, Charts
from seenat.service.pages.drawing import PICTURE_PATH, PLACE_PATH, Pictures
from seenat.service.pages.responding import Pages, explain
from seenat.service.pages.static_files import static_files
from seenat.service.pages.table import PAGES
from seenat.service.settings import ServiceSettings

__all__ = ["build_app"]

_LEAST_COMPRESSED = 1400
_LEVEL = 4


def build_app(settings: ServiceSettings, is_stopping: Callable[[], bool] = lambda: False) -> FastAPI:
    """The application over the catalog of the settings, which it opens here; `is_stopping` ends what streams."""
    policy = read_policy(settings.no_text, settings.withheld)
    catalog = seenat.open(settings.url)
    answering, metrics = (
        Answering(catalog, policy, settings.limits, is_embedded=_is_embedded(settings), is_stopping=is_stopping),
        Metrics(),
    )

    @asynccontextmanager
    async def closing(_app: FastAPI) -> AsyncIterator[None]:
        yield
        catalog.close()

    app = FastAPI(
        title="seenat",
        version=seenat.__version__,
        lifespan=closing,
        docs_url=None,
        redoc_url=None,
        telemetry={"auto_configure": False},
        exception_handlers={HTTPException: _raise_as_ours},
    )
    app.openapi = describe_api  # type: ignore[method-assign]
    # The router tries one after the other.
    for route in sorted(ROUTES, key=lambda route: route.reads != "little"):
        app.add_route(PREFIX + route.path, answering.endpoint(route), methods=["GET"], include_in_schema=False)
    _add_own(app, settings, answering, metrics)
    _add_pages(app, Pages(answering, policy), Charts(answering), Pictures(answering))
    app.add_middleware(GZipMiddleware, minimum_size=_LEAST_COMPRESSED, compresslevel=_LEVEL)
    app.add_middleware(Edge, gate=Gate(settings), metrics=metrics, explain=explain)
    return app


def _is_embedded(settings: ServiceSettings) -> bool:
    """Whether the catalog is a SQLite file, whose readers wait for nobody."""
    return parse_url(settings.url).get_backend_name() == "sqlite"


def _add_own(app: FastAPI, settings: ServiceSettings, answering: Answering, metrics: Metrics) -> None:
    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        answer = await answering.run(partial(seenat.check_schema, settings.url))
        return JSONResponse({"status": "ready", "schema": answer.schema})

    async def version(_request: Request) -> Response:
        return JSONResponse({"seenat": seenat.__version__, "api": PREFIX.rpartition("/")[2]})

    async def counted(_request: Request) -> Response:
        return Response(metrics.page(), media_type=metrics.media_type)

    own: dict[str, Any] = {"/health": health, "/ready": ready, "/version": version, "/metrics": counted}
    for path, endpoint in own.items():
        app.add_route(path, endpoint, methods=["GET"], include_in_schema=False)


def _add_pages(app: FastAPI, pages: Pages, charts: Charts, pictures: Pictures) -> None:
    files = static_files()
    # The router tries one after the other, and a name may hold a dot.
    found: dict[str, Any] = {
        f"{page.path}.{form}": pages.form(page, form) for page in PAGES if page.path != "/" for form in ("json", "csv")
    }
    found |= {page.path: pages.endpoint(page) for page in PAGES}
    for chart in CHARTS.values():
        found[f"/charts/{chart.name}/{{mode}}{chart.path}.svg"] = charts.endpoint(chart, as_svg=True)
        found[f"/charts/{chart.name}/{{mode}}{chart.path}.vega.json"] = charts.endpoint(chart, as_svg=False)
    found |= {"/vega/{key}.js": charts.bundle, PICTURE_PATH: pictures.picture, PLACE_PATH: pictures.place}
    found |= {"/static/{digest}/{name}": files.respond, "/favicon.ico": files.icon}
    for path, endpoint in found.items():
        app.add_route(path, endpoint, methods=["GET"], include_in_schema=False)


async def _raise_as_ours(request: Request, error: Exception) -> Response:
    """What the router refuses, as an error of the table; the edge makes a problem of it."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    path = request.scope["path"]
    if status == 404:
        known = [PREFIX + route.path for route in ROUTES]
        nearest = get_close_matches(path, known, n=3, cutoff=0.4)
        raise UnknownRoute(f"There is nothing at {path}; /openapi.json lists all addresses.", nearest)
    if status == 405:
        raise MethodNotAllowed(f"{request.method} is not answered at {path}; it is read by GET and HEAD.")
    raise Refused(f"This request cannot be answered: {status}.")
