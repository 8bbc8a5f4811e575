"""Processes beside the server that work at jobs: `seenat worker --wait`, each a process of its own.

They end as after SIGTERM once their stdin ends: when the server is through, or is gone, however it went. So what each measures
is finished, and what it had leased is given back. One that ends by itself is begun again after a while.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from seenat.registry import settings
from seenat.service.http.logs import note

__all__ = ["workers_for_jobs"]

_COMMAND = (sys.executable, "-m", "seenat", "worker", "--wait", "--until-stdin-ends")
_SECONDS_UNTIL_AGAIN = 10.0


@contextmanager
def workers_for_jobs(number: int, url: str | None) -> Iterator[None]:
    """So many workers of a catalog, until this is left: then they finish what they measure, and are waited for.

    After a Ctrl-C nobody waits any more, and they finish all the same.
    """
    stop = threading.Event()
    threads = [threading.Thread(target=_keep_one, args=(url, stop), daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if threads:
            note("draining workers", workers=number)
        for thread in threads:
            thread.join()


def _keep_one(url: str | None, stop: threading.Event) -> None:
    """Keep a worker running until this is to stop, then let it drain."""
    while not stop.is_set():
        worker = _begin(url)
        note("worker began", process=worker.pid)
        _await_either(worker, stop)
        assert worker.stdin is not None
        with suppress(OSError):
            worker.stdin.close()
        note("worker ended", process=worker.pid, code=worker.wait())
        stop.wait(_SECONDS_UNTIL_AGAIN)


def _begin(url: str | None) -> subprocess.Popen[bytes]:
    # In a session of its own, so that a Ctrl-C for the server does not break off what it measures.
    return subprocess.Popen(
        _COMMAND,
        env=settings.environment_for(url),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _await_either(worker: subprocess.Popen[bytes], stop: threading.Event) -> None:
    """Wait for the worker's end, or until it is to stop."""
    while not stop.is_set():
        try:
            worker.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
        return
