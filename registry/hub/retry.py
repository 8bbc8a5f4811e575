"""How often and how long a request to the hub is tried again: one policy for all that seenat asks of a hub.

Errors that may pass are tried again after growing delays without jitter: 408, 429, 5xx, silence, cut connections. Errors
that will not pass (401, 403, 404, 416, a wrong answer) are raised at once. The hub may say how long to wait, and no longer
than the policy allows for all its tries together.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from seenat.registry.errors import HubUnavailable

if TYPE_CHECKING:
    from httpx2 import Response

__all__ = ["RetryPolicy"]

_Result = TypeVar("_Result")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long and how often the hub is asked for one thing."""

    delays: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Seconds before each further try, where the hub does not say how long to wait."""
    longest_wait: float = 300.0
    """Most seconds that the hub may ask to wait, all tries together; it counts requests over windows of 300 seconds."""
    longest_silence: float = math.inf
    """Seconds after which no further try begins, unless the hub has asked to wait."""
    margin: float = 0.0
    """Seconds added to the wait in the hub's report of its limit, which is in whole seconds."""
    patience: float = 30.0
    """Seconds that an answer may take, and longer only while its bytes come fast enough; see `bounds`."""
    timeout: float | None = None
    """Seconds of silence that end a try; None for huggingface_hub's own setting, 10 seconds unless it is changed."""

    def call(self, subject: str, request: Callable[[], _Result]) -> _Result:
        """The result of a request, tried again while that may help.

        Raises the last error as it is, and `HubUnavailable` when the hub asks to wait longer than `longest_wait`.
        """
        from httpx2 import TransportError
        from huggingface_hub.errors import HfHubHTTPError

        began, asked_for = time.monotonic(), 0.0
        for delay in self.delays:
            try:
                return request()
            except (HfHubHTTPError, TransportError) as error:
                response = error.response if isinstance(error, HfHubHTTPError) else None
                if response is not None and not _may_pass(response.status_code):
                    raise
                requested = None if response is None else self._requested_wait(response.headers)
                wait = delay if requested is None else requested
                asked_for += requested or 0.0
                if asked_for > self.longest_wait:
                    raise HubUnavailable(
                        f"The hub asks to wait {wait:g} seconds before it sends more of {subject}; try again then."
                    ) from error
                if requested is None and time.monotonic() - began > self.longest_silence:
                    raise
                _log.warning("%s: %s; trying again in %g s.", subject, _reason(error, response), wait)
            # Outside the `except`, so that the error and the answer it holds are gone during the wait.
            time.sleep(wait)
        return request()

    def timeout_or_default(self) -> float:
        """Seconds of silence that end a try."""
        from huggingface_hub import constants

        return constants.HF_HUB_DOWNLOAD_TIMEOUT if self.timeout is None else self.timeout

    def _requested_wait(self, headers: Mapping[str, str]) -> float | None:
        """The seconds that an answer asks to wait, by Retry-After or by the hub's own report of its limit; None if it does not."""
        from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]  # Documented, exported lazily.

        wait = _retry_after(headers.get("Retry-After", "").strip())
        if wait is not None:
            return wait
        with suppress(ValueError, OverflowError):  # Hundreds of digits.
            limit = parse_ratelimit_headers(headers)
            if limit is not None and limit.remaining == 0:
                return limit.reset_in_seconds + self.margin
        return None


def _retry_after(text: str) -> float | None:
    """Seconds, or the seconds until a date; None for anything else."""
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _may_pass(status: int) -> bool:
    return status in (408, 429) or status >= 500


def _reason(error: Exception, response: Response | None) -> str:
    return type(error).__name__ if response is None else f"status {response.status_code}"
