"""Random requests of the service: values that are right, nearly right and hostile, in every place of every address."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from seenat.remote.actions import ACTIONS
from seenat.remote.parameters import Parameter
from seenat.remote.routes import PREFIX, ROUTES, Route
from seenat.service.pages.charts import CHARTS
from seenat.service.pages.drawing import PICTURE_PATH, PLACE_PATH
from seenat.service.pages.page import Page
from seenat.service.pages.table import PAGES

__all__ = ["page_requests", "posts", "requests"]

_HOSTILE = (
    *("", " ", "0", "-1", "1e9", "9" * 18, "9" * 400, "NaN", "null", "true", "0:0", "5:2", ":", "0:" + "9" * 18),
    *(
        "'",
        "' OR 1=1 --",
        "%",
        "_",
        "*",
        "[",
        "\\",
        "../../etc/passwd",
        "/etc/passwd",
        "\x00",
        "\x1b[2J",
        "\u202e",
        "\U0001f600",
    ),
    *(
        "<script>",
        "{{7*7}}",
        "${x}",
        "a" * 5000,
        "=1+1",
        "http://127.0.0.1/",
        "hf://datasets/x/y",
        "step3000",
        "\ud7ff",
        "é",
    ),
)
_BROKEN = ("%", "%f", "%ff", "%c0%af", "%ed%a0%80", "%00", "+", "&", "&&", "=", ";")
_FORMS = ("", "", "", ".json", ".jsonl", ".csv")
_PAGE_EXAMPLE = {
    "model": "pocket-230k", "models": "pocket-230k", "others": "pocket-660k", "order": "pocket-order", "step": "384",
    "batch": "2", "sequence": "20", "job": "1", "study": "forgetting", "text": "process group", "a": "pocket-230k@256",
    "b": "pocket-230k@384",
}  # fmt: skip
"""Values with which pages of a measured pocket suite have something to show."""


def requests(seed: int, number: int) -> Iterator[str]:
    """Addresses, each a path and a query."""
    chance = random.Random(seed)
    for _ in range(number):
        route = chance.choice(ROUTES)
        yield _address(chance, route, route.example, route.required)


def page_requests(seed: int, number: int) -> Iterator[str]:
    """Addresses of pages, of their forms, and of what stands in them."""
    chance = random.Random(seed)
    for _ in range(number):
        page = chance.choice(PAGES)
        address = _address(chance, page, _PAGE_EXAMPLE, (), "")
        yield address if chance.random() < 0.9 else _of_a_part(chance)


def _of_a_part(chance: random.Random) -> str:
    """The address of a picture or of a chart."""
    path = chance.choice(
        (PICTURE_PATH, PLACE_PATH, *(f"/charts/{name}/{{mode}}{chart.path}.svg" for name, chart in CHARTS.items()))
    )
    values = {"mode": "light", "sort": "onset", **_PAGE_EXAMPLE}

    def value(found: re.Match[str]) -> str:
        given = values.get(found[1], "1") if chance.random() < 0.8 else chance.choice(_HOSTILE)
        return quote(given, safe="")

    return re.sub(r"\{(\w+)\}", value, path) + chance.choice(
        ("", "?models=pocket-230k", "?text=self&order=pocket-order")
    )


def posts(seed: int, number: int) -> Iterator[tuple[str, bytes, str]]:
    """Addresses of what writes, each with a body and its media type."""
    chance = random.Random(seed)
    for _ in range(number):
        action = chance.choice(ACTIONS)
        path = action.path.format(job=quote(chance.choice(("1", "2", *_HOSTILE)), safe=""))
        keys = [key for key in action.body if key in action.required or chance.random() < 0.3]
        body: dict[str, Any] = {
            key: action.example[key]
            if key in action.example and chance.random() < 0.6
            else _json(chance, action.body[key].schema)
            for key in keys
        }
        if chance.random() < 0.1:
            body[chance.choice(("stps", "device", "__proto__", ""))] = chance.choice(_HOSTILE)
        text = json.dumps(body).encode()
        yield PREFIX + path, _damaged(chance, text), chance.choice((*["application/json"] * 9, "text/plain"))


def _json(chance: random.Random, schema: Mapping[str, Any]) -> Any:
    """A value for a key of a body: of the pocket suite, so that no plan is of millions of sequences, or hostile."""
    if chance.random() < 0.15:
        return chance.choice((*_HOSTILE, None, [], {}, [[]], -1, 1.5, 10**30, "\ud800", "a\0b", True))
    if "anyOf" in schema:
        return _json(chance, chance.choice(schema["anyOf"]))
    if schema["type"] == "array":
        return [_json(chance, schema["items"]) for _ in range(chance.randrange(4))]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if schema["type"] == "boolean":
        return chance.random() < 0.5
    if schema["type"] == "integer":
        return chance.choice((0, 1, 2, 8, 32, 64, 384, 385, 3584))
    return chance.choice(("pocket-230k", "pocket-660k", "pocket-3m", "0:4", "64:128", "4:2", "step384", "a name"))


def _damaged(chance: random.Random, body: bytes) -> bytes:
    if chance.random() > 0.15 or not body:
        return body
    place, some = chance.randrange(len(body)), bytes(chance.randrange(256) for _ in range(chance.randrange(4)))
    return body[:place] + some + body[place + chance.randrange(4) :]


def _address(
    chance: random.Random,
    place: Route | Page,
    example: Mapping[str, str],
    required: tuple[str, ...],
    prefix: str = PREFIX,
) -> str:
    values = {key: _written(chance, place.parameters[key], example.get(key)) for key in place.in_path}
    path = prefix + place.path.format_map({key: value.replace("/", "%2F") for key, value in values.items()})
    keys = [key for key in place.query if key in required or chance.random() < 0.4]
    fields = [
        f"{place.parameters[key].name}={_written(chance, place.parameters[key], example.get(key))}" for key in keys
    ]
    if chance.random() < 0.1:
        fields.append(chance.choice(_BROKEN))
    if chance.random() < 0.05:
        fields *= 2
    return path + chance.choice(_FORMS) + "?" + "&".join(fields)


def _written(chance: random.Random, parameter: Parameter, example: str | None) -> str:
    if chance.random() < 0.03:
        return chance.choice(_BROKEN).replace("&", "%26")
    if example is not None and chance.random() < 0.6:
        return quote(example, safe="")
    return quote(_value(chance, parameter), safe="")


def _value(chance: random.Random, parameter: Parameter) -> str:
    schema = parameter.schema
    if chance.random() < 0.3:
        return chance.choice(_HOSTILE)
    if "enum" in schema:
        return str(chance.choice(schema["enum"]))
    if schema["type"] == "integer":
        return str(chance.choice((0, 1, 2, 63, 64, 383, 384, 385, 447, 448, 3583, 3584, 10_000)))
    if schema["type"] == "boolean":
        return chance.choice(("true", "false"))
    return chance.choice(
        ("pocket-230k", "pocket-660k", "pocket-order", "pythia-70m", "pile", "0:4", "8", "128:20", "17,204", "self")
    )
