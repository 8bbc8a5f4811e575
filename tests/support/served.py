"""The service on loopback, in a thread of this process: uvicorn as `seenat serve` runs it, without its signals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn

import seenat
from seenat.service.app import build_app
from seenat.service.http.protocol import BoundedProtocol
from seenat.service.settings import ServiceSettings

__all__ = ["Serve", "Served", "Writable", "running"]


@dataclass(frozen=True)
class Served:
    """A running service, and the catalog that it reads."""

    url: str
    catalog: seenat.Catalog
    http: httpx2.Client

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@dataclass(frozen=True)
class Writable:
    """A running service whose catalog may be written, and the texts of its tokens by their scope, or by what is wrong."""

    served: Served
    tokens: dict[str, str]

    def act(self, address: str, token: str | None = "jobs:write", **how: Any) -> httpx2.Response:
        """Ask for something to be written, by POST and with a token."""
        headers = {} if token is None else {"authorization": f"Bearer {self.tokens[token]}"}
        return self.served.http.post(address, headers=headers | how.pop("headers", {}), **how)


Serve = Callable[..., Served]
"""Starts a service with settings."""


@contextmanager
def running(settings: ServiceSettings) -> Iterator[Served]:
    """The service at a free port, in a thread: uvicorn as `seenat serve` runs it, without its signals."""
    BoundedProtocol.bounds = settings.limits
    config = uvicorn.Config(
        build_app(settings),
        port=0,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    with seenat.open(settings.url) as catalog, httpx2.Client(base_url=url, timeout=60) as http:
        yield Served(url, catalog, http)
    server.should_exit = True
    thread.join(10)
