"""Fuzz the service: `PYTHONPATH=tests python -m fuzz.service --requests 100000`; a part of `make fuzz`.

It asks the application itself, without sockets, over a new catalog with the pocket suite registered and a little of it measured,
and sends it bodies with a token, one in ten of the requests. A status of 500 is a failure.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
from huggingface_hub import constants
from support.exchange import ask
from support.requests import page_requests, posts, requests
from support.tokens import bearer

import seenat
from seenat.service.app import build_app
from seenat.service.http.logs import LOG
from seenat.service.settings import Limits, ServiceSettings

__all__ = ["main"]

_Asked = tuple[str, str, bytes, dict[str, str]]


@click.command()
@click.option("--requests", "number", default=100_000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--every", default=5_000, show_default=True, help="Tell the tally after so many.")
def main(number: int, seed: int, every: int) -> None:
    """Ask so many random questions, and tell those that are faults."""
    constants.HF_HUB_OFFLINE = True
    LOG.addFilter(lambda record: record.getMessage() == "fault")  # That a hub is offline is told of many.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catalog.sqlite")
        with seenat.open(str(path)) as catalog:
            catalog.register(catalog.train_pocket_suite())
            catalog.index.build("pocket-order")
            catalog.memorize("pocket-230k", steps=[0, 256, 384], sequences="0:64", unseen=True)
            token = bearer(str(catalog.access.create_token("jobs:write").text))
        statuses = asyncio.run(_ask_all(path, _asked(seed, number, token), every))
    raise SystemExit(bool(statuses[500]))


def _asked(seed: int, number: int, token: dict[str, str]) -> Iterator[_Asked]:
    """Requests in the order of the seed: of ten, seven ask the API, two a page, and one writes."""
    reading, looking, writing = requests(seed, number), page_requests(seed, number), posts(seed, number)
    for place in range(number):
        if place % 10 > 2:
            yield "GET", next(reading), b"", {}
        elif place % 10:
            yield "GET", next(looking), b"", {"accept": "text/html"}
        else:
            address, body, kind = next(writing)
            yield "POST", address, body, {"content-type": kind, "content-length": str(len(body)), **token}


async def _ask_all(path: Path, asked: Iterator[_Asked], every: int) -> Counter[int]:
    limits = Limits(requests_per_second=0, answer_seconds=5, look_seconds=0.05, stream_seconds=0.1)
    app = build_app(ServiceSettings(url=str(path), limits=limits))
    statuses: Counter[int] = Counter()
    began = time.process_time()
    while block := list(islice(asked, every)):
        for method, address, body, headers in block:
            status = await ask(app, method, address, body, headers)
            statuses[status] += 1
            if status == 500:
                click.echo(f"500  {method} {address} {body!r}")
        tally = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
        click.echo(f"{statuses.total():,} requests in {time.process_time() - began:.0f} s of CPU: {tally}")
    return statuses


if __name__ == "__main__":
    main()
