"""The description of the API holds for the service: a slice of what `make fuzz` asks of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from support.addresses import address
from support.described import check_operation, operations
from support.examples import EXAMPLES, shape, shortened
from support.requests import page_requests, posts, requests
from support.served import Served, Writable
from support.tokens import bearer

from seenat.remote.actions import ACTIONS
from seenat.remote.routes import ROUTES, Route
from seenat.service.api.openapi import describe_api

jsonschema_rs = pytest.importorskip("jsonschema_rs")

NOT_ANSWERED = {"models-model-comparisons"}
"""Nothing is published of the pocket suite to compare with."""


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
@pytest.mark.parametrize(("kind", "cases"), [("sqlite", 4), ("postgresql", 2)])
def test_answers_are_as_described(writables: Callable[[str], Writable], kind: str, cases: int, operation: Any) -> None:
    writable = writables(kind)
    check_operation(operation, writable.served.url, writable.tokens["jobs:write"], cases)


def test_the_description_is_served(served: Served) -> None:
    response = served.http.get("/openapi.json")
    document = response.json()
    assert document["openapi"] == "3.1.0"
    assert document == json.loads(json.dumps(describe_api()))
    assert {f"/api/v1{route.path}" for route in ROUTES} <= document["paths"].keys()


def test_every_reference_leads_somewhere() -> None:
    document = json.dumps(describe_api())
    named = set(re.findall(r'"#/components/schemas/(\w+)"', document))
    assert named <= describe_api()["components"]["schemas"].keys()
    assert len(named) > 50


def test_every_route_has_an_example_that_fits_its_schema() -> None:
    document = describe_api()
    for route in ROUTES:
        found = document["paths"][f"/api/v1{route.path}"]["get"]["responses"]["200"]["content"]["application/json"]
        assert ("example" in found) == (route.name not in NOT_ANSWERED), route.name
        if "example" in found:
            schema = {**found["schema"], "components": document["components"]}
            jsonschema_rs.validator_for(json.loads(json.dumps(schema))).validate(found["example"])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_example_of_an_answer_has_its_shape(served: Served, route: Route) -> None:
    """Where it has not: `PYTHONPATH=tests python -m support.examples`."""
    if route.name not in NOT_ANSWERED:
        example = json.loads(EXAMPLES.read_text("utf-8"))[route.name]
        assert shape(example) == shape(shortened(served.http.get(address(route)).json()))


def test_the_example_of_a_problem_is_one(served: Served) -> None:
    [example] = describe_api()["components"]["schemas"]["Problem"]["examples"]
    found = served.http.get("/api/v1/models/pythia-70m/steps/1500").json()
    assert {key: value for key, value in found.items() if key != "request"} == example


def test_no_request_is_a_fault(served: Served) -> None:
    """600 of the requests of `make fuzz`."""
    found = [(asked, served.http.get(asked).status_code) for asked in requests(seed=1, number=600)]
    assert [(asked, status) for asked, status in found if status == 500] == []
    assert len({status for _, status in found}) > 2


def test_no_page_is_a_fault(served: Served) -> None:
    """150 of them."""
    headers = {"accept": "text/html"}
    found = [
        (asked, served.http.get(asked, headers=headers).status_code) for asked in page_requests(seed=1, number=150)
    ]
    assert [(asked, status) for asked, status in found if status == 500] == []
    assert {status for _, status in found} >= {200, 303, 307, 404, 422}


def test_no_body_is_a_fault(writable: Writable) -> None:
    """150 of them."""
    found = []
    for asked, body, kind in posts(seed=1, number=150):
        headers = {"content-type": kind, **bearer(writable.tokens["jobs:write"])}
        found.append((asked, body, writable.served.http.post(asked, content=body, headers=headers).status_code))
    assert [(asked, body) for asked, body, status in found if status == 500] == []
    assert {status for *_, status in found} >= {200, 202, 404, 415, 422}


def test_what_writes_is_described_with_its_token(served: Served) -> None:
    document = json.loads(json.dumps(describe_api()))
    writing = {
        (path, method): one
        for path, item in document["paths"].items()
        for method, one in item.items()
        if method != "get"
    }
    assert {path for path, _ in writing} == {f"/api/v1{action.path}" for action in ACTIONS}
    [scheme] = document["components"]["securitySchemes"]
    for operation in writing.values():
        assert operation["security"] == [{scheme: []}]
        assert {"401", "403", "408", "413", "415", "422"} <= operation["responses"].keys()
    assert not [path for path, item in document["paths"].items() if "security" in item.get("get", {})]
