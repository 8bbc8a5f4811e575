"""Jobs of a service's catalog: submitted, changed and watched as those of the local one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Unpack

import httpx2

from seenat.catalog import Catalog
from seenat.registry import settings
from seenat.registry.errors import Unauthenticated, Unreachable
from seenat.registry.printable import in_a_sentence
from seenat.remote.actions import ACTIONS, EVENT_STREAM, EVENTS
from seenat.remote.bodies import body_value
from seenat.remote.events import Event, read_events
from seenat.remote.reading.answers import read_answer
from seenat.remote.reading.hints import hints_of
from seenat.remote.routes import PREFIX

if TYPE_CHECKING:
    from seenat.memorize import SubmitOptions

__all__ = ["RemoteJobs"]

_BY_METHOD = {action.method: action for action in ACTIONS}
_TRIES = 5
_SECONDS_WITHOUT_A_SIGN = 60.0


class RemoteJobs:
    """What a service's catalog lets be done with jobs; the methods are those of the local catalog."""

    url: str
    _http: httpx2.Client
    _ask: Callable[..., Any]
    _token: str | None

    def submit(self, model: str, **options: Unpack[SubmitOptions]) -> Any:
        """Plan what `memorize` measures with these options, for the workers of the service's catalog; needs a token."""
        return self._act("submit", {}, {"model": model, **options})

    def cancel(self, id_: int) -> Any:
        """Cancel a job and return it; needs a token. Raises `UnknownJob`."""
        return self._act("cancel", {"job": id_}, {})

    def pause(self, id_: int) -> Any:
        """Pause a job and return it; needs a token. Raises `UnknownJob`."""
        return self._act("pause", {"job": id_}, {})

    def resume(self, id_: int) -> Any:
        """Let workers take shards of a paused job again, and return it; needs a token. Raises `UnknownJob`."""
        return self._act("resume", {"job": id_}, {})

    def prioritize(self, id_: int, priority: int) -> Any:
        """Let workers take a job before those of a smaller priority, and return it; needs a token. Raises `UnknownJob`."""
        return self._act("prioritize", {"job": id_}, {"priority": priority})

    def retry(self, id_: int) -> Any:
        """Let the failed shards of a job be tried again, and return it; needs a token. Raises `UnknownJob`."""
        return self._act("retry", {"job": id_}, {})

    def watch(self, id_: int, *, seconds: float = 1.0) -> Iterator[Any]:
        """A job as it stands, and again whenever that has changed, until it is done, cancelled or failed.

        Where the connection is lost it asks again, after so many seconds. Raises `UnknownJob`, and `Unreachable` where
        nothing answers for some tries.
        """
        first = self._ask("GET", f"/jobs/{id_}")  # An error is raised here, and not where the first one is taken.
        return self._watched(int(first["job"]), seconds)

    def _act(self, method: str, in_path: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        token, action = self._token or settings.token(), _BY_METHOD[method]
        if token is None:
            raise Unauthenticated("This needs a token; give it to `seenat.connect`, or set SEENAT_TOKEN.")
        body = {key: body_value(value) for key, value in values.items() if value is not None}
        headers = {"authorization": f"Bearer {token}"}
        answer = self._ask("POST", action.path.format_map(in_path), json=body, headers=headers)
        return read_answer(answer, hints_of(getattr(Catalog, method)).get("return"))

    def _watched(self, job: int, seconds: float) -> Iterator[Any]:
        known, failed = None, 0
        while failed < _TRIES:
            try:
                for event in self._events(job, known):
                    known, failed = event.id, 0
                    yield read_answer(json.loads(event.data))
                    if event.name == "end":
                        return
            except httpx2.HTTPError as error:
                reason = in_a_sentence(error)
            else:
                reason = "it ends the stream"
            failed += 1
            time.sleep(seconds)
        raise Unreachable(
            f"The service at {self.url} does not tell of job {job} any more: {reason}; check that it runs."
        )

    def _events(self, job: int, known: str | None) -> Iterator[Event]:
        address, headers = f"{self.url}{PREFIX}{EVENTS.format(job=job)}", {"accept": EVENT_STREAM}
        if known is not None:
            headers["last-event-id"] = known
        timeout = httpx2.Timeout(_SECONDS_WITHOUT_A_SIGN)
        with self._http.stream("GET", address, headers=headers, timeout=timeout) as response:
            if response.status_code == 200:
                yield from read_events(response.iter_bytes())
