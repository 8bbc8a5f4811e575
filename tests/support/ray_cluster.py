"""A cluster of Ray on this machine, of two cores and little memory, which asks for a token; and which processes are its own."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

__all__ = ["RayCluster", "asking_for_tokens", "ray_cluster"]

_ACTOR = "ray::RayWorker"
"""How Ray names the process of an actor, before what that does."""


def asking_for_tokens() -> dict[str, str]:
    """What a cluster and all who join it have in their environment."""
    return {
        "OMP_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }


@dataclass(frozen=True)
class RayCluster:
    """A cluster that runs."""

    address: str
    process: subprocess.Popen[str]

    def actors(self) -> set[int]:
        """The processes that are actors of seenat now, and descend from that which begins the cluster."""
        found = set()
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if child.status() != psutil.STATUS_ZOMBIE and child.cmdline()[:1] and _ACTOR in child.cmdline()[0]:
                    found.add(child.pid)
            except psutil.NoSuchProcess:  # It has ended meanwhile.
                continue
        return found


@contextmanager
def ray_cluster(environment: Mapping[str, str]) -> Iterator[RayCluster]:
    """Begin one, whose processes have this environment, and end it."""
    # A socket's path is short.
    with TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield from _begun(environment, folder)


def _begun(environment: Mapping[str, str], folder: str) -> Iterator[RayCluster]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray = Path(sys.executable).with_name("ray")
    asked = ["--port", str(port), "--num-cpus", "2", "--object-store-memory", str(80 << 20), "--memory", str(4 << 30)]
    command = [str(ray), "start", "--head", "--block", "--include-dashboard=false", "--temp-dir", folder, *asked]
    # In a session of its own: Ray signals the groups of workers that end early, and theirs may still be that of whoever began it.
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    address = next(found[1].strip("'\" \n") for line in process.stdout if len(found := line.split("--address=")) == 2)
    try:
        yield RayCluster(address, process)
    finally:
        process.terminate()
        process.communicate(timeout=60)
