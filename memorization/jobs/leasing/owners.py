"""Owners: the names under which runs hold leases.

An owner is `HOST:PID:PLACE-RANDOM`, new for every run, so that no run takes another's lease for its own. The place stands for
this start of this machine, and within it for the numbering of its processes, which a container has apart. A process of the
same place that is gone is known to be; of any other only the clock can tell.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Owner", "live_here"]

# A host may have a longer name than the catalog has room for.
_HOST_LENGTH = 48

live_here: set[str] = set()
"""The owners of this process's runs that have not ended."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The name of a run, in its parts."""

    host: str
    pid: int
    place: str
    random: str

    @staticmethod
    def new() -> Owner:
        """A name for a run of this process."""
        return Owner(_host(), os.getpid(), _place(), secrets.token_hex(6))

    @staticmethod
    def parse(name: str) -> Owner:
        """An owner as the catalog holds it; those of earlier versions have a host and a process only."""
        host, pid, token = [*name.split(":", 2), "", ""][:3]
        place, _, random = token.partition("-")
        return Owner(host, int(pid) if pid.isdecimal() else 0, place, random)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.place}-{self.random}"

    @property
    def is_of_this_process(self) -> bool:
        """Whether a run of this process has, or had, this name."""
        return self._is_of_this_place and self.pid == os.getpid()

    @property
    def is_gone(self) -> bool:
        """Whether its run is known to have ended without giving back what it held."""
        if not self._is_of_this_place:
            return False
        if self.pid == os.getpid():
            return str(self) not in live_here
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    @property
    def _is_of_this_place(self) -> bool:
        return self.pid > 0 and self.host == _host() and self.place in ("", _place())


def _host() -> str:
    return socket.gethostname().replace(":", ".")[:_HOST_LENGTH]


@functools.cache
def _place() -> str:
    """Eight digits for this start of the machine and this numbering of processes, as far as the system tells."""
    parts = []
    for path in (Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")):
        try:
            parts.append(path.read_text() if path.name == "boot_id" else str(path.stat().st_ino))
        except OSError:
            parts.append("unknown")
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]
