"""Operations of the API as its description has them, each asked with what schemathesis makes of it."""

from __future__ import annotations

import json
import warnings
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from seenat.service.api.openapi import describe_api
from support.tokens import bearer

__all__ = ["check_operation", "operations"]

# What is valid one by one may not be so together: a text and ids. Requests without a token have tests of their own. That a hub
# cannot be reached is a server's error too, and rightly told.
_LEFT_OUT = [positive_data_acceptance, ignored_auth, not_a_server_error]


def operations() -> list[Any]:
    """Every operation of the description."""
    loaded = schemathesis.openapi.from_dict(json.loads(json.dumps(describe_api())))
    return [result.ok() for result in loaded.get_all_operations()]


def check_operation(operation: Any, url: str, token: str, cases: int, chance: int = 0) -> None:
    """Ask a service so many times; raises where an answer is not as described.

    `token` is sent with what writes, `chance` is the seed of the values.
    """
    headers = bearer(token) if operation.method == "post" else {}

    @seed(chance)
    @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        response = case.call_and_validate(base_url=url, headers=headers, excluded_checks=_LEFT_OUT)
        assert response.status_code != 500, (case.as_curl_command(), response.text)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ask()
