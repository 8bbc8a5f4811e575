"""The service on loopback, over a catalog whose smallest pocket model is measured and whose order is indexed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.examples import fill_catalog
from support.served import Serve, Served, running

from seenat.service.settings import ServiceSettings


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request of these tests makes a service ask a hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def pocket_path(tmp_path_factory: pytest.TempPathFactory, pocket_manifest: Path) -> Path:
    """About 6 seconds of measuring and indexing."""
    path = tmp_path_factory.mktemp("served") / "catalog.sqlite"
    fill_catalog(path, pocket_manifest)
    return path


@pytest.fixture(scope="session")
def served(pocket_path: Path) -> Iterator[Served]:
    """The service that most tests ask."""
    with running(ServiceSettings(url=str(pocket_path))) as started:
        yield started


@pytest.fixture
def serve(pocket_path: Path) -> Iterator[Serve]:
    """Starts services with other settings."""
    with ExitStack() as stack:

        def start(url: str | None = None, **settings: object) -> Served:
            chosen = ServiceSettings(url=url or str(pocket_path), **settings)  # type: ignore[arg-type]
            return stack.enter_context(running(chosen))

        yield start
