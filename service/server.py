"""Sockets, workers and signals: how the application is run.

SIGTERM and SIGINT drain it: no connection is taken any more, streams end with their block, and after a second whatever is
still open is cut. Workers are processes of their own behind one socket, each with its own catalog. Workers for jobs are others:
they serve nobody, and end last.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from seenat.registry.errors import InvalidValue
from seenat.service.app import build_app
from seenat.service.http.logs import log_to_stderr, note
from seenat.service.http.metrics import SHARED
from seenat.service.http.protocol import BoundedProtocol
from seenat.service.jobs.workers import workers_for_jobs
from seenat.service.pages.charts import prepare_bundle
from seenat.service.settings import ServiceSettings

__all__ = ["run"]

_DRAIN_SECONDS = 1
_QUIET_SECONDS = 5
_KEEP_ALIVE_SECONDS = 15
_BACKLOG = 1024
# uvicorn ends a worker that does not answer it within this, and a busy machine takes longer than its 5 s to start one.
_START_SECONDS = 60
_stopping = False


class _Server(uvicorn.Server):
    """Tells streams that the end has come, before it waits for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks for the end."""
        _stop()
        super().handle_exit(sig, frame)


class _Processes(Multiprocess):
    """Tells its workers of the end at once: uvicorn's own looks for signals every half second."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def _tell(self, number: int, _frame: FrameType | None) -> None:
        self.signal_queue.append(number)
        for worker in self.processes:
            if worker.pid is not None and worker.exitcode is None:
                os.kill(worker.pid, signal.SIGTERM)


def _hear_of_the_end() -> None:
    """The same in a worker, whose server is uvicorn's own and handles signals by now."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, partial(_stop_and, signal.getsignal(number)))


def _stop_and(usual: Any, number: int, frame: FrameType | None) -> None:
    _stop()
    usual(number, frame)


def _stop() -> None:
    global _stopping
    _stopping = True


def _is_stopping() -> bool:
    return _stopping


def _end_with_parent() -> None:
    """A worker whose parent was killed would hold the address for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


@dataclass(frozen=True)
class _App:
    """Makes the application within a worker, to which this is sent."""

    settings: ServiceSettings

    def __call__(self) -> Any:
        log_to_stderr()
        if self.settings.workers > 1:
            _hear_of_the_end()
            threading.Thread(target=_end_with_parent, daemon=True).start()
        BoundedProtocol.bounds = self.settings.limits
        return build_app(self.settings, _is_stopping)


def run(settings: ServiceSettings, on_address: Callable[[str], None] | None = None) -> None:
    """Serve until a signal ends it; `on_address` hears where, before anything answers there.

    Raises `InvalidValue` for an address that cannot be used.
    """
    with ExitStack() as stack:
        _run(_with_shared(settings, stack) if settings.workers > 1 else settings, on_address)


def _with_shared(settings: ServiceSettings, stack: ExitStack) -> ServiceSettings:
    """With a folder in which workers count; its name must stand in their environment before they import anything."""
    folder = stack.enter_context(TemporaryDirectory(prefix="seenat-serve-"))
    os.environ[SHARED] = folder
    return replace(settings, shared=Path(folder))


def _run(settings: ServiceSettings, on_address: Callable[[str], None] | None) -> None:
    log_to_stderr()
    listener = _listen(settings)
    address = f"http://{_written(settings.host)}:{listener.getsockname()[1]}"
    note("serving", address=address, workers=settings.workers, only_this_machine=settings.is_local, process=os.getpid())
    if on_address is not None:
        on_address(address)
    # Not at once: who only looks whether it starts need not pay for it.
    preparing = threading.Timer(_QUIET_SECONDS, prepare_bundle)
    preparing.daemon = True
    preparing.start()
    app = _App(settings)
    config = uvicorn.Config(
        app if settings.workers > 1 else app(),
        factory=settings.workers > 1,
        http=BoundedProtocol,
        loop="auto",
        ws="none",
        workers=settings.workers,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        timeout_worker_healthcheck=_START_SECONDS,
        backlog=_BACKLOG,
    )
    jobs = workers_for_jobs(settings.workers_for_jobs, settings.url)
    with jobs, listener, suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it is done.
        if settings.workers > 1:
            _Processes(config, sockets=[listener]).run()
        else:
            _Server(config).run(sockets=[listener])
    note("ended")


def _listen(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise InvalidValue(
            f"{_written(settings.host)}:{settings.port} cannot be served: {error.strerror or error}; choose another --host or --port."
        ) from None
    listener.set_inheritable(True)
    return listener


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
