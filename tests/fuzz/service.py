"""Fuzz the service: `PYTHONPATH=tests python -m fuzz.service --requests 100000`; a part of `make fuzz`.

It asks a service on loopback over a new catalog with the pocket suite registered. A status of 500 is a failure.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import click
from huggingface_hub import constants
from support.requests import requests
from support.served import running

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
        statuses: Counter[int] = Counter()
        limits = Limits(requests_per_second=0, answer_seconds=5)
        with running(ServiceSettings(url=str(path), limits=limits)) as served:
            for asked in requests(seed, number):
                status = served.http.get(asked).status_code
                statuses[status] += 1
                if status == 500:
                    click.echo(f"500  {asked}")
    click.echo(", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items())))
    raise SystemExit(bool(statuses[500]))


if __name__ == "__main__":
    main()
