"""The findings of `seenat doctor`: versions, places, devices and problems. Of slow packages only torch is loaded."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata

from seenat import __version__
from seenat.registry import settings
from seenat.registry.answer import Answer
from seenat.registry.errors import SeenatError

__all__ = ["Diagnosis", "Installation", "Package", "diagnose"]

_PACKAGES = {
    "sqlalchemy": "the catalog",
    "alembic": "the catalog",
    "numpy": "orders and results",
    "zarr": "results",
    "huggingface_hub": "checkpoints on the hub",
    "torch": "memorization jobs",
    "transformers": "memorization jobs",
    "tokenizers": "decoding",
    "datasets": "exports, imports and training streams",
    "pyarrow": "Parquet",
    "altair": "plots",
    "vl-convert-python": "plots",
    "psycopg": "PostgreSQL catalogs",
}


@dataclass(frozen=True, kw_only=True)
class Installation(Answer):
    """This seenat: its version, and what it would use."""

    version: str
    python: str
    platform: str
    home: str | None
    """None, as each of the next two, where it cannot be found or opened; `problems` says why."""
    catalog: str | None
    columns: str | None
    """The cache of token windows."""
    devices: str


@dataclass(frozen=True, kw_only=True)
class Package(Answer):
    """A package that seenat uses."""

    name: str
    version: str | None
    """None where it is not installed."""
    use: str

    json_names = ("name", "version", "for=use")


@dataclass(frozen=True, kw_only=True)
class Diagnosis(Answer):
    """What is installed, what can be reached, and what is wrong."""

    seenat: Installation
    packages: tuple[Package, ...]
    problems: tuple[str, ...]


def diagnose() -> Diagnosis:
    """Versions, places and problems; it never raises, since a problem is what it reports."""
    problems: list[str] = []
    installation = Installation(
        version=__version__,
        python=f"{platform.python_version()} at {sys.executable}",
        platform=platform.platform(),
        home=_told(lambda: str(settings.home()), problems),
        catalog=_told(_catalog, problems),
        columns=_told(_columns, problems),
        devices=_devices(),
    )
    problems += _leftovers() if installation.catalog else ()
    packages = tuple(Package(name=name, version=_version(name), use=use) for name, use in _PACKAGES.items())
    return Diagnosis(seenat=installation, packages=packages, problems=tuple(problems))


def _told(find: Callable[[], str], problems: list[str]) -> str | None:
    """What is found; None where that is a problem, which is said once."""
    try:
        return find()
    except SeenatError as error:
        if str(error) not in problems:
            problems.append(str(error))
        return None


def _catalog() -> str:
    from seenat.registry.database.engine import Database, parse_url

    url = parse_url(None)
    if url.get_backend_name() == "sqlite" and not _exists(url.database):
        return f"{url.database} (made by the first command that needs it)"
    with closing(Database(url)) as database, database.read() as connection:
        database.check_schema(connection)
        return str(database)


def _leftovers() -> list[str]:
    """A problem for the folders of results that a deletion which was killed has left."""
    from seenat.memorization.deletion.files import leftovers, weigh
    from seenat.registry.database.engine import Database, parse_url

    url = parse_url(None)
    if url.get_backend_name() == "sqlite" and not _exists(url.database):
        return []
    with closing(Database(url)) as database:
        folders = leftovers(database)
    if not folders:
        return []
    files, bytes_ = weigh(folders)
    named = ", ".join(map(str, folders))
    return [f"{files:,} files of {bytes_:,} bytes belong to results that were deleted; they may go: {named}."]


def _columns() -> str:
    from seenat.memorization.jobs.window_cache import window_cache_bytes, window_cache_folder

    return f"{window_cache_bytes():,} bytes in {window_cache_folder()}, made again where they are deleted and needed"


def _exists(path: str | None) -> bool:
    from pathlib import Path

    return path is not None and Path(path).exists()


def _devices() -> str:
    if _version("torch") is None:
        return "none: torch is not installed"
    import torch

    cuda = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ", ".join(["cpu", *mps, *cuda])


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
