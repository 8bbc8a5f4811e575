"""What `seenat doctor` finds out, without loading anything that is slow to load unless it is asked for its devices."""

from __future__ import annotations

import platform
import sys
from contextlib import closing
from importlib import metadata
from typing import Any

from seenat import __version__
from seenat.registry import settings
from seenat.registry.errors import SeenatError

__all__ = ["diagnose"]

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


def diagnose() -> dict[str, Any]:
    """Versions, places and problems; never raises for what it finds."""
    problems: list[str] = []
    return {
        "seenat": {
            "version": __version__,
            "python": f"{platform.python_version()} at {sys.executable}",
            "platform": platform.platform(),
            "home": str(settings.home()),
            "catalog": _catalog(problems),
            "columns": _columns(),
            "devices": _devices(),
        },
        "packages": [{"name": name, "version": _version(name), "for": use} for name, use in _PACKAGES.items()],
        "problems": problems,
    }


def _catalog(problems: list[str]) -> str | None:
    from seenat.registry.database.engine import Database, parse_url

    try:
        url = parse_url(None)
        if url.get_backend_name() == "sqlite" and not _exists(url.database):
            return f"{url.database} (made by the first command that needs it)"
        with closing(Database(url)) as database, database.read() as connection:
            database.check_schema(connection)
        return str(database)
    except SeenatError as error:
        problems.append(str(error))
        return None


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
