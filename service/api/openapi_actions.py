"""The description of what is written, and of the stream of a job: the part of OpenAPI beside the table of routes."""

from __future__ import annotations

import inspect
from typing import Any

import seenat
from seenat.remote.actions import ACTIONS, EVENT_STREAM, EVENTS, Action
from seenat.remote.parameters import PARAMETERS, Parameter
from seenat.remote.routes import PREFIX
from seenat.service.api.schemas import Schemas

__all__ = ["SECURITY_SCHEMES", "describe_actions"]

_SCHEME = "token"
SECURITY_SCHEMES = {
    _SCHEME: {"type": "http", "scheme": "bearer", "description": "A token made by `seenat token create`."}
}
"""How requests that write say who sends them."""

_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string", "enum": ["progress", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["id", "event", "data"],
}


def describe_actions(schemas: Schemas, refusals: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations of each path, by method."""
    paths = {PREFIX + action.path: {"post": _action(action, schemas, refusals)} for action in ACTIONS}
    return paths | {PREFIX + EVENTS: {"get": _events(refusals)}}


def _action(action: Action, schemas: Schemas, refusals: dict[str, Any]) -> dict[str, Any]:
    method = getattr(seenat.Catalog, action.method)
    schema = schemas.returned(method)[0]
    described = {
        "operationId": action.name,
        "tags": [action.path.split("/")[1]],
        "summary": (inspect.getdoc(method) or "").partition("\n")[0],
        "description": f"Needs a token for {' or '.join(action.scopes)}.",
        "security": [{_SCHEME: []}],
        "parameters": [_in_path(kind, 1) for kind in action.in_path.values()],
        "responses": {
            str(action.status): {"description": "The answer.", "content": {"application/json": {"schema": schema}}}
        }
        | refusals,
    }
    return described | ({"requestBody": _body(action)} if action.body else {})


def _body(action: Action) -> dict[str, Any]:
    properties = {key: {**field.schema, "description": field.about} for key, field in action.body.items()}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(action.required),
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema, "example": dict(action.example)}}
    return {"required": bool(action.required), "content": content}


def _events(refusals: dict[str, Any]) -> dict[str, Any]:
    known = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string", "maxLength": 64}}
    return {
        "operationId": "jobs-job-events",
        "tags": ["jobs"],
        "summary": "How a job stands, and again whenever that has changed, as server-sent events.",
        "description": "Each event holds the whole job; the last one is named `end`. With the id of the last event, what "
        "was told is not told again.",
        "parameters": [_in_path(PARAMETERS["job"], 1), {**known, "description": "The id of the last event that came."}],
        "responses": {
            "200": {"description": "The events.", "content": {EVENT_STREAM: {"schema": _EVENT}}},
            "204": {"description": "The job has ended, and its last event has come."},
        }
        | refusals,
    }


def _in_path(kind: Parameter, example: Any) -> dict[str, Any]:
    described = {"name": kind.name, "in": "path", "description": kind.about, "required": True}
    return described | {"schema": dict(kind.schema), "example": example}
