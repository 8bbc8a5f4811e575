"""The service on loopback, over a catalog whose smallest pocket model is measured and whose order is indexed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.examples import fill_catalog
from support.once import copied_once
from support.postgres import new_database
from support.served import Serve, Served, Writable, running
from support.tokens import tokens_of

import seenat
from seenat.service.settings import Limits, ServiceSettings


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request of these tests makes a service ask a hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def pocket_path(tmp_path_factory: pytest.TempPathFactory, pocket_file: Path) -> Path:
    """About 5 seconds of measuring, once a run; an index is of the files that were built, and of no copies."""
    path = (
        copied_once(tmp_path_factory, "served", lambda folder: fill_catalog(Path(shutil.copy(pocket_file, folder))))
        / pocket_file.name
    )
    with seenat.open(str(path)) as catalog:
        catalog.index.build("pocket-order")
    return path


@pytest.fixture(scope="session")
def served(pocket_path: Path) -> Iterator[Served]:
    """The service that most tests ask."""
    with running(ServiceSettings(url=str(pocket_path))) as started:
        yield started


@pytest.fixture(scope="session")
def back_up(pocket_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A back-up of the catalog, from which copies are made with their files."""
    folder = tmp_path_factory.mktemp("backed-up") / "copy"
    with seenat.open(str(pocket_path)) as catalog:
        catalog.back_up(folder)
    return folder


@pytest.fixture(scope="session")
def writable(back_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writable]:
    """A service of a copy, in which jobs may be submitted and cancelled, and tokens of every kind."""
    path = tmp_path_factory.mktemp("written") / "catalog.sqlite"
    seenat.restore(back_up, str(path))
    with _writable(str(path)) as started:
        yield started


@pytest.fixture(scope="session")
def in_postgres(
    back_up: Path, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Writable, Path]]:
    """The same in PostgreSQL, and the home in which its files are."""
    home = tmp_path_factory.mktemp("in-postgres")
    with pytest.MonkeyPatch.context() as patch, new_database(postgres) as url:
        patch.setenv("SEENAT_HOME", str(home))
        seenat.restore(back_up, url)
        with _writable(url) as started:
            yield started, home


@pytest.fixture
def writables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Writable]:
    """The service that may be written, by the kind of its database."""

    def of(kind: str) -> Writable:
        if kind == "sqlite":
            started: Writable = request.getfixturevalue("writable")
            return started
        started, home = request.getfixturevalue("in_postgres")
        monkeypatch.setenv("SEENAT_HOME", str(home))
        return started

    return of


@contextmanager
def _writable(url: str) -> Iterator[Writable]:
    limits = Limits(requests_per_second=0, look_seconds=0.05, ping_seconds=0.15, body_seconds=0.5)
    with running(ServiceSettings(url=url, limits=limits)) as started:
        yield Writable(started, tokens_of(started.catalog))


@pytest.fixture
def serve(pocket_path: Path) -> Iterator[Serve]:
    """Starts services with other settings."""
    with ExitStack() as stack:

        def start(url: str | None = None, **settings: object) -> Served:
            chosen = ServiceSettings(url=url or str(pocket_path), **settings)  # type: ignore[arg-type]
            return stack.enter_context(running(chosen))

        yield start
