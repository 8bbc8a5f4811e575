"""The description of the API: OpenAPI 3.1, from the table of routes, the catalog's docstrings and the classes of answers."""

from __future__ import annotations

import inspect
import json
from functools import cache
from importlib.resources import files
from typing import Any

import seenat
from seenat.registry import errors
from seenat.remote.methods import method_of
from seenat.remote.parameters import Parameter
from seenat.remote.problems import PROBLEM, problem_kind
from seenat.remote.routes import PREFIX, ROUTES, Route
from seenat.service.api.documents import Form
from seenat.service.api.openapi_actions import SECURITY_SCHEMES, describe_actions
from seenat.service.api.schemas import Schemas

__all__ = ["describe_api"]

_OWN = {
    "/health": "Whether the process answers.",
    "/ready": "Whether the catalog can be reached and fits this version; 503 where it does not.",
    "/version": "The versions of seenat and of the API.",
}
_PROBLEM = {
    "type": "object",
    "description": "What went wrong, in one sentence, and what to do next (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "nearest": {"type": "array", "description": "Values next to the one that was asked for."},
        "request": {"type": "string", "description": "The id under which the service's log has this request."},
    },
    "required": ["type", "title", "status", "detail"],
}


@cache
def describe_api() -> dict[str, Any]:
    """The whole document."""
    schemas = Schemas()
    paths = {PREFIX + route.path: {"get": _operation(route, schemas)} for route in ROUTES}
    for path, operations in describe_actions(schemas, _refusals()).items():
        paths[path] = paths.get(path, {}) | operations
    own = {path: {"get": _own_operation(path, about)} for path, about in _OWN.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "seenat",
            "version": seenat.__version__,
            "description": "What each checkpoint of a language model had seen in training, and when it had memorized it. "
            "Every list is also there as .jsonl and .csv. Ranges are half-open.",
        },
        "paths": paths | own,
        "components": {
            "schemas": {**schemas.components, "Problem": {**_PROBLEM, "examples": [_example_problem()]}},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    method = method_of(route)
    about = inspect.getdoc(method) or ""
    schema, is_list = schemas.returned(method)
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if route.name in _examples():
        content["application/json"]["example"] = _examples()[route.name]
    if is_list:
        content |= {Form.JSONL.value: {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}}
    return {
        "operationId": route.name,
        "tags": [route.path.split("/")[1]],
        "summary": about.partition("\n")[0],
        "parameters": [_parameter(route, key, kind) for key, kind in route.parameters.items()],
        "responses": {"200": {"description": "The answer.", "content": content, "headers": _headers(route)}}
        | _refusals(),
    }


@cache
def _examples() -> dict[str, Any]:
    """Real answers to the routes' examples, of which lists keep two entries."""
    found: dict[str, Any] = json.loads(files("seenat.service.api").joinpath("examples.json").read_text("utf-8"))
    return found


def _headers(route: Route) -> dict[str, Any]:
    tag = {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match."}}
    link = {"Link": {"schema": {"type": "string"}, "description": "The next page, where there is one."}}
    return tag | link if route.pages or route.keyed_by else tag


def _parameter(route: Route, key: str, kind: Parameter) -> dict[str, Any]:
    in_path = key in route.in_path
    schema: dict[str, Any] = {"type": "array", "items": dict(kind.schema)} if kind.many else dict(kind.schema)
    described: dict[str, Any] = {
        "name": kind.name,
        "in": "path" if in_path else "query",
        "description": kind.about,
        "required": in_path or key in route.required,
        "schema": schema,
    }
    if key in route.example:
        value: Any = route.example[key]
        value = int(value) if kind.schema["type"] == "integer" else value
        described["example"] = [value] if kind.many else value
    return described


def _own_operation(path: str, about: str) -> dict[str, Any]:
    answer = {"description": "The answer.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "operationId": path.strip("/"),
        "tags": ["service"],
        "summary": about,
        "responses": {"200": answer} | _refusals(),
    }


@cache
def _refusals() -> dict[str, Any]:
    """A response for every status of the table of errors."""
    kinds: dict[int, list[str]] = {}
    for name in errors.__all__:
        kind = getattr(errors, name)
        kinds.setdefault(kind.http_status, []).append(problem_kind(kind))
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": ", ".join(kinds[status]), "content": content} for status in sorted(kinds)}


def _example_problem() -> dict[str, Any]:
    return {
        "type": "urn:seenat:unknown-checkpoint",
        "title": "Unknown checkpoint",
        "status": 404,
        "detail": "pythia-70m has no checkpoint at step 1500; the nearest are 1000 and 2000, and batches 1000 to 1999 "
        "lie between them.",
        "nearest": [1000, 2000],
        "model": "pythia-70m",
        "step": 1500,
    }
