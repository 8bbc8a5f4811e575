"""The body of a request that writes: JSON of bounded length, depth and time."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from starlette.requests import ClientDisconnect, Request

from seenat.registry.errors import InvalidValue, SlowRequest, TooLarge, WrongMediaType
from seenat.service.settings import Limits

__all__ = ["read_json"]

_DEEPEST = 8
# A string, also one that does not end, so that no text is looked through twice; or a bracket.
_MARK = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


async def read_json(request: Request, limits: Limits) -> Any:
    """The JSON of a body, an empty object where there is none.

    Raises `WrongMediaType`, `TooLarge`, `SlowRequest`, and `InvalidValue` for what is no JSON.
    """
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return {}
    given = headers.get("content-type", "")
    media_type, _, more = given.partition(";")
    if media_type.strip().lower() != "application/json" or more.strip().lower() not in ("", "charset=utf-8"):
        raise WrongMediaType(f"A body of {given[:100]!r} is not read here; send application/json.")
    try:
        async with asyncio.timeout(limits.body_seconds):
            return _parse(await _read(request, limits.body_bytes))
    except TimeoutError:
        raise SlowRequest(f"The body of this request did not come within {limits.body_seconds:g} seconds.") from None


async def _read(request: Request, most: int) -> bytes:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise TooLarge(f"This request brings a body beyond {most:,} bytes; ask for less at once.")
    except ClientDisconnect:
        raise InvalidValue("The body of this request ended before it was whole.") from None
    return bytes(body)


def _parse(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(f"The body of this request is not UTF-8, from byte {error.start} on.") from None
    if _depth(text) > _DEEPEST:
        raise InvalidValue(f"The body of this request is nested deeper than {_DEEPEST} levels; send it flatter.")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"The body of this request is no JSON: {error}.") from None


def _depth(text: str) -> int:
    """How deep lists and objects are nested, at most; what stands in strings does not count."""
    depth = deepest = 0
    for mark in _MARK.findall(text):
        depth += 1 if mark in "[{" else -1 if mark in "]}" else 0
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for key in made if [name for name, _ in pairs].count(key) > 1)
        raise InvalidValue(f"The body of this request has the key {twice[:60]!r} twice; write it once.")
    return made


def _refuse_constant(name: str) -> Any:
    raise InvalidValue(f"The body of this request holds {name}, which is no JSON; write a number.")
