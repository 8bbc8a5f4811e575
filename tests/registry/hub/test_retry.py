"""How long a hub may make anybody wait."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest
from httpx2 import Request, Response
from huggingface_hub.errors import HfHubHTTPError

from seenat.registry.errors import HubUnavailable
from seenat.registry.hub.retry import RetryPolicy


def busy(headers: dict[str, str]) -> Any:
    response = Response(429, headers=headers, request=Request("GET", "http://hub.invalid"))

    def request() -> None:
        tried.append(time.monotonic())
        raise HfHubHTTPError("busy", response=response)

    tried: list[float] = []
    request.tried = tried  # type: ignore[attr-defined]
    return request


def test_a_date_to_wait_for_is_read() -> None:
    request = busy({"Retry-After": formatdate(time.time() + 600, usegmt=True)})
    with pytest.raises(HubUnavailable, match=r"asks to wait (59\d|600)"):
        RetryPolicy().call("x", request)
    request = busy({"Retry-After": formatdate(time.time() - 600, usegmt=True)})
    with pytest.raises(HfHubHTTPError):
        RetryPolicy(delays=(60.0,)).call("x", request)
    assert len(request.tried) == 2


def test_waits_that_are_each_short_enough_are_not_too_long_together() -> None:
    request = busy({"Retry-After": "1"})
    with pytest.raises(HubUnavailable, match="asks to wait 1 seconds"):
        RetryPolicy(delays=(0.0,) * 9, longest_wait=2.0).call("x", request)
    assert len(request.tried) == 3


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "Wed, 21 Oct 99999 07:28:00 GMT"])
def test_what_is_no_wait_is_the_usual_one(text: str) -> None:
    request = busy({"Retry-After": text})
    with pytest.raises(HfHubHTTPError):
        RetryPolicy(delays=(0.0, 0.0)).call("x", request)
    assert len(request.tried) == 3
