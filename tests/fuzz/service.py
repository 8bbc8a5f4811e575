"""Fuzz the service: `PYTHONPATH=tests python -m fuzz.service --requests 100000`; a part of `make fuzz`.

It asks a service on loopback over a new catalog with the pocket suite registered, and sends it bodies with a token, one in ten
of the requests. A status of 500 is a failure.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import click
from huggingface_hub import constants
from support.requests import posts, requests
from support.served import running
from support.tokens import bearer

import seenat
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
        statuses: Counter[int] = Counter()
        limits = Limits(requests_per_second=0, answer_seconds=5)
        with running(ServiceSettings(url=str(path), limits=limits)) as served:
            for asked in requests(seed, number - number // 10):
                _count(statuses, served.http.get(asked).status_code, asked)
            for asked, body, kind in posts(seed, number // 10):
                headers = {"content-type": kind, **token}
                _count(
                    statuses, served.http.post(asked, content=body, headers=headers).status_code, f"{asked} {body!r}"
                )
    click.echo(", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items())))
    raise SystemExit(bool(statuses[500]))


def _count(statuses: Counter[int], status: int, asked: str) -> None:
    statuses[status] += 1
    if status == 500:
        click.echo(f"500  {asked}")


if __name__ == "__main__":
    main()
