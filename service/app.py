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
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

import seenat
from seenat.registry.database.url import parse_url
from seenat.registry.errors import MethodNotAllowed, Refused, UnknownRoute
from seenat.remote.actions import ACTIONS, EVENTS
from seenat.remote.routes import PREFIX, ROUTES
from seenat.service.api.answering import Answering
from seenat.service.api.dispatch import Dispatch, answers
from seenat.service.api.openapi import describe_api
from seenat.service.api.withheld import read_policy
from seenat.service.http.edge import Edge
from seenat.service.http.folders import Folders
from seenat.service.http.limits import Gate
from seenat.service.http.metrics import Metrics
from seenat.service.jobs.acting import Acting
from seenat.service.jobs.events import Events
from seenat.service.pages.charts import CHARTS, Charts
from seenat.service.pages.drawing import PICTURE_PATH, PLACE_PATH, Pictures
from seenat.service.pages.responding import Pages, explain
from seenat.service.pages.static_files import static_files
from seenat.service.pages.table import PAGES
from seenat.service.settings import ServiceSettings

__all__ = ["build_app"]

_LEAST_COMPRESSED = 1400
_LEVEL = 4
_RAISED = "seenat_raised"


def build_app(settings: ServiceSettings, is_stopping: Callable[[], bool] = lambda: False) -> ASGIApp:
    """The application over the catalog of the settings, which it opens here; `is_stopping` ends what streams."""
    # One that writes, beside those that read.
    catalog = seenat.open(settings.url, threads=settings.limits.threads + settings.limits.slow_threads + 1)
    folders = Folders(catalog, parse_url(settings.url))
    policy = read_policy(settings.no_text, settings.withheld, folders.hide)
    answering, metrics = (
        Answering(catalog, policy, settings.limits, is_embedded=_is_embedded(settings), is_stopping=is_stopping),
        Metrics(settings.shared),
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
    _add_jobs(
        app, Acting(catalog, answering, settings.limits), Events(catalog, answering, settings.limits, is_stopping)
    )
    _add_own(app, settings, answering, metrics)
    _add_pages(app, Pages(answering, policy), Charts(answering), Pictures(answering))
    app.add_middleware(_Catching)
    told = partial(explain, tell=folders.tell)
    return Edge(_Compressing(Dispatch(_Raising(app), answering)), Gate(settings), metrics, told)


class _Catching:
    """Within the framework: keeps an exception from its outermost layer, which would answer with a page of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            scope[_RAISED] = error


class _Raising:
    """Around the framework: raises what was kept, of which the edge makes a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if (error := scope.get(_RAISED)) is not None:
            raise error


class _Compressing:
    """Compresses for those who read it; the others do not pay for looking into each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._zipped = GZipMiddleware(app, minimum_size=_LEAST_COMPRESSED, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reads = scope["type"] == "http" and b"gzip" in scope["seenat_headers"].get(b"accept-encoding", b"")
        await (self._zipped if reads else self._app)(scope, receive, send)


def _add_jobs(app: FastAPI, acting: Acting, events: Events) -> None:
    async def watched(request: Request) -> Response:
        return await events.respond(request)

    watched.__name__ = "jobs-job-events"
    app.add_route(PREFIX + EVENTS, watched, methods=["GET"], include_in_schema=False)
    for action in ACTIONS:
        app.add_route(PREFIX + action.path, acting.endpoint(action), methods=["POST"], include_in_schema=False)


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


def _methods_at(request: Request) -> list[str]:
    """The methods that are answered at a request's path."""
    matching = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    read = ["GET", "HEAD"] if answers(request.scope) else []
    return sorted({*read, *(method for route in matching for method in getattr(route, "methods", ()))})


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
    path, allowed = request.scope["path"], _methods_at(request)
    if status == 404 and not allowed:
        known = [PREFIX + path for path in (*(route.path for route in ROUTES), EVENTS, *(one.path for one in ACTIONS))]
        nearest = get_close_matches(path, known, n=3, cutoff=0.4)
        raise UnknownRoute(f"There is nothing at {path}; /openapi.json lists all addresses.", nearest)
    if status in (404, 405):
        raise MethodNotAllowed(f"{request.method} is not answered at {path}; ask by {' or '.join(allowed)}.", allowed)
    raise Refused(f"This request cannot be answered: {status}.")
