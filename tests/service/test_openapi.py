"""The description of the API holds for the service: a slice of what `make fuzz` asks of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from support.addresses import address
from support.examples import EXAMPLES, shape, shortened
from support.requests import requests
from support.served import Served

from seenat.remote.routes import ROUTES, Route
from seenat.service.api.openapi import describe_api

jsonschema_rs = pytest.importorskip("jsonschema_rs")
schemathesis = pytest.importorskip("schemathesis")

CASES = 4
"""Of each operation; half a second of processor time each."""


NOT_ANSWERED = {"models-model-comparisons"}
"""Nothing is published of the pocket suite to compare with."""


def operations() -> list[Any]:
    loaded = schemathesis.openapi.from_dict(json.loads(json.dumps(describe_api())))
    return [result.ok() for result in loaded.get_all_operations()]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
@pytest.mark.filterwarnings("ignore")
def test_answers_are_as_described(served: Served, operation: Any) -> None:
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    @settings(
        max_examples=CASES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=served.url, excluded_checks=[positive_data_acceptance])

    ask()  # What is valid one by one may not be so together: a text and ids.


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
