"""The service answers what the library answers, route by route, and has a route for every command that reads."""

from __future__ import annotations

import inspect
import json
import typing
from typing import Any

import pytest
from support.addresses import WITH_FOLDERS, address, ask, told
from support.commands import METHODS, WRITE_OR_COMPUTE
from support.served import Served

import seenat
from seenat.registry.answer import to_json
from seenat.remote.methods import method_of
from seenat.remote.routes import ROUTES, Route

NOT_FOR_REQUESTS = {
    "out",
    "force",
    "html",
    "progress",
    "reading",
    "say",
    "scan",
    "calibrate",
    "check",
    "device",
    "keep_checkpoints",
}
"""What of a method writes a file, tells a caller how far it is, runs checkpoints, reads an order for minutes, or is about the
caller's machine."""

OF_A_PAGE = {"exposure_curve": {"limit", "after", "count", "context", "by"}}
"""Options that a method shares with one that gives pages, and has no use for."""

NOT_ANSWERED = {"models-model-comparisons"}
"""Routes whose question the small catalog cannot answer; the error is the library's too."""


def by_library(catalog: seenat.Catalog, route: Route) -> tuple[int, Any]:
    try:
        document = json.loads(json.dumps(to_json(ask(catalog, route))))
        return 200, told(catalog, document) if route.method in WITH_FOLDERS else document
    except seenat.SeenatError as error:
        return error.http_status, str(error)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_service_answers_as_the_library(served: Served, route: Route) -> None:
    response = served.http.get(address(route))
    found = response.json() if response.status_code == 200 else response.json()["detail"]
    assert (response.status_code, found) == by_library(served.catalog, route)
    assert (response.status_code == 200) != (route.name in NOT_ANSWERED), found


def test_every_command_that_reads_has_a_route() -> None:
    routed = {method_of(route) for route in ROUTES}
    reading = METHODS | {"audit": seenat.Catalog.findings}  # The command audits anew, which writes.
    assert {name for name, method in reading.items() if method not in routed} == WRITE_OR_COMPUTE


def keywords(method: Any) -> set[str]:
    """What a method takes, options that are passed on included."""
    found = set()
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            options = typing.get_args(eval(parameter.annotation, {"Unpack": typing.Unpack}, vars(seenat) | _options()))[
                0
            ]
            found |= options.__annotations__.keys()
        else:
            found.add(name)
    return found - {"self"}


def _options() -> dict[str, Any]:
    return {
        "EstimateOptions": seenat.EstimateOptions,
        "FindOptions": seenat.FindOptions,
        "SearchOptions": seenat.SearchOptions,
        "AllTraceOptions": seenat.AllTraceOptions,
        "TraceOptions": seenat.TraceOptions,
    }


@pytest.mark.parametrize("method", {route.method: route for route in ROUTES}.values(), ids=lambda route: route.method)
def test_all_that_a_method_takes_can_be_asked(method: Route) -> None:
    same = [route for route in ROUTES if route.method == method.method]
    asked = {route.renamed.get(key, key) for route in same for key in route.parameters} | {"query"}
    stars = {name for route in same if (name := route.star)}
    missing = keywords(method_of(method)) - asked - NOT_FOR_REQUESTS - ({"models"} if stars else set())
    missing -= OF_A_PAGE.get(method.method, set())
    assert missing == set()
    assert asked - stars - {"query"} <= keywords(method_of(method)) | {"order", "model"}


def test_names_of_routes_are_unlike_each_other() -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES)
