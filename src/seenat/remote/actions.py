"""What is written over HTTP, and the one answer that is a stream: addresses beside those of the table of routes.

    POST /jobs                     catalog.submit(**body)
    POST /jobs/{job}/cancellation  catalog.cancel(job)
    POST /jobs/{job}/pause         catalog.pause(job)
    POST /jobs/{job}/resumption    catalog.resume(job)
    POST /jobs/{job}/retrial       catalog.retry(job)
    POST /jobs/{job}/priority      catalog.prioritize(job, **body)
    GET  /jobs/{job}/events        catalog.watch(job)

An action is asked for by POST, with a token that has one of its scopes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from seenat.remote.bodies import PRIORITY, SUBMISSION, Field
from seenat.remote.parameters import PARAMETERS, Parameter

__all__ = ["ACTIONS", "EVENTS", "EVENT_STREAM", "Action", "names_in_path"]

EVENTS = "/jobs/{job}/events"
"""How a job stands, as server-sent events."""
EVENT_STREAM = "text/event-stream"
"""Their media type."""


def names_in_path(path: str) -> tuple[str, ...]:
    """The parameters that stand in a path."""
    return tuple(re.findall(r"\{(\w+)\}", path))


@dataclass(frozen=True, kw_only=True, eq=False)
class Action:
    """An address that is asked by POST, and the method that it calls."""

    path: str
    method: str
    """Of the catalog."""
    scopes: tuple[str, ...]
    """A token needs one of these."""
    status: int
    """Of an answer that is no error."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the path that the method calls otherwise."""
    body: Mapping[str, Field] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)
    """A body."""

    @property
    def name(self) -> str:
        """What tells it from all others: `jobs-submit`."""
        return f"{self.path.split('/')[1]}-{self.method}"

    @property
    def in_path(self) -> dict[str, Parameter]:
        """Parameters that stand in the path."""
        return {key: PARAMETERS[key] for key in names_in_path(self.path)}


def _change(noun: str, method: str, *scopes: str, body: Mapping[str, Field] = MappingProxyType({})) -> Action:
    """Something that is done to a job, which is the answer."""
    return Action(
        path=f"/jobs/{{job}}/{noun}",
        method=method,
        scopes=("jobs:write", *scopes),
        status=200,
        renamed={"job": "id_"},
        body=body,
        required=tuple(body),
        example=dict.fromkeys(body, 1),
    )


ACTIONS: tuple[Action, ...] = (
    Action(
        path="/jobs",
        method="submit",
        scopes=("jobs:write",),
        status=202,
        body=SUBMISSION,
        required=("model",),
        example={"model": "pocket-230k", "steps": [64, 128], "sequences": "0:256", "name": "first look"},
    ),
    _change("cancellation", "cancel", "jobs:cancel"),
    _change("pause", "pause"),
    _change("resumption", "resume"),
    _change("retrial", "retry"),
    _change("priority", "prioritize", body=PRIORITY),
)
"""Every action."""
