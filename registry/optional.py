"""Packages that only an extra installs, imported when they are first needed.

Without the package, each function raises `MissingExtra`, whose message says what to install.
"""

from __future__ import annotations

from typing import Any

from seenat.registry.errors import MissingExtra

__all__ = ["arrow", "datasets_or_refuse", "ray_or_refuse", "service_or_refuse"]


def arrow() -> Any:
    """The module pyarrow, with its submodules for Parquet and for computing."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("Parquet files need pyarrow; run `pip install 'seenat[data]'`.") from error
    return pyarrow


def datasets_or_refuse() -> Any:
    """The module datasets."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("Datasets need the package datasets; run `pip install 'seenat[data]'`.") from error
    return datasets


def ray_or_refuse() -> Any:
    """The module ray, with what helps to look at a cluster."""
    try:
        import ray
        import ray.util
    except ImportError as error:
        raise MissingExtra("The runner ray needs Ray; run `pip install 'seenat[ray]'`.") from error
    return ray


def service_or_refuse() -> None:
    """Import what the HTTP service stands on."""
    try:
        import fastapi
        import httptools
        import prometheus_client
        import uvicorn
    except ImportError as error:
        raise MissingExtra("Serving needs fastapi and uvicorn; run `pip install 'seenat[service]'`.") from error
    del fastapi, httptools, prometheus_client, uvicorn
