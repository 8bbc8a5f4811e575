"""Fuzz the service: `PYTHONPATH=tests python -m fuzz.service --requests 100000`; a part of `make fuzz`.

It asks the application itself, without sockets, over a new catalog with the pocket suite registered, and sends it bodies with
a token, one in ten of the requests. A status of 500 is a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import click
from huggingface_hub import constants
from starlette.types import ASGIApp
from support.requests import posts, requests
from support.tokens import bearer

import seenat
from seenat.service.app import build_app
from seenat.service.settings import Limits, ServiceSettings

__all__ = ["main"]


@click.command()
@click.option("--requests", "number", default=100_000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(number: int, seed: int) -> None:
    """Ask so many random questions, and tell those that are faults."""
    constants.HF_HUB_OFFLINE = True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catalog.sqlite")
        with seenat.open(str(path)) as catalog:
            catalog.register(catalog.train_pocket_suite())
            catalog.index.build("pocket-order")
            token = bearer(str(catalog.access.create_token("jobs:write").text))
        limits = Limits(requests_per_second=0, answer_seconds=5)
        app = build_app(ServiceSettings(url=str(path), limits=limits))
        began = time.process_time()
        statuses = asyncio.run(_ask_all(app, number, seed, token))
    click.echo(", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items())))
    click.echo(f"{number:,} requests in {time.process_time() - began:.0f} s of CPU")
    raise SystemExit(bool(statuses[500]))


async def _ask_all(app: ASGIApp, number: int, seed: int, token: Mapping[str, str]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    for asked in requests(seed, number - number // 10):
        _count(statuses, await _ask(app, "GET", asked, b"", {}), asked)
    for asked, body, kind in posts(seed, number // 10):
        headers = {"content-type": kind, "content-length": str(len(body)), **token}
        _count(statuses, await _ask(app, "POST", asked, body, headers), f"{asked} {body!r}")
    return statuses


def _count(statuses: Counter[int], status: int, asked: str) -> None:
    statuses[status] += 1
    if status == 500:
        click.echo(f"500  {asked}")


async def _ask(app: ASGIApp, method: str, asked: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of an answer, all of which is read."""
    path, _, query = asked.partition("?")
    raw = path.encode("utf-8", "surrogatepass")
    sent = {"host": "localhost", **{name.lower(): value for name, value in headers.items()}}
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method}
    scope |= {"path": unquote_to_bytes(raw).decode("utf-8", "replace"), "raw_path": raw, "root_path": ""}
    scope |= {"query_string": query.encode("utf-8", "surrogatepass"), "scheme": "http"}
    scope |= {"headers": [(name.encode(), value.encode()) for name, value in sent.items()]}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    found: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    with contextlib.suppress(seenat.SeenatError):  # A stream that was cut has its status already.
        await app(scope, receive, send)
    return found[0]


if __name__ == "__main__":
    main()
